// One card: what a check read of it, and the report that it is lost.

import * as amount from "./amount.js";
import { desk, options, order, said } from "./desk-state.js";
import { words } from "./words.js";

const DIGITS = 12;

let report = null; // the last card check, or only the number of a card that is not here
let lost = null; // number of the card that was reported last

const standing = () => (report.card === lost ? "blocked" : report.standing);

const drawCard = () => ({
  title: `${words.get("card.title")} •••• ${report.lastFour}`,
  sub: words.get(`class.${report.cardClass}`),
  rows: [
    [words.get("card.standing"), words.get(`standing.${standing()}`)],
    [words.get("card.balance"), report.balanceCents === undefined
      ? words.get("card.noBalance") : amount.signed(report.balanceCents, words)],
    report.spentOfflineCents === undefined ? null
      : [words.get("card.spentOffline"), amount.text(report.spentOfflineCents, words)],
    [words.get("card.expires"), words.date(report.expires)],
  ].filter(Boolean),
  said: said(),
  acts: [
    { act: "finishCard", text: words.get("action.finish"), isPrimary: true },
    standing() === "blocked" ? null
      : { act: "openPanel", value: "report", text: words.get("report.open") },
    { act: "replaceCard", value: report.card, text: words.get("replace.open") },
  ].filter(Boolean),
});

const drawReport = () => ({
  title: words.get("report.title"), sub: `${words.get("card.title")} ${report.isAbsent
    ? report.card.replace(/(.{4})(?=.)/g, "$1\u00a0") : `•••• ${report.lastFour}`}`,
  rows: [], said: said("report.sure"),
  acts: [
    ...options(["holder", "merchant", "somebodyElse"], "reporter"),
    { act: "report", text: words.get("report.go"), isPrimary: true },
  ],
});

// The number as it is printed on a card, in groups of four.
const grouped = () => desk.draft.padEnd(DIGITS, "–").replace(/(.{4})(?=.)/g, "$1\u00a0");

// The last digit of a number tells a wrong one at once (Luhn).
function isNumber(digits) {
  const sum = [...digits].reverse().map(Number).reduce((total, digit, index) => {
    const doubled = index % 2 === 0 ? digit : digit * 2;
    return total + (doubled > 9 ? doubled - 9 : doubled);
  }, 0);
  return digits.length === DIGITS && sum % 10 === 0;
}

function drawNumber() {
  const isWrong = desk.draft.length === DIGITS && !isNumber(desk.draft);
  return {
    title: words.get("report.title"), sub: words.get("report.without"),
    label: words.get("report.number"),
    value: (element) => {
      element.textContent = grouped();
      element.dataset.size = "long";
      element.ariaLabel = [...desk.draft].join(" ") || words.get("report.number");
    },
    said: isWrong ? { kind: "bad", text: words.get("report.wrong") } : said(), options: [],
    go: { text: words.get("report.next"), isDisabled: !isNumber(desk.draft) },
  };
}

const isRead = () => report !== null;

export const panels = {
  card: {
    shape: "facts", isPossible: () => isRead() && !report.isAbsent, draw: drawCard,
    receive: (snapshot) => {
      if (snapshot.stage.completed?.report) report = snapshot.stage.completed.report;
    },
  },
  cardNumber: {
    shape: "form", parent: "menu", draw: drawNumber,
    type: (key) => {
      const more = (desk.draft + key.replace(",", "")).slice(0, DIGITS);
      desk.draft = key === "erase" ? desk.draft.slice(0, -1) : more;
    },
    go: () => {
      report = { card: desk.draft, lastFour: desk.draft.slice(-4), isAbsent: true };
      desk.open("report");
    },
  },
  report: {
    shape: "facts", choice: "holder", isPossible: isRead, draw: drawReport,
    parent: () => (report?.isAbsent ? "cardNumber" : "card"),
  },
};

export const acts = {
  checkCard: () => order("menu", "check", {}),
  report: () => order("report", "report", {
    card: report.card, reporter: desk.choice, what: "lost",
  }, () => {
    lost = report.card;
    desk.open(report.isAbsent ? "menu" : "card");
    desk.recorded = "report.done";
  }),
};
