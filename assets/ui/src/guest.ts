// Puts what stands behind # in the address into its field, and takes it out of the address: it opens something once.
function take(): void {
  const token = location.hash.slice(1);
  const field = document.querySelector<HTMLInputElement>("[data-token]");
  if (!token || !field) return;
  field.value = token;
  field.closest<HTMLElement>(".field")?.setAttribute("hidden", "");
  history.replaceState(null, "", location.pathname);
  document.querySelector<HTMLInputElement>("form input:not([data-token])")?.focus();
}

take();
// A link that is pasted over this page's own address loads nothing anew.
addEventListener("hashchange", take);
