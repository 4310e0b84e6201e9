// Hosts Rerun's viewer, and hands it what this server sends. rerun-notebook brings it as a widget
// that any page can show: https://anywidget.dev/en/afm/

import { pieces } from "./pieces.js";

const message = document.getElementById("message");

// The viewer would ask its makers for news. The server's policy forbids it; answered here, nothing
// is tried.
const fetchHere = window.fetch.bind(window);
window.fetch = (what, ...rest) => {
  const url = new URL(what instanceof Request ? what.url : what, location.href);
  if (url.origin === location.origin) return fetchHere(what, ...rest);
  return Promise.resolve(new Response(null, { status: 204 }));
};

// Until the node stops, or this browser is too slow for it. Then the page starts anew.
async function follow(show) {
  const shape = innerHeight > innerWidth ? "tall" : "wide";
  const answer = await fetchHere(`live?${shape}`, { cache: "no-store" });
  if (!answer.ok) throw await answer.text();
  message.textContent = "";
  for await (const piece of pieces(answer.body)) show(piece);
}

async function again(why) {
  message.textContent = why;
  for (;;) {
    await new Promise((done) => setTimeout(done, 1000));
    const answer = await fetchHere("alive", { cache: "no-store" }).catch(() => null);
    if (answer?.ok) return location.reload();
  }
}

async function start() {
  const settings = { _width: "auto", _height: "auto", _theme: "dark" };
  const handlers = {};
  const { default: widget } = await import("./widget.js");
  await new Promise((ready) => {
    const model = {
      get: (name) => settings[name] ?? null,
      on: (event, handler) => (handlers[event] = handler),
      send: (text) => text === "ready" && ready(),
    };
    widget.render({ model, el: document.getElementById("view") });
  });
  const show = (piece) => handlers["msg:custom"]({ type: "rrd" }, [new DataView(piece.buffer)]);
  const stopped = "The viewer's node has stopped. This page goes on when it is back.";
  await follow(show).then(
    () => again(stopped),
    (error) => again(typeof error === "string" ? error : stopped),
  );
}

start().catch((error) => {
  message.textContent = `The viewer cannot start in this browser: ${error}`;
});
