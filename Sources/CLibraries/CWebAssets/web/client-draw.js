// Draws the customer's view. Pure but for the document: same view, same screen.

import * as amount from "./amount.js";
import { fill } from "./fill.js";
import { words } from "./person-words.js";

const find = (id) => document.getElementById(id);

const SIGNS = {
  present: "card", reading: "card", removed: "card", owed: "card", done: "tick", again: "tick",
  refused: "cross", service: "ask", unknown: "ask", lost: "ask",
};
const TONES = {
  done: "done", again: "done", refused: "refused", unknown: "unknown", service: "unknown",
  lost: "unknown", removed: "wait",
};

/// The section of a view: "chooser" or "scene".
export const screenOf = (view, isOpen) =>
  isOpen || view?.scene === "welcome" ? "chooser" : "scene";

// Isolated, so that a sentence from right to left leaves it as it is.
const money = (cents) => `\u2066${amount.text(cents, words)}\u2069`;

/// How many of the four lights burn (UX.md §1.4): one while a card is awaited, all when it was read.
function lightsOf(view) {
  switch (view.scene) {
    case "present": case "removed": case "owed": return 1;
    case "reading": return Math.max(1, view.step ?? 0);
    case "done": case "again": return 4;
    default: return 0;
  }
}

function lights(element, count, blinks = false) {
  [...element.children].forEach((light, index) => {
    light.classList.toggle("on", index < count);
    light.classList.toggle("blinks", blinks && index === 0);
  });
}

// "2" and "Vêtements réparés", or "12,5" and "kg": nothing that would need a plural.
function quantity(view) {
  const whole = String(Math.floor(view.quantity / 1000));
  if (view.unit !== "kilogram") return [whole, view.label];
  const grams = String(view.quantity % 1000).padStart(3, "0").replace(/0+$/, "");
  const fraction = grams === "" ? "" : words.get("format.decimal") + grams;
  return [whole + fraction, words.get("unit.kilogram")];
}

// What the view is about: money, or a quantity of an action.
function matter(element, view) {
  const isQuantity = view.quantity !== undefined;
  const cents = view.scene === "owed" ? view.restCents : view.amountCents;
  element.hidden = !isQuantity && !(cents > 0);
  if (element.hidden) return;
  element.dir = isQuantity ? words.direction : "ltr";
  if (!isQuantity) return amount.draw(element, cents, words);
  const [number, unit] = quantity(view);
  amount.drawParts(element, number, unit, `${number} ${unit}`);
}

// [label, headline, what to do]
function sentences(view) {
  const isCounted = view.quantity !== undefined && view.unit !== "kilogram";
  const named = isCounted ? "" : view.label;
  const about = named ?? words.get(`purpose.${view.kind ?? "payment"}`);
  switch (view.scene) {
    case "present": return [about, words.get("state.present"), ""];
    case "reading": return [about, words.get("state.reading"), ""];
    case "removed": return [about, words.get("state.removed"), words.get("state.same")];
    case "owed": return ["", words.get("rest.left", { amount: money(view.restCents) }),
      words.get("rest.do")];
    case "again": return ["", words.get(view.kind === "payment" ? "done.alreadyPaid"
      : "done.already"), ""];
    case "done": return [named ?? "", words.get(`done.${view.kind}`), done(view)];
    case "refused": case "service": return ["", words.get(`refusal.${view.refusal}.what`),
      words.get(`refusal.${view.refusal}.do`, { amount: money(view.limitCents ?? 0) })];
    case "unknown": return ["", words.get("unknown.what"), words.get("unknown.do")];
    case "lost": return ["", words.get("lost.what"), words.get("lost.do")];
    default: return ["", words.get("welcome"), ""];
  }
}

function done(view) {
  if (view.kind === "cardCheck") return words.get("card.valid");
  if (view.restCents > 0) return words.get("rest.left", { amount: money(view.restCents) });
  if (view.kind === "payment" && view.wasOffline) return words.get("offline.done");
  return view.kind === "payment" ? words.get("done.thanks") : "";
}

function near(list) {
  find("near-list").replaceChildren(...list.map(({ sort, title }) => {
    const item = document.createElement("li");
    const [name, what] = ["what", "sort"].map((className) => {
      const part = document.createElement("span");
      part.className = className;
      return part;
    });
    name.textContent = title;
    name.dir = "auto";
    what.textContent = words.get(`opportunities.${sort}`);
    item.append(name, what);
    return item;
  }));
}

function languages(view) {
  const choices = words.choices(view.person.languages).map((one) => ({
    ...one, isPressed: one.language === view.person.language,
  }));
  fill(find("languages"), choices, (one) => {
    const button = document.createElement("button");
    button.type = "button";
    button.value = one.language;
    button.lang = one.language;
    button.dir = one.direction;
    button.textContent = one.name;
    button.ariaPressed = String(one.isPressed);
    return button;
  });
}

/// Draws a view; `isOpen`: the choice of languages over it.
export function draw(view, isOpen) {
  const screen = screenOf(view, isOpen);
  const [label, headline, what] = sentences(view);
  const { dataset } = document.body;
  const hasNear = screen === "scene" && view.opportunities.length > 0 && !view.takeCard;
  dataset.scene = view.scene;
  dataset.kind = view.kind ?? "";
  dataset.shown = screen;
  dataset.training = view.training;
  dataset.tone = screen === "chooser" ? "" : TONES[view.scene] ?? "";
  dataset.sign = SIGNS[view.scene] ?? "";
  dataset.has = hasNear ? "near" : "";
  find("scene").hidden = screen !== "scene";
  find("chooser").hidden = screen !== "chooser";
  find("label").textContent = label;
  find("headline").textContent = headline;
  find("do").textContent = what;
  find("purpose").textContent = view.scene === "done" ? view.purpose ?? "" : "";
  matter(find("amount"), view);
  find("take").hidden = !view.takeCard;
  find("near").hidden = !hasNear;
  near(hasNear ? view.opportunities : []);
  lights(find("lights"), lightsOf(view));
  lights(find("idle-lights"), 1, true);
  find("welcome").textContent = words.get("welcome");
  if (screen === "chooser") languages(view);
  const isCalm = view.scene === "welcome" || view.scene === "present";
  find("offline").hidden = !view.offline || !isCalm || isOpen;
  find("choose").hidden = screen === "chooser";
}

/// What a screen reader says of a view.
export function spoken(view) {
  const [label, headline, what] = sentences(view);
  const cents = view.scene === "owed" ? undefined : view.amountCents;
  return [
    label, headline, cents > 0 ? amount.parts(cents, words).spoken : "", what,
    view.scene === "done" ? view.purpose : "", view.takeCard ? words.get("state.take") : "",
  ].filter(Boolean).map((part) => part.replace(/[.。]$/, "")).join(". ");
}
