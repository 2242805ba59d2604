// Values: revealed by a request of their own, written as text, hidden again, and cleared from the clipboard.
import { csrf, near, toast } from "./dom";

const HIDE_AFTER = 30_000;
const CLEAR_AFTER = 60_000;
const DOTS = "••••••••";
const hiding = new WeakMap<Element, number>();

interface Revealed {
  value: string;
  is_base64: boolean;
}

/** Asks for a value; says why there is none. */
async function ask(address: string): Promise<Revealed | null> {
  const answer = await fetch(address, {
    method: "POST",
    headers: { accept: "application/json" },
    body: new URLSearchParams({ csrf_token: csrf() }),
    cache: "no-store",
    redirect: "error",
  }).catch(() => null);
  if (answer?.ok) return answer.json();
  const told = await answer?.json().catch(() => null);
  // Whoever shows again who they are is led back here.
  if (told?.code === "step_up_required") {
    location.assign(`/step-up?next=${encodeURIComponent(location.pathname + location.search)}`);
    return null;
  }
  toast(told ? [told.detail, told.hint].filter(Boolean).join(". ") : "The server did not answer.");
  return null;
}

/** `…/secrets/NAME?path=…` as the address of its reveal. */
function revealOf(link: HTMLAnchorElement): string {
  const url = new URL(link.href);
  return `${url.pathname}/reveal${url.search}`;
}

function hide(dots: Element): void {
  clearTimeout(hiding.get(dots));
  hiding.delete(dots);
  dots.textContent = DOTS;
  dots.classList.remove("shown");
  dots.setAttribute("aria-label", "hidden value");
}

function show(dots: Element, revealed: Revealed): void {
  dots.textContent = revealed.value === "" ? "(empty)" : revealed.value;
  dots.classList.add("shown");
  dots.removeAttribute("aria-label");
  hiding.set(dots, window.setTimeout(() => hide(dots), HIDE_AFTER));
}

async function copy(address: string): Promise<void> {
  const revealed = await ask(address);
  if (!revealed) return;
  try {
    await navigator.clipboard.writeText(revealed.value);
    toast("Copied. The clipboard is cleared after a minute.");
    setTimeout(() => void clear(revealed.value), CLEAR_AFTER);
  } catch {
    toast("The browser does not let this page copy.");
  }
}

/** Clears the clipboard if it still holds the value, or if nobody can tell. */
async function clear(value: string): Promise<void> {
  const now = await navigator.clipboard.readText?.().catch(() => value);
  if (now === value) await navigator.clipboard.writeText("").catch(() => undefined);
}

async function toggle(dots: Element, address: string): Promise<boolean> {
  if (dots.classList.contains("shown")) {
    hide(dots);
    return false;
  }
  const revealed = await ask(address);
  if (revealed) show(dots, revealed);
  return revealed !== null;
}

function inRow(event: Event, button: string): HTMLAnchorElement | null {
  return near(event, button)?.closest("tr")?.querySelector<HTMLAnchorElement>("a[data-row]") ?? null;
}

/** Narrows the table while somebody types; the address says it, so that it can be kept. */
function filter(input: HTMLInputElement): void {
  if (history.state?.panel) return narrow(input);
  const url = new URL(location.href);
  if (input.value.trim()) url.searchParams.set("q", input.value.trim());
  else url.searchParams.delete("q");
  history.replaceState(null, "", url);
  narrow(input);
}

/** Hides the rows without what was typed. */
function narrow(input: HTMLInputElement): void {
  const words = input.value.trim().toLowerCase();
  let shown = 0;
  for (const row of document.querySelectorAll<HTMLTableRowElement>("#secrets tbody tr")) {
    const texts = [row.querySelector("th")?.textContent ?? ""];
    row.hidden = words !== "" && !texts.some((text) => text.toLowerCase().includes(words));
    if (!row.hidden) shown += 1;
  }
  const count = document.querySelector("[data-shown]");
  if (count) count.textContent = `${shown} ${shown === 1 ? "secret" : "secrets"}`;
}

export function secrets(): void {
  document.addEventListener("click", (event) => {
    const reveal = inRow(event, "[data-reveal]");
    if (reveal) {
      const dots = reveal.closest("tr")?.querySelector(".dots");
      if (dots) void toggle(dots, revealOf(reveal));
    }
    const copied = inRow(event, "[data-copy]");
    if (copied) void copy(revealOf(copied));
    const form = near(event, "[data-copy-form]")?.closest("form");
    if (form) void copy(form.action);
  });
  document.addEventListener("submit", (event) => {
    const form = near<HTMLFormElement>(event, "[data-reveal-form]");
    const dots = form?.querySelector("[data-value]");
    if (!form || !dots) return;
    event.preventDefault();
    const word = form.querySelector("[data-word]");
    void toggle(dots, form.action).then((is_shown) => {
      if (word) word.textContent = is_shown ? "Hide" : "Reveal";
    });
  });
  // Whoever looks elsewhere does not leave values behind.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) document.querySelectorAll(".dots.shown").forEach(hide);
  });
  const input = document.querySelector<HTMLInputElement>("[data-filter]");
  // What the server left out cannot be found here: an address with words is a search of its own.
  if (input && !new URL(location.href).searchParams.has("q")) {
    input.addEventListener("input", () => filter(input));
    input.form?.addEventListener("submit", (event) => event.preventDefault());
  }
}
