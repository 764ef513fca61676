// What is known of the providers, and what follows from an address. The server does the same for whoever has no scripts.

export class Presets {
  #byKey = new Map();
  #byDomain = new Map();

  static async load(url) {
    const response = await fetch(url, { credentials: "same-origin" });
    return new Presets(response.ok ? await response.json() : []);
  }

  constructor(list) {
    for (const preset of list) {
      this.#byKey.set(preset.key, preset);
      for (const domain of preset.domains ?? []) {
        if (!this.#byDomain.has(domain)) this.#byDomain.set(domain, preset);
      }
    }
  }

  get(key) {
    return this.#byKey.get(key);
  }

  // Words to find a provider by, besides its name.
  words(key) {
    const preset = this.get(key);
    return preset ? `${preset.aliases ?? ""} ${(preset.domains ?? []).join(" ")} ${preset.host}` : "";
  }

  detect(address) {
    let domain = address.slice(address.lastIndexOf("@") + 1).toLowerCase();
    const found = this.#byDomain.get(domain);
    if (found) return found;
    while (domain.includes(".")) {
      domain = domain.slice(domain.indexOf(".") + 1);
      const parent = this.#byDomain.get(`*.${domain}`);
      if (parent) return parent;
    }
    return null;
  }
}

// `Name <a@b>` or `a@b`: the address in it, or an empty string while it is not whole.
export function addressIn(text) {
  const address = (/<([^<>]*)>?\s*$/.exec(text)?.[1] ?? text).trim();
  return /^[^@\s]+@[^@\s]+\.[^@\s.]+$/.test(address) ? address : "";
}

export function userName(preset, address) {
  if (!preset || preset.username === "full_address") return address;
  if (preset.username === "local_part") return address.slice(0, address.lastIndexOf("@"));
  return preset.literal ?? "";
}

export function profileName(preset, address) {
  const at = address.lastIndexOf("@");
  const domain = address.slice(at + 1);
  return preset ? `${preset.name} – ${preset.mailbox ? address.slice(0, at) : domain}` : domain;
}
