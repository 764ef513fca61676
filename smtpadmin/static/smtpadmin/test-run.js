// Runs a test and shows its steps as they come, then the outcome, and with it the other ways that are tried after some
// failures. A broken stream is never sent again: that would send a second message.

import { offerCopy } from "./copy.js";
import { Refused, markRunning, parse, stream } from "./stream.js";

// Long enough that a server which answers is never called slow; a silent one is waited for up to a minute.
const SLOW = 6000;

// Returns the outcome, or null. `places`: pending (template), steps, result, live (elements); `broken`: what to say when the connection is lost.
export async function runTest(url, body, { pending, steps, result, live, broken }) {
  const list = pending.content.cloneNode(true).querySelector("[data-steps]");
  steps.replaceChildren(list);
  result.replaceChildren();
  wait(list, live);
  let outcome = null;
  try {
    for await (const element of stream(url, body)) {
      if (element.matches("[data-stage]")) showStep(element, list, live);
      else if (element.matches("[data-outcome]")) outcome = showOutcome(element, list, result);
      else outcome?.querySelector("[data-ways]").replaceChildren(element);
    }
  } catch (error) {
    if (error instanceof Refused) {
      steps.replaceChildren();
      showRefusal(error.html, result, broken);
      return null;
    }
    if (!(error instanceof TypeError)) throw error; // what fetch and a reader raise for the network
  }
  if (outcome) {
    // What was under way when the connection broke does not go on.
    outcome.querySelector("[data-other-ways][aria-busy]")?.remove();
    return outcome;
  }
  stopRunning(list, null);
  showNote(broken, result);
  return null;
}

function showOutcome(outcome, list, result) {
  stopRunning(list, outcome.classList.contains("sa-tone-ok"));
  result.replaceChildren(outcome);
  offerCopy(result);
  outcome.focus();
  return outcome;
}

function showStep(item, list, live) {
  list.querySelector(`[data-stage="${item.dataset.stage}"]`).replaceWith(item);
  live.textContent = `${text(item, "[data-label]")}: ${text(item, "[data-status]")}`;
  layOutBars(list);
  if (!item.classList.contains("sa-is-failed")) wait(list, live);
}

// Marks the step that is under way, and says so in words when it takes long.
function wait(list, live) {
  markRunning(list);
  const item = list.querySelector(".sa-running");
  setTimeout(() => {
    if (!item?.isConnected || !item.classList.contains("sa-running")) return;
    const status = item.querySelector("[data-status]");
    status.textContent = list.dataset.slow;
    status.className = "sa-quiet";
    live.textContent = list.dataset.slow;
  }, SLOW);
}

const text = (element, selector) => element.querySelector(selector).textContent;

// Each bar begins where the one before it ends; how long the whole takes is known only at the end.
export function layOutBars(list) {
  const items = [...list.querySelectorAll("[data-seconds]")].filter((item) => item.querySelector(".sa-bar-fill"));
  const total = items.reduce((sum, item) => sum + Number(item.dataset.seconds), 0) || 1;
  let start = 0;
  for (const item of items) {
    const share = Number(item.dataset.seconds) / total;
    const bar = item.querySelector(".sa-bar-fill");
    bar.setAttribute("x", Math.round(start * 1000));
    bar.setAttribute("width", Math.max(Math.round(share * 1000), 6));
    start += share;
  }
}

function stopRunning(list, ok) {
  list.querySelector(".sa-running")?.classList.remove("sa-running");
  if (ok === null) return;
  const label = ok ? list.dataset.skipped : list.dataset.unreached;
  for (const item of list.querySelectorAll(".sa-is-pending")) {
    item.classList.replace("sa-is-pending", "sa-is-unreached");
    const status = item.querySelector("[data-status]");
    status.textContent = label;
    status.className = "sa-quiet";
  }
}

// A refusal comes as a note of the app's own; anything else (a login page, an error page) is not to be shown here.
function showRefusal(html, result, broken) {
  const note = parse(html.trim());
  if (note?.matches("[data-problems]")) result.replaceChildren(note);
  else showNote(broken, result);
}

function showNote(text, result) {
  const note = document.createElement("p");
  note.className = "sa-callout sa-tone-bad";
  note.setAttribute("role", "alert");
  note.textContent = text;
  result.replaceChildren(note);
}
