// Visits the page that each line on stdin names with Firefox: sends its form empty, then
// filled in, and prints what was to be seen.
import { createInterface } from "node:readline";
import { launch } from "puppeteer-core";

const timeout = 60_000; // the machine may be busy
const browser = await launch({ browser: "firefox", executablePath: "/usr/bin/firefox-esr", timeout });
try {
  for await (const line of createInterface({ input: process.stdin })) {
    const context = await browser.createBrowserContext(); // with cookies and storage of its own
    console.log(JSON.stringify(await visit(await context.newPage(), JSON.parse(line))));
    await context.close();
  }
} finally {
  await browser.close();
}

async function visit(page, { address, fields }) {
  const complaints = listen(page);
  page.setDefaultTimeout(timeout);
  await page.goto(address);
  await page.waitForSelector("form.leadrelay");
  await type(page, "message", "");
  await page.click("form.leadrelay button");
  await page.waitForSelector(".lr-error");
  const errors = await page.$$eval("[aria-invalid=true]", (wrong) =>
    Object.fromEntries(wrong.map((field) => [field.name, document.getElementById(field.getAttribute("aria-describedby").trim()).textContent])));
  const focused = await page.evaluate(() => document.activeElement.name);
  for (const [name, value] of Object.entries(fields)) await type(page, name, value);
  await page.click("form.leadrelay button");
  await page.waitForSelector(".lr-done", { visible: true });
  const thanks = await page.$eval(".lr-done", (done) => done.innerText);
  const folio = await page.$eval(".lr-folio", (number) => number.innerText);
  return { version: await browser.version(), errors, focused, thanks, folio, address: page.url(), complaints };
}

// Everything that a page logs, throws, or tries against its policy.
function listen(page) {
  const complaints = [];
  page.on("console", (m) => ["error", "warn"].includes(m.type()) && complaints.push(m.text()));
  page.on("pageerror", (e) => complaints.push(e.message));
  return complaints;
}

// Types over what is in the field.
async function type(page, name, value) {
  const field = await page.$(`form.leadrelay [name="${name}"]`);
  await field.evaluate((one) => one.select());
  await field.press("Delete");
  await field.type(value);
}
