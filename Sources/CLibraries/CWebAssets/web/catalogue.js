// The ecological actions of the policy in force, asked for again when the policy changes.

import { quantityText } from "./amount.js";
import { ask } from "./server.js";
import { words } from "./words.js";

let actions = [];
let version = null;
let chosen = null; // the action the last order was about

/// Asks for the catalogue of a policy version once; true when it came anew.
export async function load(policyVersion) {
  if (version === policyVersion) return false;
  version = policyVersion;
  const answer = await ask("catalogue");
  if (answer === null) {
    version = null;
    return false;
  }
  actions = answer.actions;
  return true;
}

/// The actions of a Parcours, "cuisines" or "textile".
export function of(parcours) {
  return actions.filter((action) => action.parcours === parcours);
}

/// An action by its code, or undefined.
export function find(code) {
  const action = actions.find((one) => one.code === code);
  if (action) chosen = action;
  return action;
}

function word(texts) {
  return texts?.[words.language] ?? texts?.fr ?? Object.values(texts ?? {})[0] ?? "";
}

/// What a button says.
export const label = (code) => word(find(code)?.labels) || code;
/// What the action counts for.
export const purpose = (code) => word(find(code)?.purpose);
/// "piece" or "kilogram".
export const unit = (code) => find(code)?.unit ?? "piece";
/// "2,500 kg": in the unit of the action that is meant.
export const amountOf = (thousandths) =>
  quantityText(thousandths, chosen?.unit ?? "piece", words);
