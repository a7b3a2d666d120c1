// What the scripts beside this one share: a Firefox that does what each line on stdin
// asks for, in a window of its own, and answers with a line.
import { createInterface } from "node:readline";
import { launch } from "puppeteer-core";

const timeout = 60_000; // the machine may be busy

export async function answer(act) {
  const browser = await launch({ browser: "firefox", executablePath: "/usr/bin/firefox-esr", timeout });
  try {
    for await (const line of createInterface({ input: process.stdin })) {
      const context = await browser.createBrowserContext(); // with cookies and storage of its own
      const page = await context.newPage();
      page.setDefaultTimeout(timeout);
      const complaints = listen(page);
      const saw = await act(page, JSON.parse(line));
      console.log(JSON.stringify({ version: await browser.version(), complaints, ...saw }));
      await context.close();
    }
  } finally {
    await browser.close();
  }
}

// Everything that a page logs, throws, or tries against its policy.
function listen(page) {
  const complaints = [];
  page.on("console", (m) => ["error", "warn"].includes(m.type()) && complaints.push(m.text()));
  page.on("pageerror", (e) => complaints.push(e.message));
  return complaints;
}
