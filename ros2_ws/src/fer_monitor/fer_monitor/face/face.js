// Draws what the robot sends: half of the face's height (half of the width is 1), and bands, each a
// colour and its outline, right and up.

import { pieces } from "./pieces.js";

const message = document.getElementById("message");
const canvas = document.querySelector("canvas");
const brush = canvas.getContext("2d");
let face = null;

function draw() {
  const [width, height] = [innerWidth * devicePixelRatio, innerHeight * devicePixelRatio];
  if (canvas.width !== Math.round(width)) canvas.width = Math.round(width);
  if (canvas.height !== Math.round(height)) canvas.height = Math.round(height);
  brush.setTransform(1, 0, 0, 1, 0, 0);
  brush.clearRect(0, 0, canvas.width, canvas.height);
  if (!face) return;
  const [high, ...bands] = face;
  const scale = Math.min(width / 2, height / (2 * high));
  brush.setTransform(scale, 0, 0, -scale, canvas.width / 2, canvas.height / 2);
  for (const [colour, ...outline] of bands) {
    brush.beginPath();
    for (let i = 0; i < outline.length; i += 2) brush.lineTo(outline[i], outline[i + 1]);
    brush.fillStyle = colour;
    brush.fill();
  }
}

let due = false;
function refresh() {
  if (due) return;
  due = true;
  requestAnimationFrame(() => {
    due = false;
    draw();
  });
}

// Until the node stops; then its return is awaited.
async function follow() {
  const answer = await fetch("live", { cache: "no-store" });
  if (!answer.ok) throw await answer.text();
  message.textContent = "";
  const decoder = new TextDecoder();
  for await (const piece of pieces(answer.body)) {
    face = JSON.parse(decoder.decode(piece));
    refresh();
  }
}

// A screen that goes dark has no face. Browsers ask for it anew whenever the page is seen again.
async function stayAwake() {
  if (document.visibilityState === "visible") await navigator.wakeLock?.request("screen");
}

addEventListener("resize", refresh);
addEventListener("click", () => {
  if (document.fullscreenElement) document.exitFullscreen();
  else document.documentElement.requestFullscreen?.();
});
document.addEventListener("visibilitychange", () => stayAwake().catch(() => {}));
stayAwake().catch(() => {});

for (;;) {
  const why = await follow().catch((error) => (typeof error === "string" ? error : ""));
  message.textContent = why || "The robot is away. Its face comes back with it.";
  await new Promise((done) => setTimeout(done, 1000));
}
