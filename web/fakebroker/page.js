// Keeps the page fresh: the server says that something changed, and the page
// takes the live parts from a new copy of itself. Without script a reload does
// the same.
"use strict";
(() => {
  const pulse = document.querySelector("[data-pulse]");
  const pause = 400; // milliseconds between two refreshes, however much arrives
  let busy = false, again = false;

  function newest(root) {
    const row = root.querySelector("tr[data-number]");
    return row ? Number(row.dataset.number) : 0;
  }

  const shown = new Map(); // what each live part last was
  for (const part of document.querySelectorAll("[data-live]")) shown.set(part.dataset.live, part.innerHTML);

  function replace(fresh) {
    const last = newest(document);
    for (const old of document.querySelectorAll("[data-live]")) {
      const name = old.dataset.live;
      const next = fresh.querySelector(`[data-live="${name}"]`);
      if (!next || shown.get(name) === next.innerHTML) continue;
      shown.set(name, next.innerHTML);
      for (const row of next.querySelectorAll("tr[data-number]")) {
        if (Number(row.dataset.number) > last) row.classList.add("new");
      }
      const focused = old.contains(document.activeElement) ? document.activeElement.value : null;
      old.replaceWith(document.adoptNode(next));
      if (focused) next.querySelector(`button[value="${CSS.escape(focused)}"]`)?.focus();
    }
  }

  async function refresh() {
    if (busy) { again = true; return; }
    busy = true;
    do {
      again = false;
      try {
        const answer = await fetch(location.href, { cache: "no-store" });
        if (answer.ok) replace(new DOMParser().parseFromString(await answer.text(), "text/html"));
      } catch { /* the events tell when the server is back */ }
      await new Promise(done => setTimeout(done, pause));
    } while (again);
    busy = false;
  }

  const events = new EventSource("/_events");
  events.addEventListener("open", () => { pulse.hidden = false; pulse.classList.remove("lost"); refresh(); });
  events.addEventListener("error", () => pulse.classList.add("lost"));
  events.addEventListener("message", refresh);
})();
