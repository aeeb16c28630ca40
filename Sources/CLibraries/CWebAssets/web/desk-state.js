// What the panels beside paying share: what was typed and chosen and not ordered yet, and how an
// order is given. The terminal remembers the rest.

import * as amount from "./amount.js";
import { told } from "./desk-words.js";
import { perform } from "./server.js";
import { words } from "./words.js";

/// `open` shows a panel, `redraw` the page: the page gives both.
export const desk = {
  snapshot: null,
  draft: "",
  choice: null,
  problem: null, // what the terminal answered last
  recorded: null, // key of what was just recorded
  recordedWith: {}, // what its sentence names
  pending: null, // an order that waits for a role: { name, body, panel, done, role }
  open: () => {},
  redraw: () => {},
};

let isGiving = false; // two taps of one finger are one order

/// Gives an order of a panel, then `done(data)`. A role that is needed signs in first, and the
/// order is given again.
export async function order(panel, name, body, done = () => {}) {
  if (isGiving) return;
  isGiving = true;
  const answer = await perform(name, body);
  isGiving = false;
  desk.problem = answer.problem;
  if (answer.problem?.code === "role-needed") {
    desk.pending = { name, body, panel, done, role: answer.problem.role };
    desk.open("role");
    return;
  }
  if (!answer.problem) done(answer.data);
  desk.redraw();
}

/// The note of a panel: what the terminal answered, what was recorded, else a key of its own, which
/// is a warning unless its kind is named.
export function said(otherwise = null, kind = "warn") {
  const text = told(desk.problem);
  if (text !== null) return { kind: "bad", text };
  if (desk.recorded) return { kind: "warn", text: words.get(desk.recorded, desk.recordedWith) };
  return otherwise === null ? null : { kind, text: words.get(otherwise) };
}

/// Buttons of which one is chosen.
export const options = (values, key, act = "choose") => values.map((value) => ({
  act, value, text: words.get(`${key}.${value}`), isPressed: value === desk.choice,
}));

/// A key of a form that takes plain digits, at most `most`.
export function typeDigits(key, most) {
  const more = (desk.draft + key.replace(",", "")).slice(0, most);
  desk.draft = key === "erase" ? desk.draft.slice(0, -1) : more;
}

/// A form that asks for an amount.
export function amountForm(title, sub, options) {
  const cents = amount.cents(desk.draft);
  const shown = amount.text(cents, words);
  return {
    title: words.get(`${title}.title`), sub, label: words.get("ready.amount"),
    value: (element) => amount.draw(element, cents, words), said: said(), options,
    go: { text: words.get(`${title}.go`, { amount: shown }), isDisabled: cents === 0 },
  };
}
