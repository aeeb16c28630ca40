// Draws the four shapes of everything beside paying: a form (one value and a keypad), facts (rows
// and what may be done), code (facts beside a QR symbol) and tiles (a choice by touch or by
// number). Pure but for the document.

import { fill } from "./fill.js";

const find = (id) => document.getElementById(id);

function make(name, className, content) {
  const element = document.createElement(name);
  element.className = className;
  if (content !== undefined) element.textContent = content;
  return element;
}

function option({ act, value, text, isPressed, isPrimary, isDisabled }) {
  const button = make("button", isPrimary ? "primary" : "secondary", text);
  button.type = "button";
  button.dataset.act = act;
  if (value !== undefined) button.dataset.value = value;
  if (isPressed !== undefined) button.ariaPressed = String(isPressed);
  button.disabled = Boolean(isDisabled);
  return button;
}

// A note: { kind: "bad", "warn" or "good", text }, or null.
function note(element, said) {
  element.hidden = said === null;
  if (said === null) return;
  element.dataset.kind = said.kind;
  element.querySelector("use").setAttribute(
    "href", said.kind === "good" ? "#i-check" : "#i-alert");
  element.querySelector("span").textContent = said.text;
}

function choices(element, options) {
  element.hidden = options.length === 0;
  fill(element, options, option);
}

/// One value: `value(element)` draws it, `go` is the one act (null text: nothing to do yet).
export function form({ title, sub, label, value, said, options, go }) {
  find("form-title").textContent = title;
  find("form-sub").textContent = sub;
  find("form-label").textContent = label;
  value(find("form-draft"));
  note(find("form-note"), said);
  choices(find("form-choices"), options);
  find("form-go").textContent = go.text;
  find("form-go").disabled = go.isDisabled;
}

function sheet(name, { title, sub, rows, said, acts }) {
  find(`${name}-title`).textContent = title;
  find(`${name}-sub`).textContent = sub;
  find(`${name}-rows`).replaceChildren(...rows.map(([label, value]) => {
    const row = make("li", "fact");
    row.append(make("span", "fact-label", label), make("span", "fact-value digits", value));
    return row;
  }));
  find(`${name}-rows`).dataset.many = rows.length > 6;
  note(find(`${name}-note`), said);
  const row = find(`${name}-acts`);
  row.dataset.count = acts.length;
  // Acts stand in one row, unless there is something to choose first.
  row.dataset.row = acts.every(({ isPressed }) => isPressed === undefined);
  fill(row, acts, option);
}

/// Rows of [label, value], a note, acts.
export const facts = (made) => sheet("facts", made);

/// The same beside a picture: the address of a QR symbol, and what it is for those who see none.
export function code(made) {
  const image = find("code-image");
  if (image.getAttribute("src") !== made.image) image.src = made.image;
  image.alt = made.alt;
  sheet("code", made);
}

/// Tiles; the number on each is the key that chooses it.
export function tiles({ title, said, modes, groups, tiles: made }) {
  find("tiles-title").textContent = title;
  note(find("tiles-note"), said);
  choices(find("tiles-modes"), modes);
  choices(find("tiles-groups"), groups);
  fill(find("tiles-grid"), made, (tile, index) => {
    const button = option(tile);
    const words = make("span", "tile-words", tile.text);
    if (tile.detail) words.append(make("span", "tile-detail", tile.detail));
    button.className = "tile";
    button.replaceChildren(make("span", "tile-number digits", String(index + 1)), words);
    return button;
  });
}

/// The button a number key means on this screen, or undefined.
export function numbered(screen, number) {
  const places = {
    tiles: "#tiles-grid button", facts: "#facts-acts button", code: "#code-acts button",
    consent: "#consent-acts button",
  };
  if (!places[screen]) return undefined;
  return document.querySelectorAll(places[screen])[number - 1];
}
