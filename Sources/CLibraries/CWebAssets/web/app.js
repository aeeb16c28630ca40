// The merchant's page. It draws the terminal's last snapshot and sends orders; what it remembers by
// itself is what was typed and not yet ordered, which panel is open, and three preferences.

import * as amount from "./amount.js";
import * as catalogue from "./catalogue.js";
import * as desk from "./desk.js";
import { numbered } from "./desk-draw.js";
import * as draw from "./draw.js";
import * as list from "./operations.js";
import { given } from "./enrol-draw.js";
import * as keyboard from "./keyboard.js";
import { load as loadPerson } from "./person-words.js";
import { connect, order } from "./server.js";
import * as sound from "./sound.js";
import { load, words } from "./words.js";

const QUIET = 150; // milliseconds a reading must last before it is shown
const GUARD = 300; // milliseconds after a change of scene in which a second tap means nothing
const NOTICE = 5000;

const root = document.documentElement;
const find = (id) => document.getElementById(id);

let snapshot = null; // the last one received
let drawn = null; // the stage on the screen
let deadline = 0; // of the armed operation, performance.now() milliseconds
let isLost = false;
let draft = "";
let notice = null;
let scene = ""; // the screen, its panel, its kind of result
let guard = 0; // timer after which this scene takes taps
let waiting = 0; // timer of a reading that is not shown yet
let hasWarned = false;
let isActing = false; // the mode: actions are recorded, not payments

// Preferences: how this screen looks and sounds, never what it sells.
const preferences = {
  get: (name, usual) => localStorage.getItem(`eco.${name}`) ?? usual,
  set: (name, value) => localStorage.setItem(`eco.${name}`, value),
};
const volume = () => Number(preferences.get("volume", "2"));

// ---- Panels: the list and the settings, only over a resting stage; in the address, so that a
// reload finds them again.

const panels = ["operations", "settings", ...desk.names];
function panel() {
  const name = location.hash.slice(1);
  const rests = drawn && (["ready", "service"].includes(draw.screenOf(drawn)) || isCheck(drawn));
  return rests && panels.includes(name) && desk.isPossible(name) ? name : null;
}

// A card check is read on the panel of the card, which stays until somebody leaves it.
const isCheck = (stage) => Boolean(stage.completed?.report);
const isAgain = () => snapshot.presentedAgain && Boolean(drawn?.accepted ?? drawn?.completed);
const isRest = () => drawn?.name === "amountEntry" && snapshot.restCents !== undefined;

function openPanel(name, status = "all") {
  history.replaceState(null, "", name ? `#${name}` : "/");
  desk.opened(name);
  redraw();
  if (name === "operations") list.open(status);
}

function screen() {
  if (isLost) return "lost";
  const name = panel();
  if (name !== null) return desk.shapeOf(name) ?? name;
  return isRest() ? "result" : draw.screenOf(drawn);
}

// ---- Drawing

function redraw() {
  if (snapshot === null || drawn === null) return;
  const shown = screen();
  const name = panel() ?? "";
  // A result that becomes another one, or a rest to be paid, has other buttons at the same places.
  const kind = shown === "result" ? (isRest() ? "rest" : drawn.name) : "";
  const next = `${shown} ${name} ${kind}`;
  if (scene !== next) {
    scene = next;
    document.body.dataset.panel = name;
    document.activeElement?.blur();
    delete document.body.dataset.settled;
    clearTimeout(guard);
    guard = setTimeout(() => { document.body.dataset.settled = "yes"; }, GUARD);
  }
  draw.strip(snapshot, shown);
  if (desk.shapeOf(name)) desk.draw(name);
  switch (draw.screenOf(drawn)) {
    case "ready":
      if (isRest()) draw.rest(snapshot.restCents);
      draw.ready(snapshot, draft, notice);
      break;
    case "facts": break;
    case "pay": draw.pay(drawn, deadline, snapshot.lane); break;
    case "service": draw.service(drawn.refusal); break;
    case "given": given(drawn, snapshot); break;
    default: draw.result(drawn, snapshot.restCents, snapshot.lane, isAgain());
  }
  find("send").disabled = snapshot.queue.count === 0;
  draw.show(shown);
  if (shown === "keyboard") keyboard.focus();
  if (drawn === snapshot.stage) document.body.dataset.version = snapshot.version;
}

const isSettled = () => "settled" in document.body.dataset;

function drawChoices() {
  const values = {
    language: words.language, volume: String(volume()), theme: preferences.get("theme", "indoor"),
  };
  for (const choice of document.querySelectorAll("[data-choice]")) {
    for (const option of choice.children) {
      option.ariaPressed = String(option.value === values[choice.dataset.choice]);
    }
  }
}

