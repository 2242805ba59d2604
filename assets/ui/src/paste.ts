// Several lines pasted on the table are a file: what they would change is shown beside it, before anything is written.
import htmx from "./htmx";
import { typing } from "./dom";

export function paste(): void {
  document.addEventListener("paste", (event) => {
    const panel = document.getElementById("panel");
    const table = document.getElementById("secrets");
    const text = event.clipboardData?.getData("text/plain") ?? "";
    if (!panel || !table || typing(event) || !/^\s*(export\s+)?[A-Za-z_][\w.]*\s*=/m.test(text)) return;
    event.preventDefault();
    const place = location.pathname.replace(/\/(secrets\/.*|new-secret)$/, "");
    void htmx.ajax("GET", `${place}/import`, { source: panel, target: panel, swap: "innerHTML" }).then(() => {
      const field = panel.querySelector<HTMLTextAreaElement>("[name=content]");
      if (!field) return;
      field.value = text;
      panel.querySelector<HTMLElement>("[data-plan]")?.click();
    });
  });
}
