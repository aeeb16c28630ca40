// The stand: a card for a person. Consents in her language (E1), what she chooses to tell (E3),
// then the card is laid (E2) and the entry is committed (E4); the page of the given card is E5.
// What she tells is ordered, and sealed by the terminal, before any card is wanted: between the
// seal and the card nothing readable is left, and another card needs no telling anew.

import * as number from "./card-number.js";
import { desk, order, said, typeDigits } from "./desk-state.js";
import { told } from "./desk-words.js";
import * as keyboard from "./keyboard.js";
import { words as person } from "./person-words.js";
import { ask, order as give } from "./server.js";
import { words } from "./words.js";

const IDLE = 180_000; // milliseconds after which what somebody typed and left there is wiped

let texts = []; // of the policy
let answers = []; // true or false for each text, in their order
let language = "fr";
let isLane = false;
let replaces = null; // number of the lost card
let isWithout = false; // a required text was declined
let idle = 0;

const given = () => texts.filter((_, index) => answers[index]).map(({ version }) => version);
const tellsAnything = () => texts.some((text, index) => !text.required && answers[index]);
const isStarted = () => texts.length > 0;

/// Somebody comes: E1, for one person, for a row, or for who lost a card.
async function start(row, lost = null) {
  [isLane, replaces, answers, isWithout] = [row, lost, [], false];
  const found = await ask("consents");
  if (found === null) return;
  texts = found.consents;
  language = desk.snapshot.person.language;
  if (texts.length === 0) arm(null);
  else desk.open("consent");
}

// Without telling anything, or from the panel where it was typed.
function arm(panel) {
  const personal = panel === "contact" ? keyboard.bytes() : [];
  const body = { consents: given(), lane: isLane, personal };
  if (replaces !== null) body.replaces = replaces;
  keyboard.wipe();
  give("language", { language });
  return order(panel ?? "stand", "enrol", body);
}

function answer(isAgreed) {
  if (!isAgreed && texts[answers.length].required) isWithout = true;
  else answers.push(isAgreed);
  if (answers.length < texts.length || isWithout) return desk.redraw();
  return tellsAnything() && !isLane ? desk.open("contact") : arm("consent");
}

function consentView() {
  person.language = language;
  if (isWithout) {
    return { language, text: person.get("consent.without"), isRequired: null, place: null, acts: [
      { act: "consentAgain", key: "consent.again" }, { act: "home", key: "consent.finish" }] };
  }
  const index = Math.min(answers.length, texts.length - 1);
  const problem = told(desk.problem);
  return {
    language, text: problem ?? person.pick(texts[index].texts), isRequired: texts[index].required,
    place: texts.length > 1 ? `${index + 1}/${texts.length}` : null,
    acts: problem ? [{ act: "home", key: "consent.finish" }] : [
      { act: "consent", value: "no", key: "consent.decline" },
      { act: "consent", value: "yes", key: "consent.agree" }],
  };
}

const drawStand = () => ({
  title: words.get("stand.title"), said: said(), modes: [], groups: [],
  tiles: ["one", "lane", "lost"].map((kind) => ({
    act: "stand", value: kind, text: words.get(`stand.${kind}`),
    detail: words.get(`stand.${kind}.what`),
  })),
});

const drawTongues = () => ({
  title: person.get("language.choose"), said: null, modes: [], groups: [],
  tiles: person.choices(desk.snapshot.person.languages).map(({ language: code, name }) => ({
    act: "tongue", value: code, text: name,
  })),
});

const drawReplace = () => ({
  title: words.get("replace.title"), sub: words.get("replace.where"),
  label: words.get("replace.number"),
  value: (element) => {
    element.textContent = number.grouped(desk.draft, "\u2009") || "–";
    element.dataset.size = "long";
  },
  said: number.isWrong(desk.draft)
    ? { kind: "bad", text: words.get("note.cardNumber") } : said(),
  options: [{ act: "layOld", text: words.get("replace.lay") }],
  go: { text: words.get("replace.go"), isDisabled: !number.isNumber(desk.draft) },
});

function watch() {
  clearTimeout(idle);
  idle = setTimeout(() => desk.open(null), IDLE);
}

export const panels = {
  stand: { shape: "tiles", parent: "menu", draw: drawStand },
  consent: {
    shape: "consent", parent: "stand", isPossible: isStarted, draw: consentView,
    opened: () => { if (answers.length >= texts.length) answers.pop(); }, // back at the last one
  },
  tongues: { shape: "tiles", parent: "consent", isPossible: isStarted, draw: drawTongues },
  contact: {
    shape: "keyboard", parent: "consent", isPossible: () => isStarted() && tellsAnything(),
    draw: () => ({ language, said: told(desk.problem) }),
    opened: () => { keyboard.wipe(); watch(); },
    left: () => { clearTimeout(idle); keyboard.wipe(); },
    go: () => arm("contact"),
  },
  replace: {
    shape: "form", parent: "stand", draw: drawReplace,
    type: (key) => typeDigits(key, number.LENGTH),
    go: () => start(false, desk.draft),
  },
};

/// Somebody who gives cards must have signed in, and has time from then on.
const begin = (done) => order("menu", "enrol-begin", {}, done);

export const acts = {
  enrol: () => begin(() => desk.open("stand")),
  stand: (_, kind) => (kind === "lost" ? desk.open("replace") : start(kind === "lane")),
  nextCard: async () => {
    await give("acknowledge");
    begin(() => start(false));
  },
  replaceCard: (_, lost) => begin(() => start(false, lost)),
  layOld: () => order("replace", "check", {}),
  consent: (_, value) => answer(value === "yes"),
  consentAgain: () => { isWithout = false; desk.redraw(); },
  tongues: () => desk.open("tongues"),
  tongue: (_, code) => {
    language = code;
    give("language", { language });
    desk.open("consent");
  },
  letter: (_, key) => { keyboard.press(key); desk.problem = null; watch(); desk.redraw(); },
  home: () => desk.open(null),
  endLane: () => give("enrol-end"),
  giveOther: () => give("enrol-again"),
};

keyboard.listen(() => { desk.problem = null; watch(); desk.redraw(); });
