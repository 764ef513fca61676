// Filters the provider list while typing. Without this script the form asks the server.

const form = document.querySelector("[data-filter]");
const input = form.querySelector("input[type=search]");
const count = form.querySelector("[data-count]");
let isWhole = !new URLSearchParams(location.search).get("q");

input.addEventListener("input", async () => {
  if (!isWhole) await loadAll();
  filter(input.value);
});
form.addEventListener("submit", (event) => event.preventDefault());

// The page came with the answers to a search only.
async function loadAll() {
  isWhole = true;
  const page = new DOMParser().parseFromString(await (await fetch(location.pathname)).text(), "text/html");
  const kinds = document.querySelectorAll("[data-kind]");
  document.querySelector("[data-none]").before(...page.querySelectorAll("[data-kind]"));
  for (const kind of kinds) kind.remove();
}

function filter(query) {
  const words = query.toLowerCase().split(/\s+/).map((word) => word.slice(word.lastIndexOf("@") + 1)).filter(Boolean);
  let shown = 0;
  for (const kind of document.querySelectorAll("[data-kind]")) {
    const before = shown;
    for (const card of kind.querySelectorAll("[data-words]")) {
      card.hidden = !words.every((word) => card.dataset.words.includes(word));
      shown += !card.hidden;
    }
    kind.hidden = shown === before;
  }
  const { text, total } = count.dataset;
  count.textContent = text.replace("%(count)s", shown).replace("%(total)s", total);
  document.querySelector("[data-none]").hidden = shown > 0;
  const nav = document.querySelector(".sa-jump");
  if (nav) nav.hidden = words.length > 0;
  history.replaceState(null, "", query ? `?q=${encodeURIComponent(query)}` : location.pathname);
}
