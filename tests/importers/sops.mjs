// Writes files of SOPS into a folder: the age identity and the key in them by npm `age-encryption`, the values by Node's own
// AES-GCM after SOPS's description of its format. That npm `sops-age` reads them as they were meant is asked first.
import { createCipheriv, createHash, randomBytes } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const [tools, folder] = process.argv.slice(2);
const require = createRequire(join(tools, "package.json"));
const age = require("age-encryption");
const { decryptSops } = require("sops-age");

const at = "2026-11-25T10:00:00Z";
const key = randomBytes(32);

function sealed(value, place, type = "str") {
  const nonce = randomBytes(32);
  const cipher = createCipheriv("aes-256-gcm", key, nonce).setAAD(Buffer.from(place));
  const data = Buffer.concat([cipher.update(value), cipher.final()]);
  const [d, i, t] = [data, nonce, cipher.getAuthTag()].map((b) => b.toString("base64"));
  return `ENC[AES256_GCM,data:${d},iv:${i},tag:${t},type:${type}]`;
}

const mac = (...values) => sealed(createHash("sha512").update(values.join("")).digest("hex").toUpperCase(), at);

const identity = await age.generateIdentity();
const recipient = await age.identityToRecipient(identity);
const encrypter = new age.Encrypter();
encrypter.addRecipient(recipient);
const file = Buffer.from(await encrypter.encrypt(key)).toString("base64");
const enc = `-----BEGIN AGE ENCRYPTED FILE-----\n${file.match(/.{1,64}/g).join("\n")}\n-----END AGE ENCRYPTED FILE-----\n`;
const about = (...values) => ({ age: [{ recipient, enc }], lastmodified: at, mac: mac(...values), version: "3.10.2" });

const json = {
  HELLO: sealed("Wörld ${X}", "HELLO:"),
  app: { db: { PASSWORD: sealed("line1\nline2", "app:db:PASSWORD:") }, PORT: sealed("5432", "app:PORT:", "int") },
  plain_unencrypted: "as it is",
  sops: about("Wörld ${X}", "line1\nline2", "5432", "as it is"),
};
const yaml =
  `HELLO: ${json.HELLO}\napp:\n    db:\n        PASSWORD: ${json.app.db.PASSWORD}\n    PORT: ${json.app.PORT}\n` +
  `plain_unencrypted: as it is\nsops:\n    age:\n        - recipient: ${recipient}\n          enc: |\n` +
  `${enc.trimEnd().split("\n").map((line) => `            ${line}`).join("\n")}\n` +
  `    lastmodified: "${at}"\n    mac: ${json.sops.mac}\n    version: 3.10.2\n`;
const flat = enc.replaceAll("\n", "\\n");
const dotenv =
  `HELLO=${json.HELLO}\nsops_age__list_0__map_enc=${flat}\nsops_age__list_0__map_recipient=${recipient}\n` +
  `sops_lastmodified=${at}\nsops_mac=${mac("Wörld ${X}")}\nsops_version=3.10.2\n`;
const ini =
  `[app]\nHELLO = ${sealed("Wörld ${X}", "app:HELLO:")}\n\n[sops]\nage__list_0__map_enc       = ${flat}\n` +
  `age__list_0__map_recipient = ${recipient}\nlastmodified               = ${at}\nmac = ${mac("Wörld ${X}")}\n`;

const theirs = await decryptSops(JSON.stringify(json), { fileType: "json", secretKey: identity });
if (theirs.HELLO !== "Wörld ${X}" || theirs.app.PORT !== 5432) throw new Error(`sops-age: ${JSON.stringify(theirs)}`);

mkdirSync(folder, { recursive: true });
const write = (name, text) => writeFileSync(join(folder, name), text);
write("keys.txt", `# public key: ${recipient}\n${identity}\n`);
write("other.txt", `${await age.generateIdentity()}\n`);
write("secrets.json", JSON.stringify(json, null, "\t"));
write("secrets.yaml", yaml);
write("prod.env", dotenv);
write("app.ini", ini);
