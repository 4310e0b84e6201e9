"use strict";
// The operator's page: shows the state that comes over one WebSocket, and sends orders.

const at = (id) => document.getElementById(id);
const STEPS = { consent: "Consent", ready: "Before the next condition", phase: "", questions: "Questions", finished: "The session is over" };
const WORDS = { disabled: "waits", idle: "is idle", attending: "attends to somebody", responding: "responds", cooldown: "pauses after an answer" };
let line = null, state = null, lists = { gestures: [], sentences: [] }, shown = {}, notice = 0, noticeTimer = 0, over = false;
let bitmap = null;

function order(name, value) {
  if (line && line.readyState === WebSocket.OPEN) line.send(JSON.stringify({ order: name, value }));
  else tell("The page has no connection; it tries again.", true);
}

function connect() {
  line = new WebSocket(`ws://${location.host}/live`);
  line.binaryType = "blob";
  line.onmessage = async ({ data }) => {
    if (typeof data !== "string") {
      const next = await createImageBitmap(data);
      if (bitmap) bitmap.close();
      bitmap = next;
      draw();
      return;
    }
    const news = JSON.parse(data);
    if (news.lists) { lists = news.lists; showLists(); } else { state = news; show(); }
  };
  line.onclose = () => {
    if (over) return;
    document.body.dataset.state = "away";
    at("step").textContent = "no connection: does fer-study still run? Trying again …";
    for (const button of document.querySelectorAll("button")) button.disabled = true;
    setTimeout(connect, 1000);
  };
}

function tell(text, bad) {
  at("notice").textContent = text;
  at("notice").hidden = false;
  clearTimeout(noticeTimer);
  noticeTimer = setTimeout(() => { at("notice").hidden = true; }, bad ? 9000 : 4000);
}

// Writes only what has changed: a screen reader repeats nothing.
function write(id, text) { if (at(id).textContent !== text) at(id).textContent = text; }

// Makes a part anew only when what it is made of has changed, so that nothing typed is lost.
function once(name, value, make) {
  const text = JSON.stringify(value);
  if (shown[name] !== text) { shown[name] = text; make(); }
}

function element(tag, text, attributes = {}) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

