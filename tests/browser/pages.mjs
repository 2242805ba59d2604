// Looks at the pages, and acts on them, in a real Chromium; prints what it saw, one check per item, as JSON. Run by
// tests/it/pages.rs: node pages.mjs NPM_FOLDER, with `{ part, base, pages, owner, viewer, screenshots }` on stdin.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

const require = createRequire(`${process.argv[2]}/package.json`);
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core"), "utf8");
const { part, base, pages, owner, viewer, screenshots, email, password } = JSON.parse(readFileSync(0, "utf8"));
const checks = [];
const check = (name, ok, detail = "") => checks.push({ name, ok: Boolean(ok), detail: String(detail).slice(0, 600) });
const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });
const SHAPES = [1440, 768, 320];
/** What was asked of the server, told when something fails. */
const asked = [];

/** A window of somebody whose every complaint, and every request elsewhere, is kept. */
async function open(token, options = {}) {
  const context = await browser.newContext({
    extraHTTPHeaders: token ? { authorization: `Bearer ${token}` } : {},
    reducedMotion: "reduce",
    viewport: { width: 1440, height: 900 },
    permissions: ["clipboard-read", "clipboard-write"],
    ...options,
  });
  await context.addInitScript(() => {
    addEventListener("securitypolicyviolation", (e) => console.error(`CSP: ${e.violatedDirective} ${e.blockedURI}`));
  });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  const complaints = [];
  const elsewhere = [];
  const expected = (text) => text.startsWith("Failed to load resource: the server responded with a status of 4");
  page.on("console", (m) => m.type() === "error" && !expected(m.text()) && complaints.push(`${page.url()} ${m.location().url}:${m.location().lineNumber}:${m.location().columnNumber} ${m.text()}`));
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("request", (r) => asked.push(`${r.method()} ${r.url().slice(base.length)}`));
  page.on("request", (r) => r.url().startsWith(base) || r.url().startsWith("data:") || elsewhere.push(r.url()));
  return { page, complaints, elsewhere, close: () => context.close() };
}

async function judge(page, name, part = "html") {
  await page.evaluate(axe);
  const found = await page.evaluate(
    (part) => globalThis.axe.run(part, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"] }),
    part,
  );
  const words = found.violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.target).join(" ")}`);
  check(`${name}: axe`, words.length === 0, words.join("; "));
}

async function look() {
  for (const [who, token] of [["owner", owner], ["viewer", viewer]]) {
    for (const colorScheme of ["light", "dark"]) {
      const { page, complaints, elsewhere, close } = await open(token, { colorScheme });
      for (const { name, url, viewer: seen } of pages) {
        const state = `${name}, ${who}, ${colorScheme}`;
        await page.setViewportSize({ width: 1440, height: 900 });
        const answer = await page.goto(base + url, { waitUntil: "load" });
        const wanted = who === "viewer" ? (seen ?? 200) : 200;
        check(`${state}: answers ${wanted}`, answer.status() === wanted, answer.status());
        await judge(page, state);
        for (const width of SHAPES) {
          await page.setViewportSize({ width, height: 900 });
          if (width === 320) {
            const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
            check(`${state}: no sideways scroll at 320`, over <= 0, over);
          }
          if (who === "owner") await page.screenshot({ path: `${screenshots}/${name}-${colorScheme}-${width}.png` });
        }
        check(`${state}: no complaint`, complaints.length === 0, complaints.splice(0).join("; "));
        check(`${state}: no request elsewhere`, elsewhere.length === 0, elsewhere.splice(0).join("; "));
      }
      const kept = await page.evaluate(() => localStorage.length + sessionStorage.length);
      check(`${who}, ${colorScheme}: nothing is kept in the browser's storage`, kept === 0, kept);
      await close();
    }
  }
  const { page, close } = await open(owner, { javaScriptEnabled: false });
  for (const { name, url } of pages) {
    await page.goto(base + url);
    const heading = await page.locator("main h1").first().textContent();
    const words = (await page.locator("main").innerText()).length;
    check(`${name}: readable without JavaScript`, heading && words > 20, `${heading} ${words}`);
  }
  await close();
}

