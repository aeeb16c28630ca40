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

/// Draws an amount into an element: big number, small unit, and its spoken form for a reader.
export function draw(element, cents, words) {
  const { number, spoken } = parts(cents, words);
  const shown = document.createElement("bdi");
  shown.dir = "ltr";
  shown.className = "digits";
  shown.textContent = number;
  shown.ariaHidden = "true";
  const unit = document.createElement("span");
  unit.className = "unit";
  unit.textContent = "ECO";
  unit.ariaHidden = "true";
  const voice = document.createElement("span");
  voice.className = "unseen";
  voice.textContent = spoken;
  element.replaceChildren(shown, unit, voice);
  element.dataset.size = number.length <= 5 ? "short" : number.length <= 8 ? "medium" : "long";
}

/// A draft is what was typed: digits filled from the right, or with one comma as on paper.
/// "1250" and "12,5" are both 12,50.
export function typed(draft, key) {
  if (key === "erase") return draft.slice(0, -1);
  if (key === ",") {
    const next = (draft || "0") + ",";
    return draft.includes(",") || cents(next) > CENTS_MAX ? draft : next;
  }
  let next = draft;
  for (const digit of key) {
    if (next.includes(",") && next.split(",")[1].length >= 2) break;
    if (!next.includes(",") && next === "" && digit === "0") continue;
    if (cents(next + digit) > CENTS_MAX) break;
    next += digit;
  }
  return next;
}

/// Cents of a draft.
export function cents(draft) {
  if (draft === "") return 0;
  if (!draft.includes(",")) return Number(draft);
  const [whole, decimals] = draft.split(",");
  return Number(whole) * 100 + Number(decimals.padEnd(2, "0"));
}
