// One card: what a check read of it, and the report that it is lost.

import * as amount from "./amount.js";
import * as number from "./card-number.js";
import { desk, options, order, said, typeDigits } from "./desk-state.js";
import { words } from "./words.js";

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
    ? number.grouped(report.card) : `•••• ${report.lastFour}`}`,
  rows: [], said: said("report.sure"),
  acts: [
    ...options(["holder", "merchant", "somebodyElse"], "reporter"),
    { act: "report", text: words.get("report.go"), isPrimary: true },
  ],
});

function drawNumber() {
  return {
    title: words.get("report.title"), sub: words.get("report.without"),
    label: words.get("report.number"),
    value: (element) => {
      element.textContent = number.grouped(desk.draft.padEnd(number.LENGTH, "–"));
      element.dataset.size = "long";
      element.ariaLabel = [...desk.draft].join(" ") || words.get("report.number");
    },
    said: number.isWrong(desk.draft)
      ? { kind: "bad", text: words.get("note.cardNumber") } : said(),
    options: [],
    go: { text: words.get("report.next"), isDisabled: !number.isNumber(desk.draft) },
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
    type: (key) => typeDigits(key, number.LENGTH),
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
