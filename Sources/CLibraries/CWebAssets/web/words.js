// The words of the page: one table a language, keys not sentences.

const LANGUAGES = ["fr", "en"];
const tables = {};

/// Loads every table; the page is not drawn before.
export async function load() {
  await Promise.all(
    LANGUAGES.map(async (language) => {
      const answer = await fetch(`/messages/${language}.json`, { cache: "no-store" });
      tables[language] = await answer.json();
    }),
  );
}

export const words = {
  language: "fr",

  /// The other languages, by autonym.
  get next() {
    return LANGUAGES[(LANGUAGES.indexOf(this.language) + 1) % LANGUAGES.length];
  },

  use(language) {
    this.language = LANGUAGES.includes(language) ? language : LANGUAGES[0];
    document.documentElement.lang = this.language;
    for (const element of document.querySelectorAll("[data-text]")) {
      element.textContent = this.get(element.dataset.text);
    }
    for (const element of document.querySelectorAll("[data-label]")) {
      element.ariaLabel = this.get(element.dataset.label);
    }
    for (const element of document.querySelectorAll("[data-name]")) {
      element.ariaLabel = this.get(element.dataset.name);
    }
    for (const element of document.querySelectorAll("[data-other-language]")) {
      element.textContent = tables[this.next].name;
      element.lang = this.next;
    }
  },

  /// The sentence of a key, its {names} filled in.
  get(key, values = {}) {
    const sentence = tables[this.language][key] ?? key;
    return sentence.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
  },

  /// "none", "one" or "many" of a key.
  count(key, count, values = {}) {
    const zero = count === 0 && `${key}.zero` in tables[this.language];
    const form = zero ? "zero" : count < 2 ? "one" : "many";
    return this.get(`${key}.${form}`, { count, ...values });
  },

  /// "14:05", of this machine's clock.
  time(milliseconds) {
    const date = new Date(milliseconds);
    return [date.getHours(), date.getMinutes()].map((n) => String(n).padStart(2, "0")).join(":");
  },

  /// "3 nov. 2026"
  date(milliseconds) {
    return `${this.day(milliseconds)} ${new Date(milliseconds).getFullYear()}`;
  },

  /// "3 nov."
  day(milliseconds) {
    const date = new Date(milliseconds);
    const month = this.get("format.months").split(" ")[date.getMonth()];
    return `${date.getDate()} ${month}`;
  },
};
