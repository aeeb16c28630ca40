// Closing a day, a month or a year: what a closure would say now, what it said, and those before.

import * as amount from "./amount.js";
import { image, printButton, printerNote } from "./desk-receipt.js";
import { desk, order, said } from "./desk-state.js";
import { ask } from "./server.js";
import { words } from "./words.js";

const TILES = 6; // on one page; nobody has to scroll

let period = "day";
let next = null; // what a closure would say now
let closed = null; // a closure: the one just made, or one of those before
let before = null; // those before
let page = 0;

async function refresh() {
  const asked = period;
  const answer = await ask("closure", { period: asked });
  if (asked !== period) return;
  next = answer;
  desk.redraw();
}

const name = ({ period, number }) =>
  `${words.get(`closure.title.${period}`)} ${words.get("closure.number", { number })}`;

function rowsOf(shown) {
  const { totals } = shown;
  const row = (key, { count, cents }) => [
    words.get(`closure.${key}`), `${count} · ${amount.signed(cents, words)}`,
  ];
  const counted = totals.actions.reduce((sum, one) => sum + one.count, 0);
  return [
    row("payments", totals.payments), row("refunds", totals.refunds),
    row("reversals", totals.reversals), row("topUps", totals.topUps),
    [words.get("closure.actions"), String(counted)],
    [words.get("closure.takings"), amount.signed(totals.takingsCents, words)],
    [words.get("closure.perpetual"), amount.signed(shown.perpetualCents, words)],
    [words.get("closure.hash"), shown.lastHash],
  ];
}

function drawNext() {
  if (next === null) {
    return {
      title: words.get(`closure.title.${period}`), sub: "", rows: [], said: said(), acts: [],
    };
  }
  // Operations that wait; the closure itself counts every entry without the ledger's answer.
  const unsent = desk.snapshot.queue.count;
  const pending = unsent === 0 ? null
    : { kind: "warn", text: words.count("closure.unsent", unsent) };
  const forbidden = next.forbidden
    ? { kind: "warn", text: ["what", "do"].map((part) =>
      words.get(`refusal.${next.forbidden}.${part}`)).join(" ") } : null;
  return {
    title: words.get(`closure.title.${period}`),
    sub: words.get("closure.number", { number: next.number }),
    rows: rowsOf(next), said: said() ?? forbidden ?? pending,
    acts: [
      unsent > 0 ? { act: "send", text: words.get("operations.send") } : null,
      { act: "close", isPrimary: true, isDisabled: Boolean(next.forbidden),
        text: words.get(unsent > 0 ? "closure.anyway" : "closure.go") },
    ].filter(Boolean),
  };
}

function drawClosed() {
  return {
    title: name(closed), sub: closed.time
      ? `${words.date(closed.time)}, ${words.time(closed.time)}` : words.get("closure.done"),
    rows: rowsOf(closed), said: said() ?? printerNote(),
    acts: [
      printButton(closed.id),
      { act: "openPanel", value: "closureCode", text: words.get("closure.code") },
      { act: "export", text: words.get("closure.export") },
      { act: "back", text: words.get("action.finish"), isPrimary: true },
    ].filter(Boolean),
  };
}

const drawCode = () => ({
  title: name(closed), sub: words.get("closure.code"), image: image(closed.id),
  alt: words.get("closure.code"), said: said(),
  rows: rowsOf(closed).filter((_, index) => [0, 5, 6].includes(index)),
  acts: [{ act: "back", text: words.get("action.finish"), isPrimary: true }],
});

// Which period; then those before, a page at a time.
const drawChoice = () => ({
  title: words.get("closure.title"), said: said(), modes: [], groups: [],
  tiles: [
    ...["day", "month", "year"].map((value) => ({
      act: "period", value, text: words.get(`closure.title.${value}`),
    })),
    { act: "openPanel", value: "closuresBefore", text: words.get("closure.before") },
  ],
});

function drawBefore() {
  const all = before ?? [];
  const pages = Math.max(1, Math.ceil(all.length / (TILES - 1)));
  const from = (page % pages) * (TILES - 1);
  const tiles = all.slice(from, from + TILES - 1).map((one) => ({
    act: "openClosure", value: one.id, text: name(one),
    detail: `${words.date(one.time)} · ${amount.signed(one.totals.takingsCents, words)}`,
  }));
  if (pages > 1) {
    tiles.push({
      act: "moreClosures", text: words.get("closure.more"),
      detail: `${(page % pages) + 1}/${pages}`,
    });
  }
  return {
    title: words.get("closure.before"), modes: [], groups: [], tiles,
    said: said(before !== null && all.length === 0 ? "closure.none" : null),
  };
}

const isClosed = () => closed !== null;

export const panels = {
  closures: { shape: "tiles", parent: "menu", draw: drawChoice },
  closure: {
    shape: "facts", parent: "closures", draw: drawNext,
    opened: () => { next = null; refresh(); },
    left: () => { next = null; },
    receive: () => { if (next !== null) refresh(); },
  },
  closuresBefore: {
    shape: "tiles", parent: "closures", draw: drawBefore,
    opened: async () => {
      before = (await ask("closures"))?.closures ?? before;
      desk.redraw();
    },
  },
  closed: { shape: "facts", parent: "closuresBefore", isPossible: isClosed, draw: drawClosed },
  closureCode: { shape: "code", parent: "closed", isPossible: isClosed, draw: drawCode },
};

export const acts = {
  period: (_, value) => { period = value; desk.open("closure"); },
  moreClosures: () => { page += 1; desk.redraw(); },
  openClosure: (_, id) => {
    closed = before?.find((one) => one.id === id) ?? null;
    desk.open("closed");
  },
  close: () => order("closure", "close", { period }, (data) => {
    closed = data;
    page = 0;
    desk.open("closed");
  }),
  export: (panel) => order(panel, "export", { id: closed.id }, (data) => {
    desk.recorded = "closure.exported";
    desk.recordedWith = { path: data.path };
  }),
};
