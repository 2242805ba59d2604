// Passkeys in a real Chromium with its virtual authenticator, against the real policy of the pages. Run by
// tests/it/passkeys.rs: node passkey.mjs NPM_FOLDER, with `{ part, base, … }` on stdin; prints one check per item, and
// what the next part goes on with, as JSON.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

const require = createRequire(`${process.argv[2]}/package.json`);
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core"), "utf8");
const { part, base, link, password, email, state, credential, screenshots } = JSON.parse(readFileSync(0, "utf8"));
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

/** An authenticator in the browser: it verifies its person, and keeps keys the browser finds by itself. */
async function authenticator(page) {
  const cdp = await page.context().newCDPSession(page);
  await cdp.send("WebAuthn.enable");
  const options = {
    protocol: "ctap2",
    transport: "internal",
    hasResidentKey: true,
    hasUserVerification: true,
    isUserVerified: true,
    automaticPresenceSimulation: true,
  };
  const { authenticatorId } = await cdp.send("WebAuthn.addVirtualAuthenticator", { options });
  return { cdp, authenticatorId };
}

async function judge(page, name) {
  await page.evaluate(axe);
  const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];
  const found = await page.evaluate((runOnly) => globalThis.axe.run({ runOnly }), tags);
  check(`${name}: axe`, found.violations.length === 0, found.violations.map((v) => v.id).join(" "));
  await page.screenshot({ path: `${screenshots}/passkey-${name}.png`, fullPage: true });
}

process.on("uncaughtException", async (error) => {
  for (const context of browser.contexts()) {
    for (const page of context.pages()) console.error(page.url(), (await page.locator("main").innerText()).slice(0, 600));
  }
  console.error(error);
  process.exit(1);
});

const send = (page) => page.locator("main form button.primary").first().click();
const signOut = async (page) => {
  await page.locator(".account summary").click();
  await page.locator("button:has-text('Sign out')").click();
  await page.waitForURL(`${base}/sign-in`);
};

