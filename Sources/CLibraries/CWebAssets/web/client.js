// The customer display. It draws what the terminal gives this page, a small view of its own that
// holds nothing of the merchant's, and gives one order: the language.

import { draw, screenOf, spoken } from "./client-draw.js";
import { load, words } from "./person-words.js";
import { connect, perform } from "./server.js";

const QUIET = 150; // milliseconds a reading must last before it is shown
const OPEN = 20_000; // milliseconds the choice of languages stays open untouched
const LINE = { events: "/client/events", probe: "/client/view" };
const ALARMS = ["refused", "unknown", "removed", "service"];

const find = (id) => document.getElementById(id);

let view = null; // the last one received
let drawn = null; // what is on the screen
let waiting = 0; // timer of a reading that is not shown yet
let closing = 0; // timer of the open choice
let said = ""; // what a screen reader was told last

// In the address, so that a reload finds it again.
const isOpen = () => location.hash === "#language";

function open(isWanted) {
  clearTimeout(closing);
  history.replaceState(null, "", isWanted ? "#language" : location.pathname);
  if (isWanted) closing = setTimeout(() => open(false), OPEN);
  redraw();
}

function say(text, isAlarm) {
  said = text;
  find("alarm").textContent = isAlarm ? text : "";
  find("say").textContent = isAlarm ? "" : text;
}

function redraw() {
  if (drawn === null) return;
  if (words.language !== drawn.person.language || !document.documentElement.dir) {
    words.use(drawn.person.language);
  }
  draw(drawn, isOpen());
  if (drawn === view) document.body.dataset.version = drawn.version;
}

function turnTo(next) {
  const before = drawn;
  drawn = next;
  // A new scene outweighs a choice nobody finished.
  if (isOpen() && before && before.scene !== next.scene && next.scene !== "welcome") open(false);
  redraw();
  const text = spoken(next);
  if (text !== said) say(text, ALARMS.includes(next.scene));
}

function receive(next) {
  const isSudden = next.scene === "reading" && drawn !== null && drawn.scene !== "reading";
  view = next;
  clearTimeout(waiting);
  if (isSudden) waiting = setTimeout(() => turnTo(next), QUIET);
  else turnTo(next);
}

document.addEventListener("contextmenu", (event) => event.preventDefault());
document.addEventListener("click", async (event) => {
  const button = event.target.closest("button");
  if (button === null) return isOpen() ? open(false) : undefined;
  if (button.id === "choose") return open(true);
  await perform("language", { language: button.value });
  open(false);
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && isOpen()) open(false);
  // Enter and digits of a keypad choose without walking there by Tab.
  const choices = document.querySelectorAll("#languages button");
  const choice = screenOf(drawn, isOpen()) === "chooser" && choices[Number(event.key) - 1];
  if (choice && !event.repeat) choice.click();
});

await load();
if (isOpen()) closing = setTimeout(() => open(false), OPEN);
connect(receive, (isLost) => {
  if (isLost && view) turnTo({ ...view, scene: "lost", opportunities: [] });
  else if (view) turnTo(view);
}, LINE);
