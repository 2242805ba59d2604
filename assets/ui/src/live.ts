// Follows the ledger: what comes is put on top of the table, as text. Paused by a click; ended by the server when the
// session or the right is gone.
import { typing } from "./dom";

const ROWS_MAX = 500;

interface Event_ {
  seq: number;
  id: string;
  at: string;
  action: string;
  outcome: string;
  actor: { kind: string; id: string; name?: string };
  project: string | null;
  environment: string | null;
  details: Record<string, unknown>;
}

function cell(row: HTMLTableRowElement, className: string, ...content: (Node | string)[]): void {
  const td = row.insertCell();
  td.className = className;
  td.append(...content);
}

function text(tag: string, words: string, className = ""): HTMLElement {
  const element = document.createElement(tag);
  element.textContent = words;
  element.className = className;
  return element;
}

function link(href: string, className: string, ...content: (Node | string)[]): HTMLAnchorElement {
  const a = document.createElement("a");
  a.href = href;
  a.className = className;
  a.append(...content);
  return a;
}

function clock(at: Date): string {
  return at.toLocaleTimeString(undefined, { hour12: false });
}

function row(event: Event_, places: Record<string, string>): HTMLTableRowElement {
  const tr = document.createElement("tr");
  const time = document.createElement("time");
  time.dateTime = event.at;
  time.title = event.at;
  time.textContent = clock(new Date(event.at));
  cell(tr, "nowrap quiet", time);
  const who = event.actor.name ?? (event.actor.id || event.actor.kind);
  cell(tr, "clip", link(`/audit?actor=${encodeURIComponent(event.actor.id)}`, "plain-link", who));
  const what = link(`/audit/${encodeURIComponent(event.id)}`, "", text("code", event.action));
  what.dataset.row = "";
  const named = ["name", "slug", "role", "kind"].map((key) => event.details[key]);
  const about = named.find((value) => typeof value === "string" && value !== "");
  cell(tr, "", what, ...(about ? [" ", text("code", String(about), "about")] : []));
  const place = event.environment ?? event.project;
  cell(tr, "quiet clip", place ? (places[place] ?? place) : "");
  const outcome = event.outcome === "allowed" ? text("span", "allowed", "quiet") : text("span", event.outcome, "badge danger");
  cell(tr, "nowrap", outcome);
  return tr;
}

export function live(): void {
  const box = document.querySelector<HTMLElement>("[data-live]");
  const button = box?.querySelector<HTMLButtonElement>("[data-live-toggle]");
  const state = box?.querySelector<HTMLElement>("[data-live-state]");
  const body = document.querySelector<HTMLTableSectionElement>("table.events tbody");
  if (!box?.dataset.live || !button || !state || !body) return;
  const places: Record<string, string> = JSON.parse(box.dataset.places ?? "{}");
  const words = button.querySelector("span");
  let address = box.dataset.live;
  let source: EventSource | null = null;
  button.hidden = false;

  const tell = (what: string) => {
    if (state.textContent !== what) state.textContent = what;
  };
  const pressed = (on: boolean) => {
    button.setAttribute("aria-pressed", String(on));
    if (words) words.textContent = on ? "Pause" : "Follow";
    box.classList.toggle("on", on);
    const url = new URL(location.href);
    on ? url.searchParams.set("live", "1") : url.searchParams.delete("live");
    history.replaceState(history.state, "", url);
  };
  const stop = (why: string) => {
    source?.close();
    source = null;
    pressed(false);
    tell(`${why}, as of ${clock(new Date())}`);
  };
  const start = () => {
    source = new EventSource(address);
    pressed(true);
    tell("connecting");
    source.addEventListener("open", () => tell("live"));
    source.addEventListener("message", (message) => {
      const event: Event_ = JSON.parse(message.data);
      const url = new URL(address, location.href);
      url.searchParams.delete("recent");
      url.searchParams.set("after", message.lastEventId);
      address = url.pathname + url.search;
      const made = row(event, places);
      made.classList.add("fresh");
      body.prepend(made);
      document.querySelector("[data-live-none]")?.remove();
      body.closest<HTMLElement>(".scroll")?.removeAttribute("hidden");
      while (body.rows.length > ROWS_MAX) body.rows[body.rows.length - 1].remove();
      tell("live");
    });
    source.addEventListener("end", (message) => {
      const { code } = JSON.parse((message as MessageEvent).data);
      stop(`ended by the server (${code})`);
    });
    source.addEventListener("error", () => {
      if (source?.readyState === EventSource.CLOSED) stop("not available");
      else tell("reconnecting");
    });
  };
  const toggle = () => (source ? stop("paused") : start());
  button.addEventListener("click", toggle);
  document.addEventListener("keydown", (event) => {
    if (event.key !== "p" || event.ctrlKey || event.metaKey || event.altKey || typing(event)) return;
    toggle();
  });
  // A page that is left lets go of its connection; one that is shown again from memory takes it up.
  addEventListener("pagehide", () => source?.close());
  if (new URLSearchParams(location.search).get("live") === "1") start();
}
