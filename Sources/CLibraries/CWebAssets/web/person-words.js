// The words of the person before the terminal: the customer display and the consent. Shaped like
// words.js, with more languages; the table of a language is loaded when it is wanted.

const tables = {};
let languages = []; // in the order of the choice

async function table(path) {
  const answer = await fetch(`/messages/${path}.json`, { cache: "no-store" });
  if (!answer.ok) throw new Error(path);
  return answer.json();
}

/// Loads the names of the languages and every table. Nothing is drawn before.
export async function load() {
  languages = (await table("languages")).person;
  await Promise.all(languages.map(async (language) => {
    tables[language] ??= await table(`person/${language}`);
  }));
}

export const words = {
  language: "fr",

  /// Those that `offered` names, in the order of the choice: [{ language, name, direction }].
  choices(offered = languages) {
    return languages.filter((language) => offered.includes(language)).map((language) => ({
      language, name: tables[language].name, direction: tables[language]["format.direction"],
    }));
  },

  /// "ltr" or "rtl".
  get direction() { return this.get("format.direction"); },

  /// Turns `root` to a language: its `lang`, its `dir`, and the sentences that stand in it.
  use(language, root = document.documentElement) {
    this.language = language in tables ? language : languages[0];
    root.lang = this.language;
    root.dir = this.direction;
    for (const [attribute, property] of [
      ["person-text", "textContent"], ["person-label", "ariaLabel"],
    ]) {
      for (const element of root.querySelectorAll(`[data-${attribute}]`)) {
        element[property] = this.get(element.getAttribute(`data-${attribute}`));
      }
    }
  },

  /// The sentence of a key, its {names} filled in.
  get(key, values = {}) {
    const sentence = tables[this.language][key] ?? key;
    return sentence.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
  },

  /// The text of this language among texts by language ("fr-x-falc" falls back on "fr").
  pick(texts) {
    return texts?.[this.language] ?? texts?.[this.language.split("-")[0]] ?? texts?.fr ?? "";
  },
};
