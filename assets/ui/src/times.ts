// Absolute times in the person's own zone, told when somebody looks: a page may have thousands.
const format = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });

export function times(): void {
  document.addEventListener("pointerover", (event) => {
    const time = event.target instanceof Element ? event.target.closest("time") : null;
    if (!time || time.dataset.told) return;
    time.dataset.told = "yes";
    const at = new Date(time.dateTime);
    if (!Number.isNaN(at.valueOf())) time.title = format.format(at);
  });
}
