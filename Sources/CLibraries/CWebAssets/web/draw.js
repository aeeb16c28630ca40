// Draws a snapshot. Pure but for the document: same snapshot, same screen.

import * as amount from "./amount.js";
import * as catalogue from "./catalogue.js";
import { fill } from "./fill.js";
import { words } from "./words.js";

const HOUR = 3_600_000;
const ARMED = 60_000; // milliseconds a full bar stands for
const SOON = 15_000;

const find = (id) => document.getElementById(id);

function label(element, reference, content) {
  element.querySelector("use").setAttribute("href", reference);
  element.querySelector("span").textContent = content;
}

/// The screen of a stage.
export function screenOf(stage) {
  switch (stage.name) {
    case "amountEntry": return "ready";
    case "outOfService": return "service";
    case "presentCard":
    case "reading":
    case "removedTooSoon": return "pay";
    case "completed":
      if (stage.armed.purpose.kind === "enrolment") return "given";
      return stage.completed.report ? "facts" : "result";
    default: return "result";
  }
}

/// Shows one screen and hides the others.
export function show(screen) {
  for (const section of document.querySelectorAll("[data-screen]")) {
    section.hidden = section.dataset.screen !== screen;
  }
  document.body.dataset.shown = screen;
}

/// How many of the four lights burn (UX.md §1.4): 1 while a card is awaited, 4 when it was read.
export function lightsOf(stage) {
  switch (stage.name) {
    case "amountEntry": case "presentCard": case "removedTooSoon": return 1;
    case "reading": return Math.max(1, stage.step ?? 0);
    case "accepted": case "completed": return 4;
    default: return 0;
  }
}

function lights(stage) {
  const count = lightsOf(stage);
  for (const group of document.querySelectorAll("[data-lights]")) {
    [...group.children].forEach((light, index) => {
      light.classList.toggle("on", index < count);
      light.classList.toggle("blinks", index === 0 && stage.name === "amountEntry");
    });
  }
}

/// The strip on top of a screen. The queue opens the list from a resting screen; while a customer
/// looks at the screen, its sums are nobody's business.
export function strip(snapshot, screen) {
  const { network, queue } = snapshot;
  lights(snapshot.stage);
  label(
    find("network"),
    { online: "#i-online", synchronising: "#i-sync" }[network.state] ?? "#i-offline",
    words.get(`network.${network.state}`, { count: network.count }),
  );
  find("network").dataset.state = network.state;
  find("merchant").textContent = snapshot.training ? words.get("training") : snapshot.merchant;
  document.body.dataset.training = snapshot.training;

  const pill = find("pill-queue");
  pill.hidden = queue.count === 0;
  const total = amount.text(queue.totalCents, words);
  // In training the strip holds one word more.
  label(pill, "#i-wait", snapshot.training ? `${queue.count}` : `${queue.count} · ${total}`);
  const age = queue.oldest == null ? 0 : Date.now() - queue.oldest;
  pill.dataset.age = age >= 24 * HOUR ? "bad" : age >= 4 * HOUR ? "warn" : "fresh";
  const rejected = find("pill-rejected");
  rejected.hidden = queue.rejected === 0;
  label(rejected, "#i-alert", words.count("rejected", queue.rejected));
  const pills = find("pills");
  pills.hidden = ["pay", "consent", "keyboard"].includes(screen) || (pill.hidden && rejected.hidden);
  pills.disabled = screen !== "ready" && screen !== "service";
  pills.ariaLabel = [
    pill.hidden ? null : words.count("queue", queue.count, { amount: total }),
    rejected.hidden ? null : words.count("rejected", queue.rejected),
  ].filter(Boolean).join(". ");

  const reader = find("reader");
  reader.querySelector("use").setAttribute(
    "href", snapshot.reader === "ready" ? "#i-reader" : "#i-reader-absent");
  reader.ariaLabel = words.get(`reader.${snapshot.reader}`);
  reader.dataset.state = snapshot.reader;
  const clock = find("clock");
  const face = snapshot.clock === "trusted" ? "#i-clock" : "#i-clock-doubt";
  label(clock, face, words.time(Date.now()));
  clock.querySelector(".unseen").textContent = words.get(`clock.${snapshot.clock}`);
  clock.dataset.state = snapshot.clock;
}

