// Draws the screens of the stand: a text to agree to, what a person tells, a card that was given.
// What the person reads is in her language, whatever that of the volunteer is.

import { fill } from "./fill.js";
import * as keyboard from "./keyboard.js";
import { words as person } from "./person-words.js";
import { words } from "./words.js";

const SIZES = [2, 1.75, 1.5, 1.375]; // rem; the largest that fits

const find = (id) => document.getElementById(id);

function button({ act, value, text, className = "secondary" }) {
  const made = document.createElement("button");
  made.type = "button";
  made.className = className;
  made.dataset.act = act;
  if (value !== undefined) made.dataset.value = value;
  made.textContent = text;
  return made;
}

function fit(element) {
  for (const size of SIZES) {
    element.style.fontSize = `${size}rem`;
    if (element.scrollHeight <= element.clientHeight) return;
  }
}

/// E1. Agreeing and declining are alike: two buttons of one size, nothing chosen beforehand.
export function consent({ language, text, isRequired, place, acts }) {
  person.use(language, find("consent-person"));
  find("consent-title").textContent = person.get("consent.title");
  find("consent-kind").textContent = [
    place, isRequired === null ? null
      : person.get(isRequired ? "consent.required" : "consent.optional"),
  ].filter(Boolean).join(" · ");
  find("consent-language").textContent = person.get("name");
  find("consent-text").textContent = text;
  fill(find("consent-acts"), acts.map(
    ({ act, value, key }) => ({ act, value, text: person.get(key) })), button);
  // It has its height only once it is shown.
  requestAnimationFrame(() => fit(find("consent-text")));
}

/// E3.
export function contact({ language, said }) {
  person.use(language, find("contact-person"));
  find("contact-title").textContent = person.get("contact.title");
  find("contact-hint").textContent = said ?? person.get("contact.hint");
  find("contact-hint").dataset.kind = said ? "bad" : "plain";
  find("contact").ariaLabel = person.get("contact.title");
  find("contact-go").lang = language;
  find("contact-go").textContent =
    person.get(keyboard.isEmpty() ? "contact.skip" : "contact.go");
  keyboard.draw();
}

/// E5; in a row of cards, how many there are.
export function given({ armed, completed: done }, { lane, person: { language }, ...snapshot }) {
  const section = document.querySelector('[data-screen="given"]');
  section.dataset.lane = lane !== undefined;
  find("given-what").textContent = words.get("done.enrolment");
  find("given-card").textContent = words.get("result.card", { lastFour: done.lastFour });
  find("given-count").textContent = lane
    ? words.count("lane.count", lane.count)
    : done.given === undefined ? "" : words.count("given.count", done.given);
  find("given-take").hidden = !done.cardPresent;
  find("given-offline").hidden = !done.offline;
  person.use(language, find("given-person"));
  const isReplacing = armed.purpose.replaces !== undefined;
  person.use(language, find("given-replaces"));
  find("given-replaces").hidden = !isReplacing;
  find("given-replaces").textContent = isReplacing
    ? person.get(snapshot.replacementAtOnce ? "enrolment.moved" : "enrolment.held") : "";
  symbol(lane || armed.training ? null : `/qr/enrolment.svg?id=${armed.id}`);
  fill(find("given-acts"), lane
    ? [{ act: "endLane", text: words.get("lane.end") }]
    : [{ act: "finish", text: words.get("action.finish") },
      { act: "nextCard", text: words.get("given.next"), className: "primary" }], button);
}

// The symbol is there once it has loaded: an association may have no application.
function symbol(source) {
  const image = find("given-qr");
  if (source !== null && image.getAttribute("src") === source) return;
  find("given-person").dataset.link = "no";
  image.onload = () => { find("given-person").dataset.link = "yes"; };
  if (source === null) image.removeAttribute("src");
  else image.src = source;
}
