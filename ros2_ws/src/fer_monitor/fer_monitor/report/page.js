"use strict";
// The page is complete without this: it zooms the timeline and reads it out under the pointer.
(() => {
  const timeline = document.querySelector(".timeline");
  if (!timeline) return;
  const names = JSON.parse(timeline.dataset.names);
  const duration = Number(timeline.dataset.duration);
  const zoom = document.getElementById("zoom");
  const readout = document.getElementById("readout");
  const cursor = timeline.querySelector(".cursor");
  const axis = timeline.querySelector(".axis");
  const clock = (s) => {
    const t = Math.round(s * 10) / 10, h = Math.floor(t / 3600), m = Math.floor(t / 60) % 60;
    const rest = (t % 60).toFixed(1).padStart(4, "0");
    return h ? `${h}:${String(m).padStart(2, "0")}:${rest}` : `${m}:${rest}`;
  };
  document.querySelector(".tools").hidden = false;
  zoom.addEventListener("input", () => {
    const factor = 2 ** Number(zoom.value);
    const box = axis.getBoundingClientRect(), view = timeline.getBoundingClientRect();
    const middle = (view.left + view.width / 2 - box.left) / box.width;
    timeline.style.setProperty("--zoom", factor);
    timeline.dataset.zoom = factor;
    const now = axis.getBoundingClientRect();
    timeline.scrollLeft += now.left + middle * now.width - view.left - view.width / 2;
  });
  timeline.addEventListener("pointermove", (event) => {
    const box = axis.getBoundingClientRect();
    const place = (event.clientX - box.left) / box.width;
    const inside = place >= 0 && place <= 1;
    cursor.style.display = inside ? "block" : "none";
    if (!inside) { readout.textContent = ""; return; }
    cursor.style.left = `${event.clientX - timeline.getBoundingClientRect().left + timeline.scrollLeft}px`;
    const seen = [...timeline.querySelectorAll("svg[data-shown]")].flatMap((svg) => {
      const shown = svg.dataset.shown;
      const sign = shown[Math.min(shown.length - 1, Math.floor(place * shown.length))];
      return sign === "." ? [] : [`${svg.dataset.face} ${names[sign.charCodeAt(0) - 48]}`];
    });
    readout.textContent = `${clock(place * duration)}  ${seen.join(", ") || "nobody"}`;
  });
  timeline.addEventListener("pointerleave", () => { cursor.style.display = "none"; readout.textContent = ""; });
})();