/// M0. `notice`: a message key that outweighs the standing note.
export function ready(snapshot, draft, notice) {
  const cents = amount.cents(draft);
  amount.draw(find("draft"), cents, words);
  const charge = find("charge");
  charge.disabled = cents === 0;
  charge.textContent = cents === 0
    ? words.get("ready.charge")
    : words.get("ready.chargeAmount", { amount: amount.text(cents, words) });
  const note = find("note");
  const said = notice
    ? ["bad", "#i-alert", words.get(notice)]
    : snapshot.queue.rejected > 0
      ? ["bad", "#i-alert", words.get("note.rejected")]
      : snapshot.clock === "wrong"
        ? ["warn", "#i-clock-doubt", words.get("note.clockWrong")]
      : snapshot.network.state === "offline"
        ? ["warn", "#i-offline", offlineNote(snapshot)]
        : null;
  note.hidden = said === null;
  if (said === null) return;
  note.dataset.kind = said[0];
  label(note, said[1], said[2]);
}

function offlineNote({ network, offlineLimitCents }) {
  if (offlineLimitCents == null) return words.get("note.offlinePlain");
  const limit = amount.text(offlineLimitCents, words);
  return network.since == null
    ? words.get("note.offline", { amount: limit })
    : words.get("note.offlineSince", { amount: limit, time: words.time(network.since) });
}

/// M1, M2, M2b. `deadline`: when the operation lapses, in performance.now() milliseconds.
export function pay(stage, deadline, lane) {
  const section = document.querySelector('[data-screen="pay"]');
  section.dataset.mode = stage.name;
  const { kind } = stage.armed.purpose;
  find("pay-label").textContent = kind === "action"
    ? catalogue.label(stage.armed.purpose.code)
    : words.get(`pay.label.${kind}`);
  find("pay-amount").hidden = ["cardCheck", "enrolment"].includes(kind);
  drawMatter(find("pay-amount"), stage.armed);
  const headline = { presentCard: "present", reading: "reading", removedTooSoon: "removed" };
  const isLaying = kind === "enrolment" && stage.name === "presentCard";
  find("pay-headline").textContent =
    words.get(isLaying ? "pay.lay" : `pay.${headline[stage.name]}`);
  find("pay-hint").textContent = stage.name === "removedTooSoon" ? words.get("pay.same") : "";
  row(lane);
  [...section.querySelectorAll(".dots i")].forEach((dot, index) => {
    dot.classList.toggle("on", index < (stage.step ?? 0));
  });
  const isWaiting = stage.name !== "reading";
  find("pay-time").hidden = !isWaiting || lane !== undefined;
  find("pay-acts").hidden = !isWaiting;
  if (isWaiting) time(deadline);
}

// A row of cards: how many were given, and the one touch that ends it.
function row(lane) {
  const [cancel, extend, end] = find("pay-acts").children;
  cancel.hidden = extend.hidden = lane !== undefined;
  end.hidden = lane === undefined;
  find("pay-count").hidden = lane === undefined;
  if (lane === undefined) return;
  find("pay-count").replaceChildren(...[
    words.count("lane.count", lane.count),
    lane.lastFour ? words.get("lane.last", { lastFour: lane.lastFour }) : null,
  ].filter(Boolean).map((text) => {
    const line = document.createElement("span");
    line.textContent = text;
    return line;
  }));
}

/// The bar and its seconds; true when they run out soon.
export function time(deadline) {
  const left = Math.max(0, deadline - performance.now());
  find("left").textContent = words.get("pay.left", { seconds: Math.ceil(left / 1000) });
  find("bar").style.transform = `scaleX(${Math.min(1, left / ARMED)})`;
  const isSoon = left <= SOON;
  find("pay-time").classList.toggle("soon", isSoon);
  return isSoon;
}

function button([act, content, isFirst]) {
  const made = document.createElement("button");
  made.type = "button";
  made.className = isFirst ? "primary" : "secondary";
  made.dataset.act = act;
  made.textContent = content;
  return made;
}

/// What may be done about a result: [act, words, true for the first].
const offer = (...acts) => fill(find("result-acts"), acts, button);

/// The amount of an operation, or an action's quantity.
function drawMatter(element, { purpose, amountCents }) {
  if (purpose.kind !== "action") return amount.draw(element, amountCents, words);
  amount.drawQuantity(element, purpose.quantity, catalogue.unit(purpose.code), words);
}

/// Another card may pay what the first one could not.
export function rest(cents) {
  const section = document.querySelector('[data-screen="result"]');
  section.dataset.kind = "rest";
  find("take").hidden = true;
  find("offline-bar").hidden = true;
  find("result-what").textContent = words.get("rest.what");
  find("result-amount").hidden = false;
  amount.draw(find("result-amount"), cents, words);
  find("result-do").textContent = words.get("rest.do");
  find("result-detail").textContent = "";
  offer(["payRest", words.get("rest.pay"), true], ["dropRest", words.get("rest.drop")]);
}

