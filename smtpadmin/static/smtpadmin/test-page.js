// The test page: shows each step as it happens. Without this script the same form answers with the finished page.

import { offerCopy } from "./copy.js";
import { runTest } from "./test-run.js";

const form = document.querySelector("[data-run]");

form.addEventListener("submit", (event) => {
  event.preventDefault();
  run(form.action, new FormData(form, event.submitter), pagePending());
});

// Another way that was found after a failure: it is saved, and tested again.
document.addEventListener("submit", async (event) => {
  const other = event.target.closest("[data-way-form]");
  if (!other) return;
  event.preventDefault();
  const pending = other.querySelector("template[data-pending]");
  const outcome = await run(other.action, new FormData(other), pending);
  if (!outcome) return;
  pagePending().replaceWith(pending);
  document.querySelector("[data-server]").textContent = other.dataset.server;
});

// The stages of a test of the profile as it is.
function pagePending() {
  return document.querySelector("#content-main > template[data-pending]");
}

async function run(url, body, pending) {
  const buttons = form.querySelectorAll("button[type=submit]");
  document.querySelector("[data-steps-card]").hidden = false;
  document.querySelector("[data-when]")?.remove();
  for (const button of buttons) button.disabled = true;
  const outcome = await runTest(url, body, {
    pending,
    steps: document.querySelector(form.dataset.steps),
    result: document.querySelector(form.dataset.result),
    live: document.querySelector("[data-live]"),
    broken: form.dataset.broken,
  });
  for (const button of buttons) button.disabled = false;
  return outcome;
}

offerCopy(document);
