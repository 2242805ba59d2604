// Passkeys: asked of the browser and brought back as JSON. Nothing here writes markup, only text, and where a browser has
// none, what needs them stays hidden.
type Json = Record<string, unknown>;

interface Told {
  detail?: string;
  hint?: string;
}

const form = (button: HTMLElement) => button.closest("form");
const field = (button: HTMLElement, name: string) =>
  form(button)?.querySelector<HTMLInputElement>(`[name="${name}"]`)?.value ?? "";

/** Says what is wrong beside the button; nothing when it is right. */
function say(button: HTMLElement, words: string): void {
  const said = form(button)?.querySelector<HTMLElement>("[data-passkey-said]");
  if (!said) return;
  said.textContent = words;
  said.hidden = words === "";
}

class Refused extends Error {}

async function post(address: string, body: Json, csrf: string): Promise<Json> {
  const headers: Record<string, string> = { accept: "application/json", "content-type": "application/json" };
  if (csrf) headers["x-csrf-token"] = csrf;
  const request = { method: "POST", headers, body: JSON.stringify(body), redirect: "error" as const };
  const answer = await fetch(address, request).catch(() => null);
  const json = await answer?.json().catch(() => null);
  if (answer?.ok && json) return json;
  const told: Told = json ?? {};
  const words = [told.detail, told.hint].filter(Boolean).join(". ");
  throw new Refused(words ? `${words[0].toUpperCase()}${words.slice(1)}.` : "The server did not answer.");
}

/** Makes or shows a key; whoever closes the browser's window has changed their mind. */
async function ask(kind: string, options: any): Promise<Json | null> {
  try {
    const given =
      kind === "add"
        ? await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) })
        : await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) });
    return (given as PublicKeyCredential | null)?.toJSON() as unknown as Json;
  } catch (error) {
    const name = (error as DOMException).name;
    if (name === "InvalidStateError") throw new Refused("This device has a passkey for this account already.");
    if (name === "NotAllowedError" || name === "AbortError") return null;
    throw new Refused("The browser made no passkey here.");
  }
}

interface Way {
  begin: string;
  finish: string;
  body: (button: HTMLElement) => Json;
}

const WAYS: Record<string, Way> = {
  "sign-in": {
    begin: "/sign-in/passkey/begin",
    finish: "/sign-in/passkey",
    body: (button) => ({
      ticket: field(button, "ticket"),
      organization: field(button, "organization"),
      next: field(button, "next"),
    }),
  },
  "step-up": {
    begin: "/step-up/passkey/begin",
    finish: "/step-up/passkey",
    body: (button) => ({ next: field(button, "next") }),
  },
  add: {
    begin: "/account/passkeys/begin",
    finish: "/account/passkeys",
    body: (button) => ({ name: field(button, "name").trim() || "Passkey" }),
  },
};

async function run(button: HTMLButtonElement): Promise<void> {
  const kind = button.dataset.passkey ?? "";
  const way = WAYS[kind];
  const csrf = field(button, "csrf_token");
  button.disabled = true;
  say(button, "");
  try {
    const first = kind === "sign-in" ? { ticket: field(button, "ticket") } : {};
    const asked = await post(way.begin, first, csrf);
    const credential = await ask(kind, asked.options);
    if (!credential) return say(button, "No passkey was shown. Try again, or go on without one.");
    const done = await post(way.finish, { ...way.body(button), ceremony: asked.ceremony, credential }, csrf);
    location.assign(typeof done.next === "string" ? done.next : "/account?done=passkey#passkeys");
  } catch (error) {
    say(button, error instanceof Refused ? error.message : "Something failed in the browser.");
  } finally {
    button.disabled = false;
  }
}

const known = typeof PublicKeyCredential !== "undefined" && "parseRequestOptionsFromJSON" in PublicKeyCredential;
if (known && isSecureContext) {
  document.documentElement.classList.add("scripted", "passkeys");
  document.addEventListener("click", (event) => {
    const button = event.target instanceof Element ? event.target.closest<HTMLButtonElement>("[data-passkey]") : null;
    if (button) void run(button);
  });
  // A form that is for passkeys only is sent by its button.
  document.addEventListener("submit", (event) => {
    const form = event.target as HTMLFormElement;
    if (!form.matches("[data-passkey-only]")) return;
    event.preventDefault();
    form.querySelector<HTMLButtonElement>("[data-passkey]")?.click();
  });
}
