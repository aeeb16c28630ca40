// Everything beside paying: which panels there are, what each shows, what each orders. It remembers
// what was typed and chosen and not ordered yet; the terminal remembers the rest.

import * as amount from "./amount.js";
import * as catalogue from "./catalogue.js";
import * as paint from "./desk-draw.js";
import { matter, title, told } from "./desk-words.js";
import { ask, perform } from "./server.js";
import { words } from "./words.js";

const QUANTITY_MAX = 1_000_000_000;
const TILES = 6; // on one page; nobody has to scroll
const SHAPES = {
  menu: "tiles", actions: "tiles", quantity: "form", topUp: "form", refund: "form", role: "form",
  operation: "facts", reverse: "facts", closure: "facts", card: "facts", report: "facts",
  training: "facts",
};
const PARENTS = {
  quantity: "actions", topUp: "menu", refund: "operation", reverse: "operation", role: "menu",
  operation: "operations", closure: "menu", card: null, report: "card", training: "menu",
};

/// Names of the panels here.
export const names = Object.keys(SHAPES);
/// The screen a panel is drawn on.
export const shapeOf = (panel) => SHAPES[panel];

let snapshot = null;
let draft = "";
let choice = null;
let problem = null; // what the terminal answered last
let action = null;
let line = null; // the operation that was opened
let day = null;
let closed = null; // the closure just made
let report = null; // the last card check
let recorded = null; // key of what was just recorded
let parcours = "cuisines";
let tilePage = 0;
let pending = null; // an order that waits for a role: { name, body, panel }
let isGiving = false; // two taps of one finger are one order
let open = () => {}; // opens a panel
let redraw = () => {};

/// Connects this desk to the page.
export function attach(page) {
  ({ open, redraw } = page);
}

/// Takes what the desk has to know of a snapshot.
export function receive(next) {
  snapshot = next;
  if (next.stage.completed?.report) report = next.stage.completed.report;
  if (day !== null) refreshDay();
}

/// False when a reload has forgotten what the panel was about.
export function isPossible(panel) {
  switch (panel) {
    case "quantity": return action !== null;
    case "operation":
    case "refund":
    case "reverse": return line !== null;
    case "card":
    case "report": return report !== null;
    default: return true;
  }
}

async function refreshDay() {
  day = await ask("day");
  redraw();
}

/// A panel comes up, or (null) none. An order that waited for a role is forgotten elsewhere.
export function opened(panel) {
  if (panel !== "role") pending = null;
  draft = "";
  problem = null;
  recorded = null;
  choice = { topUp: "cash", reverse: null, report: "holder" }[panel] ?? null;
  day = null;
  if (panel === "closure") {
    closed = null;
    refreshDay();
  }
  if (panel === "refund") draft = String(line.refundableCents);
  if (panel === "role") choice = pending?.role ?? "manager";
}

/// Opens an operation of the list.
export function show(chosen) {
  line = chosen; open("operation");
}

/// Where "back" leads.
export function parentOf(panel) {
  if (panel === "role" && pending) return pending.panel;
  return PARENTS[panel] ?? null;
}

// ---- Orders

// Gives an order; a role that is needed signs in first, and the order is given again.
async function give(name, body, panel) {
  if (isGiving) return null;
  isGiving = true;
  const answer = await perform(name, body);
  isGiving = false;
  problem = answer.problem;
  if (problem?.code === "role-needed") {
    pending = { name, body, panel, role: problem.role };
    open("role");
    return null;
  }
  redraw();
  return answer.problem ? null : answer.data;
}

async function signIn() {
  const pin = draft;
  draft = "";
  const answer = await perform("sign-in", { pin, role: choice });
  problem = answer.problem;
  if (problem) return redraw();
  if (!pending) return open("menu");
  const { name, body, panel } = pending;
  pending = null;
  open(panel);
  await follow(panel, await give(name, body, panel));
}

// What a panel shows once its order is done and no card is wanted.
async function follow(panel, data) {
  if (data === null) return;
  if (panel === "reverse") {
    line = { ...line, reversed: true };
    open("operation");
    recorded = "operation.isReversed";
  } else if (panel === "closure") {
    closed = data;
  } else if (panel === "report") {
    open("card");
    recorded = "report.done";
  }
  redraw();
}

const order = async (panel, name, body) => follow(panel, await give(name, body, panel));

