// Amounts: integer cents, drawn and typed. No arithmetic on fractions anywhere.

export const CENTS_MAX = 99_999_999;

/// The three parts of an amount: "1 234,50", "ECO", and how it is spoken.
export function parts(cents, words) {
  const whole = String(Math.floor(cents / 100));
  const hundredths = String(cents % 100).padStart(2, "0");
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, words.get("format.group"));
  return {
    number: grouped + words.get("format.decimal") + hundredths,
    spoken: words.get("format.spoken", { whole, cents: hundredths }),
  };
}

/// "1 234,50 ECO" for sentences; its spaces do not break.
export function text(cents, words) {
  return parts(cents, words).number + words.get("format.unit");
}

/// Like `text`, for sums that may be below zero (U+2212).
export function signed(cents, words) {
  return (cents < 0 ? "\u2212" : "") + text(Math.abs(cents), words);
}

/// A quantity in thousandths of "piece" or "kilogram": its number and its unit.
export function quantityParts(thousandths, unit, words) {
  const whole = String(Math.floor(thousandths / 1000));
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, words.get("format.group"));
  if (unit !== "kilogram") {
    const count = Math.floor(thousandths / 1000);
    return { number: grouped, unit: words.count("unit.piece", count) };
  }
  const decimals = String(thousandths % 1000).padStart(3, "0");
  return { number: grouped + words.get("format.decimal") + decimals, unit: "kg" };
}

/// "2,500 kg" for sentences.
export function quantityText(thousandths, unit, words) {
  const { number, unit: name } = quantityParts(thousandths, unit, words);
  return `${number}\u00a0${name}`;
}

/// Draws a quantity like an amount.
export function drawQuantity(element, thousandths, unit, words) {
  const { number, unit: name } = quantityParts(thousandths, unit, words);
  drawParts(element, number, name, `${number} ${name}`);
}

/// Draws an amount into an element: big number, small unit, and its spoken form for a reader.
export function draw(element, cents, words) {
  const { number, spoken } = parts(cents, words);
  drawParts(element, number, "ECO", spoken);
}

/// Draws a number, its unit ("": none) and its spoken form.
export function drawParts(element, number, name, spoken) {
  const shown = document.createElement("bdi");
  shown.dir = "ltr";
  shown.className = "digits";
  shown.textContent = number;
  shown.ariaHidden = "true";
  const unit = document.createElement("span");
  unit.className = "unit";
  unit.textContent = name;
  unit.ariaHidden = "true";
  const voice = document.createElement("span");
  voice.className = "unseen";
  voice.textContent = spoken;
  element.replaceChildren(shown, unit, voice);
  element.dataset.size = number.length <= 5 ? "short" : number.length <= 8 ? "medium" : "long";
}

/// A draft is what was typed: digits filled from the right, or with one comma as on paper.
/// "1250" and "12,5" are both 12,50. Without decimals a draft is a whole number.
export function typed(draft, key, decimals = 2, max = CENTS_MAX) {
  if (key === "erase") return draft.slice(0, -1);
  if (key === ",") {
    const next = (draft || "0") + ",";
    const isWrong = decimals === 0 || draft.includes(",") || cents(next, decimals) > max;
    return isWrong ? draft : next;
  }
  let next = draft;
  for (const digit of key) {
    if (next.includes(",") && next.split(",")[1].length >= decimals) break;
    if (!next.includes(",") && next === "" && digit === "0") continue;
    if (cents(next + digit, decimals) > max) break;
    next += digit;
  }
  return next;
}

/// Cents of a draft; with three decimals, thousandths.
export function cents(draft, decimals = 2) {
  if (draft === "") return 0;
  if (!draft.includes(",")) return Number(draft);
  const [whole, fraction] = draft.split(",");
  return Number(whole) * 10 ** decimals + Number(fraction.padEnd(decimals, "0"));
}
