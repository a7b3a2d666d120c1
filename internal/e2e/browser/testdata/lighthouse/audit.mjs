// Audits the page that each line on stdin names for accessibility, as Lighthouse does for
// a phone, and prints its score, out of 100, and what it is made of.
import { createInterface } from "node:readline";
import lighthouse from "lighthouse";
import { launch } from "puppeteer-core";

const browser = await launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu"], timeout: 60_000 });
try {
  for await (const line of createInterface({ input: process.stdin })) {
    const { address, scheme } = JSON.parse(line);
    console.log(JSON.stringify(await audit(await browser.newPage(), address, scheme)));
  }
} finally {
  await browser.close();
}

async function audit(page, address, scheme) {
  await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
  const { lhr } = await lighthouse(address, { onlyCategories: ["accessibility"], disableFullPageScreenshot: true }, undefined, page);
  const isDark = await page.evaluate(() => matchMedia("(prefers-color-scheme: dark)").matches);
  await page.close();
  const judged = Object.values(lhr.audits).filter(({ score }) => score !== null);
  const names = (ok) => judged.filter(({ score }) => (score === 1) === ok).map(({ id, details }) => (ok ? id : `${id}: ${JSON.stringify(details?.items)}`));
  return {
    scheme: isDark ? "dark" : "light", score: 100 * lhr.categories.accessibility.score, passed: names(true), failed: names(false),
    warnings: lhr.runtimeError ? [...lhr.runWarnings, lhr.runtimeError.message] : lhr.runWarnings,
  };
}
