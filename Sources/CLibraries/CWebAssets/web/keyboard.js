// A keyboard on the screen (azerty), for what a person chooses to tell. It types into an input, so
// that a real keyboard, its accents and other scripts work as well. What is typed stays in that
// input alone until it is ordered, and is wiped when its panel is left.

import { fill } from "./fill.js";
import { words } from "./words.js";

const LAYERS = {
  letters: ["azertyuiop", "qsdfghjklm", "wxcvbn'-"],
  others: ["1234567890", "éèêëàâçîïô", "ùûüñ+/:#"],
};
const MAX = 512; // bytes that the terminal takes

const find = (id) => document.getElementById(id);
const input = () => find("contact");

let layer = "letters";
let isUpper = false;

const bytesOf = (text) => [...new TextEncoder().encode(text)];

/// What was typed, as bytes, without space around it.
export const bytes = () => bytesOf(input().value.trim());
/// True when nothing was typed.
export const isEmpty = () => input().value.trim() === "";

/// Forgets what was typed, and the way keys stood.
export function wipe() {
  input().value = "";
  layer = "letters";
  isUpper = false;
}

/// A key of the screen: a character, or what it does.
export function press(key) {
  const { value, selectionStart: from, selectionEnd: to } = input();
  switch (key) {
    case "shift": isUpper = !isUpper; return;
    case "layer":
      layer = layer === "letters" ? "others" : "letters";
      return;
    case "erase":
      if (from !== to) input().setRangeText("", from, to, "end");
      else if (from > 0) {
        const start = from - ([...value.slice(0, from)].pop() ?? "").length;
        input().setRangeText("", start, from, "end");
      }
      return;
    default: {
      if (bytesOf(value + key).length > MAX) return;
      input().setRangeText(key, from, to, "end");
      isUpper = false;
    }
  }
}

function key([value, text, { wide = 1, label, isPressed } = {}]) {
  const made = document.createElement("button");
  made.type = "button";
  made.className = "letter";
  made.dataset.act = "letter";
  made.dataset.value = value;
  made.dataset.wide = wide;
  made.textContent = text;
  if (label) made.ariaLabel = label;
  if (isPressed !== undefined) made.ariaPressed = String(isPressed);
  return made;
}

/// Draws the keys as they stand.
export function draw() {
  const letter = (one) => {
    const shown = isUpper ? one.toUpperCase() : one;
    return [shown, shown];
  };
  const [first, second, third] = LAYERS[layer].map((row) => [...row].map(letter));
  fill(find("letters"), [
    ...first, ...second,
    ["shift", "⇧", { label: words.get("key.shift"), isPressed: isUpper }], ...third,
    ["erase", "⌫", { label: words.get("ready.erase") }],
    ["layer", words.get(layer === "letters" ? "key.others" : "key.letters"), { wide: 2 }],
    ["@", "@"], [" ", words.get("key.space"), { wide: 4 }], [".", "."], [",", ","], ["_", "_"],
  ], key);
}

/// A real keyboard types into the input.
export function focus() { input().focus({ preventScroll: true }); }

/// Tells when something is typed there.
export function listen(changed) {
  input().addEventListener("input", () => {
    while (bytesOf(input().value).length > MAX) input().value = input().value.slice(0, -1);
    changed();
  });
}
