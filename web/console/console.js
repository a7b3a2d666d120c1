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
const links = [...document.querySelectorAll(".leads .who a")];

function step(by) {
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
