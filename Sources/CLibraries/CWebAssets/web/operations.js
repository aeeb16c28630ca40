// M6: the list of operations, by pages (nobody has to scroll), filtered by the card's last digits.

import { text } from "./amount.js";
import { matter, title } from "./desk-words.js";
import { fill } from "./fill.js";
import { ask } from "./server.js";
import { words } from "./words.js";

const LIMIT = 200;
const CHIPS = { pending: "#i-wait", settled: "#i-check", rejected: "#i-alert" };

const STATUSES = ["all", ...Object.keys(CHIPS)];
const KINDS = ["all", "payment", "refund", "reversal", "topUp", "action", "enrolment", "cardEvent"];

let lines = [];
let kind = "all";
let status = "all";
let digits = "";
let page = 0;

const find = (id) => document.getElementById(id);

function make(name, className, content) {
  const element = document.createElement(name);
  element.className = className;
  if (content !== undefined) element.textContent = content;
  return element;
}

function icon(reference) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", reference);
  svg.setAttribute("aria-hidden", "true");
  svg.append(use);
  return svg;
}

/// Asks for the list; the filter is forgotten but for the status that was asked for.
export async function open(wanted = "all") {
  digits = "";
  page = 0;
  kind = "all";
  status = wanted;
  draw(); // what is known; the terminal's answer follows
  await refresh();
}

/// The next kind of operation alone.
export async function nextKind() {
  kind = KINDS[(KINDS.indexOf(kind) + 1) % KINDS.length];
  page = 0;
  await refresh();
}

/// The next state with the ledger alone.
export async function nextStatus() {
  status = STATUSES[(STATUSES.indexOf(status) + 1) % STATUSES.length];
  page = 0;
  await refresh();
}

/// The line of an operation that is shown.
export const lineOf = (id) => lines.find((line) => line.id === id);

/// Asks for the list again.
export async function refresh() {
  const query = { limit: LIMIT };
  if (kind !== "all") query.kind = kind;
  if (status !== "all") query.status = status;
  if (digits.length === 4) query.card = digits;
  lines = (await ask("journal", query))?.lines ?? lines;
  draw();
}

/// A digit, "00" or "erase" typed while the list is shown.
export function type(key) {
  const before = digits;
  digits = key === "erase" ? digits.slice(0, -1) : (digits + key).slice(-4);
  page = 0;
  draw();
  // Whole digits are looked for in the whole journal.
  if (digits.length === 4 || before.length === 4) refresh();
}

/// One page older (1) or newer (-1).
export function turn(step) {
  page += step;
  draw();
}

// What stands above the list may still change its height: a page has as many lines as fit now.
new ResizeObserver(() => { if (find("list").clientHeight > 0) draw(); }).observe(find("list"));

function isToday(milliseconds) {
  return new Date(milliseconds).toDateString() === new Date().toDateString();
}

// What stands on a line.
function describe(line) {
  const day = isToday(line.time) ? "" : `${words.day(line.time)}, `;
  const details = [day + words.time(line.time)];
  // What to do about a rejected one takes the room of what its own page tells.
  const isRejected = line.status === "rejected";
  const isNamed = matter(line) && !(isRejected && line.kind === "payment");
  if (isNamed) details.push(title(line));
  if (line.lastFour && !(isRejected && isNamed)) {
    details.push(words.get("operations.card", { lastFour: line.lastFour }));
  }
  if (line.training) details.push(words.get("training"));
  if (line.reversed) details.push(words.get("operations.reversed"));
  if (isRejected && !line.verdict) details.push(words.get("operations.rejectedDo"));
  return {
    id: line.id, amount: matter(line) || title(line), status: line.status,
    said: words.get(`operations.${line.verdict ?? line.status}`), details: details.join(" · "),
  };
}

function row({ id, amount, status, said, details }) {
  const item = make("li", "line-item");
  const button = make("button", "line");
  button.type = "button";
  button.dataset.act = "operation";
  button.dataset.value = id;
  item.append(button);
  button.append(make("span", "line-amount digits", amount));
  const chip = make("span", `chip chip-${status}`);
  chip.append(icon(CHIPS[status]), make("span", "", said));
  button.append(chip, make("span", "line-detail digits", details));
  return item;
}

/// Draws what is known; called again when the language changes.
export function draw() {
  const list = find("list");
  const today = lines.filter(
    (line) => line.kind === "payment" && isToday(line.time) && !line.training && !line.reversed);
  const sum = today.reduce((total, line) => total + line.amountCents - line.refundedCents, 0);
  find("kind").textContent = words.get(kind === "all" ? "kind.all" : `kind.${kind}`);
  find("operations-sum").textContent = words.count("operations.today", today.length, {
    amount: text(sum, words),
  });
  const typed = digits === ""
    ? words.get("operations.filterNone")
    : words.get("operations.filter", { digits: digits.padStart(4, "–") });
  const named = words.get(status === "all" ? "kind.all" : `operations.${status}`);
  find("filter").textContent = status === "all" ? typed : digits === "" ? named : `${named} · ${typed}`;
  const button = find("status");
  button.querySelector("use").setAttribute("href", CHIPS[status] ?? "#i-list");
  button.ariaPressed = String(status !== "all");
  button.ariaLabel = words.get("operations.byStatus", { status: named });
  const shown = lines.filter((line) => (line.lastFour ?? "").endsWith(digits));
  const empty = find("list-empty"); // it takes room: a page is measured without it
  empty.hidden = shown.length > 0;
  const lineHeight = parseFloat(getComputedStyle(list).getPropertyValue("--line")) *
    parseFloat(getComputedStyle(document.documentElement).fontSize);
  const size = Math.max(1, Math.floor((list.clientHeight + 1) / lineHeight));
  const pages = Math.max(1, Math.ceil(shown.length / size));
  page = Math.min(Math.max(page, 0), pages - 1);
  fill(list, shown.slice(page * size, (page + 1) * size).map(describe), row);
  empty.textContent = words.get(digits === "" ? "operations.empty" : "operations.emptyFilter");
  document.querySelector('[data-act="newer"]').disabled = page === 0;
  document.querySelector('[data-act="older"]').disabled = page >= pages - 1;
}
