// The line to the terminal: events in, orders out. The page believes nothing else.

const SILENCE = 4000; // milliseconds without a beat before the terminal counts as lost
const RETRY = 1000;

const token = document.querySelector('meta[name="eco-session"]').content;

let source;
let heard = 0;
let isLost = false;

/// Listens for ever. `onSnapshot` gets each snapshot, `onLost` true or false as the line goes.
export function connect(onSnapshot, onLost) {
  const lose = (lost) => {
    if (lost !== isLost) onLost((isLost = lost));
  };
  const open = () => {
    source?.close();
    heard = performance.now();
    source = new EventSource("/events");
    const hear = () => {
      heard = performance.now();
      lose(false);
    };
    source.addEventListener("beat", hear);
    source.addEventListener("snapshot", (event) => {
      hear();
      onSnapshot(JSON.parse(event.data));
    });
    source.addEventListener("error", () => {
      if (source.readyState === EventSource.CLOSED) setTimeout(reopen, RETRY);
    });
  };
  // A terminal that was started again has a new session: only a fresh page has its secrets.
  const reopen = async () => {
    try {
      const answer = await fetch("/api/operations?limit=1", { cache: "no-store" });
      if (answer.status === 401) location.reload();
      else open();
    } catch {
      setTimeout(reopen, RETRY);
    }
  };
  setInterval(() => {
    if (performance.now() - heard < SILENCE) return;
    lose(true);
    reopen();
  }, RETRY);
  open();
}

/// Gives an order. Answers the problem's code, or null when the terminal took it.
export async function order(name, body = {}) {
  try {
    const answer = await fetch(`/api/${name}`, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-Eco-Session": token },
      body: JSON.stringify(body),
    });
    if (answer.ok) return null;
    return (await answer.json()).code ?? "failed";
  } catch {
    return "failed";
  }
}

/// The newest operations first; null when the terminal does not answer.
export async function operations(limit) {
  try {
    const answer = await fetch(`/api/operations?limit=${limit}`, { cache: "no-store" });
    return answer.ok ? (await answer.json()).operations : null;
  } catch {
    return null;
  }
}
