// Small comforts on every page; nothing here is needed to read or ask.

const times = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

/** Puts every time into the reader's zone; the exact UTC time stays in `datetime` and the title. */
function localTimes() {
  for (const time of document.querySelectorAll("time[data-moment]")) {
    const moment = new Date(time.dateTime);
    if (Number.isNaN(moment.getTime())) continue;
    time.textContent = times.format(moment);
    time.title = time.dateTime;
  }
}

/** Adds a button that copies a digest, key or request id. */
function copyButtons() {
  if (!navigator.clipboard) return;
  for (const code of document.querySelectorAll("[data-copy]")) {
    if (code.closest("summary")) continue;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "plain copy";
    button.textContent = "Copy";
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(code.textContent);
      button.textContent = "Copied";
      setTimeout(() => (button.textContent = "Copy"), 1600);
    });
    code.after(button);
  }
}

/** Brings the cited span into sight, and turns pages with the arrow keys. */
function viewer() {
  if (!document.querySelector("[data-viewer]")) return;
  const highlight = document.querySelector("[data-highlight]");
  const picture = document.querySelector("img[data-page]");
  const show = () => highlight?.scrollIntoView({ block: "center" });
  if (picture && !picture.complete) picture.addEventListener("load", show, { once: true });
  show();
  document.addEventListener("keydown", (event) => {
    if (event.target.closest("input, textarea, select, [contenteditable]")) return;
    if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const rel = { ArrowLeft: "prev", ArrowRight: "next" }[event.key];
    const link = rel && document.querySelector(`.leaf a[rel="${rel}"]`);
    if (link) link.click();
  });
}

localTimes();
copyButtons();
viewer();
