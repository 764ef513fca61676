// Buttons that copy the text beside them. Without scripts they are not there, and the text can be selected.

export function offerCopy(root) {
  for (const button of root.querySelectorAll("[data-copy-button]")) {
    button.hidden = false;
    button.addEventListener("click", () => copy(button));
  }
}

async function copy(button) {
  const source = button.closest("[data-copy]").querySelector("pre");
  // navigator.clipboard is there on https and localhost only; a panel in a private network may be on neither.
  if (navigator.clipboard) await navigator.clipboard.writeText(source.textContent);
  else {
    getSelection().selectAllChildren(source);
    document.execCommand("copy");
  }
  button.lastChild.textContent = button.dataset.done;
}
