// M6: the list of operations, by pages (nobody has to scroll), filtered by the card's last digits.

import { text } from "./amount.js";
import { operations as fetchOperations } from "./server.js";
import { words } from "./words.js";

const LIMIT = 200;
const CHIPS = { pending: "#i-wait", settled: "#i-check", rejected: "#i-alert" };

let lines = [];
let digits = "";
let page = 0;

const find = (id) => document.getElementById(id);

function make(name, className, content) {
  const element = document.createElement(name);
  element.className = className;
  if (content !== undefined) element.textContent = content;
  return element;
}

export function icon(reference) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", reference);
  svg.setAttribute("aria-hidden", "true");
  svg.append(use);
  return svg;
}

/// Forgets the filter and asks for the list.
export async function open() {
  digits = "";
  page = 0;
  await refresh();
}

/// Asks for the list again.
export async function refresh() {
  lines = (await fetchOperations(LIMIT)) ?? lines;
  draw();
}

/// A digit, "00" or "erase" typed while the list is shown.
export function type(key) {
  digits = key === "erase" ? digits.slice(0, -1) : (digits + key).slice(-4);
  page = 0;
  draw();
}

/// One page older (1) or newer (-1).
export function turn(step) {
  page += step;
  draw();
}

function isToday(milliseconds) {
  return new Date(milliseconds).toDateString() === new Date().toDateString();
}

function row(line) {
  const item = make("li", "line");
  item.append(make("span", "line-amount digits", text(line.amountCents, words)));
  const chip = make("span", `chip chip-${line.status}`);
  chip.append(icon(CHIPS[line.status]), make("span", "", words.get(`operations.${line.status}`)));
  item.append(chip);
  const day = isToday(line.time) ? "" : `${words.day(line.time)}, `;
  const details = [
    day + words.time(line.time),
    words.get("operations.card", { lastFour: line.lastFour }),
  ];
  if (line.status === "rejected") details.push(words.get("operations.rejectedDo"));
  else if (!line.authorised) details.push(words.get("operations.offline"));
  item.append(make("span", "line-detail digits", details.join(" · ")));
  return item;
}

/// Draws what is known; called again when the language changes.
export function draw() {
  const list = find("list");
  const today = lines.filter((line) => isToday(line.time));
  const sum = today.reduce((total, line) => total + line.amountCents, 0);
  find("operations-sum").textContent = words.count("operations.today", today.length, {
    amount: text(sum, words),
  });
  find("filter").textContent = digits === ""
    ? words.get("operations.filterNone")
    : words.get("operations.filter", { digits: digits.padStart(4, "–") });
  const shown = lines.filter((line) => line.lastFour.endsWith(digits));
  const lineHeight = parseFloat(getComputedStyle(list).getPropertyValue("--line")) *
    parseFloat(getComputedStyle(document.documentElement).fontSize);
  const size = Math.max(1, Math.floor((list.clientHeight + 1) / lineHeight));
  const pages = Math.max(1, Math.ceil(shown.length / size));
  page = Math.min(Math.max(page, 0), pages - 1);
  list.replaceChildren(...shown.slice(page * size, (page + 1) * size).map(row));
  const empty = find("list-empty");
  empty.hidden = shown.length > 0;
  empty.textContent = words.get(digits === "" ? "operations.empty" : "operations.emptyFilter");
  document.querySelector('[data-act="newer"]').disabled = page === 0;
  document.querySelector('[data-act="older"]').disabled = page >= pages - 1;
}
