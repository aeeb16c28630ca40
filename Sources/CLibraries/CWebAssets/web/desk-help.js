// M9: what to try, and what to read out on the telephone.

import { printerNote } from "./desk-receipt.js";
import { desk, said } from "./desk-state.js";
import { ask } from "./server.js";
import { words } from "./words.js";

let facts = null;

async function refresh() {
  facts = await ask("help");
  desk.redraw();
}

function draw() {
  const { network, queue, printer, policyVersion } = desk.snapshot;
  const state = words.get(`network.${network.state}`, { count: network.count });
  return {
    title: words.get("help.title"), sub: words.get("help.sub"),
    rows: facts === null ? [] : [
      [words.get("help.code"), `ECO-${facts.code}`],
      [words.get("help.terminal"), facts.terminal],
      [words.get("help.reader"), facts.reader ?? words.get("reader.absent")],
      [words.get("help.network"), network.since
        ? words.get("help.since", { state, time: words.time(network.since) }) : state],
      [words.get("help.queue"), String(queue.count)],
      [words.get("help.printer"), words.get(`help.printer.${printer === "none" ? "none"
        : ["idle", "printing"].includes(printer) ? "ready" : "trouble"}`)],
      [words.get("help.version"), facts.version || "–"],
      [words.get("help.policy"), String(policyVersion)],
    ],
    said: said() ?? printerNote(),
    acts: [
      { act: "checkCard", text: words.get("help.testReader"), isPrimary: true },
      { act: "testSound", text: words.get("help.testSound") },
      { act: "send", text: words.get("help.testNetwork"), isDisabled: queue.count === 0 },
    ],
  };
}

export const panels = {
  help: {
    shape: "facts", parent: "menu", draw, opened: refresh,
    left: () => { facts = null; },
    receive: () => { if (facts !== null) refresh(); },
  },
};

export const acts = {};