/** What a mailed link about an address opens, after each of its buttons. */
async function email_steps() {
  const { page, complaints, close } = await open(null);
  const shot = async (name) => {
    await judge(page, name);
    await page.screenshot({ path: `${screenshots}/${name}-light-1440.png` });
    await page.setViewportSize({ width: 320, height: 900 });
    const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    check(`${name}: no sideways scroll at 320`, over <= 0, over);
    await page.screenshot({ path: `${screenshots}/${name}-light-320.png` });
    await page.setViewportSize({ width: 1440, height: 900 });
  };
  for (const [name, token] of Object.entries(pages)) {
    await page.goto(`${base}/sign-in`);
    await page.goto(`${base}/email#${token}`);
    await page.locator("button:text-is('See what it does')").click();
    await page.locator("button:text-is('Stop it')").waitFor();
    await shot(`email-${name}-look`);
    await page.locator(`button:text-is('${name === "stop" ? "Stop it" : "Confirm"}')`).click();
    await page.locator("main [role=status]").waitFor();
    await shot(`email-${name}`);
  }
  check("no complaint", complaints.length === 0, complaints.join("; "));
  await close();
}

async function hostile() {
  for (const javaScriptEnabled of [true, false]) {
    const { page, complaints, elsewhere, close } = await open(owner, { javaScriptEnabled });
    for (const url of pages) {
      await page.goto(base + url, { waitUntil: "load" });
      const html = await page.content();
      const made = await page.locator("img[src=x], main script, body [onerror]").count();
      check(`${url}: nothing was made of it`, made === 0 && (await page.title()) !== "broken", html.length);
    }
    check("no complaint", complaints.length === 0, complaints.join("; "));
    check("no request elsewhere", elsewhere.length === 0, elsewhere.join("; "));
    if (javaScriptEnabled) {
      await page.goto(`${base}/projects/evil/environments/dev`);
      await page.locator("#secrets a[data-row]").first().click();
      await page.locator("#panel h1").waitFor();
      await page.locator("[data-reveal]").first().click();
      await page.locator("#secrets .dots.shown").waitFor();
      const shown = await page.locator("#secrets .dots.shown").textContent();
      check("a hostile value is shown as text", shown.includes("<script>") && shown.includes("onerror"), shown);
      check("and makes nothing", (await page.locator("img[src=x]").count()) === 0);
      check("and no complaint", complaints.length === 0, complaints.join("; "));
    }
    await close();
  }
}

