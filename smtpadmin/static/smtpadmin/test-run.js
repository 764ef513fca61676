// Runs a test and shows its steps as they come. The server sends finished pieces of HTML, each with a record separator
// behind it; this puts them in their places. A broken stream is never sent again: that would send a second message.

import { offerCopy } from "./copy.js";

const TYPE = "application/x-smtpadmin-steps";
const SEPARATOR = "\x1e";

// `places`: pending (template), steps, result, live (elements); `broken`: what to say when the connection is lost.
export async function runTest(url, body, { pending, steps, result, live, broken }) {
  const list = pending.content.cloneNode(true).querySelector("[data-steps]");
  steps.replaceChildren(list);
  result.replaceChildren();
  markRunning(list);
  let outcome = null;
  try {
    const response = await fetch(url, { method: "POST", body, headers: { Accept: TYPE }, credentials: "same-origin" });
    if (!response.headers.get("Content-Type")?.startsWith(TYPE)) {
      steps.replaceChildren();
      showRefusal(await response.text(), result, broken);
      return;
    }
    for await (const piece of pieces(response.body)) {
      const element = parse(piece);
      if (element.matches("[data-stage]")) showStep(element, list, live);
      else outcome = element;
    }
  } catch (error) {
    if (!(error instanceof TypeError)) throw error; // what fetch and a reader raise for the network
  }
  stopRunning(list, outcome ? outcome.classList.contains("sa-tone-ok") : null);
  if (outcome) {
    result.replaceChildren(outcome);
    offerCopy(result);
    outcome.focus();
  } else showNote(broken, result);
}

async function* pieces(body) {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  for (let read = await reader.read(); !read.done; read = await reader.read()) {
    const parts = (rest + decoder.decode(read.value, { stream: true })).split(SEPARATOR);
    rest = parts.pop();
    yield* parts;
  }
}

function parse(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content.firstElementChild;
}

function showStep(item, list, live) {
  list.querySelector(`[data-stage="${item.dataset.stage}"]`).replaceWith(item);
  live.textContent = `${text(item, "[data-label]")}: ${text(item, "[data-status]")}`;
  layOutBars(list);
  if (!item.classList.contains("sa-is-failed")) markRunning(list);
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

function markRunning(list) {
  list.querySelector(".sa-running")?.classList.remove("sa-running");
  list.querySelector(".sa-is-pending")?.classList.add("sa-running");
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
