// The secret's box: a button that shows what was typed, and the word that a stored secret does not move along.

export function addReveal(form) {
  const box = form.querySelector("[data-reveal]");
  const input = box.querySelector("input");
  const button = document.createElement("button");
  button.type = "button";
  button.className = "sa-button";
  const set = (shown) => {
    input.type = shown ? "text" : "password";
    button.textContent = shown ? box.dataset.hide : box.dataset.show;
    button.setAttribute("aria-pressed", String(shown));
  };
  set(false);
  button.addEventListener("click", () => set(input.type === "password"));
  // A browser remembers what it sends from a text box.
  form.addEventListener("submit", () => set(false));
  box.append(button);
}

// A secret is given to one server for one user: as soon as one of these changes, say what that means for it.
export function watchMove(form, note) {
  if (!("stored" in form.dataset)) return () => {};
  const secret = form.elements.secret;
  const tick = form.querySelector("[data-without-secret]");
  const bound = form.dataset.boundFields.split(",").map((name) => form.elements[name]);
  const trust = form.dataset.trustFields.split(",").map((name) => form.elements[name]);
  // What a link to a pin or to another port filled in is a change already, though the form began with it.
  const offersWay = "offersWay" in form.dataset;
  const offered = offersWay || "offersPin" in form.dataset;
  const update = () => {
    const moved = offersWay || bound.some(hasChanged);
    const asks = (moved || offered || trust.some(isWeaker)) && !secret.value;
    tick.hidden = !asks;
    if (!asks) form.elements.without_secret.checked = false;
    note("secret", asks ? [{ text: moved ? form.dataset.moved : form.dataset.weakened, blocks: false }] : []);
  };
  secret.addEventListener("input", update);
  if (offered) update();
  return update;
}

function isWeaker(field) {
  if (field.type === "checkbox") return field.checked && !field.defaultChecked;
  // A later end; where nothing goes unchecked it says nothing.
  if (field.type === "date") return field.form.elements.skip_verify.checked && field.value > field.defaultValue;
  return field.value.trim() !== "" && field.value.trim() !== field.defaultValue.trim();
}

function hasChanged(field) {
  if (field.tagName !== "SELECT") return field.value.trim() !== field.defaultValue;
  return !field.selectedOptions[0]?.defaultSelected;
}
