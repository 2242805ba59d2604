// Makes a one-time link: what is sent is sealed here, and only the sealed bytes leave. Its key stands in the link's
// fragment, which is shown once and kept nowhere. Nothing here writes markup, only text.
import { CONTENT_MAX, derive, fromBase64, newKey, seal, spellKey, toBase64 } from "../../link/format.mjs";
import { csrf, near, toast } from "./dom";

class Refused extends Error {}

const TOO_MUCH = `A link holds at most ${CONTENT_MAX / 1024} KiB.`;
const part = <E extends HTMLElement>(form: HTMLElement, name: string) => form.querySelector<E>(`[data-link-${name}]`);
const text = (form: HTMLElement, name: string) =>
  form.querySelector<HTMLInputElement | HTMLSelectElement>(`[name="${name}"]`)?.value ?? "";

/** Says what is wrong; nothing when it is right. */
function say(form: HTMLElement, words: string): void {
  const said = part(form, "said");
  if (!said) return;
  said.textContent = words;
  said.hidden = words === "";
}

/** A form of ours by request: its answer, or in words why there is none. */
async function post(address: string, fields: Record<string, string>): Promise<any> {
  const body = new URLSearchParams({ ...fields, csrf_token: csrf() });
  const headers = { accept: "application/json" };
  const request = { method: "POST", headers, body, cache: "no-store" as const, redirect: "error" as const };
  const answer = await fetch(address, request).catch(() => null);
  const json = await answer?.json().catch(() => null);
  if (answer?.ok && json) return json;
  // Whoever shows again who they are is led back here.
  if (json?.code === "step_up_required") {
    location.assign(`/step-up?next=${encodeURIComponent(location.pathname + location.search)}`);
  }
  const words = [json?.detail, json?.hint].filter(Boolean).join(". ");
  throw new Refused(words ? `${words[0].toUpperCase()}${words.slice(1)}.` : "The server did not answer.");
}

interface Content {
  name: string | null;
  bytes: Uint8Array;
}

/** What is to be sent: a secret's value, a file, or what is typed. */
async function content(form: HTMLFormElement): Promise<Content> {
  const reveal = form.dataset.linkReveal;
  if (reveal) {
    const { value, is_base64 } = await post(reveal, {});
    return { name: null, bytes: is_base64 ? fromBase64(value) : new TextEncoder().encode(value) };
  }
  const file = part<HTMLInputElement>(form, "file")?.files?.[0];
  const typed = part<HTMLTextAreaElement>(form, "text")?.value ?? "";
  if (file && typed) throw new Refused("Either a text or a file, not both.");
  if (file && file.size > CONTENT_MAX) throw new Refused(TOO_MUCH);
  if (file) return { name: file.name, bytes: new Uint8Array(await file.arrayBuffer()) };
  if (!typed) throw new Refused("There is nothing to send yet.");
  return { name: null, bytes: new TextEncoder().encode(typed) };
}

async function make(form: HTMLFormElement): Promise<void> {
  const { name, bytes } = await content(form);
  const phrase = part<HTMLInputElement>(form, "passphrase")?.value || null;
  const key = newKey();
  const { sealKey, proof } = await derive(key, phrase);
  const sealed = await seal(sealKey, name, bytes).catch(() => {
    throw new Refused(TOO_MUCH);
  });
  const fields = { ciphertext: toBase64(sealed), proof: toBase64(proof), passphrase: phrase === null ? "" : "yes" };
  const named = { life: text(form, "life"), views: text(form, "views"), note: text(form, "note") };
  const made = await post("/links", { ...fields, ...named });
  form.reset();
  show(form, `${made.url}#${spellKey(key)}`, phrase !== null);
}

/** The link, this once. */
function show(form: HTMLFormElement, link: string, has_passphrase: boolean): void {
  const box = document.querySelector<HTMLElement>("[data-link-made]");
  const field = box?.querySelector<HTMLTextAreaElement>("textarea");
  if (!box || !field) return;
  field.value = link;
  box.hidden = false;
  const more = box.querySelector<HTMLElement>("[data-link-more]");
  if (more) more.hidden = !has_passphrase;
  form.hidden = form.dataset.linkReveal !== undefined;
  box.scrollIntoView({ block: "nearest" });
  field.focus();
  field.select();
  document.body.dispatchEvent(new CustomEvent("link-made"));
}

async function send(form: HTMLFormElement, button: HTMLButtonElement): Promise<void> {
  button.disabled = true;
  say(form, "");
  try {
    await make(form);
  } catch (error) {
    say(form, error instanceof Refused ? error.message : "The browser could not seal it.");
  } finally {
    button.disabled = false;
  }
}

/** Only pages with TLS may seal: elsewhere the form says so. */
const may_seal = isSecureContext && typeof crypto.subtle !== "undefined";
for (const form of document.querySelectorAll<HTMLFormElement>("[data-link-form]")) {
  const button = part<HTMLButtonElement>(form, "send");
  if (!button) continue;
  button.disabled = !may_seal;
  if (!may_seal) say(form, "Browsers seal only on pages with TLS (https): holdfast link create does it without.");
}
document.addEventListener("submit", (event) => {
  const form = near<HTMLFormElement>(event, "[data-link-form]");
  const button = form && part<HTMLButtonElement>(form, "send");
  if (!form || !button) return;
  // What is typed never leaves as it is.
  event.preventDefault();
  if (!button.disabled) void send(form, button);
});
document.addEventListener("click", (event) => {
  if (!near(event, "[data-link-copy]")) return;
  const field = document.querySelector<HTMLTextAreaElement>("[data-link-made] textarea");
  if (!field) return;
  const copied = () => toast("Copied.");
  navigator.clipboard.writeText(field.value).then(copied, () => {
    field.select();
    toast("Selected: copy it with the keyboard.");
  });
});
