// Who is at the terminal: roles sign in with a PIN for two minutes; and training.

import { desk, options, order, said, typeDigits } from "./desk-state.js";
import { perform } from "./server.js";
import { words } from "./words.js";

async function signIn() {
  const pin = desk.draft;
  desk.draft = "";
  const answer = await perform("sign-in", { pin, role: desk.choice });
  desk.problem = answer.problem;
  if (desk.problem) return desk.redraw();
  if (!desk.pending) return desk.open("menu");
  const { name, body, panel, done } = desk.pending;
  desk.pending = null;
  desk.open(panel);
  return order(panel, name, body, done);
}

const drawRole = () => ({
  title: words.get("role.title"), sub: desk.pending ? words.get("role.needed") : "",
  label: words.get("role.pin"),
  value: (element) => {
    element.textContent = "●".repeat(desk.draft.length) || "–";
    element.dataset.size = desk.draft.length > 5 ? "long" : "medium";
    element.ariaLabel = words.count("role.digits", desk.draft.length);
  },
  said: said(), options: options(["manager", "enroller", "technician"], "role"),
  go: { text: words.get("role.go"), isDisabled: desk.draft.length < 4 },
});

function drawTraining() {
  const isOn = desk.snapshot.training;
  return {
    title: words.get("training.title"), sub: words.get(isOn ? "training.on" : "training.off"),
    rows: [], said: said("training.what"),
    acts: [{
      act: "train", value: isOn ? "off" : "on", isPrimary: true,
      text: words.get(isOn ? "training.stop" : "training.start"),
    }],
  };
}

export const panels = {
  role: {
    shape: "form", parent: "menu",
    opened: () => { desk.choice = desk.pending?.role ?? "manager"; },
    draw: drawRole, go: signIn,
    type: (key) => typeDigits(key, 8),
  },
  training: { shape: "facts", parent: "menu", draw: drawTraining },
};

export const acts = {
  signOut: () => order("menu", "sign-out", {}),
  train: (_, value) => order("training", "train", { on: value === "on" }, () => desk.open(null)),
};
