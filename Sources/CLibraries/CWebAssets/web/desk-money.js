// Money beside a payment: an operation of the list, its refund or reversal, a top-up.

import * as amount from "./amount.js";
import { matter, title } from "./desk-words.js";
import { amountForm, desk, options, order, said } from "./desk-state.js";
import { words } from "./words.js";

const DAY = 86_400_000; // milliseconds
let line = null; // the operation that was opened

/// Opens an operation of the list.
export function show(chosen) {
  line = chosen;
  desk.open("operation");
}

function rowsOf(line) {
  return [
    [words.get(line.kind === "action" ? "quantity.label" : "ready.amount"), matter(line) || "–"],
    [words.get("operation.card"), line.lastFour ? `•••• ${line.lastFour}` : "–"],
    [words.get("operation.status"), words.get(`operations.${line.verdict ?? line.status}`)],
    line.recovered ? [words.get("operation.recovered"), words.day(line.recovered)] : null,
    line.outcome ? [words.get("operation.outcome"), line.outcome] : null,
    line.kind === "payment"
      ? [words.get("operation.refundable"), amount.text(line.refundableCents, words)] : null,
    line.means ? [words.get("operation.means"), words.get(`means.${line.means}`)] : null,
    line.reason ? [words.get("operation.reason"), words.get(`reason.${line.reason}`)] : null,
    line.event ? [words.get("operation.event"), words.get(`event.${line.event}`)] : null,
  ].filter(Boolean);
}

function drawOperation() {
  // The rule's day is that of UTC: its midnight is not the stall's.
  const entered = line.recovered ?? line.time;
  const isToday = Math.floor(entered / DAY) === Math.floor(Date.now() / DAY);
  const isCorrigible = !line.reversed && line.refundedCents === 0 && !line.closed && isToday &&
    ["payment", "topUp", "action"].includes(line.kind);
  return {
    title: title(line), sub: `${words.day(line.time)}, ${words.time(line.time)}`,
    rows: rowsOf(line),
    said: said(line.verdict ? `operation.${line.verdict}`
      : line.status === "rejected" ? "operation.rejectedDo"
      : line.training ? "operation.training" : line.reversed ? "operation.isReversed" : null,
    { released: "good", refused: "bad" }[line.verdict]),
    acts: [
      line.refundableCents > 0
        ? { act: "openPanel", value: "refund", text: words.get("operation.refund"),
          isPrimary: true } : null,
      isCorrigible
        ? { act: "openPanel", value: "reverse", text: words.get("operation.reverse") } : null,
      line.kind === "cardEvent" ? null
        : { act: "showReceipt", value: line.id, text: words.get("result.receipt") },
    ].filter(Boolean),
  };
}

const drawReverse = () => ({
  title: words.get("reverse.title"), sub: `${title(line)} · ${matter(line)}`, rows: [],
  said: said("reverse.why"),
  acts: [
    ...options(["wrongEntry", "customerGaveUp", "doubled", "other"], "reason"),
    { act: "reverse", text: words.get("reverse.go"), isPrimary: true, isDisabled: !desk.choice },
  ],
});

const isOpen = () => line !== null;

export const panels = {
  operation: {
    shape: "facts", parent: "operations", isPossible: isOpen, draw: drawOperation,
  },
  reverse: { shape: "facts", parent: "operation", isPossible: isOpen, draw: drawReverse },
  refund: {
    shape: "form", parent: "operation", isPossible: isOpen,
    opened: () => { desk.draft = String(line.refundableCents); },
    draw: () => amountForm("refund", words.get("refund.limit", {
      amount: amount.text(line.refundableCents, words), lastFour: line.lastFour,
    }), []),
    go: () => order("refund", "refund", { amountCents: amount.cents(desk.draft), id: line.id }),
  },
  topUp: {
    shape: "form", parent: "menu", choice: "cash",
    draw: () => amountForm("topUp", words.get("topUp.limit", {
      amount: amount.text(desk.snapshot.topUpLimitCents, words),
    }), options(["cash", "bankCard", "other"], "means")),
    go: () => order("topUp", "top-up", {
      amountCents: amount.cents(desk.draft), means: desk.choice,
    }),
  },
};

export const acts = {
  reverse: () => order("reverse", "reverse", { id: line.id, reason: desk.choice }, () => {
    line = { ...line, reversed: true, refundableCents: 0 };
    desk.open("operation");
    desk.recorded = "operation.isReversed";
  }),
};
