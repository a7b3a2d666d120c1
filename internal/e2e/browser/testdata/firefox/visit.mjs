// Visits the page that each line names: sends its form empty, then filled in, and tells
// what was to be seen.
import { answer } from "./firefox.mjs";

await answer(async (page, { address, fields }) => {
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
  return { errors, focused, thanks, folio, address: page.url() };
});

// Types over what is in the field.
async function type(page, name, value) {
  const field = await page.$(`form.leadrelay [name="${name}"]`);
  await field.evaluate((one) => one.select());
  await field.press("Delete");
  await field.type(value);
}
