// A select box that can be searched (ARIA combobox with a listbox). The select stays in the form, hidden, and keeps the
// value; without this script it is what people use.

let count = 0;

export class Combobox {
  #select;
  #input;
  #list;
  #active = null;
  #words;

  // `words(option)` returns more text to search in, besides what the option shows.
  constructor(select, words = () => "") {
    this.#select = select;
    this.#words = words;
    this.#input = make("input", {
      type: "text", role: "combobox", id: select.id, autocomplete: "off", spellcheck: "false",
      "aria-expanded": "false", "aria-autocomplete": "list", "aria-controls": `sa-list-${++count}`,
    });
    for (const name of ["aria-describedby", "aria-invalid"]) {
      if (select.hasAttribute(name)) this.#input.setAttribute(name, select.getAttribute(name));
    }
    this.#list = make("div", { id: `sa-list-${count}`, role: "listbox", class: "sa-options", hidden: "" });
    this.#list.setAttribute("aria-label", document.querySelector(`label[for="${select.id}"]`)?.textContent ?? "");
    select.removeAttribute("id");
    select.hidden = true;
    const box = make("div", { class: "sa-combo" });
    select.after(box);
    box.append(this.#input, this.#list);
    this.#fill();
    this.show();
    this.#input.addEventListener("input", () => this.#open(this.#input.value));
    this.#input.addEventListener("click", () => this.#open(""));
    this.#input.addEventListener("keydown", (event) => this.#key(event));
    this.#input.addEventListener("blur", () => this.#close());
    // Before the blur that would close the list.
    this.#list.addEventListener("pointerdown", (event) => event.preventDefault());
    this.#list.addEventListener("click", (event) => {
      const item = event.target.closest("[role=option]");
      if (item) this.#choose(item);
    });
  }

  // Write the name of the chosen option into the box.
  show() {
    this.#input.value = this.#select.selectedOptions[0]?.textContent.trim() ?? "";
  }

  #fill() {
    for (const child of this.#select.children) {
      if (child.tagName === "OPTION") {
        this.#list.append(this.#item(child));
        continue;
      }
      const id = `${this.#list.id}-${this.#list.children.length}`;
      const group = make("div", { role: "group", "aria-labelledby": id });
      const heading = make("div", { id, class: "sa-options-group", role: "presentation" });
      heading.textContent = child.label;
      group.append(heading, ...[...child.children].map((option) => this.#item(option)));
      this.#list.append(group);
    }
  }

  #item(option) {
    const item = make("div", { role: "option", id: `sa-option-${option.value || "none"}`, "aria-selected": "false" });
    item.textContent = option.textContent.trim();
    item.dataset.value = option.value;
    return item;
  }

  get #items() {
    return [...this.#list.querySelectorAll("[role=option]")];
  }

  get #shown() {
    return this.#items.filter((item) => !item.hidden);
  }

  #open(query) {
    const words = query.toLowerCase().split(/\s+/).filter(Boolean);
    for (const item of this.#items) {
      const text = `${item.textContent} ${this.#words(item.dataset.value)}`.toLowerCase();
      item.hidden = !words.every((word) => text.includes(word));
      item.setAttribute("aria-selected", String(item.dataset.value === this.#select.value));
    }
    for (const group of this.#list.querySelectorAll("[role=group]")) {
      group.hidden = !group.querySelector("[role=option]:not([hidden])");
    }
    const shown = this.#shown;
    this.#list.hidden = !shown.length;
    this.#input.setAttribute("aria-expanded", String(!!shown.length));
    this.#activate(words.length ? bestMatch(shown, words) : shown.find((item) => item.ariaSelected === "true"));
    if (!words.length) this.#input.select();
  }

  #close() {
    this.#list.hidden = true;
    this.#input.setAttribute("aria-expanded", "false");
    this.#activate(null);
    this.show();
  }

  #activate(item) {
    this.#active?.classList.remove("sa-active");
    this.#active = item ?? null;
    if (!item) {
      this.#input.removeAttribute("aria-activedescendant");
      return;
    }
    item.classList.add("sa-active");
    item.scrollIntoView({ block: "nearest" });
    this.#input.setAttribute("aria-activedescendant", item.id);
  }

  #key(event) {
    const isOpen = !this.#list.hidden;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (!isOpen) return this.#open("");
      const shown = this.#shown;
      const step = event.key === "ArrowDown" ? 1 : -1;
      const from = shown.indexOf(this.#active);
      this.#activate(shown[from < 0 ? (step > 0 ? 0 : shown.length - 1) : (from + step + shown.length) % shown.length]);
    } else if (event.key === "Enter" && isOpen) {
      event.preventDefault();
      if (this.#active) this.#choose(this.#active);
    } else if (event.key === "Escape" && isOpen) {
      event.preventDefault();
      this.#close();
    }
    return undefined;
  }

  #choose(item) {
    this.#select.value = item.dataset.value;
    this.#close();
    this.#select.dispatchEvent(new Event("change", { bubbles: true }));
  }
}

// What starts with the word comes before what has it somewhere.
function bestMatch(items, [word]) {
  return items.find((item) => item.textContent.toLowerCase().startsWith(word)) ?? items[0];
}

function make(tag, attributes) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}