const forms = {
  quantity: () => order("quantity", "act", { code: action.code, quantity: thousandths() }),
  topUp: () => order("topUp", "top-up", { amountCents: amount.cents(draft), means: choice }),
  refund: () => order("refund", "refund", { amountCents: amount.cents(draft), id: line.id }),
  role: signIn,
};

/// What buttons here do.
export const acts = {
  go: (panel) => forms[panel]?.(),
  choose: (_, value) => { choice = value; problem = null; redraw(); },
  parcours: (_, value) => { parcours = value; tilePage = 0; redraw(); },
  moreTiles: () => { tilePage += 1; redraw(); },
  action: (_, code) => { action = catalogue.find(code); open("quantity"); },
  checkCard: () => order("menu", "check", {}),
  openPanel: (_, panel) => open(panel),
  signOut: () => order("menu", "sign-out", {}),
  reverse: () => order("reverse", "reverse", { id: line.id, reason: choice }),
  close: () => order("closure", "close", { period: "day" }),
  report: () => order("report", "report", { card: report.card, reporter: choice, what: "lost" }),
  train: async (_, value) => {
    if (await give("train", { on: value === "on" }, "training") !== null) open(null);
  },
};

/// A key of the keypad on a form.
export function type(panel, key) {
  problem = null;
  if (panel === "role") {
    draft = key === "erase" ? draft.slice(0, -1) : (draft + key.replace(",", "")).slice(0, 8);
  } else if (panel === "quantity") {
    draft = amount.typed(draft, key, decimals(), decimals() ? QUANTITY_MAX : 1_000_000);
  } else {
    draft = amount.typed(draft, key);
  }
  redraw();
}

const decimals = () => (action.unit === "kilogram" ? 3 : 0);
const thousandths = () => amount.cents(draft, decimals()) * (decimals() ? 1 : 1000);

function said(otherwise = null) {
  const text = told(problem);
  if (text !== null) return { kind: "bad", text };
  if (recorded) return { kind: "warn", text: words.get(recorded) };
  return otherwise === null ? null : { kind: "warn", text: words.get(otherwise) };
}

// ---- Panels

const options = (values, key, act = "choose") => values.map((value) => ({
  act, value, text: words.get(`${key}.${value}`), isPressed: value === choice,
}));

function amountForm(title, sub, options) {
  const cents = amount.cents(draft);
  const shown = amount.text(cents, words);
  return {
    title: words.get(`${title}.title`), sub, label: words.get("ready.amount"),
    value: (element) => amount.draw(element, cents, words), said: said(), options,
    go: { text: words.get(`${title}.go`, { amount: shown }), isDisabled: cents === 0 },
  };
}

// One page of tiles; the last tile turns to the next page, after the last one to the first.
function pageOf(all) {
  if (all.length <= TILES) return all;
  const pages = Math.ceil(all.length / (TILES - 1));
  const from = (tilePage % pages) * (TILES - 1);
  const more = { act: "moreTiles", text: words.get("actions.more"),
    detail: `${(tilePage % pages) + 1}/${pages}` };
  return [...all.slice(from, from + TILES - 1), more];
}

