// Works in the console that each line names: logs in, opens the pages, goes through the
// list with keys, does something with a lead, and logs out.
import { answer } from "./firefox.mjs";

await answer(async (page, { door, token, pages, lead, does }) => {
  const text = (selector) => page.$eval(selector, (one) => one.innerText.trim());
  const leaves = (how) => Promise.all([page.waitForNavigation(), how()]);
  await page.goto(door);
  await page.type("#token", token);
  await leaves(() => page.keyboard.press("Enter"));

  const seen = {};
  for (const path of pages) {
    const answered = await page.goto(door + path);
    const fits = await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth);
    seen[path] = { status: answered.status(), title: await text("h1"), fits };
  }

  await page.goto(door + "/leads");
  await page.waitForSelector(".live[data-how=now]");
  await page.keyboard.press("j");
  const at = await page.evaluate(() => document.activeElement.href);
  await leaves(() => page.keyboard.press("Enter"));
  const opened = page.url() === at;

  await page.goto(door + lead);
  await leaves(() => page.click(`button[value=${does}]`));
  const asked = await text("h1");
  await leaves(() => page.click("main .main"));
  const done = await text(".notice");
  await leaves(() => page.click("form[action='/logout'] button"));
  return { seen, opened, asked, done, loggedOut: (await page.$("#token")) !== null };
});
