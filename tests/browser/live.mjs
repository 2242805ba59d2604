// Follows the ledger on its page, as a person does: node live.mjs NPM_FOLDER, with
// `{ base, token, email, password, screenshots }` on stdin. Prints one check per item as JSON.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

const require = createRequire(`${process.argv[2]}/package.json`);
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core"), "utf8");
const { base, token, email, password, screenshots } = JSON.parse(readFileSync(0, "utf8"));
const checks = [];
const check = (name, ok, detail = "") => checks.push({ name, ok: Boolean(ok), detail: String(detail).slice(0, 600) });
const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });
const page = await (await browser.newContext({ reducedMotion: "reduce" })).newPage();
page.setDefaultTimeout(15_000);
const complaints = [];
await page.addInitScript(() => {
  addEventListener("securitypolicyviolation", (e) => console.error(`CSP: ${e.violatedDirective} ${e.blockedURI}`));
});
page.on("console", (m) => m.type() === "error" && complaints.push(m.text()));
page.on("pageerror", (error) => complaints.push(String(error)));

/** Writes with a token of its own, as somebody else would. */
async function write(name) {
  const answer = await fetch(`${base}/api/v1/projects/shop/environments/dev/secrets/${name}`, {
    method: "PUT",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify({ value: "value-of-it", comment: "<img src=x onerror=alert(1)>" }),
  });
  if (answer.status >= 300) throw new Error(`${answer.status} ${await answer.text()}`);
}
const first = () => page.locator("table.events tbody tr").first();
const state = () => page.locator("[data-live-state]").textContent();

await page.goto(`${base}/sign-in?next=/audit`);
await page.fill("[name=email]", email);
await page.fill("[name=password]", password);
await page.keyboard.press("Enter");
await page.waitForURL(`${base}/audit`);
check("it says as of when", (await state()).startsWith("as of "), await state());
await page.locator("[data-live-toggle]").click();
await page.waitForFunction(() => document.querySelector("[data-live-state]").textContent === "live");
check("the address keeps it", page.url().includes("live=1"), page.url());
await write("ONE");
await page.locator("table.events tbody tr.fresh", { hasText: "secret.write" }).waitFor();
const told = await page.locator("table.events tbody tr.fresh", { hasText: "secret.write" }).first().innerText();
check("a row says who and where", told.includes(email) && told.includes("shop/dev"), told);
check("and nothing of it is markup", (await page.locator("main img").count()) === 0);
await page.evaluate(axe);
const found = await page.evaluate(() =>
  globalThis.axe.run({ runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"] }),
);
check("axe", found.violations.length === 0, found.violations.map((v) => v.id).join());
await page.screenshot({ path: `${screenshots}/audit-live-light-1440.png` });

await page.locator("[data-live-toggle]").click();
check("a pause says since when", (await state()).startsWith("paused, as of "), await state());
check("and is in the address", !page.url().includes("live=1"), page.url());
const before = await page.locator("table.events tbody tr").count();
await write("TWO");
await write("THREE");
check("nothing comes meanwhile", (await page.locator("table.events tbody tr").count()) === before);
await page.keyboard.press("p");
await page.waitForFunction((n) => document.querySelectorAll("table.events tbody tr").length >= n + 2, before);
const places = await page.locator("table.events tbody tr code.about").allTextContents();
check("what came meanwhile is not lost", places.slice(0, 4).length > 0, places.slice(0, 4).join());
check("the newest is first", (await first().innerText()).length > 0);

await page.goto(`${base}/audit?action=secret.write&live=1`);
await page.waitForFunction(() => document.querySelector("[data-live-state]").textContent === "live");
check("a page with it in its address follows at once", true);

// A page that asks by itself says so, so that it keeps no session from lying idle.
const jobs = await page.context().newPage();
const polled = jobs.waitForRequest((r) => r.url() === `${base}/jobs` && r.headers()["hx-request"] === "true", { timeout: 15_000 });
await jobs.goto(`${base}/jobs`);
const asked = (await polled).headers();
check("the jobs keep themselves true, and are no use of the session", asked["holdfast-background"] === "1", JSON.stringify(asked));
await jobs.close();

const sessions = await fetch(`${base}/api/v1/sessions`, { headers: { authorization: `Bearer ${token}` } });
const list = (await sessions.json()).items;
for (const one of list.filter((s) => !s.current && s.kind !== "cli")) {
  await fetch(`${base}/api/v1/sessions/${one.id}`, { method: "DELETE", headers: { authorization: `Bearer ${token}` } });
}
await page.waitForFunction(() => document.querySelector("[data-live-state]").textContent.startsWith("ended by the server"));
check("a session that is ended elsewhere follows no more", true);
check("and the button is up", (await page.locator("[data-live-toggle]").getAttribute("aria-pressed")) === "false");
check("no complaint", complaints.length === 0, complaints.join("; "));
await browser.close();
console.log(JSON.stringify(checks));
