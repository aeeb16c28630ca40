// Closing the day: what a closure would say now, then what it said.

import * as amount from "./amount.js";
import { desk, order, said } from "./desk-state.js";
import { ask } from "./server.js";
import { words } from "./words.js";

let day = null;
let closed = null; // the closure just made

async function refresh() {
  day = await ask("day");
  desk.redraw();
}

function drawClosure() {
  const shown = closed ?? day;
  if (shown === null) {
    return { title: words.get("closure.title"), sub: "", rows: [], said: said(), acts: [] };
  }
  const { totals } = shown;
  const row = (key, { count, cents }) => [
    words.get(`closure.${key}`), `${count} · ${amount.signed(cents, words)}`,
  ];
  const counted = totals.actions.reduce((sum, one) => sum + one.count, 0);
  const pendingNote = shown.unsent === 0 ? null
    : { kind: "warn", text: words.count("closure.unsent", shown.unsent) };
  return {
    title: words.get(closed ? "closure.done" : "closure.title"),
    sub: words.get("closure.number", { number: shown.number }),
    rows: [
      row("payments", totals.payments), row("refunds", totals.refunds),
      row("reversals", totals.reversals), row("topUps", totals.topUps),
      [words.get("closure.actions"), String(counted)],
      [words.get("closure.takings"), amount.signed(totals.takingsCents, words)],
    ],
    said: said() ?? pendingNote,
    acts: closed ? [{ act: "back", text: words.get("result.continue"), isPrimary: true }] : [
      shown.unsent > 0 ? { act: "send", text: words.get("operations.send") } : null,
      { act: "close", isPrimary: true,
        text: words.get(shown.unsent > 0 ? "closure.anyway" : "closure.go") },
    ].filter(Boolean),
  };
}

export const panels = {
  closure: {
    shape: "facts", parent: "menu", draw: drawClosure,
    opened: () => { closed = null; refresh(); },
    left: () => { day = null; },
    receive: () => { if (day !== null) refresh(); },
  },
};

export const acts = {
  close: () => order("closure", "close", { period: "day" }, (data) => { closed = data; }),
};
