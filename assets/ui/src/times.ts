// Absolute times in the person's own zone.
const format = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });

function tell(root: ParentNode): void {
  for (const time of root.querySelectorAll("time")) {
    const at = new Date(time.dateTime);
    if (!Number.isNaN(at.valueOf())) time.title = format.format(at);
  }
}

export function times(): void {
  tell(document);
  document.addEventListener("htmx:after:swap", () => tell(document));
}
