// Opens one-time links in a real Chromium and prints what it saw, one check per item, as JSON. Run by
// tests/it/link_page.rs: node link.mjs NPM_FOLDER, with `{ base, links, screenshots }` on stdin.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

const require = createRequire(`${process.argv[2]}/package.json`);
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core"), "utf8");
const { base, links, screenshots } = JSON.parse(readFileSync(0, "utf8"));
const port = new URL(base).port;
const checks = [];
const check = (name, ok, detail = "") => checks.push({ name, ok: Boolean(ok), detail: String(detail) });

const browser = await chromium.launch({
  executablePath: "/usr/bin/chromium",
  args: ["--host-resolver-rules=MAP plain.example 127.0.0.1", "--no-sandbox"],
});

/** A page whose every complaint is kept. */
async function visit(url, options = {}) {
  const context = await browser.newContext({ acceptDownloads: true, ...options });
  await context.addInitScript(() => {
    addEventListener("securitypolicyviolation", (e) => console.error(`CSP: ${e.violatedDirective} ${e.blockedURI}`));
  });
  const page = await context.newPage();
  const complaints = [];
  // What the browser says by itself of an answer that is a refusal is no complaint about the page.
  const expected = (text) => text.startsWith("Failed to load resource: the server responded with a status of 4");
  page.on("console", (m) => m.type() === "error" && !expected(m.text()) && complaints.push(m.text()));
  page.on("pageerror", (error) => complaints.push(String(error)));
  const answer = await page.goto(url, { waitUntil: "networkidle" });
  return { page, complaints, answer, close: () => context.close() };
}

const title = (page) => page.locator("h1").textContent();
const SHAPES = [
  ["light", 1440],
  ["light", 320],
  ["dark", 1440],
  ["dark", 320],
];

/** The state the page is in: in light and dark, wide and narrow, without a sideways scroll, and what axe says. */
async function judge(page, state) {
  for (const [colorScheme, width] of SHAPES) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    await page.setViewportSize({ width, height: 720 });
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    check(`${state}, ${colorScheme} ${width}: no sideways scroll`, overflow <= 0, overflow);
    // axe is put in by the debugger, not by the page: its policy stays as it is.
    await page.evaluate(axe);
    const found = await page.evaluate(() =>
      globalThis.axe.run({ runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }),
    );
    const words = found.violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.target).join(" ")}`);
    check(`${state}, ${colorScheme} ${width}: axe`, words.length === 0, words.join("; "));
    if (screenshots) await page.screenshot({ path: `${screenshots}/${state}-${colorScheme}-${width}.png` });
  }
}

async function text() {
  const { page, complaints, answer, close } = await visit(links.text);
  check("the page is not stored", answer.headers()["cache-control"] === "no-store", answer.headers()["cache-control"]);
  check("the page waits", (await title(page)) === "Somebody sent you a secret", await title(page));
  await page.reload({ waitUntil: "networkidle" });
  await judge(page, "asking");
  check("looking burns nothing", await page.locator("#reveal").isVisible());
  check("the title is reached first", await page.evaluate(() => document.activeElement.id === "title"));
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.locator("#secret").waitFor();
  const shown = await page.locator("#secret").inputValue();
  check("the text is shown as it was sent", shown === links.content, shown);
  check("the key has left the address", !page.url().includes("#"), page.url().split("#")[0]);
  await judge(page, "text");
  const html = await page.content();
  check("the secret is in no markup", !html.includes("value-of-the-link"));
  await page.reload({ waitUntil: "networkidle" });
  check("a reload shows nothing", (await title(page)) === "This link is not whole", await title(page));
  check("text: no complaints", complaints.length === 0, complaints.join("; "));
  await close();
}

async function gone() {
  const { page, complaints, close } = await visit(links.text);
  check("it opens once", (await title(page)) === "There is nothing here any more", await title(page));
  await judge(page, "gone");
  check("gone: no complaints", complaints.length === 0, complaints.join("; "));
  await close();
}

async function passphrase() {
  const { page, complaints, close } = await visit(links.passphrase);
  await judge(page, "passphrase");
  await page.locator("#reveal").click();
  check("an empty passphrase is not tried", await page.locator("#passphrase:invalid").isVisible());
  await page.locator("#passphrase").fill("not this");
  await page.locator("#reveal").click();
  await page.locator("#passphrase-error").waitFor();
  const words = await page.locator("#passphrase-error").textContent();
  check("a wrong one is told beside the field", words === "That is not the passphrase: 9 tries are left.", words);
  await judge(page, "passphrase-wrong");
  await page.locator("#passphrase").fill(links.words);
  await page.keyboard.press("Enter");
  await page.locator("#secret").waitFor();
  const shown = await page.locator("#secret").inputValue();
  check("the right one opens it", shown === links.content, shown);
  check("more views are told", (await page.locator("#text .again").textContent()).includes("2 more times"));
  check("with views left the link stays", page.url().includes("#"));
  check("passphrase: no complaints", complaints.length === 0, complaints.join("; "));
  await close();
}

async function file() {
  const { page, complaints, close } = await visit(links.file);
  await page.locator("#reveal").click();
  await page.locator("#save").waitFor();
  await judge(page, "file");
  const [download] = await Promise.all([page.waitForEvent("download"), page.locator("#save").click()]);
  check("a file keeps its name", download.suggestedFilename() === links.name, download.suggestedFilename());
  const bytes = readFileSync(await download.path()).toString("base64");
  check("a file is byte for byte what was sent", bytes === links.bytes, bytes.length);
  check("file: no complaints", complaints.length === 0, complaints.join("; "));
  await close();
}

async function refusals() {
  const [address, key] = links.spare.split("#");
  const otherKey = (key[0] === "A" ? "B" : "A") + key.slice(1);
  const wrong = await visit(`${address}#${otherKey}`);
  await wrong.page.locator("#reveal").click();
  await wrong.page.locator("#failed").waitFor();
  check("another key is told", (await title(wrong.page)) === "The key in this link is wrong", await title(wrong.page));
  await judge(wrong.page, "wrong-key");
  await wrong.close();
  for (const [name, fragment] of [["none", ""], ["half", `#${key.slice(0, 20)}`], ["not base64", `#${"!".repeat(43)}`]]) {
    const { page, close } = await visit(address + fragment);
    check(`a fragment that is ${name}`, (await title(page)) === "This link is not whole", await title(page));
    await close();
  }
  const plain = await visit(links.spare.replace(/\/\/[^/]*\//, `//plain.example:${port}/`));
  check("without TLS it says why", (await title(plain.page)) === "This browser cannot decrypt here", await title(plain.page));
  await judge(plain.page, "insecure");
  await plain.close();
  const still = await visit(links.spare, { javaScriptEnabled: false });
  check("without JavaScript it says why", await still.page.locator("noscript p").first().isVisible());
  await still.close();
  const whole = await visit(links.spare);
  check("none of it used the link up", (await title(whole.page)) === "Somebody sent you a secret", await title(whole.page));
  await whole.close();
}

try {
  for (const part of [text, gone, passphrase, file, refusals]) await part();
} finally {
  await browser.close();
}
console.log(JSON.stringify(checks));
