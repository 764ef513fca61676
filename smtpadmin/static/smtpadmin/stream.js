// Answers that come in pieces: the server sends finished pieces of HTML, each with a record separator behind it.

const TYPE = "application/x-smtpadmin-steps";
const SEPARATOR = "\x1e";

// The answer is a note, or another page altogether, in place of the pieces.
export class Refused extends Error {
  constructor(html) {
    super("no stream");
    this.html = html;
  }
}

// Yields each piece as an element. Throws Refused, and TypeError when the connection breaks.
export async function* stream(url, body, { signal } = {}) {
  const response = await fetch(url, { method: "POST", body, headers: { Accept: TYPE }, credentials: "same-origin", signal });
  if (!response.headers.get("Content-Type")?.startsWith(TYPE)) throw new Refused(await response.text());
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  for (let read = await reader.read(); !read.done; read = await reader.read()) {
    const parts = (rest + decoder.decode(read.value, { stream: true })).split(SEPARATOR);
    rest = parts.pop();
    yield* parts.map(parse);
  }
}

export function parse(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content.firstElementChild;
}

export function markRunning(list) {
  list.querySelector(".sa-running")?.classList.remove("sa-running");
  list.querySelector(".sa-is-pending")?.classList.add("sa-running");
}
