// From nothing to a colleague who reads one value, in a real Chromium and without a terminal. Run by
// tests/it/first_run.rs: node first_run.mjs NPM_FOLDER, with `{ base, token, password, screenshots }` on stdin; prints
// one check per item, as JSON.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

const require = createRequire(`${process.argv[2]}/package.json`);
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core"), "utf8");
const { base, token, password, screenshots } = JSON.parse(readFileSync(0, "utf8"));
const checks = [];
const check = (name, ok, detail = "") => checks.push({ name, ok: Boolean(ok), detail: String(detail).slice(0, 600) });
const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });

async function open(options = {}) {
  const context = await browser.newContext({ reducedMotion: "reduce", viewport: { width: 1440, height: 900 }, ...options });
  await context.addInitScript(() => {
    addEventListener("securitypolicyviolation", (e) => console.error(`CSP: ${e.violatedDirective} ${e.blockedURI}`));
  });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  const complaints = [];
  const expected = (text) => text.startsWith("Failed to load resource: the server responded with a status of 4");
  page.on("console", (m) => m.type() === "error" && !expected(m.text()) && complaints.push(m.text()));
  page.on("pageerror", (error) => complaints.push(String(error)));
  return { page, complaints, close: () => context.close() };
}

async function judge(page, name) {
  await page.evaluate(axe);
  const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];
  const found = await page.evaluate((runOnly) => globalThis.axe.run({ runOnly }), tags);
  check(`${name}: axe`, found.violations.length === 0, found.violations.map((v) => v.id).join(" "));
  await page.screenshot({ path: `${screenshots}/first-run-${name}.png` });
}

/** What a page said when something was waited for in vain. */
process.on("uncaughtException", async (error) => {
  for (const context of browser.contexts()) {
    for (const page of context.pages()) console.error(page.url(), (await page.locator("main").innerText()).slice(0, 600));
  }
  console.error(error);
  process.exit(1);
});

const send = (page) => page.locator("main form button.primary").first().click();

const owner = await open();
const { page } = owner;
await page.goto(base);
check("whoever comes first is led to the set-up", page.url() === `${base}/setup`, page.url());
await page.goto(`${base}/setup#${token}`);
await page.waitForFunction(() => location.hash === "");
check("the token leaves the address", true);
check("and is in its field, which need not be seen", (await page.inputValue("[name=token]")) === token);
await judge(page, "setup");
await page.fill("[name=organization]", "acme");
await page.fill("[name=email]", "ada@example.com");
await page.fill("[name=password]", "password1");
await send(page);
await page.locator(".notice.danger").waitFor();
check("a common password is refused", page.url() === `${base}/setup`);
check("what was typed stays, but the token and the password", (await page.inputValue("[name=email]")) === "ada@example.com" && (await page.inputValue("[name=token]")) === "");
await judge(page, "setup-refused");
await page.fill("[name=token]", `${base}/setup#${token}`);
await page.fill("[name=password]", password);
await send(page);
await page.waitForURL(`${base}/welcome`);
await judge(page, "welcome");
await page.locator("button:text-is('Make a recovery kit')").click();
await page.locator("h1:text-is('Recovery kit')").waitFor();
check("the kit is shown", (await page.locator("pre").innerText()).length > 60);
await judge(page, "kit");
await page.locator("a:text-is('I have it')").click();
await page.locator("a:text-is('Make a project')").click();
await page.fill("[name=slug]", "shop");
await send(page);
await page.waitForURL(/projects\/shop/);
await page.locator("a:has-text('New environment')").first().click();
await page.fill("[name=slug]", "staging");
await send(page);
await page.waitForURL(/environments\/staging/);
await page.goto(`${base}/projects/shop/environments/staging/new-secret`);
await page.fill("[name=name]", "API_KEY");
await page.fill("[name=value]", "value-of-API_KEY");
await send(page);
await page.waitForURL(/done=/);
check("the first secret is there", (await page.content()).includes("API_KEY"));
check("and its value is in no page", !(await page.content()).includes("value-of-API_KEY"));
await page.goto(`${base}/invite`);
await page.fill("[name=email]", "bob@example.com");
await page.selectOption("[name=role]", "developer");
await page.fill("[name=node]", "shop/staging");
await send(page);
const link = await page.locator("[data-link]").innerText();
check("the link has its token behind #", link.startsWith(`${base}/join#hf_inv_`), link.split("#")[0]);
await judge(page, "invited");
check("the owner: no complaint", owner.complaints.length === 0, owner.complaints.join("; "));

const guest = await open({ colorScheme: "dark", viewport: { width: 320, height: 700 } });
await guest.page.goto(link);
await judge(guest.page, "join");
await guest.page.fill("[name=name]", "Bob");
await guest.page.fill("[name=password]", `${password} of bob`);
await send(guest.page);
await guest.page.waitForURL(`${base}/`);
await guest.page.goto(`${base}/projects/shop/environments/staging/secrets/API_KEY`);
await guest.page.locator("[data-reveal-form] button").first().click();
await guest.page.waitForFunction(() => document.querySelector("[data-value]")?.textContent === "value-of-API_KEY");
check("the colleague reads the value", true);
const refused = await guest.page.goto(`${base}/members`);
check("and sees nothing that is not theirs", [200, 403].includes(refused.status()), refused.status());
check("the colleague: no complaint", guest.complaints.length === 0, guest.complaints.join("; "));
await guest.page.goto(link);
await guest.page.fill("[name=password]", `${password} of bob`);
await send(guest.page);
await guest.page.locator(".notice.danger").waitFor();
check("the link works once", (await guest.page.content()).includes("not valid any more"));

const plain = await open({ javaScriptEnabled: false });
await plain.page.goto(`${base}/join#hf_inv_x`);
check("without JavaScript the link is pasted", await plain.page.locator("[name=token]").isVisible());
await plain.page.goto(`${base}/forgot`);
check("without mail the way is told", (await plain.page.content()).includes("holdfast password link"));
await browser.close();
process.stdout.write(JSON.stringify(checks));
