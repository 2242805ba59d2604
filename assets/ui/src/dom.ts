/** The nearest element around an event that matches. */
export function near<E extends Element = HTMLElement>(event: Event, selector: string): E | null {
  return event.target instanceof Element ? event.target.closest<E>(selector) : null;
}

/** Whether somebody is typing: single keys are letters then. */
export function typing(event: Event): boolean {
  return near(event, "input, textarea, select, [contenteditable]") !== null;
}

/** Says something for a moment. */
export function toast(words: string): void {
  const box = document.getElementById("toasts");
  if (!box) return;
  const one = document.createElement("div");
  one.className = "toast";
  one.textContent = words;
  box.replaceChildren(one);
  setTimeout(() => one.remove(), 4000);
}

/** The token our forms bring back. */
export function csrf(): string {
  return document.querySelector<HTMLMetaElement>('meta[name="csrf"]')?.content ?? "";
}
