// The search for settings on the profile form: a button where no provider is known, the steps as they happen, and what was
// found. The address is all that is sent.

import { Refused, markRunning, parse, stream } from "./stream.js";

export class Finder {
  #form;
  #part;
  #domain = "";
  #running = null;

  // `use(values)` fills the form in.
  constructor(form, use) {
    this.#form = form;
    this.#part = form.querySelector("[data-find]");
    this.#get("button").addEventListener("click", () => this.#search());
    this.#part.addEventListener("click", (event) => {
      const button = event.target.closest("[data-use]");
      if (!button) return;
      event.preventDefault();
      use(JSON.parse(button.value));
      for (const offer of this.#part.querySelectorAll("[data-offer]")) {
        const isUsed = offer.contains(button);
        offer.querySelector("[data-used]").hidden = !isUsed;
        const own = offer.querySelector("[data-use]");
        if (own) own.hidden = isUsed;
      }
    });
  }

  // Offer the search for this address, or not; what was found for another domain goes.
  offer(address, isUnknown) {
    const domain = address.slice(address.lastIndexOf("@") + 1).toLowerCase();
    if (domain !== this.#domain) {
      if (this.#domain) this.#clear();
      this.#domain = domain;
    }
    this.#get("button-row").hidden = !(address && isUnknown);
  }

  #get(name) {
    return this.#part.querySelector(`[data-find-${name}]`);
  }

  #clear() {
    this.#running?.abort();
    this.#get("log").hidden = true;
    this.#get("steps").replaceChildren();
    this.#get("result").replaceChildren();
  }

  async #search() {
    this.#clear();
    const running = new AbortController();
    this.#running = running;
    const list = this.#get("pending").content.cloneNode(true).firstElementChild;
    this.#get("steps").append(list);
    Object.assign(this.#get("log"), { hidden: false, open: true });
    this.#get("button").disabled = true;
    markRunning(list);
    const body = new FormData();
    for (const name of ["csrfmiddlewaretoken", "address"]) body.set(name, this.#form.elements[name].value);
    try {
      for await (const element of stream(this.#form.dataset.findUrl, body, { signal: running.signal })) {
        if (element.matches("[data-stage]")) {
          list.querySelector(`[data-stage="${element.dataset.stage}"]`).replaceWith(element);
          markRunning(list);
        } else this.#show(element, list);
      }
    } catch (error) {
      if (error.name !== "AbortError") this.#fail(error);
    }
    if (this.#running === running) this.#get("button").disabled = false;
  }

  // Steps that were not needed go: what is certain ends the search.
  #show(result, list) {
    for (const item of list.querySelectorAll(".sa-is-pending")) item.remove();
    this.#get("result").replaceChildren(result);
    // Where nothing was found, the steps say why.
    this.#get("log").open = !result.querySelector("[data-offer]");
    result.focus();
  }

  #fail(error) {
    this.#clear();
    const note = error instanceof Refused ? parse(error.html.trim()) : null;
    if (!(error instanceof Refused) && !(error instanceof TypeError)) throw error;
    if (note?.matches("[data-refused]")) {
      this.#get("result").replaceChildren(note);
      return;
    }
    const broken = document.createElement("p");
    broken.className = "sa-note";
    broken.textContent = this.#form.dataset.broken;
    this.#get("result").replaceChildren(broken);
  }
}
