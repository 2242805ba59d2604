// Ticked rows: how many, all at once, and a run of them with Shift.
import { near } from "./dom";

function boxes(): HTMLInputElement[] {
  const all = document.querySelectorAll<HTMLInputElement>("#secrets [data-pick]");
  return [...all].filter((box) => !box.closest("tr")?.hidden);
}

/** Says how many are ticked; the bar is there only for those. */
function tell(): void {
  const bar = document.querySelector<HTMLElement>("[data-chosen]");
  const count = bar?.querySelector("[data-chosen-count]");
  if (!bar || !count) return;
  const shown = boxes();
  const ticked = document.querySelectorAll("#secrets [data-pick]:checked").length;
  bar.classList.toggle("open", ticked > 0);
  count.textContent = `${ticked} chosen.`;
  const all = document.querySelector<HTMLInputElement>("[data-pick-all]");
  if (!all) return;
  all.checked = shown.length > 0 && shown.every((box) => box.checked);
  all.indeterminate = ticked > 0 && !all.checked;
}

export function chosen(): void {
  let last: HTMLInputElement | null = null;
  document.addEventListener("click", (event) => {
    const box = near<HTMLInputElement>(event, "[data-pick]");
    if (!box) return;
    const all = boxes();
    const [from, to] = [last ? all.indexOf(last) : -1, all.indexOf(box)];
    if (event.shiftKey && from >= 0 && to >= 0) {
      for (const between of all.slice(Math.min(from, to), Math.max(from, to) + 1)) between.checked = box.checked;
    }
    last = box;
    tell();
  });
  document.addEventListener("change", (event) => {
    const all = near<HTMLInputElement>(event, "[data-pick-all]");
    if (!all) return;
    for (const box of boxes()) box.checked = all.checked;
    tell();
  });
  // A page that comes back from history has its ticks again.
  window.addEventListener("pageshow", tell);
  document.addEventListener("htmx:after:swap", tell);
  tell();
}
