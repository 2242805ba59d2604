// Writes link-vectors.json anew, from what the page's own module derives: node vectors.mjs > link-vectors.json
// With --check it opens the vectors that are there, and says how many.
import { readFileSync } from "node:fs";
import { CONTENT_MAX, derive, fromBase64, newKey, open, parseKey, seal, spellKey, toBase64 } from "../../assets/link/format.mjs";

const utf8 = (text) => new TextEncoder().encode(text);
const hex = (bytes) => Buffer.from(bytes).toString("hex");
const sample = (length, step) => Uint8Array.from({ length }, (_, index) => (index * step + 11) % 256);

async function vector(key, passphrase, nonce, name, content) {
  const { sealKey, proof } = await derive(key, passphrase);
  const frame = Uint8Array.from([utf8(name ?? "").length, ...utf8(name ?? ""), ...content]);
  const how = { name: "AES-GCM", iv: nonce, additionalData: utf8("holdfast/link/v1") };
  const body = new Uint8Array(await crypto.subtle.encrypt(how, sealKey, frame));
  return {
    key: Buffer.from(key).toString("base64url"),
    passphrase,
    nonce: hex(nonce),
    name,
    content: toBase64(content),
    proof: toBase64(proof),
    sealed: toBase64(Uint8Array.from([1, ...nonce, ...body])),
  };
}

async function check(vectors) {
  for (const v of vectors) {
    const { sealKey, proof } = await derive(parseKey(v.key), v.passphrase);
    const opened = await open(sealKey, fromBase64(v.sealed));
    const same = toBase64(proof) === v.proof && opened.name === v.name && toBase64(opened.content) === v.content;
    if (!same) throw new Error(`the vector of ${v.key} does not hold`);
    const changed = fromBase64(v.sealed);
    changed[changed.length - 1] ^= 1;
    const sealed = await seal(sealKey, v.name, fromBase64(v.content));
    const again = await open(sealKey, sealed);
    if (again.name !== v.name || toBase64(again.content) !== v.content) throw new Error("what is sealed does not open");
    if (sealed.length !== fromBase64(v.sealed).length) throw new Error("what is sealed has another length");
    if (toBase64(sealed) === toBase64(await seal(sealKey, v.name, fromBase64(v.content)))) throw new Error("a nonce twice");
    const refused = await open(sealKey, changed).then(() => false, () => true);
    if (!refused) throw new Error("a changed ciphertext opened");
  }
  for (const bad of ["", "x", `${vectors[0].key}A`, vectors[0].key.slice(1), `${vectors[0].key.slice(0, 42)}=`]) {
    if (parseKey(bad) !== null) throw new Error(`${bad} was taken for a key`);
  }
  const key = newKey();
  if (toBase64(parseKey(spellKey(key))) !== toBase64(key)) throw new Error("a new key does not read as it is spelled");
  const { sealKey } = await derive(key, null);
  for (const [name, length] of [[null, CONTENT_MAX + 1], ["x".repeat(256), 1]]) {
    const taken = await seal(sealKey, name, new Uint8Array(length)).then(() => true, () => false);
    if (taken) throw new Error("more than a link holds was sealed");
  }
  console.log(`${vectors.length} vectors hold`);
}

if (process.argv.includes("--check")) {
  await check(JSON.parse(readFileSync(new URL("link-vectors.json", import.meta.url), "utf8")));
} else {
  const all = [
    await vector(sample(32, 7), null, sample(12, 5), null, utf8("value")),
    await vector(sample(32, 3), "a few unrelated words", sample(12, 9), null, utf8("käse & 🧀\n")),
    await vector(sample(32, 251), "p\u00e4ss", sample(12, 13), "schl\u00fcssel.pem", sample(300, 1)),
    await vector(sample(32, 17), null, sample(12, 1), "empty.txt", new Uint8Array(0)),
  ];
  console.log(JSON.stringify(all, null, 2));
}
