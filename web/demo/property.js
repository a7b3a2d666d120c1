// Sends the inquiry without leaving the page. Without this file the form posts
// as any form does, and the relay answers with a page.

const form = document.querySelector("#inquiry");
const button = form.querySelector("button");
const notice = form.querySelector(".notice");
const idle = button.textContent;

// One id for one text: sending it again after a lost answer makes no second lead.
let submission = newSubmission();

form.addEventListener("input", ({ target }) => {
  submission = newSubmission();
  mend(target);
});

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (form.getAttribute("aria-busy") === "true") return;
  setBusy(true);
  try {
    show(await send());
  } catch {
    say(form.dataset.retry); // no network, no answer in time, or none that can be read
  } finally {
    setBusy(false);
  }
});

function newSubmission() {
  return crypto.getRandomValues(new Uint32Array(4)).join("-");
}

function setBusy(busy) {
  form.setAttribute("aria-busy", busy);
  button.textContent = busy ? form.dataset.sending : idle;
  if (!busy) return;
  say("");
  for (const input of form.elements) mend(input);
}

async function send() {
  const body = new URLSearchParams(new FormData(form));
  body.set("_submission_id", submission);
  const response = await fetch(form.action, {
    method: "POST",
    headers: { Accept: "application/json" },
    body,
    signal: AbortSignal.timeout(20_000),
  });
  return { status: response.status, answer: await response.json() };
}

function show({ status, answer }) {
  if (answer.ok) return thank(answer);
  if (status === 429 || status >= 500) return say(form.dataset.retry);
  const errors = answer.errors ?? [];
  for (const { field, message } of errors) mark(form.elements[field], message);
  const first = form.querySelector("[aria-invalid=true]");
  if (first) first.focus();
  else say(errors[0]?.message ?? [answer.title, answer.detail].filter(Boolean).join(". "));
}

// The relay names a field by its own word or by the form's: id or name.
function mark(input, message) {
  if (!input || input.type === "hidden") return;
  mend(input);
  const error = document.createElement("p");
  error.className = "error";
  error.id = input.id + "-error";
  error.textContent = message;
  input.after(error);
  input.setAttribute("aria-invalid", "true");
  input.setAttribute("aria-describedby", error.id);
}

function mend(input) {
  document.getElementById(input.id + "-error")?.remove();
  input.removeAttribute("aria-invalid");
  input.removeAttribute("aria-describedby");
}

function say(text) {
  notice.textContent = text;
  notice.hidden = !text;
}

function thank({ remote_id }) {
  const thanks = document.querySelector("#preguntar template").content.cloneNode(true);
  thanks.querySelector(".folio").textContent = String(remote_id).replace(/\B(?=(\d{3})+$)/g, " ");
  const heading = thanks.querySelector("h2");
  form.replaceWith(thanks);
  heading.focus();
}
