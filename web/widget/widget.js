// The form of a property page: one of its own, or the page's with better manners.
(() => {
  "use strict";

  const words = {
    es: {
      title: "Pregunta por esta propiedad", name: "Tu nombre", email: "Correo electrónico", phone: "Teléfono o WhatsApp", message: "Mensaje",
      optional: "opcional", either: "uno de los dos", sample: "Hola, me interesa esta propiedad. ¿Sigue disponible? Me gustaría visitarla.",
      send: "Enviar mensaje", consent: "Al enviar aceptas el", privacy: "aviso de privacidad", call: "Llamar",
    },
    en: {
      title: "Ask about this property", name: "Your name", email: "Email", phone: "Phone or WhatsApp", message: "Message",
      optional: "optional", either: "one of the two", sample: "Hello, I am interested in this property. Is it still available? I would like to visit it.",
      send: "Send message", consent: "By sending you accept the", privacy: "privacy notice", call: "Call",
    },
  };

  const css = `
.leadrelay{max-width:34rem;margin:0;padding:0;font:inherit;font-family:var(--leadrelay-font,inherit);line-height:1.5;color:var(--leadrelay-ink,inherit);text-align:start;overflow-wrap:anywhere}
.leadrelay :where(:not(.lr-probe)){box-sizing:border-box;float:none;margin:0;padding:0;font:inherit;color:inherit;letter-spacing:inherit;text-align:inherit;text-transform:none}
.leadrelay,.lr-error{--lr-accent:var(--leadrelay-accent,var(--lr-link,currentColor));--lr-bad:var(--leadrelay-error,color-mix(in srgb,#e02a1f 62%,currentColor))}
.leadrelay .lr-title{outline:0;margin-bottom:.2em;font-size:1.25em;font-weight:650;line-height:1.25}
.leadrelay .lr-field{display:block;width:auto;margin-top:1em}
.leadrelay .lr-label{font-weight:560}
.leadrelay .lr-input.lr-input,.leadrelay .lr-button.lr-button{display:block;width:100%;max-width:none;min-height:48px;height:auto;margin-top:.3em;padding:10px 12px;font-size:max(16px,1em);background:color-mix(in srgb,currentColor 4%,transparent);border:1px solid;border-color:color-mix(in srgb,currentColor 55%,transparent);border-radius:var(--leadrelay-radius,10px)}
.leadrelay textarea.lr-input.lr-input{min-height:7.5em;resize:vertical;field-sizing:content}
.leadrelay :focus-visible{outline:3px solid var(--lr-accent);outline-offset:2px}
.leadrelay .lr-button.lr-button{margin-top:1.3em;font-weight:620;text-align:center;color:var(--lr-on);background:var(--lr-accent);border-color:transparent;cursor:pointer}
.leadrelay[aria-busy=true] .lr-button.lr-button{color:inherit;background:none;border-color:inherit;cursor:progress}
.leadrelay .lr-fine{margin-top:.9em;font-size:.88em}
.leadrelay a,.lr-links>*{text-decoration:underline}
.lr-links{display:flex;flex-wrap:wrap;gap:0 1.2em}
.leadrelay .lr-links>*{display:grid;place-items:center;min-width:44px;min-height:44px;background:none;border:0;cursor:pointer}
.leadrelay .lr-probe{padding:0;border:0;width:1px;position:absolute;visibility:hidden;transition:none;outline-color:color-mix(in srgb,var(--leadrelay-accent,currentColor),red 0%)}
@media (prefers-color-scheme:dark){.leadrelay .lr-probe{width:2px}}`;

  // A form's inputs hide the form's own properties behind their names, and forms those of
  // document. What the browser itself gave them is still in their prototypes.
  const safe = (node) => new Proxy(node, {
    get(_, name) {
      const value = Reflect.get(Object.getPrototypeOf(node), name, node);
      return value?.bind ? value.bind(node) : value;
    },
  });
  const bare = (...parts) => Object.assign(Object.create(null), ...parts); // of what a page adds to every object, it has nothing
  const doc = safe(document), { documentElement: page, createElement } = doc;

  function make(tag, attributes, ...children) {
    const node = createElement(tag);
    for (const name of Object.keys(attributes)) node.setAttribute(name, attributes[name]);
    for (const child of children) if (child) node.append(child);
    return node;
  }

  const attempt = (work) => {
    try {
      return work();
    } catch {}
  };

  const relayAt = (address) => (/^https?:/.test(address) ? new URL(address.replace(/\/*$/, "/")).href : undefined); // to throw takes long
  const current = doc.currentScript, home = "{{relay}}"; // the relay writes its address in here, if it knows it

  // The file that this code lies in. A tag with a mark of ours is believed. Any other may have
  // evaluated a text of ours, and a module has none: then it is what the first line of a stack
  // says, which takes a browser long. What was evaluated lies in no file.
  const isMarked = current && (current.dataset.relay || current.dataset.propertyId || current.src.startsWith(home + "widget."));
  const file = isMarked ? current.src : /^(?:Error\n)?[^(\n]*?(?:@|\()?(https?:[^\s()]+?)(?::\d+){2}\)?(?:\n|$)/.exec(new Error().stack)?.[1];

  // The relay's address: its own word, else the tag's, else where the file lies under its own
  // name. Another vendor's script may be called widget.js, too.
  const tag = current && (file ? current.src : current.dataset.relay) ? current : null;
  const script = tag ?? [...page.querySelectorAll("script")].find(({ src }) => src === file) ?? page.querySelector("script[data-relay]") ?? make("script", {});
  const base = home || relayAt(script.dataset.relay) || /^(https?:.*\/)widget(\.\w{16})?\.js(\?.*)?$/.exec(file)?.[1];

  const earlier = window.LeadRelay, other = earlier?.relay;
  if (!base || (other && other !== base)) {
    return console.error("leadrelay:", other ?? "no data-relay");
  }
  if (other) return earlier.scan(tag); // loaded twice

  const prefix = `leadrelay ${base}`;
  const desks = new Map(); // by their forms
  const parked = new Map(); // desks without a place, by their options
  const tags = new Set([script]), places = new WeakMap(), roots = new Set([document]), worn = new WeakMap(), looks = [css], sheets = bare(), born = Date.now();
  let policy, coming, failures = 0, recalling, waiting, isLate = true;

  // An option is what the call says, else the element, else the script's tag.
  function choose(node, given) {
    const options = bare(script.dataset, safe(node).dataset, given);
    options.locale = spoken(options.locale) ?? spoken(page.lang) ?? spoken(navigator.language) ?? "es";
    options.site ??= "default";
    return options;
  }

  const spoken = (tag) => ["es", "en"].find((one) => tag?.toLowerCase().startsWith(one));
  // When the page has nothing better to do, or soon in any case. Safari has none.
  const idle = (work) => (window.requestIdleCallback ?? setTimeout)(work, { timeout: 1e3 });

  const sleep = (ms) => new Promise((wake) => setTimeout(wake, ms));

  // Says of an address that it is ours, where a page wants that said.
  function trusted(address) {
    policy ??= window.trustedTypes?.createPolicy("leadrelay", bare({ createScriptURL: (one) => one }));
    return policy?.createScriptURL(address) ?? address;
  }

  // What becomes of an inquiry is told in a file of its own, which comes with the visitor. A page
  // that names the hash of this one gets that by its hash, too. Some browsers remember of an
  // address that it failed.
  async function load() {
    const address = `${base}{{inquiry}}${failures ? "?" + failures : ""}`;
    if (script.integrity) {
      await new Promise((come, fail) => {
        const tag = make("script", { type: "module", integrity: "{{integrity}}", crossorigin: "anonymous", nonce: script.nonce });
        tag.addEventListener("load", come);
        tag.addEventListener("error", fail);
        tag.src = trusted(address);
        page.append(tag);
      });
    }
    return import(address);
  }

  // Resolves to the class of inquiries, or to nothing.
  function come() {
    return (coming ??= load().then((other) => other.begin(tools)).catch(() => {
      coming = null;
      failures++;
    }));
  }

  // When the page has nothing better to do, what waits on this device is sent, and what was
  // written before is in its form again.
  function recall() {
    recalling ??= idle(() => {
      recalling = null;
      if (!attempt(() => Object.keys(localStorage).some((key) => key.startsWith(prefix)))) return;
      come();
      for (const desk of desks.values()) desk.open();
    });
  }

  // A Desk is a form that somebody may write at. As soon as somebody does, it gets an Inquiry,
  // which is told what has happened so far.
  class Desk {
    heard = [];

    constructor(form, options) {
      Object.assign(this, { form, safe: safe(form), options });
      if (!isBuilt(form)) this.clean();
      this.button = this.controls.find(({ type }) => type === "submit");
      this.notice = make("div", { class: "lr-notice", role: "status" }); // what comes later must not move what is pressed
      this.button ? this.button.after(this.notice) : this.safe.append(this.notice);
      this.safe.setAttribute("novalidate", "");
      for (const type of events) this.safe.addEventListener(type, this);
      this.tell("ready");
    }

    // A page that was put away as a copy comes back with what the widget had added to it.
    clean() {
      const { safe: form } = this, next = form.nextElementSibling;
      form.removeAttribute("data-leadrelay-sent");
      if (next?.matches(".lr-done")) next.remove();
      form.querySelectorAll(".lr-notice,.lr-error").forEach((left) => left.remove());
      for (const one of this.controls) one.removeAttribute("aria-invalid");
    }

    get controls() {
      return [...this.safe.elements];
    }

    // The field that says which property.
    get own() {
      return this.controls.find(({ name }) => name === "property_id");
    }

    get property() {
      return this.own?.value ?? this.options.propertyId ?? "";
    }

    get url() {
      return this.safe.getAttribute("action") ? this.safe.action : `${base}f/${this.options.site}`;
    }

    // What analytics hear has nothing in it that the visitor wrote.
    tell(type, more) {
      const detail = bare({ site: this.options.site, property_id: this.property }, more);
      return this.safe.dispatchEvent(new CustomEvent("leadrelay:" + type, bare({ bubbles: true, cancelable: true, detail })));
    }

    handleEvent(event) {
      const { type, target, isTrusted } = event;
      if (type === "submit") return this.submit(event);
      this.heard.push({ type, target, isTrusted });
      if (this.inquiry) this.inquiry.hear();
      else if (!failures || type === "focusin") this.open();
    }

    // Resolves to the Inquiry, or to nothing where the other file does not come.
    async open() {
      const Inquiry = await come();
      if (Inquiry && !this.isGone) this.inquiry ??= new Inquiry(this);
      return this.inquiry;
    }

    submit(event) {
      const { submitter } = event, other = submitter?.getAttribute("formaction") && submitter.formAction;
      if (event.defaultPrevented || (other && !isRelays(other))) return; // the page has its own way
      event.preventDefault();
      if (this.isBusy) this.isPressedAgain = true;
      else if (this.tell("submit")) this.send(submitter, other || this.url);
    }

    // Who is faster than the other file waits for it, though not for long: then the form posts
    // itself, as it does where that file does not come at all. A second press meanwhile is the
    // answer to what the first may be asked.
    async send(submitter, to) {
      this.setBusy(true);
      this.isPressedAgain = false;
      const inquiry = this.inquiry ?? (await Promise.race([this.open(), sleep(5e3)]));
      this.setBusy(false);
      if (!inquiry) return this.leave(to, [[submitter?.name, submitter?.value], ["propertyId", !this.own && this.property]]);
      inquiry.press(submitter, to);
      if (this.isPressedAgain && !this.isBusy && this.tell("submit")) inquiry.press(submitter, to);
    }

    setBusy(isBusy) {
      this.isBusy = isBusy;
      this.safe.setAttribute("aria-busy", isBusy);
    }

    // Posts the form as any page does, with what it has not itself.
    leave(to, more) {
      const { safe: form } = this;
      this.rest?.remove();
      const own = new FormData(this.form);
      const lacking = more.filter(([name, value]) => name && value && !own.has(name));
      this.rest = make("div", { class: "lr-notice", hidden: "" }, ...lacking.map(([name, value]) => make("input", { type: "hidden", name, value })));
      form.append(this.rest);
      form.setAttribute("action", to);
      form.setAttribute("method", "post");
      if (!form.isConnected) doc.body.append(this.form); // a form without a page posts nothing
      form.submit();
    }

    // Without its place a form waits for the next that is like it; the page's own is let go.
    park() {
      if (!isBuilt(this.form)) return this.unmount();
      desks.delete(this.form);
      parked.set(this.options.as, new WeakRef(this));
    }

    moveTo(place) {
      parked.delete(this.options.as);
      place.replaceChildren(...[this.form, this.inquiry?.thanks].filter(Boolean));
      desks.set(this.form, this);
      this.tell("ready");
    }

    unmount() {
      for (const type of events) this.safe.removeEventListener(type, this);
      this.isGone = true;
      this.inquiry?.end();
      this.notice.remove();
      desks.delete(this.form);
      if (isBuilt(this.form)) this.safe.remove();
    }
  }

  const events = ["pointerdown", "focusin", "input", "change", "submit"];

  // The other ways to the agency, with the text filled in.
  function contacts({ locale, whatsapp = "", phone, email }, lines) {
    if (!(whatsapp || phone || email)) return;
    const digits = whatsapp.replace(/\D/g, "").replace(/^\d{10}$/, "52$&"), body = encodeURIComponent(lines.join("\n").trim());
    return make("div", { class: "lr-links" },
      digits && link(`https://wa.me/${digits}?text=${body}`, "WhatsApp"),
      phone && link("tel:" + phone.replace(/[^\d+]/g, ""), words[locale].call),
      email && link(`mailto:${email}?body=${body}`, words[locale].email));
  }

  const link = (href, name) => make("a", { href, target: "_blank" }, name);
  const isBuilt = (form) => safe(form).dataset.leadrelay === "built";

  function build(options) {
    const t = words[options.locale], { privacy, privacyText = t.consent, propertyId = "", title = t.title, message = t.sample } = options;
    const wanted = (options.require ?? "email message").split(/,| /);
    const field = (name, control) => {
      const asked = wanted.find((one) => one.split("|").includes(name)), isRequired = asked === name;
      control.setAttribute("class", "lr-input");
      control.setAttribute("name", name);
      if (isRequired) control.setAttribute("required", "");
      return make("label", { class: "lr-field" }, make("span", { class: "lr-label" }, t[name]), !isRequired && ` (${asked ? t.either : t.optional})`, control);
    };
    return make("form", { class: "leadrelay", method: "post", action: `${base}f/${options.site}`, "data-leadrelay": "built" },
      title && make("h2", { class: "lr-title" }, title),
      make("input", { type: "hidden", name: "property_id", value: propertyId }),
      field("name", make("input", { autocomplete: "name" })),
      field("email", make("input", { autocomplete: "email", inputmode: "email", autocapitalize: "off", pattern: "\\S+@\\S+\\.\\S+" })), // a type of email takes a phone 2 ms to make
      field("phone", make("input", { autocomplete: "tel", type: "tel", inputmode: "tel" })),
      field("message", make("textarea", { autocomplete: "off" }, message)),
      privacy && make("input", { type: "hidden", name: "consent", value: `${privacyText} ${t.privacy}: ${privacy}` }),
      privacy && make("p", { class: "lr-fine" }, privacyText + " ", link(privacy, t.privacy), "."),
      make("button", { class: "lr-button" }, t.send),
      contacts(options, [propertyId, message]),
      make("a", { href: "#", class: "lr-probe" }));
  }

  // The button has the color of the page's links, or of its text where they have none of their own.
  function dress(form, probe) {
    const worn = getComputedStyle(probe);
    probe.style.color = "";
    if (/\((0, 0, 238|158, 158, 255)\)/.test(worn.color)) probe.style.color = getComputedStyle(form).color;
    const [r, g, b] = worn.outlineColor.slice(11, -1).split(" ").map((part) => part ** 2.2); // of color(srgb …)
    form.style.setProperty("--lr-link", worn.color);
    form.style.setProperty("--lr-on", 0.21 * r + 0.72 * g + 0.07 * b > 0.18 ? "#000" : "#fff");
  }

  // Puts our style sheets on a document or a shadow root, each once.
  function wear(root) {
    if (root.host) roots.add(root);
    for (const css of looks.slice(worn.get(root) ?? 0)) {
      try {
        if (!sheets[css]) (sheets[css] = new CSSStyleSheet()).replaceSync(css);
        safe(root).adoptedStyleSheets.push(sheets[css]);
      } catch {
        (root.host ? root : page).append(make("style", { nonce: script.nonce }, css)); // a browser of before 2023
      }
    }
    worn.set(root, looks.length);
  }

  const formIn = (place) => [...desks.keys()].find((one) => place.contains(one));

  // Puts a form into an element, or takes the page's form in hand. A second time changes nothing.
  function mount(node, given) {
    const isTheirs = safe(node).localName === "form", root = safe(node).getRootNode();
    let form = isTheirs ? node : formIn(node);
    if (!desks.has(form)) {
      wear(root.host ? root : document);
      const options = choose(node, given);
      options.as = JSON.stringify(options);
      if (isTheirs) {
        options.site = /\/f\/([^/?#]+)/.exec(safe(node).getAttribute("action"))?.[1] ?? options.site;
      } else {
        const before = parked.get(options.as)?.deref();
        if (before) return before.moveTo(node), before;
        node.replaceChildren((form = build(options))); // what may be there is a copy of ours, on a page from a cache
        const probe = form.lastChild; // its size tells when there are colors, and when others, before they are seen
        new ResizeObserver(() => dress(form, probe)).observe(probe);
      }
      desks.set(form, new Desk(form, options));
      recall();
    }
    return desks.get(form);
  }

  const isRelays = (url) => url.startsWith(base) && /^f\b/.test(url.slice(base.length));

  function isTaken(form) {
    const { dataset, action } = safe(form);
    return dataset.leadrelay !== undefined ? dataset.leadrelay !== "built" : isRelays(action);
  }

  const isTag = ({ src, dataset }) => relayAt(dataset.relay) === base || src.startsWith(base + "widget.") || src === file;

  // A framework takes over what its server drew only if it finds it as it was. So a form waits
  // for that, though not forever.
  function isAwaited(node) {
    const age = Date.now() - born;
    if (age > 1e4) return;
    if (isLate && (age < 2e3 || doc.readyState !== "complete")) return true;
    let isServed = window.__next_f ?? Element.prototype.closest.call(node, "#__next,astro-island[ssr],[ngh],#__nuxt:not([data-v-app])");
    for (let at = node; at; at = Reflect.get(Node.prototype, "parentNode", at)) {
      const keys = `${Object.keys(at)}`;
      if (keys.includes("__reactFiber")) return;
      isServed ||= keys.includes("__reactContainer");
    }
    return isServed;
  }

  // The place of a tag is beside it, and has its options.
  function placeOf(tag) {
    const { parentNode } = tag, isInHead = parentNode === doc.head;
    let place = places.get(tag), isNew;
    if (!(isInHead ? place : place?.isConnected ?? tag.nextElementSibling?.dataset.leadrelay != null)) {
      if (isAwaited(isInHead ? doc.body : parentNode)) return wait();
      places.set(tag, (place = isNew = make("div", { "data-leadrelay": "" })));
      isInHead ? doc.body.append(place) : tag.after(place);
    }
    if (place && place.dataset.propertyId !== tag.dataset.propertyId) Object.assign(place.dataset, tag.dataset);
    if (isNew) mount(isNew);
  }

  const wait = () => { waiting ??= setTimeout(() => { waiting = null; scan(); }, 100); };

  function visit(node) {
    const { localName } = safe(node);
    if (localName === "script") return (tags.has(node) || isTag(node)) && placeOf(node);
    if (localName === "form" ? desks.has(node) || !isTaken(node) : formIn(node)) return;
    isAwaited(node) ? wait() : mount(node);
  }

  // Looks for forms and places that have come, and lets go of those that have left.
  function scan(tag) {
    if (tag) tags.add(tag);
    for (const ref of parked.values()) {
      const one = ref.deref();
      if (one?.form.isConnected) one.moveTo(one.form.parentNode);
    }
    for (const [form, desk] of desks) {
      if (!safe(form).isConnected || (isBuilt(form) && (form.parentNode.dataset.propertyId ?? desk.property) !== desk.property)) desk.park();
    }
    for (const root of roots) {
      safe(root).querySelectorAll("script[data-property-id],form,[data-leadrelay]:not(form,script)").forEach(visit);
      watch.observe(root, bare({ childList: true, subtree: true, attributeFilter: ["data-property-id"] }));
    }
  }

  const watch = new MutationObserver(() => scan());
  const tools = { base, prefix, script, safe, bare, make, attempt, sleep, trusted, desks, looks, roots, wear, contacts, isBuilt };
  const api = { relay: base, mount, scan, push: (...calls) => calls.forEach((call) => call(api)) };
  window.LeadRelay = api;

  function start() {
    isLate = [...page.querySelectorAll("script")].some((one) => one !== script && ((one.async && one.src.startsWith(location.origin)) || /\bimport\(/.test(one.text)));
    scan();
    recall();
    if (Array.isArray(earlier)) api.push(...earlier);
    // A tag in the page's body was meant to show something there.
    if (script.matches("body script:not([data-property-id])")) sleep(5e3).then(() => desks.size || console.warn("leadrelay: no form yet: the tag has no data-property-id"));
  }
  // Scripts of the page that are deferred, too, have their turn before.
  if (performance.timing.domContentLoadedEventStart) start();
  else doc.addEventListener("DOMContentLoaded", start);
})();
