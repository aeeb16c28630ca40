// Ecological actions: the tiles of the two Parcours, then how much of one.

import * as amount from "./amount.js";
import * as catalogue from "./catalogue.js";
import { desk, order, said } from "./desk-state.js";
import { words } from "./words.js";

const QUANTITY_MAX = 1_000_000_000;
const TILES = 6; // on one page; nobody has to scroll

let action = null;
let parcours = "cuisines";
let tilePage = 0;

const decimals = () => (action.unit === "kilogram" ? 3 : 0);
const thousandths = () => amount.cents(desk.draft, decimals()) * (decimals() ? 1 : 1000);

// One page of tiles; the last tile turns to the next page, after the last one to the first.
function pageOf(all) {
  if (all.length <= TILES) return all;
  const pages = Math.ceil(all.length / (TILES - 1));
  const from = (tilePage % pages) * (TILES - 1);
  const more = { act: "moreTiles", text: words.get("actions.more"),
    detail: `${(tilePage % pages) + 1}/${pages}` };
  return [...all.slice(from, from + TILES - 1), more];
}

function drawActions() {
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
}

function drawQuantity() {
  return {
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
  };
}

export const panels = {
  actions: { shape: "tiles", draw: drawActions },
  quantity: {
    shape: "form", parent: "actions", isPossible: () => action !== null, draw: drawQuantity,
    type: (key) => {
      const most = decimals() ? QUANTITY_MAX : 1_000_000;
      desk.draft = amount.typed(desk.draft, key, decimals(), most);
    },
    go: () => order("quantity", "act", { code: action.code, quantity: thousandths() }),
  },
};

export const acts = {
  parcours: (_, value) => { parcours = value; tilePage = 0; desk.redraw(); },
  moreTiles: () => { tilePage += 1; desk.redraw(); },
  action: (_, code) => { action = catalogue.find(code); desk.open("quantity"); },
};
