// Makes the profile form quick: it recognises the address, fills the rest in, checks while one types, and tests without
// saving. Every rule is the server's; this asks it, or does beforehand what it would do.

import { Combobox } from "./combobox.js";
import { Finder } from "./find-settings.js";
import { Presets, addressIn, profileName, userName } from "./presets.js";
import { addReveal, watchMove } from "./secret-field.js";
import { runTest } from "./test-run.js";

// What the summary of the limits names, in this order.
const RATES = ["rate_second", "rate_minute", "rate_hour", "rate_day", "batch"];

const form = document.querySelector("[data-profile-form]");
if (form) start(await Presets.load(form.dataset.presets));

function start(presets) {
  const { elements: field, dataset } = form;
  const isNew = "new" in dataset;
  const typed = new Set(); // fields that a person has filled: nothing overwrites these on its own
  let picked = !isNew || wasPicked();
  let settle = 0;
  let lastUser = userName(presets.get(field.provider.value), addressIn(field.address.value));

  addReveal(form);
  const combobox = new Combobox(field.provider, (key) => presets.words(key));
  const updateMove = watchMove(form, note);
  const finder = new Finder(form, useFound);

  form.addEventListener("input", (event) => {
    forgetErrors(event.target);
    if (event.isTrusted) typed.add(event.target.name);
    if (event.target === field.address) {
      followAddress(false);
      // Not only when the box is left: what opens then would move the button that is being pressed.
      clearTimeout(settle);
      settle = setTimeout(() => followAddress(true), 500);
    }
    else afterChange(event.target);
  });
  form.addEventListener("change", (event) => {
    if (event.target === field.address) followAddress(true);
    else if (event.target === field.provider) {
      picked = true;
      applyProvider({ overwrite: true });
    } else afterChange(event.target);
    check();
  });
  form.querySelector("[data-guide-slot]").addEventListener("click", useEndpoint);
  for (const button of form.querySelectorAll("[data-try-button]")) button.addEventListener("click", tryNow);
  form.querySelector("[data-try-result]")?.addEventListener("click", takeWay);
  if (isNew) rememberTyped();
  if (isNew && field.address.value) followAddress(true);
  offerSearch();
  dataset.ready = "";

  // A form that comes back, or was opened by a link, has values in it already. What does not follow from its address
  // and provider somebody has chosen.

  function wasPicked() {
    const key = field.provider.value;
    const address = addressIn(field.address.value);
    return key !== "" && (!address || key !== (presets.detect(address)?.key ?? "other"));
  }

  function rememberTyped() {
    const preset = presets.get(field.provider.value);
    const address = addressIn(field.address.value);
    const following = { ...JSON.parse(dataset.unlimited), ...preset?.limits, username: userName(preset, address) };
    // Without a provider they are as an empty form has them.
    const server = preset ?? { host: "", port: "", security: "tls" };
    for (const name of ["host", "port", "security"]) following[name] = String(server[name]);
    if (address) following.name = profileName(preset, address);
    for (const [name, value] of Object.entries(following)) {
      if (field[name].value && field[name].value !== value) typed.add(name);
    }
  }

  // From the address to everything else

  function followAddress(isDone) {
    const address = addressIn(field.address.value);
    if (isNew && !picked) {
      const preset = address ? presets.detect(address) : null;
      const key = preset?.key ?? (address && isDone ? "other" : "");
      if (key !== field.provider.value) {
        field.provider.value = key;
        combobox.show();
        applyProvider({ overwrite: false });
      }
      note("provider", key === "other" ? [{ text: dataset.unknown }] : preset ? [{ text: dataset.recognised }] : []);
    }
    if (address) fillUserName(address);
    offerSearch();
  }

  function offerSearch() {
    finder.offer(addressIn(field.address.value), field.provider.value === "other");
  }

  // Everything else that somebody has typed stays.
  function useFound(found) {
    if (found.provider !== field.provider.value) {
      field.provider.value = found.provider;
      combobox.show();
      picked = found.provider !== "other";
      applyProvider({ overwrite: false });
      note("provider", []);
    }
    for (const name of ["host", "port", "security"]) set(field[name], found[name]);
    if (found.username) {
      set(field.username, found.username);
      if (found.username !== userName(presets.get(found.provider), addressIn(field.address.value))) typed.add("username");
    }
    open("server");
    afterChange();
    check();
    field.secret.focus();
  }

  function applyProvider({ overwrite }) {
    const key = field.provider.value;
    const preset = presets.get(key);
    showGuide(key);
    if (!isNew && !preset) return;
    for (const name of ["host", "port", "security"]) {
      if (overwrite || !typed.has(name)) set(field[name], preset ? preset[name] : name === "security" ? "tls" : "");
    }
    if (preset) set(field.sign_in, preset.noPassword === "none" ? "none" : "auto");
    fillLimits(preset, overwrite);
    if (overwrite) typed.delete("username");
    fillUserName(addressIn(field.address.value));
    if (!field.host.value || preset?.incomplete || preset?.username === "other") open("server");
    showSecret(preset);
    if (overwrite) note("provider", []);
    offerSearch();
    afterChange();
  }

  // Once for each provider: whoever empties a box afterwards means it.
  function fillLimits(preset, overwrite) {
    const key = preset?.key ?? "";
    if (key === field.limits_from.value) return;
    for (const [name, unlimited] of Object.entries(JSON.parse(dataset.unlimited))) {
      if (overwrite || !typed.has(name)) set(field[name], preset?.limits?.[name] ?? unlimited);
    }
    field.limits_from.value = key;
    form.querySelector("[data-limits-note]").hidden = !preset?.limits;
  }

  function fillUserName(address) {
    const preset = presets.get(field.provider.value);
    const user = field.sign_in.value === "none" ? "" : userName(preset, address);
    if (isNew ? !typed.has("username") : field.username.value === lastUser) set(field.username, user);
    lastUser = user;
    if (isNew && !typed.has("name") && address) set(field.name, profileName(preset, address));
    afterChange();
  }

  function showSecret(preset) {
    const row = form.querySelector("[data-field=secret]");
    row.hidden = Boolean(preset?.noPassword);
    row.querySelector("[data-secret-label-text]").textContent =
      preset && !preset.noPassword ? preset.secretLabel : dataset.secretLabel;
  }

  // The guide beside the form

  async function showGuide(key) {
    const slot = form.querySelector("[data-guide-slot]");
    if (!presets.get(key)) {
      const name = key === "other" ? "guide-other" : "guide-none";
      slot.replaceChildren(form.querySelector(`template[data-${name}]`).content.cloneNode(true));
      return;
    }
    const query = new URLSearchParams({ address: addressIn(field.address.value) });
    const response = await fetch(`${dataset.guideUrl.replace("KEY", key)}?${query}`, { credentials: "same-origin" });
    if (response.ok && field.provider.value === key) slot.innerHTML = await response.text();
  }

  function useEndpoint(event) {
    const link = event.target.closest("a[data-host]");
    if (!link) return;
    event.preventDefault();
    for (const name of ["host", "port", "security"]) {
      set(field[name], link.dataset[name]);
      typed.add(name);
    }
    open("server");
    afterChange();
    check();
    field.host.focus();
  }

  // What is wrong, as the server sees it

  let timer = 0;
  let asked = 0;
  function check() {
    clearTimeout(timer);
    if (addressIn(field.address.value) || !isNew) timer = setTimeout(askServer, 250);
  }

  async function askServer() {
    const turn = ++asked;
    const body = new FormData(form);
    body.delete("secret");
    const response = await fetch(dataset.checkUrl, { method: "POST", body, credentials: "same-origin" });
    if (!response.ok || turn !== asked || !response.headers.get("Content-Type").includes("json")) return;
    const { notes } = await response.json();
    for (const row of form.querySelectorAll("[data-field]")) {
      const name = row.dataset.field;
      if (name === "secret" || !field[name]) continue;
      const found = notes.filter((item) => item.field === name && isTimely(name));
      if (found.length || name !== "provider") note(name, found);
      for (const details of found.length ? [row.closest("details")] : []) if (details) details.open = true;
    }
  }

  // What is still empty is not wrong yet, unless somebody was there.
  function isTimely(name) {
    const element = field[name];
    const value = element.type === "checkbox" ? element.checked : element.value;
    return Boolean(value) || typed.has(name) || (name === "skip_verify_reason" && field.skip_verify.checked);
  }

  function note(name, items) {
    form.querySelector(`[data-field="${name}"] [data-notes]`)?.replaceChildren(...items.map((item) => noteElement(item)));
  }

  function noteElement({ text, blocks, fixes = [] }) {
    const element = document.createElement("p");
    element.className = `sa-note ${blocks === undefined ? "sa-fine" : blocks ? "" : "sa-doubt"}`;
    element.textContent = text;
    for (const { label, values } of fixes) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "sa-button sa-small";
      button.textContent = label;
      button.addEventListener("click", () => {
        for (const [name, value] of Object.entries(values)) set(field[name], value);
        afterChange();
        check();
      });
      element.append(document.createElement("br"), button);
    }
    return element;
  }

  function forgetErrors(target) {
    const row = target.closest("[data-field]");
    row?.querySelector(".errorlist")?.remove();
    row?.classList.remove("sa-has-errors");
    target.removeAttribute("aria-invalid");
  }

  // A test of what stands here

  function tryNow(event) {
    event.preventDefault();
    runTry(event.currentTarget);
  }

  // Another way that was found after a failure: filled in, and tested again.
  function takeWay(event) {
    const button = event.target.closest("[data-take-way]");
    if (!button) return;
    for (const name of ["port", "security"]) set(field[name], button.dataset[name]);
    if (button.dataset.security !== "none") set(field.allow_plaintext_auth, "");
    afterChange();
    check();
    runTry(form.querySelector(`[data-try-button][value="${button.dataset.mode}"]`));
  }

  async function runTry(submitter) {
    const buttons = form.querySelectorAll("[data-try-button]");
    const body = new FormData(form, submitter);
    const part = form.querySelector("[data-try]");
    for (const button of buttons) button.disabled = true;
    await runTest(dataset.tryUrl, body, {
      pending: part.querySelector(`template[data-pending="${field.security.value}"]`),
      steps: part.querySelector("[data-try-steps]"),
      result: part.querySelector("[data-try-result]"),
      live: part.querySelector("[data-live]"),
      broken: dataset.broken,
    });
    for (const button of buttons) button.disabled = false;
  }

  // Small things

  function afterChange() {
    const security = field.security.selectedOptions[0]?.textContent ?? "";
    const server = field.host.value ? [`${field.host.value}:${field.port.value}`, security, field.username.value] : [];
    summary("server", server.filter(Boolean).join(" · "));
    summary("sender", field.name.value);
    const rates = RATES.filter((name) => field[name].value);
    summary("limits", rates.map((name) => form.getAttribute(`data-summary-${name}`).replace("%(count)s", field[name].value)).join(" · "));
    summary("fallback", field.fallback.value ? field.fallback.selectedOptions[0].textContent : "");
    updateMove();
  }

  function summary(key, text) {
    form.querySelector(`[data-section="${key}"] [data-summary]`).textContent = text;
  }

  function open(key) {
    form.querySelector(`[data-section="${key}"]`).open = true;
  }

  function set(element, value) {
    if (element.type === "checkbox") element.checked = Boolean(value);
    else element.value = value;
    forgetErrors(element);
  }
}