function choose(name, value) {
  preferences.set(name, value);
  if (name === "language") words.use(value);
  if (name === "theme") root.dataset.theme = value;
  if (name === "volume") sound.play("readOK", volume());
  drawChoices();
  redraw();
  if (panel() === "operations") list.draw();
}

// ---- Snapshots

function receive(next) {
  const isFirst = snapshot === null;
  const queueChanged = !isFirst && JSON.stringify(next.queue) !== JSON.stringify(snapshot.queue);
  const becomesAgain = !isFirst && next.presentedAgain && !snapshot.presentedAgain;
  snapshot = next;
  desk.receive(next);
  catalogue.load(next.policyVersion).then((isNew) => { if (isNew) redraw(); });
  const stage = next.stage;
  if (stage.armed) deadline = performance.now() + stage.armed.remainingMilliseconds;
  clearTimeout(waiting);
  const isSudden = stage.name === "reading" && !isFirst && drawn?.name !== "reading";
  if (isSudden) {
    waiting = setTimeout(() => turnTo(stage, false), QUIET);
    redraw();
  } else {
    turnTo(stage, isFirst);
  }
  if (becomesAgain) {
    sound.play("again", volume());
    find("say").textContent = `${draw.again(next.stage)} ${words.get("result.take")}`;
  }
  if (queueChanged && panel() === "operations") list.refresh();
}

function turnTo(stage, isFirst) {
  const before = drawn;
  drawn = stage;
  if (before?.name !== stage.name) {
    hasWarned = false;
    if (draw.screenOf(stage) !== "ready") draft = "";
    if (isCheck(stage)) openPanel("card");
    else if (!["ready", "service"].includes(draw.screenOf(stage))) openPanel(null);
    else if (stage.name === "amountEntry" && before && isActing && !panel()) openPanel("actions");
    say(stage);
  }
  if (!isFirst) ring(before, stage);
  redraw();
  // A panel found in the address comes up as if it had been opened here.
  if (isFirst && panel()) openPanel(panel());
}

function say(stage) {
  const alarms = ["refused", "outOfService", "unknownResult", "removedTooSoon"];
  const isAlarm = alarms.includes(stage.name);
  find("alarm").textContent = isAlarm ? draw.spoken(stage) : "";
  find("say").textContent = isAlarm ? "" : draw.spoken(stage);
}

// Sounds tell a decision; a reload or a card that leaves is none.
function ring(before, stage) {
  if (stage.name === "reading" && stage.step === 4 && before?.step !== 4) {
    sound.play("readOK", volume());
  }
  if (before?.name === stage.name) return;
  const names = {
    accepted: "accepted", completed: "accepted", refused: "refused", unknownResult: "refused",
    removedTooSoon: "removed",
  };
  if (names[stage.name]) sound.play(names[stage.name], volume());
}

// ---- Acts

function tell(problem) {
  if (problem === null || problem === "busy" || problem === "no-such-operation") return;
  notice = problem === "amount-invalid" ? "note.amountInvalid" : "note.failed";
  find("alarm").textContent = words.get(notice);
  setTimeout(() => { notice = null; redraw(); }, NOTICE);
  redraw();
}

// The same order once more: the terminal knows which it was.
async function again() {
  if (drawn?.refusal?.repeats) return tell(await order("again"));
  return arm(drawn?.refusal?.amountCents ?? 0);
}

async function arm(amountCents) {
  if (amountCents > 0) tell(await order("arm", { amountCents }));
}

async function aboutArmed(name) {
  const id = snapshot?.stage.armed?.id;
  if (id) tell(await order(name, { id }));
}

const acts = {
  charge: () => arm(amount.cents(draft)),
  cancel: () => aboutArmed("cancel"),
  extend: () => { hasWarned = false; aboutArmed("extend"); },
  verify: () => aboutArmed("verify"),
  finish: async () => tell(await order("acknowledge")),
  payPart: async () => tell(await order("pay-part")),
  payRest: async () => tell(await order("pay-rest")),
  dropRest: async () => tell(await order("drop-rest")),
  otherCard: again,
  retry: again,
  chargeLess: () => arm(drawn?.refusal?.lesserCents ?? 0),
  operations: () => openPanel("operations"),
  settings: () => openPanel("settings"),
  menu: () => openPanel("menu"),
  actions: () => { isActing = true; openPanel("actions"); },
  pay: () => { isActing = false; openPanel(null); },
  nextKind: () => list.nextKind(),
  nextStatus: () => list.nextStatus(),
  // What a person has to look at comes first.
  queue: () => openPanel("operations", snapshot.queue.rejected > 0 ? "rejected" : "pending"),
  // The receipt of what was just done: the result is left, the panel stays until somebody leaves.
  receipt: async () => {
    const id = drawn?.accepted?.id ?? drawn?.armed?.id;
    desk.showReceipt(id);
    tell(await order("acknowledge"));
  },
  operation: (id) => { const line = list.lineOf(id); if (line) desk.show(line); },
  finishCard: async () => {
    openPanel(null);
    if (drawn?.name === "completed") tell(await order("acknowledge"));
  },
  language: () => choose("language", words.next),
  testSound: () => sound.play("accepted", volume()),
  back: () => {
    const name = panel();
    if (name === "actions") return acts.pay();
    if (name === "card") return acts.finishCard();
    openPanel(desk.parentOf(name));
  },
  newer: () => list.turn(-1),
  older: () => list.turn(1),
  send: async () => {
    const problem = await order("send");
    tell(problem);
    if (problem === null) find("say").textContent = words.get("operations.sent");
  },
};

