// The page of a one-time link: asks what the link needs, and opens it when told to. Nothing happens to the link before
// the button is pressed, so that what fetches addresses to preview them uses up nothing.
import { derive, fromBase64, open, parseKey, toBase64 } from "./format.mjs";

const at = (id) => document.getElementById(id);
const SECTIONS = ["waiting", "asking", "text", "file", "failed"];

/** Why it cannot be shown: a heading, and what to do. */
const FAILURES = {
  insecure: [
    "This browser cannot decrypt here",
    "Browsers decrypt only on pages with TLS (https). Nothing was used up. Ask for an https:// address, or open the " +
      "link on the command line: holdfast link open",
  ],
  incomplete: [
    "This link is not whole",
    "The part after # is missing or cut off. Nothing was used up. Copy the whole link, to its last character. A " +
      "secret that was shown here before is not kept.",
  ],
  gone: [
    "There is nothing here any more",
    "The link was opened already, has expired, or was taken back; or it never was. If you have not opened it, " +
      "somebody else may have: tell whoever sent it, and ask for a new one.",
  ],
  key: [
    "The key in this link is wrong",
    "A character of the part after # differs. Nothing was used up. Copy the whole link again.",
  ],
  damaged: [
    "It cannot be decrypted",
    "The key fits, and what the server gave does not open: it was changed. Ask for a new link, and tell whoever " +
      "runs the server.",
  ],
  busy: ["Too many attempts", "Nothing was used up. Wait a minute, then reload this page."],
  unreachable: ["The server cannot be reached", "Check the connection, then reload this page."],
  refused: ["The server refused", "Nothing can be shown now. Try again later, or ask for a new link."],
};

class Failure extends Error {
  constructor(kind, detail = "") {
    super(kind);
    this.kind = kind;
    this.detail = detail;
  }
}

/** Shows one section and puts the reader there. */
function show(section, title) {
  for (const id of SECTIONS) at(id).hidden = id !== section;
  if (title) at("title").textContent = title;
  at("title").focus();
}

function fail(error) {
  const [title, words] = FAILURES[error instanceof Failure ? error.kind : "refused"] ?? FAILURES.refused;
  at("why").textContent = words;
  show("failed", title);
}

/** Asks the API; without cookies, token or referrer. */
async function ask(method, path, body) {
  let response;
  try {
    response = await fetch(path, {
      method,
      body: body && JSON.stringify(body),
      headers: body && { "Content-Type": "application/json" },
      credentials: "omit",
      cache: "no-store",
      redirect: "error",
      referrerPolicy: "no-referrer",
    });
  } catch {
    throw new Failure("unreachable");
  }
  const answer = await response.json().catch(() => ({}));
  if (response.ok) return answer;
  const kinds = { 404: "gone", 429: "busy" };
  const kind = answer.code === "link_key_wrong" ? "key" : (kinds[response.status] ?? "refused");
  throw new Failure(kind, answer.detail);
}

/** A file's name as its sender says, without what could make it look like another. */
function shownName(name) {
  return name.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}/\\:*?"<>|]/gu, "_").replace(/^\.+/, "_") || "secret.bin";
}

function size(bytes) {
  const format = (n, unit) => new Intl.NumberFormat(undefined, { style: "unit", unit, maximumFractionDigits: 1 }).format(n);
  return bytes < 1024 ? format(bytes, "byte") : format(bytes / 1024, "kilobyte");
}

/** Puts the secret on the page; a text that is one, anything else as a file. */
function present({ name, content }, viewsLeft) {
  const again =
    viewsLeft === 0
      ? "This was the only copy: when you leave this page, it is gone."
      : viewsLeft === 1
        ? "The link can be opened once more."
        : `The link can be opened ${viewsLeft} more times.`;
  for (const place of document.querySelectorAll(".again")) place.textContent = again;
  let text = null;
  if (name === null) {
    try {
      text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(content);
    } catch {
      // Bytes that are no text are a file without a name.
    }
  }
  // The key has done its work: it stays in no history and no address bar.
  if (viewsLeft === 0) history.replaceState(null, "", location.pathname);
  if (text !== null) {
    at("secret").value = text;
    at("secret").rows = Math.min(16, Math.max(2, text.split("\n").length));
    at("copy").addEventListener("click", () => copy(text));
    show("text", "The secret");
  } else {
    const shown = shownName(name ?? "secret.bin");
    at("file-name").textContent = shown;
    at("file-size").textContent = size(content.length);
    at("save").addEventListener("click", () => save(shown, content));
    show("file", "The file");
  }
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    at("copied").textContent = "Copied.";
  } catch {
    at("secret").select();
    at("copied").textContent = "Selected: copy it with the keyboard.";
  }
}

function save(name, content) {
  const address = URL.createObjectURL(new Blob([content], { type: "application/octet-stream" }));
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
  at("saved").textContent = "Saved by the browser.";
}

/** The sentence about how often and until when. */
function limits(facts) {
  const until = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
  const often = facts.views_left === 1 ? "once" : `${facts.views_left} times`;
  at("often").textContent = often;
  at("until").textContent = until.format(new Date(facts.expires_at));
  at("until").dateTime = facts.expires_at;
}

function wrongPassphrase(detail) {
  at("passphrase").setAttribute("aria-invalid", "true");
  at("passphrase-error").textContent = `That is not the passphrase: ${detail.split("; ")[1] ?? "try again"}.`;
  at("passphrase-error").hidden = false;
  at("passphrase").select();
}

/** One press of the button. */
async function reveal(path, key, facts) {
  const passphrase = facts.passphrase ? at("passphrase").value : null;
  const { sealKey, proof } = await derive(key, passphrase);
  const opened = await ask("POST", `${path}/open`, { proof: toBase64(proof) });
  const content = await open(sealKey, fromBase64(opened.ciphertext)).catch(() => {
    throw new Failure("damaged");
  });
  at("passphrase").value = "";
  present(content, opened.views_left);
}

function offer(path, key, facts) {
  limits(facts);
  at("passphrase-field").hidden = !facts.passphrase;
  at("passphrase").required = facts.passphrase;
  const button = at("reveal");
  at("open").addEventListener("submit", async (event) => {
    event.preventDefault();
    if (button.getAttribute("aria-disabled") === "true") return;
    button.setAttribute("aria-disabled", "true");
    button.textContent = "Opening…";
    try {
      await reveal(path, key, facts);
    } catch (error) {
      if (error.kind === "key" && facts.passphrase) wrongPassphrase(error.detail);
      else fail(error);
    }
    button.removeAttribute("aria-disabled");
    button.textContent = "Show the secret";
  });
  show("asking", "Somebody sent you a secret");
}

async function start() {
  if (!globalThis.isSecureContext || !globalThis.crypto?.subtle) throw new Failure("insecure");
  const id = location.pathname.split("/").pop();
  const key = parseKey(location.hash.slice(1));
  if (key === null) throw new Failure("incomplete");
  const path = `/api/v1/links/${encodeURIComponent(id)}`;
  offer(path, key, await ask("GET", path));
}

start().catch(fail);
// Another link pasted into the same window is another link.
addEventListener("hashchange", () => location.reload());
