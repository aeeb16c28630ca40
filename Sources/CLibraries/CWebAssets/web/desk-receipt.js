// Receipts: on the screen as a QR symbol, on paper when there is a printer.

import { desk, order, said } from "./desk-state.js";
import { ask } from "./server.js";
import { words } from "./words.js";

let id = null; // the operation
let receipt = null; // what the terminal says of it, in the language it was asked in
let asked = null; // "id language" of that question

let from = null; // the panel it was asked for on

/// Opens the receipt of an operation.
export function show(operation, panel = null) {
  id = operation;
  from = panel;
  desk.open("receipt");
}

async function load() {
  const key = `${id} ${words.language}`;
  if (asked === key) return;
  asked = key;
  const answer = await ask("receipt", { id, language: words.language });
  if (asked !== key) return;
  receipt = answer;
  desk.redraw();
}

/// The address of the QR symbol of an operation or a closure.
export const image = (of) =>
  `/api/receipt.svg?${new URLSearchParams({ id: of, language: words.language })}`;

/// What a printer says, as a note; null while there is nothing to say.
export function printerNote() {
  const state = desk.snapshot.printer;
  if (["none", "idle"].includes(state)) return null;
  return { kind: state === "printing" ? "warn" : "bad", text: words.get(`printer.${state}`) };
}

/// The button that prints an operation or a closure, when there is a printer.
export const printButton = (of) => (desk.snapshot.printer === "none" ? null : {
  act: "print", value: of, text: words.get("receipt.print"),
  isDisabled: desk.snapshot.printer === "printing",
});

function draw() {
  load();
  const shown = receipt?.id === id ? receipt : null;
  return {
    title: words.get("receipt.title"), sub: shown?.title ?? "",
    image: image(id), alt: words.get("receipt.code"),
    rows: (shown?.rows ?? []).map(({ label, value }) => [label, value]),
    said: said() ?? printerNote(),
    acts: [
      { ...(printButton(id) ?? {}), isPrimary: true },
      { act: "back", text: words.get("action.finish"), isPrimary: !printButton(id) },
    ].filter((act) => act.act),
  };
}

export const panels = {
  receipt: {
    shape: "code", parent: () => from, isPossible: () => id !== null, draw,
    opened: () => { asked = null; },
  },
};

export const acts = {
  showReceipt: (panel, of) => show(of, panel),
  print: (panel, of) => order(panel, "print", { id: of, language: words.language }),
};
