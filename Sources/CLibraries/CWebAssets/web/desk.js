// Everything beside paying: one table of panels, each in the file of its subject. A panel is
//   shape      the screen it is drawn on: "form", "facts", "code", "tiles", "consent", "keyboard"
//   parent     where "back" leads, or a function that says so; none: the stage
//   draw       what that screen shows
//   isPossible false when a reload has forgotten what the panel was about
//   choice     what is chosen at first; opened, left, receive: what else happens then
//   type, go   a form's key (an amount unless it says otherwise) and its one act

import * as amount from "./amount.js";
import * as actions from "./desk-actions.js";
import * as card from "./desk-card.js";
import * as closure from "./desk-closure.js";
import * as enrol from "./desk-enrol.js";
import * as shapes from "./desk-draw.js";
import * as help from "./desk-help.js";
import * as money from "./desk-money.js";
import * as receipt from "./desk-receipt.js";
import * as role from "./desk-role.js";
import { desk, said } from "./desk-state.js";
import { consent, contact } from "./enrol-draw.js";
import { words } from "./words.js";

const subjects = [actions, card, closure, enrol, help, money, receipt, role];
const paint = { ...shapes, consent, keyboard: contact };

const drawMenu = () => ({
  title: words.get("menu.title"), said: said(), modes: [], groups: [],
  tiles: [
    { act: "checkCard", text: words.get("menu.check") },
    desk.snapshot.topUpLimitCents > 0
      ? { act: "openPanel", value: "topUp", text: words.get("menu.topUp") } : null,
    { act: "enrol", text: words.get("menu.enrol") },
    { act: "openPanel", value: "closures", text: words.get("menu.closures") },
    { act: "openPanel", value: "cardNumber", text: words.get("menu.lost") },
    { act: "openPanel", value: "training", text: words.get("menu.training") },
    desk.snapshot.session
      ? { act: "signOut", text: words.get("menu.signOut"),
        detail: words.get(`role.${desk.snapshot.session.role}`) }
      : { act: "openPanel", value: "role", text: words.get("menu.role") },
    { act: "settings", text: words.get("tab.settings") },
    { act: "openPanel", value: "help", text: words.get("menu.help") },
  ].filter(Boolean),
});

const panels = Object.assign(
  { menu: { shape: "tiles", draw: drawMenu } }, ...subjects.map((subject) => subject.panels),
);
let shown = null;

/// Names of the panels here.
export const names = Object.keys(panels);
/// The screen a panel is drawn on.
export const shapeOf = (panel) => panels[panel]?.shape;
/// False when a reload has forgotten what the panel was about.
export const isPossible = (panel) => panels[panel]?.isPossible?.() ?? true;
/// Opens an operation of the list.
export const show = money.show;
/// Opens the receipt of an operation.
export const showReceipt = receipt.show;

/// Connects this desk to the page.
export function attach(page) {
  desk.open = page.open;
  desk.redraw = page.redraw;
}

/// Takes what the desk has to know of a snapshot.
export function receive(next) {
  desk.snapshot = next;
  for (const panel of Object.values(panels)) panel.receive?.(next);
}

/// A panel comes up, or (null) none. An order that waited for a role is forgotten elsewhere.
export function opened(panel) {
  panels[shown]?.left?.();
  shown = panel;
  if (panel !== "role") desk.pending = null;
  desk.draft = "";
  desk.problem = null;
  desk.recorded = null;
  desk.recordedWith = {};
  desk.choice = panels[panel]?.choice ?? null;
  panels[panel]?.opened?.();
}

/// Where "back" leads.
export function parentOf(panel) {
  if (panel === "role" && desk.pending) return desk.pending.panel;
  const { parent } = panels[panel] ?? {};
  return (typeof parent === "function" ? parent() : parent) ?? null;
}

/// What buttons here do.
export const acts = Object.assign({
  go: (panel) => panels[panel]?.go?.(),
  choose: (_, value) => { desk.choice = value; desk.problem = null; desk.redraw(); },
  openPanel: (_, panel) => desk.open(panel),
}, ...subjects.map((subject) => subject.acts));

/// A key of the keypad on a form.
export function type(panel, key) {
  desk.problem = null;
  if (panels[panel].type) panels[panel].type(key);
  else desk.draft = amount.typed(desk.draft, key);
  desk.redraw();
}

/// Draws a panel.
export function draw(panel) {
  const made = panels[panel].draw();
  paint[panels[panel].shape](made);
}
