// The tree of a project, opened in place: its link leads to the project, the arrow beside it shows what is in it.
import htmx from "./htmx";
import { near } from "./dom";

export function rail(): void {
  document.addEventListener("click", (event) => {
    const twist = near<HTMLButtonElement>(event, "[data-branches]");
    if (!twist) return;
    const is_open = twist.getAttribute("aria-expanded") !== "true";
    twist.setAttribute("aria-expanded", String(is_open));
    let list = twist.parentElement?.querySelector<HTMLElement>("ul.branches");
    if (list) {
      list.hidden = !is_open;
      return;
    }
    list = document.createElement("ul");
    list.className = "branches wide";
    twist.after(list);
    void htmx.ajax("GET", twist.dataset.branches, { source: list, target: list, swap: "innerHTML" });
  });
}
