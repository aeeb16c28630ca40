// Five sounds, told apart by rhythm, not by pitch alone: ears age and markets are loud.
// Played at the decision, never at detection.

const GAINS = [0, 0.18, 0.6];
let context;

/// Browsers let a page sound after a gesture; a kiosk allows it at once.
export function wake() {
  context ??= new AudioContext();
  if (context.state === "suspended") context.resume().catch(() => {});
}

// One note: start and length in seconds, from one frequency to another.
function note(start, length, from, to, gain) {
  const at = context.currentTime + start;
  const oscillator = context.createOscillator();
  const envelope = context.createGain();
  oscillator.type = "triangle";
  oscillator.frequency.setValueAtTime(from, at);
  oscillator.frequency.exponentialRampToValueAtTime(to, at + length);
  envelope.gain.setValueAtTime(0.0001, at);
  envelope.gain.exponentialRampToValueAtTime(gain, at + 0.012);
  envelope.gain.setValueAtTime(gain, at + length * 0.7);
  envelope.gain.exponentialRampToValueAtTime(0.0001, at + length);
  oscillator.connect(envelope).connect(context.destination);
  oscillator.start(at);
  oscillator.stop(at + length + 0.02);
}

const RHYTHMS = {
  readOK: [[0, 0.04, 2000, 2000]],
  accepted: [[0, 0.5, 880, 1500]],
  refused: [[0, 0.24, 330, 330], [0.34, 0.3, 260, 260]],
  removed: [[0, 0.13, 750, 750], [0.23, 0.13, 750, 750], [0.46, 0.13, 750, 750]],
  again: [[0, 0.07, 1200, 1200], [0.14, 0.07, 1200, 1200]],
};

// Light for who does not hear, also when mute: at most three a second (WCAG 2.3.1).
const FLASHES = { accepted: 1, again: 2, refused: 2, removed: 3 };
const PERIOD = 400; // milliseconds from one to the next
const LIT = 160;
let left = 0; // flashes to come; a new decision outweighs those of the last one
let isFlashing = false;

// Each waits for the one before it, so that a late timer cannot bring two together.
function pulse() {
  isFlashing = left > 0;
  if (!isFlashing) return;
  left -= 1;
  const { classList } = document.getElementById("flash");
  classList.add("on");
  setTimeout(() => classList.remove("on"), LIT);
  setTimeout(pulse, PERIOD);
}

function flash(count) {
  left = count;
  if (!isFlashing) pulse();
}

/// `volume`: 0 mute, 1, 2.
export function play(name, volume) {
  document.documentElement.dataset.sound = name; // what was last asked for, for whoever looks
  if (FLASHES[name]) flash(FLASHES[name]);
  const gain = GAINS[volume] ?? 0;
  if (gain === 0) return;
  wake();
  for (const [start, length, from, to] of RHYTHMS[name]) note(start, length, from, to, gain);
}
