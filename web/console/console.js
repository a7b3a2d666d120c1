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