async function act() {
  const { page, complaints, elsewhere, close } = await open(owner);
  const staging = `${base}/projects/shop/environments/staging`;
  await page.goto(staging);
  const row = (name) => page.locator("#secrets tr", { has: page.locator(`a[data-row]:text-is("${name}")`) });

  const redis = row("REDIS_URL");
  await redis.locator("[data-reveal]").click();
  await redis.locator(".dots.shown").waitFor();
  const shown = await redis.locator(".dots").textContent();
  check("a value is shown", shown === "redis://cache.staging.example:6379/0", shown);
  await redis.locator("[data-reveal]").click();
  check("and hidden", (await redis.locator(".dots").textContent()) === "••••••••");
  await redis.locator("[data-copy]").click();
  await page.locator(".toast").waitFor();
  const copied = await page.evaluate(() => navigator.clipboard.readText());
  check("a value is copied", copied === "redis://cache.staging.example:6379/0", copied);
  check("a restricted value has no button", (await row("SIGNING_KEY").locator("[data-reveal]").count()) === 0);
  check("no value is in the page", !(await page.content()).includes("value-of-"));

  await page.keyboard.press("f");
  await page.keyboard.type("stripe");
  await page.waitForFunction(() => document.querySelectorAll("#secrets tbody tr:not([hidden])").length === 2);
  check("the filter is in the address", page.url().endsWith("?q=stripe"), page.url());
  await page.reload();
  check("and survives a reload", (await page.locator("#secrets tbody tr").count()) === 2);
  await page.goto(staging);

  await page.locator('a[data-row]:text-is("DATABASE_URL")').click();
  await page.locator("#panel h1").waitFor();
  check("the panel has its address", page.url().endsWith("/secrets/DATABASE_URL"), page.url());
  await judge(page, "the panel");
  await page.screenshot({ path: `${screenshots}/panel-light-1440.png` });
  check("the history is there", (await page.locator("#panel .versions li").count()) === 2);
  await page.locator("#panel [name=value]").fill("postgres://elsewhere");
  await page.locator("#panel [name=comment]").fill("moved");
  await page.locator("#panel button:text-is('Save')").click();
  await page.locator("#panel .notice.ok").waitFor();
  check("a save makes a version", (await page.locator("#panel .versions li").count()) === 3);
  await page.waitForFunction(() => document.querySelector("#secrets")?.textContent.includes("moved"));
  check("and the table knows", true);
  await page.locator("#panel [aria-label='Go back to version 2']").click();
  await page.waitForFunction(() => document.querySelectorAll("#panel .versions li").length === 4);
  check("an old version is the newest again", true);
  await page.keyboard.press("Escape");
  await page.waitForFunction(() => !document.querySelector("#panel h1"));
  check("Escape closes the panel", page.url() === staging, page.url());

  await page.keyboard.press("n");
  await page.locator("#panel #f-name").fill("NEW_KEY");
  await page.locator("#panel #f-value").fill("fresh");
  await page.locator("#panel button:text-is('Add secret')").click();
  await page.locator("#panel .notice.ok").waitFor();
  await row("NEW_KEY").waitFor();
  check("a new secret is in the table", true);

  await page.goto(`${staging}/secrets/NEW_KEY`);
  await page.locator("summary:text-is('Delete')").click();
  await page.locator("button:text-is('Delete NEW_KEY')").click();
  await page.locator("button:text-is('Undo')").click();
  await page.locator(".notice.ok").waitFor();
  check("what was deleted comes back", page.url().includes("/secrets/NEW_KEY"), page.url());

  await page.goto(`${base}/`);
  await page.keyboard.press("Control+k");
  await page.locator("#palette-list a").first().waitFor();
  await judge(page, "the palette");
  await page.keyboard.type("signing");
  await page.locator("#palette-list a", { hasText: "SIGNING_KEY" }).first().waitFor();
  await page.screenshot({ path: `${screenshots}/palette-light-1440.png` });
  await page.keyboard.press("Enter");
  await page.waitForURL(/SIGNING_KEY/);
  check("the palette leads to a secret", true);
  await page.keyboard.press("?");
  check("the keys are told", await page.locator("#keys").isVisible());
  await judge(page, "the keys");
  await page.keyboard.press("Escape");

  await page.locator(".account summary").click();
  await page.locator("button[value=dark]").click();
  check("dark is remembered", (await page.locator("html").getAttribute("data-theme")) === "dark");
  check("one is where one was", page.url().includes("SIGNING_KEY"), page.url());

  check("no complaint", complaints.length === 0, complaints.join("; "));
  check("no request elsewhere", elsewhere.length === 0, elsewhere.join("; "));
  await close();
  await signedIn();
  await withoutMail();
  await importing(staging);
  await governing();
  await linking(staging);
  await arranging();
  await withoutScripts(staging);
  await narrow(staging);
}

/** The account where the server sends no mail: what it says in place of the form. */
async function withoutMail() {
  const { page, complaints, close } = await open(owner);
  await page.goto(`${base}/account`);
  check("it says who makes the links", (await page.locator("#email").innerText()).includes("sends no mail"));
  await judge(page, "the account without mail");
  await page.screenshot({ path: `${screenshots}/account-no-mail-light-1440.png` });
  check("and no complaint", complaints.length === 0, complaints.join("; "));
  await close();
}

/** A browser as people have it: a cookie, and forms that show their token. */
async function signedIn() {
  const { page, complaints, close } = await open(null);
  const target = "/projects/shop/environments/staging/secrets/REDIS_URL";
  await page.goto(base + target);
  check("whoever is unknown is led to sign in", page.url().startsWith(`${base}/sign-in?next=`), page.url());
  await page.fill("[name=email]", email);
  await page.fill("[name=password]", "not the right one");
  await page.keyboard.press("Enter");
  await page.locator(".notice.danger:not([hidden])").waitFor();
  check("a wrong password is told", page.url().startsWith(`${base}/sign-in?next=`), page.url());
  await judge(page, "a refused sign-in");
  await page.screenshot({ path: `${screenshots}/sign-in-refused-light-1440.png` });
  await page.fill("[name=email]", email);
  await page.fill("[name=password]", password);
  await page.keyboard.press("Enter");
  await page.waitForURL(base + target);
  check("and one is where one wanted to be", true);
  await page.locator("[data-reveal-form] button").first().click();
  await page.waitForFunction(() => document.querySelector("[data-value]").textContent.startsWith("redis://"));
  check("a session shows a value", true);
  const forged = await page.evaluate(async (path) => {
    const body = new URLSearchParams({ csrf_token: "0".repeat(64) });
    return (await fetch(path, { method: "POST", body })).status;
  }, `${target}/reveal`);
  check("and none without its token", forged === 403, forged);
  await page.locator("#f-comment").fill("by cookie");
  await page.locator("button:text-is('Save')").click();
  await page.locator(".notice.ok").waitFor();
  check("a session writes", page.url().includes("done="), page.url());
  await page.locator(".account summary").click();
  await page.locator("button:has-text('Sign out')").click();
  await page.waitForURL(`${base}/sign-in`);
  await page.goto(base + target);
  check("and ends", page.url().startsWith(`${base}/sign-in?next=`), page.url());
  check("signed in: no complaint", complaints.length === 0, complaints.join("; "));
  await close();
}

