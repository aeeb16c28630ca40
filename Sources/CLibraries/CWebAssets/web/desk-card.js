// One card: what a check read of it, and the report that it is lost.

import * as amount from "./amount.js";
import { desk, options, order, said } from "./desk-state.js";
import { words } from "./words.js";

let report = null; // the last card check

const drawCard = () => ({
  title: `${words.get("card.title")} •••• ${report.lastFour}`,
  sub: words.get(`class.${report.cardClass}`),
  rows: [
    [words.get("card.standing"), words.get(`standing.${report.standing}`)],
    [words.get("card.balance"), report.balanceCents === undefined
      ? words.get("card.noBalance") : amount.signed(report.balanceCents, words)],
    report.spentOfflineCents === undefined ? null
      : [words.get("card.spentOffline"), amount.text(report.spentOfflineCents, words)],
    [words.get("card.expires"), words.date(report.expires)],
  ].filter(Boolean),
  said: said(),
  acts: [
    { act: "finishCard", text: words.get("action.finish"), isPrimary: true },
    { act: "openPanel", value: "report", text: words.get("report.open") },
  ],
});

const drawReport = () => ({
  title: words.get("report.title"), sub: `${words.get("card.title")} •••• ${report.lastFour}`,
  rows: [], said: said("report.sure"),
  acts: [
    ...options(["holder", "merchant", "somebodyElse"], "reporter"),
    { act: "report", text: words.get("report.go"), isPrimary: true },
  ],
});

const isRead = () => report !== null;

export const panels = {
  card: {
    shape: "facts", isPossible: isRead, draw: drawCard,
    receive: (snapshot) => {
      if (snapshot.stage.completed?.report) report = snapshot.stage.completed.report;
    },
  },
  report: {
    shape: "facts", parent: "card", choice: "holder", isPossible: isRead, draw: drawReport,
  },
};

export const acts = {
  checkCard: () => order("menu", "check", {}),
  report: () => order("report", "report", {
    card: report.card, reporter: desk.choice, what: "lost",
  }, () => {
    desk.open("card");
    desk.recorded = "report.done";
  }),
};
