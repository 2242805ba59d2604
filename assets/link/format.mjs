// What a one-time link is made of, for WebCrypto. The same as src/keys/link.rs, which describes it; both are held to
// tests/browser/link-vectors.json.

const FORMAT = 1;
const NONCE_LENGTH = 12;
const KEY_LENGTH = 32;
const TAG_LENGTH = 16;
const NAME_MAX = 255;
/** Most bytes a link holds. */
export const CONTENT_MAX = 1 << 20;
const ROUNDS = 600_000;
const utf8 = (text) => new TextEncoder().encode(text);
const AAD = utf8("holdfast/link/v1");
const SEAL = utf8("holdfast/link/v1/seal");
const OPEN = utf8("holdfast/link/v1/open");

/** The bytes of base64; throws where it is none. */
export function fromBase64(text) {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

/** Base64 with padding. */
export function toBase64(bytes) {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}

/** The key in a link's fragment, without its `#`; null where it is not whole. */
export function parseKey(fragment) {
  if (!/^[A-Za-z0-9_-]{43}$/.test(fragment)) return null;
  const bytes = fromBase64(fragment.replaceAll("-", "+").replaceAll("_", "/") + "=");
  // The last character has two bits of no meaning: another spelling of them is another text, not the key.
  return bytes.length === KEY_LENGTH && spellKey(bytes) === fragment ? bytes : null;
}

/** What key and passphrase derive: `{ sealKey, proof }`. With a passphrase it takes a moment, on purpose. */
export async function derive(key, passphrase) {
  const { subtle } = globalThis.crypto;
  let master = key;
  if (passphrase !== null) {
    const words = await subtle.importKey("raw", utf8(passphrase), "PBKDF2", false, ["deriveBits"]);
    const slow = { name: "PBKDF2", hash: "SHA-256", salt: key, iterations: ROUNDS };
    master = new Uint8Array(await subtle.deriveBits(slow, words, KEY_LENGTH * 8));
  }
  const input = await subtle.importKey("raw", master, "HKDF", false, ["deriveBits", "deriveKey"]);
  const expand = (info) => ({ name: "HKDF", hash: "SHA-256", salt: new Uint8Array(0), info });
  const aes = { name: "AES-GCM", length: KEY_LENGTH * 8 };
  const sealKey = await subtle.deriveKey(expand(SEAL), input, aes, false, ["encrypt", "decrypt"]);
  const proof = new Uint8Array(await subtle.deriveBits(expand(OPEN), input, KEY_LENGTH * 8));
  return { sealKey, proof };
}

/** Opens a ciphertext: `{ name, content }`, the name null for a text. Throws where it does not open. */
export async function open(sealKey, sealed) {
  if (sealed.length < 1 + NONCE_LENGTH + 1 + TAG_LENGTH || sealed[0] !== FORMAT) throw new Error("unknown format");
  const iv = sealed.slice(1, 1 + NONCE_LENGTH);
  const how = { name: "AES-GCM", iv, additionalData: AAD, tagLength: TAG_LENGTH * 8 };
  const body = sealed.slice(1 + NONCE_LENGTH);
  const frame = new Uint8Array(await globalThis.crypto.subtle.decrypt(how, sealKey, body));
  const nameLength = frame[0];
  if (frame.length < 1 + nameLength) throw new Error("unknown format");
  const name = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(frame.slice(1, 1 + nameLength));
  return { name: name === "" ? null : name, content: frame.slice(1 + nameLength) };
}

/** A new key. */
export function newKey() {
  return globalThis.crypto.getRandomValues(new Uint8Array(KEY_LENGTH));
}

/** A key as it stands in a link's fragment. */
export function spellKey(key) {
  return toBase64(key).replaceAll("+", "-").replaceAll("/", "_").replace("=", "");
}

/** Seals a text (its name null) or a file. Throws where it is more than a link holds. */
export async function seal(sealKey, name, content) {
  const called = utf8(name ?? "");
  if (called.length > NAME_MAX || content.length > CONTENT_MAX) throw new RangeError("too much for a link");
  const frame = new Uint8Array(1 + called.length + content.length);
  frame[0] = called.length;
  frame.set(called, 1);
  frame.set(content, 1 + called.length);
  const iv = globalThis.crypto.getRandomValues(new Uint8Array(NONCE_LENGTH));
  const how = { name: "AES-GCM", iv, additionalData: AAD, tagLength: TAG_LENGTH * 8 };
  const body = new Uint8Array(await globalThis.crypto.subtle.encrypt(how, sealKey, frame));
  const sealed = new Uint8Array(1 + NONCE_LENGTH + body.length);
  sealed[0] = FORMAT;
  sealed.set(iv, 1);
  sealed.set(body, 1 + NONCE_LENGTH);
  return sealed;
}