/** A pasted file: what it would change, then the change. */
async function importing(staging) {
  const { page, complaints, close } = await open(owner);
  await page.goto(staging);
  await page.evaluate(() => {
    const clipboardData = new DataTransfer();
    clipboardData.setData("text/plain", "PASTED_ONE=1\nREDIS_URL=redis://new\nSENTRY_DSN=value-of-SENTRY_DSN\n");
    document.querySelector("#secrets").dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true }));
  });
  await page.locator("#plan .diff li").first().waitFor();
  const acts = await page.locator("#plan .diff li").evaluateAll((all) => all.map((li) => li.dataset.act).sort().join());
  check("what is pasted is planned", acts === "add,change,same", acts);
  await judge(page, "the plan");
  await page.screenshot({ path: `${screenshots}/paste-light-1440.png` });
  await page.locator("button:text-is('Apply')").click();
  await page.locator("main .notice.ok").waitFor();
  check("and applied", (await page.locator('a[data-row]:text-is("PASTED_ONE")').count()) === 1);
  check("importing: no complaint", complaints.length === 0, complaints.join("; "));
  await close();
}

/** The editor of policies with an error at its line, why a cell of the matrix is so, and the tree in the rail. */
async function governing() {
  const { page, complaints, close } = await open(owner);
  await page.goto(`${base}/policies/night`);
  await page.locator(".cm-content").waitFor();
  check("the editor has the policy", (await page.locator(".cm-content").innerText()).includes("forbid"));
  check("in colours", (await page.locator(".cm-content .t-keyword").count()) > 1);
  await page.locator(".cm-line", { hasText: "when" }).click();
  await page.keyboard.press("End");
  await page.keyboard.type(" when { resource.tear == 1 }");
  await page.locator("button:text-is('Check')").click();
  await page.locator("[data-fault]").first().waitFor();
  await page.locator(".cm-content .t-fault").first().waitFor();
  const told = await page.locator("[data-fault]").first().innerText();
  check("an error has its line", told.includes("line 3"), told);
  check("and stands there", (await page.locator(".cm-content .t-fault-line").count()) > 0);
  check("what was typed is kept", (await page.locator(".cm-content").innerText()).includes("resource.tear"));
  await judge(page, "a policy with an error");
  await page.screenshot({ path: `${screenshots}/policy-error-light-1440.png` });
  await page.goto(`${base}/policies/night`);
  await page.locator("button:text-is('Simulate')").click();
  await page.locator("#simulation").waitFor();
  check("a simulation is told", (await page.locator("#simulation").innerText()).includes("decided again"));
  await judge(page, "a simulation");

  // The editor of blueprints knows what may come next, from the schema.
  await page.goto(`${base}/projects/shop/environments/staging/blueprint`);
  await page.locator(".cm-content").click();
  await page.keyboard.press("ControlOrMeta+a");
  // Typing over it lets the browser keep the colour of what was there, as a style that the page refuses.
  await page.keyboard.press("Delete");
  await page.keyboard.type("ser");
  await page.locator(".cm-tooltip-autocomplete li", { hasText: "services" }).waitFor();
  await judge(page, "what may come next");
  await page.screenshot({ path: `${screenshots}/blueprint-complete-light-1440.png` });
  await page.locator(".cm-tooltip-autocomplete li", { hasText: "services" }).click();
  const written = await page.locator(".cm-content").innerText();
  check("what is chosen is written", written.trim() === "services:", written);
  check("the text field has it, too", (await page.locator("#f-source").inputValue()).startsWith("services:"));

  await page.goto(`${base}/access?on=protected`);
  await page.locator("tr", { has: page.locator('code:text-is("secret.reveal")') }).locator("a.cell").nth(1).click();
  await page.locator("#panel h1").waitFor();
  const why = await page.locator("#panel").innerText();
  check("a cell says why", why.includes("Denied") && why.includes("secret.reveal.protected"), why);
  await judge(page, "why");
  await page.screenshot({ path: `${screenshots}/matrix-why-light-1440.png` });
  await page.keyboard.press("Escape");
  await page.waitForFunction(() => !document.querySelector("#panel h1"));
  check("and goes away again", page.url().endsWith("/access?on=protected"), page.url());

  await page.goto(`${base}/`);
  await page.locator("[aria-label='Environments of shop']").click();
  await page.locator(".rail a:has-text('feat-checkout')").waitFor();
  await judge(page, "the tree in the rail");
  await page.screenshot({ path: `${screenshots}/rail-open-light-1440.png` });
  await page.locator("[aria-label='Environments of shop']").click();
  check("the tree closes", !(await page.locator(".rail a:has-text('feat-checkout')").isVisible()));
  check("governing: no complaint", complaints.length === 0, complaints.join("; "));
  await close();
}