function act(name, value) {
  if (!isSettled() || isLost) return;
  if (acts[name]) acts[name](value);
  else desk.acts[name]?.(panel(), value);
}

function type(key) {
  if (!isSettled()) return;
  if (panel() === "operations") {
    if (key !== ",") list.type(key);
  } else if (screen() === "form") {
    desk.type(panel(), key);
  } else if (["tiles", "facts", "code", "consent"].includes(screen())) {
    const button = numbered(screen(), Number(key));
    if (button && !button.disabled) act(button.dataset.act, button.dataset.value);
  } else if (draw.screenOf(drawn ?? { name: "" }) === "ready" && screen() === "ready") {
    draft = amount.typed(draft, key);
    notice = null;
    redraw();
  }
}

// ---- Hands: acts on release ("click"), so sliding off a key cancels it. A finger leaves no focus
// behind: Enter always means the screen's first act until somebody walks by Tab.

document.addEventListener("pointerdown", (event) => { sound.wake(); event.preventDefault(); });
document.addEventListener("mousedown", (event) => event.preventDefault());
document.addEventListener("contextmenu", (event) => event.preventDefault());
document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button === null) {
    const rests = drawn?.name === "unknownResult" || isRest();
    if (document.body.dataset.shown === "result" && !rests) act("finish");
    return;
  }
  if (button.disabled) return;
  if (button.dataset.key) type(button.dataset.key);
  else if (button.dataset.act) act(button.dataset.act, button.dataset.value);
  else choose(button.parentElement.dataset.choice, button.value);
});

const ESCAPES = {
  pay: "cancel", result: "finish", operations: "back", settings: "back", form: "back",
  facts: "back", code: "back", tiles: "back", consent: "back", keyboard: "back", given: "finish",
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  const shown = document.body.dataset.shown;
  const { key } = event;
  if (shown === "keyboard" && !["Enter", "Escape"].includes(key)) return; // it types into the input
  if (/^[0-9]$/.test(key)) return event.repeat ? undefined : type(key);
  switch (key) {
    case ",":
    case ".": return type(",");
    case "Backspace":
    case "Delete": return type("erase");
    case "Escape":
    case "-": return ESCAPES[shown] && !event.repeat ? act(ESCAPES[shown]) : undefined;
    case "+":
      if (event.repeat) return;
      return act(shown === "operations" ? "older" : shown === "pay" ? "extend" : "");
    case "*": return shown === "ready" || shown === "service" ? act("operations") : undefined;
    case "/": event.preventDefault(); return act("language");
    case "Enter": {
      if (document.activeElement?.matches("button:focus-visible")) return;
      event.preventDefault();
      const first = document.querySelector(`[data-screen="${shown}"] .primary:not(:disabled)`);
      if (first && !event.repeat) act(first.dataset.act, first.dataset.value);
    }
  }
});

// ---- Time: the bar runs by itself between two snapshots.

setInterval(() => {
  if (snapshot === null) return;
  const isArmed = drawn?.name === "presentCard" || drawn?.name === "removedTooSoon";
  if (isArmed && draw.time(deadline) && !hasWarned) {
    hasWarned = true;
    find("say").textContent = words.get("pay.soon");
  }
}, 250);
setInterval(() => { if (snapshot) draw.strip(snapshot, document.body.dataset.shown); }, 15_000);

// ---- Start

for (const place of document.querySelectorAll("[data-keypad]")) {
  place.append(find("keypad").content.cloneNode(true));
}
for (const place of document.querySelectorAll("[data-tabs]")) {
  place.append(find("tabs").content.cloneNode(true));
}
desk.attach({ open: openPanel, redraw });
await Promise.all([load(), loadPerson()]);
root.dataset.theme = preferences.get("theme", "indoor");
words.use(preferences.get("language", root.lang));
drawChoices();
connect(receive, (lost) => {
  isLost = lost;
  find("alarm").textContent = lost ? `${words.get("lost.what")}. ${words.get("lost.do")}` : "";
  redraw();
});
