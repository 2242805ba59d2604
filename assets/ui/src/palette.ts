// Search and go to, from the keyboard.
import { near, typing } from "./dom";

export function palette(): void {
  const dialog = document.getElementById("palette") as HTMLDialogElement | null;
  const input = document.getElementById("palette-q") as HTMLInputElement | null;
  const list = document.getElementById("palette-list");
  if (!dialog || !input || !list) return;

  const links = () => [...list.querySelectorAll<HTMLAnchorElement>("a")];
  const at = () => links().findIndex((link) => link.classList.contains("on"));
  const choose = (index: number) => {
    const all = links();
    if (all.length === 0) return;
    const next = (index + all.length) % all.length;
    all.forEach((link, i) => link.classList.toggle("on", i === next));
    all[next].scrollIntoView({ block: "nearest" });
  };
  const open = () => {
    if (dialog.open) return;
    dialog.showModal();
    input.select();
    input.dispatchEvent(new Event("input", { bubbles: true }));
    if (list.childElementCount === 0) {
      void globalThis.htmx.ajax("GET", `/search?q=${encodeURIComponent(input.value)}`, { source: list, target: list, swap: "innerHTML" });
    }
  };

  document.addEventListener("click", (event) => {
    if (near(event, '[data-open="palette"]')) {
      event.preventDefault();
      open();
    } else if (event.target === dialog) dialog.close();
  });
  document.addEventListener("keydown", (event) => {
    const slash = event.key === "/" && !typing(event) && !document.querySelector("dialog[open]");
    const command = event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey);
    if (slash || command) {
      event.preventDefault();
      open();
    }
  });
  input.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      event.preventDefault();
      choose(at() < 0 && step < 0 ? -1 : at() + step);
    } else if (event.key === "Enter" && at() >= 0) {
      event.preventDefault();
      links()[at()].click();
    }
  });
  document.addEventListener("htmx:after:swap", () => {
    if (dialog.open && at() < 0) choose(0);
  });
}
