// Every text that is there to be copied gets a button that does it.
for (const text of document.querySelectorAll("[data-copy]")) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "plain copy";
  button.textContent = text.dataset.copy;
  button.addEventListener("click", async () => {
    text.select(); // all that a browser without a clipboard leaves to do
    await navigator.clipboard?.writeText(text.value);
    if (navigator.clipboard) button.textContent = text.dataset.copied;
  });
  text.after(button);
}

// In a list j and k go to the next and the last lead, Enter opens it, r asks whether it
// should be retried, and / goes to the search. All of it works with Tab as well.
function step(by) {
  const links = [...document.querySelectorAll(".leads .who a")];
  const at = links.indexOf(document.activeElement);
  const next = at < 0 ? (by > 0 ? 0 : links.length - 1) : at + by;
  links[next]?.focus();
}

// retry chooses the lead that has the focus and no other, and asks as the button does.
function retry() {
  const row = document.activeElement.closest(".leads tr");
  const form = row?.closest("form");
  const button = form?.querySelector("button[value=retry]");
  if (!button) return;
  for (const box of form.querySelectorAll("input[name=id]")) box.checked = row.contains(box);
  button.click();
}

const keys = {
  j: () => step(1),
  k: () => step(-1),
  r: retry,
  "/": () => document.querySelector("#q")?.focus(),
};

document.addEventListener("keydown", (event) => {
  const isTyping = event.target.closest("input:not([type=checkbox]), textarea, select");
  if (isTyping || event.ctrlKey || event.altKey || event.metaKey || !keys[event.key]) return;
  event.preventDefault();
  keys[event.key]();
});

// A page is live if it has this button: the server tells that something has changed, and
// the page takes its live parts from a new copy of itself.
const pulse = document.querySelector(".live");
if (pulse) {
  const calm = 1500; // milliseconds without the pointer or a key before anything moves
  const main = document.querySelector("main");
  const shown = new Map(); // what each live part last was
  let stream, last = pulse.dataset.since, isLost = false, tries = 0, reopening; // what tells of changes
  let isHeld = false, isStale = false, isBusy = false, next = 0, touched = 0;

  // inUse says whether somebody is at work with the page, so that it stands still.
  function inUse() {
    const at = document.activeElement;
    const isChanged = (field) => (field.type === "checkbox" ? field.checked !== field.defaultChecked
      : field.options ? field.selectedIndex !== Math.max(0, [...field.options].findIndex((one) => one.defaultSelected))
      : field.value !== field.defaultValue);
    return at?.matches("input, textarea, select") || at?.matches("button") && at !== pulse || !getSelection().isCollapsed
      || [...document.querySelectorAll("input:not([type=hidden]), textarea, select")].some(isChanged);
  }

  function tell() {
    const how = isHeld ? (isStale ? "news" : "held") : isLost ? "lost" : isStale && inUse() ? "waits" : "now";
    if (pulse.dataset.how === how) return;
    pulse.dataset.how = how;
    pulse.textContent = pulse.dataset[how];
    pulse.setAttribute("aria-pressed", isHeld);
  }

  // replace changes the parts that differ. What has the focus or is open stays so.
  function replace(fresh) {
    for (const old of document.querySelectorAll("[data-live]")) {
      const name = old.dataset.live;
      const part = fresh.querySelector(`[data-live="${name}"]`);
      if (!part || part.isEqualNode(shown.get(name))) continue;
      shown.set(name, part);
      const isOpen = [...old.querySelectorAll("details")].map((one) => one.open);
      const at = old.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
      old.replaceChildren(...document.importNode(part, true).childNodes);
      old.querySelectorAll("details").forEach((one, i) => { one.open = isOpen[i] ?? one.open; });
      if (at) old.querySelector(`a[href="${CSS.escape(at)}"]`)?.focus({ preventScroll: true });
    }
  }

  // refresh asks for a new copy. Whoever is busy has all the more time between two of them.
  async function refresh() {
    const begun = performance.now();
    isStale = false;
    isBusy = true;
    try {
      const answer = await fetch(location.href, { cache: "no-store", headers: { "Leadrelay-Live": "1" }, signal: AbortSignal.timeout?.(20000) });
      if (answer.redirected) return location.reload(); // the session has ended
      const text = answer.ok ? await answer.text() : "";
      if (!text || isHeld || inUse()) isStale = true;
      else replace(new DOMParser().parseFromString(text, "text/html"));
    } catch {
      isStale = true;
    }
    next = performance.now() + Math.max(1000, 5 * (performance.now() - begun));
    isBusy = false;
  }

  function look() {
    const now = performance.now();
    if (isStale && !isHeld && !isBusy && !document.hidden && now > next && now - touched > calm && !inUse()) refresh();
    tell();
  }

  function note(event) {
    last = event.lastEventId || last;
    const changed = event.type === "lead" ? JSON.parse(event.data) : {};
    const isOther = main.dataset.lead && `${changed.remote_id}` !== main.dataset.lead || main.dataset.site && changed.site !== main.dataset.site;
    if (event.type !== "lead" || !isOther) isStale = true;
  }

  // A browser opens a stream again that was cut, but none that was refused, as by a proxy
  // while the relay restarts. Pages do not come back all at once.
  function open() {
    clearTimeout(reopening);
    if (stream && stream.readyState !== EventSource.CLOSED || document.hidden) return;
    stream = new EventSource(`/events?after=${encodeURIComponent(last)}`);
    stream.onopen = () => { tries = 0; isLost = false; };
    stream.addEventListener("lead", note);
    stream.addEventListener("reset", note);
    stream.onerror = () => {
      isLost = true;
      if (stream?.readyState !== EventSource.CLOSED) return;
      isStale = true; // a page that nobody may see any more finds out
      reopening = setTimeout(open, 1000 + Math.random() * Math.min(60000, 2000 * 2 ** tries++));
    };
  }

  // A browser has few connections to a server: a page that nobody sees has none.
  function close() {
    clearTimeout(reopening);
    stream?.close();
    stream = undefined;
  }

  pulse.addEventListener("click", () => { isHeld = !isHeld; look(); });
  for (const kind of ["pointermove", "pointerdown", "keydown", "scroll"]) {
    addEventListener(kind, (event) => { if (event.target !== pulse) touched = performance.now(); }, { passive: true });
  }
  document.addEventListener("visibilitychange", () => { if (document.hidden) close(); else open(); });
  addEventListener("pagehide", close);
  addEventListener("pageshow", open);
  for (const part of document.querySelectorAll("[data-live]")) shown.set(part.dataset.live, part.cloneNode(true));
  setInterval(look, 250);
  setInterval(() => { isStale ||= !!document.querySelector("progress"); }, 3000); // a job goes on without a change of a lead, too
  setInterval(() => { isStale = true; }, 60000); // how long ago something was
  open();
}