function clock(seconds) {
  const whole = Math.ceil(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

function show() {
  const s = state, robot = s.robot, mine = s.in_charge, running = s.step === "phase";
  document.body.dataset.state = s.step;
  document.title = `${s.participant} · ${s.condition || STEPS[s.step]} · ${s.study}`;
  write("title", `${s.study} · participant ${s.participant}${s.session > 1 ? ` · session ${s.session}` : ""}`);
  const where = s.condition ? `condition ${s.place} of ${s.places}: ${s.condition}` : STEPS[s.step];
  write("step", [where, s.phase && `phase ${s.phase}`, s.pause && "PAUSED"].filter(Boolean).join(" · "));
  const timed = s.remaining_s !== null;
  write("remaining", timed ? clock(s.remaining_s) : s.elapsed_s !== null ? clock(s.elapsed_s) : "");
  write("clock_note", timed ? "left in this phase" : s.elapsed_s !== null ? "until you go on" : "");
  const share = timed ? s.elapsed_s / (s.elapsed_s + s.remaining_s) : 0;
  at("bar").firstChild.style.width = `${100 * share}%`;
  write("problem", s.problem ? `${s.problem}. What was recorded until then stays readable.` : s.pause ? `Paused: ${s.pause}.` : "");
  at("problem").classList.toggle("mild", !s.problem);
  at("problem").hidden = !at("problem").textContent;
  at("watching").hidden = mine || s.step === "finished";
  write("watching_text", s.somebody_in_charge
    ? "Another page is in charge; this one watches. Only Stop works here."
    : "Nobody is in charge: the page that was is closed.");

  at("consent_part").hidden = s.step !== "consent";
  write("consent", s.consent);
  at("ready_part").hidden = s.step !== "ready";
  write("ready_title", `Condition ${s.place} of ${s.places}: ${s.next_condition}`);
  write("start", s.prepared ? "Start" : "Start (the robot is loading)");
  at("questions_part").hidden = !s.questions.length;
  once("questions", s.questions, () => showQuestions(s.questions));
  at("over_part").hidden = s.step !== "finished";
  if (s.step === "finished") {
    over = true;
    write("over_title", s.over ? "The session was ended" : "The session is complete");
    write("over_text", s.folder ? `${s.over ? `${s.over}. ` : ""}It is kept in ${s.folder}. You may close this page.`
      : `${s.over}. Nothing was recorded. You may close this page.`);
  }

  write("robot_state", robot.held ? "STOPPED: press Release" : WORDS[robot.state] || "starting …");
  write("reason", robot.reason || "–");
  write("does", [robot.motion, robot.speech && `“${robot.speech}”`].filter(Boolean).join(", ") || "nothing");
  write("recording", s.step === "consent" ? "not before the participant agrees"
    : robot.recording ? `${robot.messages.toLocaleString("en")} messages, ${robot.images ? "WITH PICTURES" : "no pictures"}` : "no bag is being written");
  at("release").hidden = !robot.held;
  at("pause").dataset.order = s.pause ? "resume" : "pause";
  write("pause", s.pause ? "Resume" : "Pause");
  at("pause").classList.toggle("on", !!s.pause);
  at("hand").dataset.order = s.by_hand ? "give_back" : "take_over";
  write("hand", s.by_hand ? "Give back" : "Take over");
  at("hand").classList.toggle("on", s.by_hand);
  write("hand_note", s.by_hand ? "The robot is in your hands: its behaviours wait." : s.waits ? `The robot's behaviours wait: ${s.waits}.` : "The robot answers by itself.");

  const recorded = !["consent", "finished"].includes(s.step);
  const allowed = {
    agree: s.step === "consent", decline: s.step === "consent", start: s.step === "ready" && !s.pause,
    next: running && !s.pause, pause: running || s.step === "ready", resume: !!s.pause,
    take_over: recorded, give_back: recorded, play: recorded, say: recorded, mark: recorded,
    release: true, answer: s.questions.length > 0,
  };
  for (const button of document.querySelectorAll("button")) {
    const name = button.dataset.order;
    if (name === "stop" || name === "take_charge") button.disabled = false;
    else if (name) button.disabled = !mine || !allowed[name];
    else button.disabled = !mine || !recorded;
  }
  once("marks", s.marks, showMarks);
  once("events", s.events, showEvents);
  at("no_picture").textContent = s.step === "consent" ? "not before the participant agrees" : "no picture";
  if (s.notice.number > notice) { notice = s.notice.number; tell(s.notice.text, s.notice.bad); }
}

function showLists() {
  at("gestures").replaceChildren(...(lists.gestures || []).map((name) =>
    element("button", name.replaceAll("_", " "), { "data-order": "play", "data-value": name })));
  showSentences();
  if (state) show();
}

function showSentences() {
  const wanted = at("find").value.trim().toLowerCase(), parts = [];
  let group = "";
  for (const [key, text] of lists.sentences || []) {
    if (wanted && !`${key} ${text}`.toLowerCase().includes(wanted)) continue;
    if (key !== group) { group = key; parts.push(element("h3", key.replaceAll(".", ", "))); }
    parts.push(element("button", text, { "data-order": "say", "data-value": text }));
  }
  at("sentences").replaceChildren(...(parts.length ? parts : [element("p", "none has these words", { class: "quiet" })]));
}

function showMarks() {
  at("marks").replaceChildren(...Object.entries(state.marks).map(([key, name]) => {
    const button = element("button", undefined, { "data-order": "mark", "data-value": key });
    button.append(element("b", key), element("span", name || "mark"));
    return button;
  }));
}

function showEvents() {
  at("events").replaceChildren(...[...state.events].reverse().map((event) => {
    const item = element("li");
    item.append(element("time", event.time.toFixed(1)), element("b", event.kind.replaceAll("_", " ")),
      element("span", [event.name, event.text].filter(Boolean).join(": ")));
    return item;
  }));
}

function showQuestions(questions) {
  const parts = questions.map((question) => {
    const part = element("fieldset");
    part.append(element("legend", question.ask + (question.optional ? " (optional)" : "")));
    if (question.scale) {
      const [low, high] = question.scale, row = element("div", undefined, { class: "scale" });
      if (question.low) row.append(element("span", question.low, { class: "quiet" }));
      if (high - low <= 20) for (let value = low; value <= high; value += 1) {
        const label = element("label", String(value));
        label.append(element("input", undefined, { type: "radio", name: question.id, value: String(value) }));
        row.append(label);
      } else row.append(element("input", undefined, { type: "number", name: question.id, min: low, max: high, "aria-label": question.ask }));
      if (question.high) row.append(element("span", question.high, { class: "quiet" }));
      part.append(row);
    } else part.append(element("textarea", undefined, { name: question.id, rows: 3, maxlength: 4000, "aria-label": question.ask }));
    return part;
  });
  parts.push(element("button", "Save the answers", { class: "primary", "data-order": "answer" }));
  at("questions").replaceChildren(...parts);
}

function draw() {
  const canvas = at("picture"), pen = canvas.getContext("2d");
  if (!bitmap) return;
  at("no_picture").hidden = true;
  if (canvas.width !== bitmap.width || canvas.height !== bitmap.height) { canvas.width = bitmap.width; canvas.height = bitmap.height; }
  pen.drawImage(bitmap, 0, 0);
  const robot = state ? state.robot : {}, scale = robot.size && robot.size[0] ? canvas.width / robot.size[0] : 1;
  pen.lineWidth = Math.max(2, canvas.width / 240);
  pen.font = `600 ${Math.max(14, canvas.width / 32)}px system-ui, sans-serif`;
  for (const face of robot.faces || []) {
    const [x, y, w, h] = face.box.map((value) => value * scale);
    const text = `${face.label} ${Math.round(100 * face.confidence)} %`;
    pen.strokeStyle = face.attended ? "#ffd34d" : "#d7dde2";
    pen.strokeRect(x, y, w, h);
    const wide = pen.measureText(text).width + 10, high = Math.max(18, canvas.width / 24), top = Math.max(0, y - high);
    pen.fillStyle = pen.strokeStyle;
    pen.fillRect(x, top, wide, high);
    pen.fillStyle = "#15181b";
    pen.fillText(text, x + 5, top + high * 0.76);
  }
}

document.addEventListener("click", ({ target }) => {
  const button = target.closest("button[data-order]");
  if (!button || button.disabled || button.form) return;
  const { order: name, value } = button.dataset;
  order(name, name === "mark" ? Number(value) : value);
});
at("say").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = at("say_text").value.trim();
  if (text) { order("say", text); at("say_text").value = ""; }
});
at("questions").addEventListener("submit", (event) => {
  event.preventDefault();
  order("answer", Object.fromEntries(new FormData(at("questions"))));
});
at("end").addEventListener("click", () => { at("end_form").hidden = false; at("end_why").focus(); });
at("end_not").addEventListener("click", () => { at("end_form").hidden = true; at("end").focus(); });
at("end_form").addEventListener("submit", (event) => { event.preventDefault(); at("end_form").hidden = true; order("end", at("end_why").value); });
at("find").addEventListener("input", () => { showSentences(); if (state) show(); });

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.repeat) return;
  if (event.key === "Escape") { order("stop"); return; }
  if (event.target.matches("input:not([type=radio]), textarea")) return;
  if (/^[1-9]$/.test(event.key)) { if (event.target.type !== "radio") press(`[data-order=mark][data-value="${event.key}"]`); }
  else if (event.key === "p") press("#pause");
  else if (event.key === "n") press("#next");
  else if (event.key === "t") press("#hand");
});

function press(selector) {
  const button = document.querySelector(selector);
  if (button && !button.disabled) button.click();
}

connect();
