// The line to the terminal: events in, orders out. The page believes nothing else.

const SILENCE = 4000; // milliseconds without a beat before the terminal counts as lost
const RETRY = 1000;

const token = document.querySelector('meta[name="eco-session"]').content;

let source;
let heard = 0;
let isLost = false;

const MERCHANT = { events: "/events", probe: "/api/operations?limit=1" };

/// Listens for ever. `onSnapshot` gets each snapshot, `onLost` true or false as the line goes.
/// `line`: where events come from, and what is asked after they ended.
export function connect(onSnapshot, onLost, line = MERCHANT) {
  const lose = (lost) => {
    if (lost !== isLost) onLost((isLost = lost));
  };
  const open = () => {
    source?.close();
    heard = performance.now();
    source = new EventSource(line.events);
    const hear = () => {
      heard = performance.now();
      lose(false);
    };
    source.addEventListener("beat", hear);
    source.addEventListener("snapshot", (event) => {
      hear();
      onSnapshot(JSON.parse(event.data));
    });
  };
  // A terminal that was started again has a new session: only a fresh page has its secrets.
  const look = async () => {
    const signal = AbortSignal.timeout(SILENCE);
    const answer = await fetch(line.probe, { cache: "no-store", signal });
    if (answer.status === 401) location.reload();
    else open();
  };
  // One look at a time: a terminal that is away for a night is asked once a second, not more and
  // more often.
  let isLooking = false;
  setInterval(async () => {
    const isSilent = performance.now() - heard >= SILENCE;
    if (isSilent) lose(true);
    if (isLooking || (!isSilent && source.readyState !== EventSource.CLOSED)) return;
    isLooking = true;
    await look().catch(() => {});
    isLooking = false;
  }, RETRY);
  open();
}

/// Gives an order: { problem: null, data } when the terminal took it, else { problem } with a code.
export async function perform(name, body = {}) {
  try {
    const answer = await fetch(`/api/${name}`, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-Eco-Session": token },
      body: JSON.stringify(body, Object.keys(body).sort()),
    });
    if (answer.status === 204) return { problem: null, data: {} };
    const data = await answer.json();
    if (answer.ok) return { problem: null, data };
    return { problem: { ...data, code: data.code ?? "failed" } };
  } catch {
    return { problem: { code: "failed" } };
  }
}

/// Gives an order. Answers the problem's code, or null when the terminal took it.
export async function order(name, body = {}) {
  return (await perform(name, body)).problem?.code ?? null;
}

/// Asks the terminal; null when it does not answer.
export async function ask(name, query = {}) {
  const text = Object.keys(query).length > 0 ? `?${new URLSearchParams(query)}` : "";
  try {
    const answer = await fetch(`/api/${name}${text}`, { cache: "no-store" });
    return answer.ok ? await answer.json() : null;
  } catch {
    return null;
  }
}
