// Starts Rerun's viewer on the stream of this server, and on nothing else.
"use strict";

const message = document.getElementById("message");

// The viewer would report its use to its makers. The server's policy forbids it; answered here,
// nothing is tried.
const fetchHere = window.fetch.bind(window);
window.fetch = (what, ...rest) => {
  const url = new URL(what instanceof Request ? what.url : what, location.href);
  if (url.origin === location.origin) return fetchHere(what, ...rest);
  return Promise.resolve(new Response(null, { status: 204 }));
};

// When the node comes back after it was gone, so does the page.
let gone = false;
async function watch() {
  try {
    await fetchHere("alive", { cache: "no-store" });
    if (gone) location.reload();
  } catch {
    gone = true;
    message.textContent = "The viewer's node has stopped. This page goes on when it is back.";
  }
  setTimeout(watch, 1000);
}

async function start() {
  await wasm_bindgen({ module_or_path: "re_viewer_bg.wasm" });
  const viewer = new wasm_bindgen.WebHandle({
    url: [],
    render_backend: new URLSearchParams(location.search).get("renderer"),
    hide_welcome_screen: true,
    enable_history: false,
    notebook: false,
    persist: false,
  });
  await viewer.start(document.getElementById("view"));
  viewer.add_receiver(new URL("live.rrd", location.href).href, true);
  message.textContent = "";
  watch();
}

start().catch((error) => {
  message.textContent = `The viewer cannot start in this browser: ${error}`;
});
