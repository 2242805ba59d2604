// Single keys, where nobody types.
import { near, typing } from "./dom";

const GO: Record<string, string> = { h: "/", m: "/members", a: "/audit", s: "/machines", i: "/approvals" };
let going = 0;

function rows(): HTMLAnchorElement[] {
  return [...document.querySelectorAll<HTMLAnchorElement>("main a[data-row]")].filter((link) => link.offsetParent);
}

function move(step: number): void {
  const all = rows();
  const at = all.indexOf(document.activeElement as HTMLAnchorElement);
  all[Math.min(Math.max(at + step, 0), all.length - 1)]?.focus();
}

function press(selector: string): void {
  const row = document.activeElement?.closest("tr");
  (row?.querySelector<HTMLElement>(selector) ?? document.querySelector<HTMLElement>(`#panel ${selector}`))?.click();
}

export function keys(): void {
  const sheet = document.getElementById("keys") as HTMLDialogElement | null;
  document.addEventListener("click", (event) => {
    if (event.target === sheet) sheet?.close();
  });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event) || near(event, "dialog")) return;
    if (going && Date.now() - going < 1500 && GO[event.key]) {
      location.assign(GO[event.key]);
      return;
    }
    going = event.key === "g" ? Date.now() : 0;
    const acts: Record<string, () => void> = {
      "?": () => sheet?.showModal(),
      f: () => document.querySelector<HTMLElement>("[data-filter]")?.focus(),
      j: () => move(1),
      k: () => move(-1),
      r: () => press("[data-reveal]"),
      c: () => press("[data-copy]"),
      n: () => document.querySelector<HTMLElement>('[data-key="n"]')?.click(),
    };
    const act = acts[event.key];
    if (act) {
      event.preventDefault();
      act();
    }
  });
}
