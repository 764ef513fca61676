// The test page: shows each step as it happens. Without this script the same form answers with the finished page.

import { offerCopy } from "./copy.js";
import { runTest } from "./test-run.js";

const form = document.querySelector("[data-run]");

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const buttons = form.querySelectorAll("button[type=submit]");
  const body = new FormData(form, event.submitter);
  document.querySelector("[data-steps-card]").hidden = false;
  document.querySelector("[data-when]")?.remove();
  for (const button of buttons) button.disabled = true;
  await runTest(form.action, body, {
    pending: document.querySelector("template[data-pending]"),
    steps: document.querySelector(form.dataset.steps),
    result: document.querySelector(form.dataset.result),
    live: document.querySelector("[data-live]"),
    broken: form.dataset.broken,
  });
  for (const button of buttons) button.disabled = false;
});

offerCopy(document);