const panels = {
  menu: () => ({
    title: words.get("menu.title"), said: said(), modes: [], groups: [],
    tiles: [
      { act: "checkCard", text: words.get("menu.check") },
      snapshot.topUpLimitCents > 0
        ? { act: "openPanel", value: "topUp", text: words.get("menu.topUp") } : null,
      { act: "openPanel", value: "closure", text: words.get("menu.closure") },
      { act: "openPanel", value: "training", text: words.get("menu.training") },
      snapshot.session
        ? { act: "signOut", text: words.get("menu.signOut"),
          detail: words.get(`role.${snapshot.session.role}`) }
        : { act: "openPanel", value: "role", text: words.get("menu.role") },
      { act: "settings", text: words.get("tab.settings") },
    ].filter(Boolean),
  }),
  actions: () => {
    const found = catalogue.of(parcours);
    return {
      title: words.get("actions.title"),
      said: said(found.length === 0 ? "actions.none" : null),
      modes: [
        { act: "pay", text: words.get("mode.pay"), isPressed: false },
        { act: "actions", text: words.get("mode.action"), isPressed: true },
      ],
      groups: ["cuisines", "textile"].map((value) => ({
        act: "parcours", value, text: words.get(`parcours.${value}`),
        isPressed: value === parcours,
      })),
      tiles: pageOf(found.map(({ code, unit }) => ({
        act: "action", value: code, text: catalogue.label(code),
        detail: words.get(`unit.name.${unit}`),
      }))),
    };
  },
  quantity: () => ({
    title: catalogue.label(action.code), sub: words.get(`parcours.${action.parcours}`),
    label: words.get("quantity.label"),
    value: (element) => amount.drawQuantity(element, thousandths(), action.unit, words),
    said: said(), options: [],
    go: {
      text: thousandths() === 0 ? words.get("quantity.go") : words.get("quantity.goAmount", {
        quantity: amount.quantityText(thousandths(), action.unit, words),
      }),
      isDisabled: thousandths() === 0,
    },
  }),
  topUp: () => amountForm("topUp", words.get("topUp.limit", {
    amount: amount.text(snapshot.topUpLimitCents, words),
  }), options(["cash", "bankCard", "other"], "means")),
  refund: () => amountForm("refund", words.get("refund.limit", {
    amount: amount.text(line.refundableCents, words), lastFour: line.lastFour,
  }), []),
  role: () => ({
    title: words.get("role.title"), sub: pending ? words.get("role.needed") : "",
    label: words.get("role.pin"),
    value: (element) => {
      element.textContent = "●".repeat(draft.length) || "–";
      element.dataset.size = draft.length > 5 ? "long" : "medium";
      element.ariaLabel = words.count("role.digits", draft.length);
    },
    said: said(), options: options(["manager", "enroller", "technician"], "role"),
    go: { text: words.get("role.go"), isDisabled: draft.length < 4 },
  }),
  operation: () => {
    const isToday = new Date(line.time).toDateString() === new Date().toDateString();
    const isCorrigible = !line.reversed && line.refundedCents === 0 && !line.closed && isToday &&
      ["payment", "topUp", "action"].includes(line.kind);
    return {
      title: title(line), sub: `${words.day(line.time)}, ${words.time(line.time)}`,
      rows: [
        [line.kind === "action" ? words.get("quantity.label") : words.get("ready.amount"),
          matter(line) || "–"],
        [words.get("operation.card"), line.lastFour ? `•••• ${line.lastFour}` : "–"],
        [words.get("operation.status"), words.get(`operations.${line.status}`)],
        line.kind === "payment"
          ? [words.get("operation.refundable"), amount.text(line.refundableCents, words)] : null,
        line.means ? [words.get("operation.means"), words.get(`means.${line.means}`)] : null,
        line.reason ? [words.get("operation.reason"), words.get(`reason.${line.reason}`)] : null,
        line.event ? [words.get("operation.event"), words.get(`event.${line.event}`)] : null,
      ].filter(Boolean),
      said: said(line.training ? "operation.training" : line.reversed ? "operation.isReversed"
        : null),
      acts: [
        line.refundableCents > 0
          ? { act: "openPanel", value: "refund", text: words.get("operation.refund"),
            isPrimary: true } : null,
        isCorrigible
          ? { act: "openPanel", value: "reverse", text: words.get("operation.reverse") } : null,
      ].filter(Boolean),
    };
  },
  reverse: () => ({
    title: words.get("reverse.title"), sub: `${title(line)} · ${matter(line)}`, rows: [],
    said: said("reverse.why"),
    acts: [
      ...options(["wrongEntry", "customerGaveUp", "doubled", "other"], "reason"),
      { act: "reverse", text: words.get("reverse.go"), isPrimary: true, isDisabled: !choice },
    ],
  }),
  closure: () => {
    const shown = closed ?? day;
    if (shown === null) {
      const title = words.get("closure.title");
      return { title, sub: "", rows: [], said: said(), acts: [] };
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
  },
  card: () => ({
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
  }),
  report: () => ({
    title: words.get("report.title"), sub: `${words.get("card.title")} •••• ${report.lastFour}`,
    rows: [], said: said("report.sure"),
    acts: [
      ...options(["holder", "merchant", "somebodyElse"], "reporter"),
      { act: "report", text: words.get("report.go"), isPrimary: true },
    ],
  }),
  training: () => {
    const isOn = snapshot.training;
    return {
      title: words.get("training.title"), sub: words.get(isOn ? "training.on" : "training.off"),
      rows: [], said: said("training.what"),
      acts: [{
        act: "train", value: isOn ? "off" : "on", isPrimary: true,
        text: words.get(isOn ? "training.stop" : "training.start"),
      }],
    };
  },
};

/// Draws a panel.
export function draw(panel) {
  const made = panels[panel]();
  if (SHAPES[panel] === "form") paint.form(made);
  else if (SHAPES[panel] === "facts") paint.facts(made);
  else paint.tiles(made);
}
