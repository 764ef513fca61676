// Checks the sender and shows each check as it is done. Without this script the browser is led to the finished page.

import { offerCopy } from "./copy.js";
import { Refused, markRunning, parse, stream } from "./stream.js";

const form = document.querySelector("[data-sender-run]");
const list = document.querySelector("[data-sender-rows]");
const result = document.querySelector("[data-sender-result]");
const card = document.querySelector("[data-sender-card]");
const live = document.querySelector("[data-live]");
const pending = document.querySelector("template[data-sender-pending]");

form.addEventListener("submit", (event) => {
  event.preventDefault();
  check();
});

if ("waits" in form.dataset) check();
else offerCopy(list);

async function check() {
  const button = form.querySelector("button[type=submit]");
  button.disabled = true;
  card.hidden = false;
  result.replaceChildren();
  list.replaceChildren(...pending.content.cloneNode(true).children);
  markRunning(list);
  let done = false;
  try {
    for await (const element of stream(form.action, new FormData(form))) {
      if (element.matches("[data-check]")) show(element);
      else done = showSummary(element);
    }
  } catch (error) {
    if (!(error instanceof Refused) && !(error instanceof TypeError)) throw error; // what fetch and a reader raise
    done = error instanceof Refused && showRefusal(error.html);
  }
  if (!done) showBroken();
  list.querySelector(".sa-running")?.classList.remove("sa-running");
  button.disabled = false;
}

function show(row) {
  list.querySelector(`[data-check="${row.dataset.check}"]`).replaceWith(row);
  offerCopy(row);
  markRunning(list);
}

function showSummary(element) {
  result.replaceChildren(element);
  live.textContent = element.textContent.trim();
  return true;
}

// A refusal comes as a note of the app's own; anything else (a login page, an error page) is not to be shown here.
function showRefusal(html) {
  const note = parse(html.trim());
  if (!note?.matches("[data-sender-refused]")) return false;
  card.hidden = true;
  result.replaceChildren(note);
  return true;
}

function showBroken() {
  const note = document.createElement("p");
  note.className = "sa-callout sa-tone-bad";
  note.setAttribute("role", "alert");
  note.textContent = form.dataset.broken;
  result.replaceChildren(note);
}
