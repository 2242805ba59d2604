// Keeps the state of what runs true, and follows what a service writes. The stream only says that something changed: the
// server draws the state anew. Lines are put in as text.
import htmx from "./htmx";

const SOON = 300;
const BEGIN = 800;
const CHARACTERS_MAX = 1_000_000;

function clock(): string {
  return new Date().toLocaleTimeString(undefined, { hour12: false });
}

function state(): void {
  const box = document.querySelector<HTMLElement>("[data-follow]");
  const told = box?.querySelector<HTMLElement>("[data-follow-state]");
  if (!box?.dataset.follow || !box.dataset.region || !told) return;
  const { follow, region } = box.dataset;
  let source: EventSource | null = null;
  let waits = 0;
  const tell = (words: string) => {
    told.hidden = false;
    if (told.textContent !== words) told.textContent = words;
  };
  const draw = () => {
    // Whoever is in the middle of something there is not disturbed.
    if (box.querySelector("#state form:focus-within, #state summary:focus")) {
      waits = window.setTimeout(draw, SOON * 4);
      return;
    }
    waits = 0;
    const open = box.querySelector<HTMLDetailsElement>("#state details")?.open ?? false;
    // Drawn because something changed there, not because somebody asked: no use of the session.
    const headers = { "Holdfast-Background": "1" };
    void htmx.ajax("GET", region, { source: box, target: "#state", swap: "outerHTML", headers }).then(() => {
      const details = box.querySelector<HTMLDetailsElement>("#state details");
      if (details && open) details.open = true;
    });
  };
  const start = () => {
    source = new EventSource(follow);
    source.addEventListener("open", () => tell("live"));
    source.addEventListener("state", () => {
      tell("live");
      if (!waits) waits = window.setTimeout(draw, SOON);
    });
    source.addEventListener("end", (message) => {
      source?.close();
      tell(`ended by the server (${JSON.parse((message as MessageEvent).data).code}), as of ${clock()}`);
    });
    source.addEventListener("error", () => {
      tell(source?.readyState === EventSource.CLOSED ? `not live, as of ${clock()}` : "reconnecting");
    });
  };
  // A page that is only passed through opens no stream.
  const begin = window.setTimeout(start, BEGIN);
  addEventListener("pagehide", () => {
    clearTimeout(begin);
    source?.close();
  });
}

function log(): void {
  const box = document.querySelector<HTMLElement>("[data-log]");
  const button = box?.querySelector<HTMLButtonElement>("[data-log-toggle]");
  const told = box?.querySelector<HTMLElement>("[data-log-state]");
  const lines = document.querySelector<HTMLElement>("[data-log-lines]");
  if (!box?.dataset.log || !button || !told || !lines) return;
  const address = box.dataset.log;
  const words = button.querySelector("span");
  let stop: AbortController | null = null;
  let length = lines.textContent?.length ?? 0;
  button.hidden = false;

  const pressed = (on: boolean) => {
    button.setAttribute("aria-pressed", String(on));
    if (words) words.textContent = on ? "Pause" : "Follow";
    box.classList.toggle("on", on);
  };
  const put = (text: string) => {
    const clean = text.replace(/[\u0000-\u0008\u000b-\u001f\u007f]/g, "");
    if (!clean) return;
    document.querySelector("[data-log-none]")?.remove();
    const atEnd = lines.scrollHeight - lines.scrollTop - lines.clientHeight < 24;
    lines.append(document.createTextNode(clean));
    length += clean.length;
    while (length > CHARACTERS_MAX && lines.firstChild && lines.firstChild !== lines.lastChild) {
      length -= lines.firstChild.textContent?.length ?? 0;
      lines.firstChild.remove();
    }
    if (atEnd) lines.scrollTop = lines.scrollHeight;
  };
  const run = async () => {
    stop = new AbortController();
    pressed(true);
    told.textContent = "live";
    let why = "ended";
    try {
      const answer = await fetch(address, { signal: stop.signal });
      if (!answer.ok || !answer.body) throw new Error(String(answer.status));
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        put(value);
      }
    } catch {
      why = stop?.signal.aborted ? "paused" : "not available";
    }
    stop = null;
    pressed(false);
    told.textContent = `${why}, as of ${clock()}`;
  };
  button.addEventListener("click", () => (stop ? stop.abort() : void run()));
  addEventListener("pagehide", () => stop?.abort());
  lines.scrollTop = lines.scrollHeight;
}

export function services(): void {
  state();
  log();
}