function completed({ armed, completed: done }) {
  const { kind } = armed.purpose;
  find("result-what").textContent = words.get(`done.${kind}`);
  drawMatter(find("result-amount"), armed);
  find("result-do").textContent = kind === "action" ? catalogue.purpose(armed.purpose.code) : "";
  find("result-detail").textContent = words.get("result.card", { lastFour: done.lastFour });
  offer(
    ["finish", words.get("result.continue"), true], ["receipt", words.get("result.receipt")]);
}

/// M3, M3o, M4, M5, and what is done beside paying.
export function result(stage, restCents, lane, isAgain) {
  outcome(stage, restCents, lane);
  if (!isAgain) return;
  find("result-what").textContent = again(stage);
  find("result-do").textContent = "";
  find("take").hidden = false;
}

/// The card of a result came once more.
export const again = (stage) =>
  words.get(stage.name === "accepted" ? "result.againPaid" : "result.again");

function outcome(stage, restCents, lane) {
  const section = document.querySelector('[data-screen="result"]');
  const done = stage.accepted ?? stage.completed;
  section.dataset.kind = stage.name === "completed" ? "accepted" : stage.name;
  section.dataset.purpose = stage.armed?.purpose.kind ?? "payment";
  find("take").hidden = !done?.cardPresent;
  find("offline-bar").hidden = !done?.offline;
  find("result-amount").hidden = !done;
  if (stage.name === "completed") {
    completed(stage);
  } else if (stage.name === "accepted") {
    const { amountCents, lastFour } = stage.accepted;
    find("result-what").textContent = words.get("result.accepted");
    amount.draw(find("result-amount"), amountCents, words);
    const owed = amount.text(restCents ?? 0, words);
    find("result-do").textContent = restCents ? words.get("rest.left", { amount: owed }) : "";
    find("result-detail").textContent = words.get("result.card", { lastFour });
    if (restCents) {
      return offer(
        ["payRest", words.get("rest.pay"), true], ["finish", words.get("rest.later")]);
    }
    offer(
      ["finish", words.get("result.continue"), true], ["receipt", words.get("result.receipt")]);
  } else if (stage.name === "refused") {
    const { refusal } = stage;
    find("result-what").textContent = what(refusal);
    find("result-do").textContent = whatToDo(refusal);
    find("result-detail").textContent = words.get("result.code", { code: refusal.code });
    const lesser = amount.text(refusal.lesserCents ?? 0, words);
    offer(...(lane ? [["endLane", words.get("lane.end"), false]] : refusal.actions.map(
      (act, index) => [act, words.get(`action.${act}`, { amount: lesser }), index === 0])));
  } else {
    find("result-what").textContent = words.get("result.unknown");
    find("result-do").textContent = words.get("result.unknownDo");
    find("result-detail").textContent = [
      amount.text(stage.armed.amountCents, words), words.get("result.code", { code: "X01" }),
    ].join(" · ");
    offer(["verify", words.get("result.verify"), true]);
  }
}

export function what(refusal) {
  return words.get(`refusal.${refusal.message}.what`);
}

export function whatToDo(refusal) {
  return words.get(`refusal.${refusal.message}.do`, {
    amount: amount.text(refusal.sentenceCents ?? 0, words),
    quantity: catalogue.amountOf(refusal.leftQuantity ?? 0),
  });
}

/// Out of service.
export function service(refusal) {
  find("service-what").textContent = what(refusal);
  find("service-do").textContent = whatToDo(refusal);
  find("service-code").textContent = words.get("result.code", { code: refusal.code });
}

/// The sentence a screen reader says for a stage.
export function spoken(stage) {
  const said = (cents) => amount.parts(cents, words).spoken;
  switch (stage.name) {
    case "completed":
      return [words.get(`done.${stage.armed.purpose.kind}`),
        stage.completed.cardPresent ? words.get("result.take") : null].filter(Boolean).join(". ");
    case "presentCard":
      if (stage.armed.purpose.kind === "enrolment") return words.get("pay.lay");
      return `${words.get("pay.present")}. ${said(stage.armed.amountCents)}`;
    case "reading": return words.get("pay.reading");
    case "removedTooSoon": return `${words.get("pay.removed")}. ${words.get("pay.same")}`;
    case "accepted":
      return [
        `${words.get("result.accepted")}. ${said(stage.accepted.amountCents)}.`,
        stage.accepted.offline ? words.get("result.offline") : null,
        stage.accepted.cardPresent ? words.get("result.take") : null,
      ].filter(Boolean).join(" ");
    case "refused":
    case "outOfService":
      return `${what(stage.refusal)} ${whatToDo(stage.refusal)} ${
        words.get("result.code", { code: stage.refusal.code })}`;
    case "unknownResult": return `${words.get("result.unknown")}. ${words.get("result.unknownDo")}`;
    default: return words.get("screen.ready");
  }
}
