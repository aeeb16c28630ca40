// Sentences of everything beside paying: what the terminal answered, what an operation was.

import * as amount from "./amount.js";
import * as catalogue from "./catalogue.js";
import { words } from "./words.js";

/// The sentence of a problem.
export function told(found) {
  if (!found) return null;
  const cents = amount.text(Math.max(0, found.left ?? 0), words);
  switch (found.code) {
    case "rule":
    case "out-of-service": {
      const values = { amount: cents, quantity: catalogue.amountOf(Math.max(0, found.left ?? 0)) };
      return ["what", "do"].map((part) =>
        words.get(`refusal.${found.message}.${part}`, values)).join(" ");
    }
    case "pin-wrong": return words.count("note.pinWrong", found.triesLeft ?? 0);
    case "pin-locked": return found.waitSeconds === undefined
      ? words.get("note.pinLocked")
      : words.get("note.pinWait", { time: waiting(found.waitSeconds) });
    case "pin-missing": return words.get("note.pinMissing");
    case "amount-invalid": return words.get("note.amountInvalid");
    case "busy": return words.get("note.busy");
    case "printer-missing": return words.get("printer.none");
    case "printer-busy": return words.get("printer.busy");
    case "export-failed": return words.get("closure.exportFailed");
    case "unknown-result": return words.get("note.unknown");
    default: return words.get("note.failed");
  }
}

function waiting(seconds) {
  const minutes = Math.ceil(seconds / 60);
  return seconds < 60
    ? words.count("time.seconds", seconds) : words.count("time.minutes", minutes);
}

/// "12,50 ECO", "2,500 kg", or nothing.
export function matter(one) {
  if (one.kind === "action") {
    return amount.quantityText(one.quantity, catalogue.unit(one.code), words);
  }
  return one.amountCents === undefined ? "" : amount.text(one.amountCents, words);
}

/// "Paiement", or the label of an action.
export function title(one) {
  return one.kind === "action" ? catalogue.label(one.code) : words.get(`kind.${one.kind}`);
}