/** Invited, joined, a passkey, one value; then signed in with it. */
async function join() {
  const guest = await open();
  const { page } = guest;
  const { cdp, authenticatorId } = await authenticator(page);
  await page.goto(link);
  await page.fill("[name=name]", "Bob");
  await page.fill("[name=password]", password);
  await send(page);
  await page.waitForURL(`${base}/`);
  await page.goto(`${base}/account`);
  check("a passkey is offered", await page.locator("[data-passkey=add]").isVisible());
  await judge(page, "account");
  await page.fill("#f-passkey", "Laptop");
  await page.locator("[data-passkey=add]").click();
  await page.waitForURL(/done=passkey/);
  check("it is listed", (await page.locator("#passkeys").innerText()).includes("Laptop"));
  await judge(page, "account-one");
  await page.locator("[data-passkey=add]").click();
  await page.locator("[data-passkey-said]:visible").waitFor();
  check("a device has one", (await page.locator("[data-passkey-said]").innerText()).includes("already"));
  const secret = `${base}/projects/shop/environments/staging/secrets/API_KEY`;
  await page.goto(secret);
  await page.locator("[data-reveal-form] button").first().click();
  await page.waitForFunction(() => document.querySelector("[data-value]")?.textContent === "value-of-API_KEY");
  check("who joined reads the value", true);

  // Alone.
  await signOut(page);
  await page.goto(secret);
  check("whoever is signed out is led to sign in", page.url().startsWith(`${base}/sign-in?next=`));
  check("a passkey is offered there", await page.locator("[data-passkey]").isVisible());
  await judge(page, "sign-in");
  await page.locator("[data-passkey]").click();
  await page.waitForURL(secret);
  check("a passkey signs in alone, and leads on", true);
  await page.goto(`${base}/account/sessions`);
  check("the session says how it was proven", (await page.locator("main").innerText()).includes("by passkey"));

  // After the password.
  await signOut(page);
  await page.goto(`${base}/sign-in`);
  await page.fill("[name=email]", email);
  await page.fill("[name=password]", password);
  await send(page);
  await page.locator("h1:text-is('One more step')").waitFor();
  check("no session stands between the steps", !(await page.context().cookies()).some((c) => c.name === "holdfast" && c.value !== ""));
  await judge(page, "second");
  const ticket = await page.inputValue("[name=ticket]");
  check("the ticket is in no address", !page.url().includes(ticket));
  await page.fill("[name=code]", "000000");
  await page.keyboard.press("Enter");
  await page.locator(".notice.danger:visible").waitFor();
  check("a wrong code is told, and the step stays", (await page.locator("[data-passkey]").count()) === 1);
  check("a try uses its ticket up", (await page.inputValue("[name=ticket]")) !== ticket);
  await page.locator("[data-passkey]").click();
  await page.waitForURL(`${base}/`);
  check("a passkey stands in for the code", true);

  // What was signed is good once, and for what it was asked for.
  const answers = await page.evaluate(async () => {
    const post = async (path, body) => {
      const headers = { "content-type": "application/json", accept: "application/json", "x-csrf-token": document.querySelector('meta[name="csrf"]').content };
      const answer = await fetch(path, { method: "POST", headers, body: JSON.stringify(body) });
      return [answer.status, await answer.json()];
    };
    const [, asked] = await post("/sign-in/passkey/begin", {});
    const shown = await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(asked.options) });
    const credential = shown.toJSON();
    const other = await post("/step-up/passkey", { ceremony: asked.ceremony, credential, next: "/" });
    const spent = await post("/sign-in/passkey", { ceremony: asked.ceremony, credential });
    const [, again] = await post("/sign-in/passkey/begin", {});
    const old = await post("/sign-in/passkey", { ceremony: again.ceremony, credential });
    return { other: other[0], spent: spent[1].code, old: old[1].code };
  });
  check("what was signed for one thing is good for no other", answers.other === 401, JSON.stringify(answers));
  check("a challenge is taken once", answers.spent === "passkey_wrong", JSON.stringify(answers));
  check("an old answer is none to a new challenge", answers.old === "passkey_wrong", JSON.stringify(answers));

  // Another window of the same person, which stays signed in.
  const other = await open();
  const its = await authenticator(other.page);
  const { credentials: own } = await cdp.send("WebAuthn.getCredentials", { authenticatorId });
  await its.cdp.send("WebAuthn.addCredential", { authenticatorId: its.authenticatorId, credential: { ...own[0], signCount: 500 } });
  await other.page.goto(`${base}/sign-in`);
  await other.page.locator("[data-passkey]").click();
  await other.page.waitForURL(`${base}/`);

  // A copy of a key, as its counter shows.
  const { credentials } = await cdp.send("WebAuthn.getCredentials", { authenticatorId });
  check("one key is there", credentials.length === 1, credentials.length);
  await cdp.send("WebAuthn.removeCredential", { authenticatorId, credentialId: credentials[0].credentialId });
  await cdp.send("WebAuthn.addCredential", { authenticatorId, credential: { ...credentials[0], signCount: 0 } });
  await signOut(page);
  await page.locator("[data-passkey]").click();
  await page.locator("[data-passkey-said]:visible").waitFor();
  check("a copied key is refused", page.url().startsWith(`${base}/sign-in`) && (await page.locator("[data-passkey-said]").innerText()).includes("not accepted"));
  await judge(page, "refused");
  await cdp.send("WebAuthn.clearCredentials", { authenticatorId });
  await cdp.send("WebAuthn.addCredential", { authenticatorId, credential: { ...credentials[0], signCount: 1000 } });
  await page.goto(`${base}/sign-in`);
  await page.locator("[data-passkey]").click();
  await page.locator("[data-passkey-said]:visible").waitFor();
  check("from then on the key opens nothing, whatever its counter", page.url().startsWith(`${base}/sign-in`));
  await page.fill("[name=email]", email);
  await page.fill("[name=password]", password);
  await send(page);
  await page.locator("h1:text-is('One more step')").waitFor();
  check("the password alone signs nobody in", (await page.locator("main").innerText()).includes("Your passkey is disabled"));
  check("and no passkey is asked for", (await page.locator("[data-passkey]").count()) === 0);
  await judge(page, "second-disabled");
  await other.page.goto(`${base}/account`);
  check("the account says why", (await other.page.locator("#passkeys").innerText()).includes("there may be a copy of it"));
  await judge(other.page, "account-disabled");
  await other.page.setViewportSize({ width: 320, height: 700 });
  const narrow = await other.page.evaluate(() => document.documentElement.scrollWidth);
  check("and fits a telephone", narrow <= 320, narrow);
  await other.page.goto(`${base}/account/notices`);
  check("and so do the notices", (await other.page.locator("main").innerText()).includes("A passkey was disabled"));
  await other.page.goto(`${base}/account`);
  await other.page.locator("#passkeys button:text-is('Enable')").click();
  await other.page.waitForURL(/done=passkey-enabled/);
  check("its owner enables it", !(await other.page.locator("#passkeys").innerText()).includes("copy"));
  check("the other window: no complaint", other.complaints.length === 0, other.complaints.join("; "));
  await other.close();
  await page.goto(`${base}/sign-in`);
  await page.locator("[data-passkey]").click();
  await page.waitForURL(`${base}/`);
  check("and then it signs in again", true);

  kept = await page.context().storageState();
  key = credentials[0];
  check("the guest: no complaint", guest.complaints.length === 0, guest.complaints.join("; "));
}

/** A sign-in that is not fresh any more: the passkey makes it so, and leads back. */
async function later() {
  const guest = await open({ storageState: state, colorScheme: "dark", viewport: { width: 320, height: 700 } });
  const { page } = guest;
  const { cdp, authenticatorId } = await authenticator(page);
  await cdp.send("WebAuthn.addCredential", { authenticatorId, credential: { ...credential, signCount: 100_000 } });
  const secret = `${base}/projects/shop/environments/production/secrets/API_KEY`;
  await page.goto(secret);
  await page.locator("[data-reveal-form] button").first().click();
  await page.waitForURL(/step-up/);
  check("a protected value asks for a fresh sign-in", true);
  await judge(page, "step-up");
  const wide = await page.evaluate(() => document.documentElement.scrollWidth);
  check("nothing is wider than a telephone", wide <= 320, wide);
  await page.fill("[name=password]", "not the right one");
  await page.locator("main form button.primary").click();
  await page.locator(".notice.danger:visible").waitFor();
  check("a wrong password is told", (await page.content()).includes("not your password"));
  await page.locator("[data-passkey]").click();
  await page.waitForURL(secret);
  await page.locator("[data-reveal-form] button").first().click();
  await page.waitForFunction(() => document.querySelector("[data-value]")?.textContent === "value-in-production");
  check("a passkey makes a sign-in fresh again", true);
  await page.goto(`${base}/account`);
  await page.locator("#passkeys button.danger").click();
  await page.waitForURL(/done=passkey-removed/);
  check("a passkey is removed", (await page.locator("#passkeys .rows").count()) === 0);
  await judge(page, "account-dark-320");
  check("later: no complaint", guest.complaints.length === 0, guest.complaints.join("; "));
}

let kept = null;
let key = null;
await (part === "join" ? join() : later());
await browser.close();
process.stdout.write(JSON.stringify({ checks, state: kept, credential: key }));