/** A one-time link of what is typed, and of a secret: sealed here, opened elsewhere, and nothing of it asked of the server. */
async function linking(staging) {
  const { page, complaints, elsewhere, close } = await open(owner);
  const bodies = [];
  page.on("request", (request) => request.method() === "POST" && bodies.push(request.postData() ?? ""));
  await page.goto(`${base}/links`);
  await page.fill("#f-text", "typed-for-a-supplier");
  await page.fill("#f-phrase", "a few words");
  await page.fill("#f-note", "by hand");
  await page.locator("[data-link-send]").click();
  await page.locator("[data-link-made]").waitFor();
  const link = await page.locator("#made").inputValue();
  check("a link has its key in the fragment", /\/l\/lnk_[a-z0-9]+#[A-Za-z0-9_-]{43}$/.test(link), link);
  check("what was typed is gone from the form", (await page.locator("#f-text").inputValue()) === "");
  await page.locator("#links li", { hasText: "by hand" }).waitFor();
  check("and listed at once", true);
  await page.locator("[data-link-copy]").click();
  await page.locator(".toast").waitFor();
  check("and copied whole", (await page.evaluate(() => navigator.clipboard.readText())) === link);
  await judge(page, "a new link");
  await page.screenshot({ path: `${screenshots}/link-made-light-1440.png` });
  const key = link.split("#")[1];
  const leaked = (body) => [key, "typed-for", "few+words"].some((text) => body.includes(text));
  check("neither key, content nor passphrase was sent", bodies.length === 1 && !bodies.some(leaked), bodies.length);
  check("it opens with its passphrase", (await opened(link, "a few words")) === "typed-for-a-supplier");
  await page.locator("[data-link-send]").click();
  await page.locator("[data-link-said]:not([hidden])").waitFor();
  check("nothing is not sent", bodies.length === 1);

  await page.goto(`${staging}/secrets/STRIPE_WEBHOOK_SECRET`);
  await page.locator("a:text-is('Send it as a one-time link')").click();
  await page.locator("[data-link-send]").click();
  await page.locator("[data-link-made]").waitFor();
  const sent = await page.locator("#made").inputValue();
  check("a secret is sent", (await opened(sent, null)) === "value-of-STRIPE_WEBHOOK_SECRET");
  check("and stands nowhere in the page", !(await page.content()).includes("value-of-"));
  await judge(page, "a secret's link");
  await page.screenshot({ path: `${screenshots}/secret-link-made-light-1440.png` });
  check("linking: no complaint", complaints.length === 0, complaints.join("; "));
  check("linking: no request elsewhere", elsewhere.length === 0, elsewhere.join("; "));
  await close();
}

/** Plans of the tree, a new password and a new organization, as they stand before and after the button. */
async function arranging() {
  const { page, complaints, close } = await open(owner);
  const shot = async (name) => {
    await judge(page, name);
    for (const width of [1440, 320]) {
      await page.setViewportSize({ width, height: 900 });
      await page.screenshot({ path: `${screenshots}/${name}-light-${width}.png` });
    }
    await page.setViewportSize({ width: 1440, height: 900 });
  };
  const child = `${base}/projects/shop/environments/feat-checkout`;
  await page.goto(`${child}/settings`);
  await page.locator("a:has-text('Duplicate feat-checkout')").click();
  await page.fill("[name=slug]", "twin");
  await page.check("[name=values]");
  await page.locator("button:text-is('Show what it would have')").click();
  await page.locator(".plan .diff li").first().waitFor();
  check("a duplicate is planned with what was chosen", await page.locator("[name=values]").isChecked());
  await shot("duplicate-plan");
  await page.locator("button:text-is('Make twin')").click();
  await page.locator("main .notice.ok").waitFor();
  check("and made", page.url().includes("/environments/twin"), page.url());
  await page.goto(`${child}/move`);
  await page.selectOption("[name=parent]", "/");
  await page.locator("button:text-is('Show what changes')").click();
  await page.locator(".plan .diff li").first().waitFor();
  await shot("move-plan");
  await page.locator("button:text-is('Move feat-checkout')").click();
  await page.locator("main .notice.ok").waitFor();
  check("an environment is moved", (await page.locator(".meta").first().innerText()).includes("a root of the tree"));
  await page.goto(`${base}/instance/users`);
  await page.locator("a:text-is('grace@example.com')").click();
  await page.locator("button:text-is('Make a link')").click();
  check("an operator gets a link", (await page.locator("#link-1").inputValue()).includes("/reset#"));
  await shot("instance-user-link");
  await page.goto(`${base}/instance/organizations`);
  await page.fill("#f-slug", "other");
  await page.locator("button:text-is('Make organization')").click();
  check("an organization is made", (await page.locator("#token").inputValue()).startsWith("hf_"));
  await shot("instance-organization-made");
  await page.goto(`${base}/projects/billing/settings`);
  await page.fill("[name=confirm]", "bill");
  await page.locator("button:text-is('Delete billing')").click();
  await page.locator(".notice.danger").waitFor();
  await shot("project-settings-refused");
  check("arranging: no complaint", complaints.length === 0, complaints.join("; "));
  await close();
}

/** What somebody without an account reads behind a link. */
async function opened(link, passphrase) {
  const { page, close } = await open(null);
  await page.goto(link);
  await page.locator("#reveal").waitFor();
  if (passphrase !== null) await page.fill("#passphrase", passphrase);
  await page.locator("#reveal").click();
  await page.locator("#secret").waitFor();
  const text = await page.locator("#secret").inputValue();
  await close();
  return text;
}

/** The main forms, sent by the browser itself. */
async function withoutScripts(staging) {
  const { page, close } = await open(owner, { javaScriptEnabled: false });
  await page.goto(`${base}/new-project`);
  await page.fill("[name=slug]", "plain");
  await page.locator("button:text-is('Make project')").click();
  check("a project is made", page.url().includes("/projects/plain"), page.url());
  await page.locator("a:text-is('Make the first environment')").click();
  await page.fill("[name=slug]", "staging");
  await page.locator("button:text-is('Make environment')").click();
  await page.locator("a:text-is('Add the first secret')").click();
  await page.fill("[name=name]", "KEY");
  await page.fill("[name=value]", "by hand");
  await page.locator("button:text-is('Add secret')").click();
  check("a secret is made", page.url().includes("/secrets/KEY"), page.url());
  await page.locator("button:has-text('Reveal')").click();
  check("and shown", (await page.locator("#revealed").inputValue()) === "by hand");
  await page.goto(staging);
  await page.fill("[name=q]", "redis");
  await page.keyboard.press("Enter");
  await page.waitForURL(/q=redis/);
  check("and filtered", (await page.locator("#secrets tbody tr").count()) === 1);
  await close();
}

/** A telephone: the rail is a sheet. */
async function narrow(staging) {
  const { page, close } = await open(owner, { viewport: { width: 320, height: 640 } });
  await page.goto(staging);
  check("the rail is away", !(await page.locator("#rail").isVisible()));
  await page.locator(".menu-open").click();
  check("and comes", await page.locator("#rail").isVisible());
  // Of the page behind it a box may be half covered, which is no target then; the page itself is judged elsewhere.
  await judge(page, "the sheet", "#rail");
  await page.screenshot({ path: `${screenshots}/rail-light-320.png` });
  await close();
}

try {
  await { look, act, hostile, email: email_steps }[part]();
} catch (error) {
  const last = browser.contexts().flatMap((context) => context.pages()).at(-1);
  await last?.screenshot({ path: `${screenshots}/failed-${part}.png` });
  console.error(`asked last:\n${asked.slice(-12).join("\n")}`);
  throw error;
} finally {
  await browser.close();
}
console.log(JSON.stringify(checks));
