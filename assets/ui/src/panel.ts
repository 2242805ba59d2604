// Opens a row beside the table. The address is the row's own, so that it can be kept and reloaded.
import htmx from "./htmx";
import { near } from "./dom";

/** Where the table is: the page as it was opened. */
let table = "";
let opener: HTMLElement | null = null;

function box(): HTMLElement | null {
  return document.getElementById("panel");
}

function mark(href: string): void {
  document.querySelectorAll("#secrets a[aria-current]").forEach((link) => link.removeAttribute("aria-current"));
  for (const link of document.querySelectorAll<HTMLAnchorElement>("#secrets a[data-row]")) {
    if (link.href === href) link.setAttribute("aria-current", "true");
  }
}

async function open(href: string): Promise<void> {
  const panel = box();
  if (!panel) return;
  await htmx.ajax("GET", href, { source: panel, target: panel, swap: "innerHTML" });
  mark(href);
  panel.focus({ preventScroll: true });
}

function close(): boolean {
  const panel = box();
  if (!panel?.firstChild) return false;
  panel.replaceChildren();
  mark("");
  opener?.focus();
  return true;
}

export function panel(): void {
  const there = box();
  if (!there) return;
  // A class, not `:has(:empty)`: that is asked anew for the whole page whenever any text in it changes.
  const tell = () => there.closest(".frame")?.classList.toggle("beside", there.firstChild !== null);
  new MutationObserver(tell).observe(there, { childList: true });
  tell();
  table = location.href;
  document.addEventListener("click", (event) => {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey) return;
    const link = near<HTMLAnchorElement>(event, "a[data-panel]");
    if (link) {
      event.preventDefault();
      opener = link;
      history[history.state?.panel ? "replaceState" : "pushState"]({ panel: link.href }, "", link.href);
      void open(link.href);
    } else if (near(event, "[data-close]")) {
      event.preventDefault();
      history.state?.panel ? history.back() : close();
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !document.querySelector("dialog[open]") && box()?.firstChild) {
      event.preventDefault();
      history.state?.panel ? history.back() : close();
    }
  });
  document.addEventListener("submit", (event) => {
    const form = near<HTMLFormElement>(event, "#panel form[data-panel-form]");
    const target = box();
    if (!form || !target) return;
    event.preventDefault();
    const values = Object.fromEntries(new FormData(form, event.submitter));
    void htmx.ajax("POST", form.action, { source: target, target, swap: "innerHTML", values });
  });
  // The table tells the truth again after something in it changed.
  document.body.addEventListener("secrets-changed", () => {
    const options = { source: "#secrets", target: "#secrets", swap: "outerHTML", select: "#secrets" };
    void htmx.ajax("GET", table, options).then(() => {
      if (history.state?.panel) mark(history.state.panel);
      document.querySelector("[data-filter]")?.dispatchEvent(new Event("input"));
    });
  });
  addEventListener("popstate", () => {
    const href = history.state?.panel;
    if (href) void open(href);
    else if (!close()) location.reload();
  });
}
