// The form of a property page: one of its own, or the page's with better manners.
(() => {
  "use strict";

  const words = {
    es: {
      title: "Pregunta por esta propiedad", name: "Tu nombre", email: "Correo electrónico", phone: "Teléfono o WhatsApp", message: "Mensaje",
      optional: "opcional", either: "uno de los dos", sample: "Hola, me interesa esta propiedad. ¿Sigue disponible? Me gustaría visitarla.",
      send: "Enviar mensaje", sending: "Enviando…", slow: "Conexión lenta…", again: "Enviar de nuevo",
      consent: "Al enviar aceptas el", privacy: "aviso de privacidad", missing: "Completa este dato.",
      badEmail: "Escribe el correo completo, por ejemplo nombre@ejemplo.com.", mend: "Corrige lo marcado y envía de nuevo.",
      done: "Recibimos tu mensaje", next: "Pronto te contactarán. Si llamas, menciona este folio:", more: "Escribir otro mensaje",
      stays: "Tu mensaje aún no se envía. Queda en este dispositivo y sale en cuanto se pueda.",
      failed: "No pudimos enviar tu mensaje. Inténtalo de nuevo en un minuto; no perdimos lo que escribiste.",
      call: "Llamar",
    },
    en: {
      title: "Ask about this property", name: "Your name", email: "Email", phone: "Phone or WhatsApp", message: "Message",
      optional: "optional", either: "one of the two", sample: "Hello, I am interested in this property. Is it still available? I would like to visit it.",
      send: "Send message", sending: "Sending…", slow: "Slow connection…", again: "Send again",
      consent: "By sending you accept the", privacy: "privacy notice", missing: "Fill this in.",
      badEmail: "Write the whole address, such as name@example.com.", mend: "Correct what is marked and send again.",
      done: "We received your message", next: "You will hear back soon. If you call, mention this number:", more: "Write another message",
      stays: "Your message is not sent yet. It stays on this device and leaves as soon as it can.",
      failed: "We could not send your message. Try again in a minute; nothing you wrote is lost.",
      call: "Call",
    },
  };

  const css = `
.leadrelay{max-width:34rem;margin:0;padding:0;font:inherit;font-family:var(--leadrelay-font,inherit);line-height:1.5;color:var(--leadrelay-ink,inherit);text-align:start;overflow-wrap:anywhere}
.leadrelay :where(:not(.lr-probe)){box-sizing:border-box;float:none;margin:0;padding:0;font:inherit;color:inherit;letter-spacing:inherit;text-align:inherit;text-transform:none}
[data-leadrelay-sent],.leadrelay [hidden]{display:none!important}
.leadrelay,.lr-error{--lr-accent:var(--leadrelay-accent,var(--lr-link,currentColor));--lr-bad:var(--leadrelay-error,color-mix(in srgb,#e02a1f 62%,currentColor))}
.leadrelay .lr-title{outline:0;margin-bottom:.2em;font-size:1.25em;font-weight:650;line-height:1.25}
.leadrelay .lr-field{display:block;width:auto;margin-top:1em}
.leadrelay .lr-label{font-weight:560}
.leadrelay .lr-input.lr-input,.leadrelay .lr-button.lr-button{display:block;width:100%;max-width:none;min-height:48px;height:auto;margin-top:.3em;padding:10px 12px;font-size:max(16px,1em);background:color-mix(in srgb,currentColor 4%,transparent);border:1px solid;border-color:color-mix(in srgb,currentColor 55%,transparent);border-radius:var(--leadrelay-radius,10px)}
.leadrelay textarea.lr-input.lr-input{min-height:7.5em;resize:vertical;field-sizing:content}
.leadrelay .lr-input[aria-invalid=true]{border:2px solid var(--lr-bad);padding:9px 11px}
.leadrelay :focus-visible{outline:3px solid var(--lr-accent);outline-offset:2px}
.lr-error.lr-error{margin:.4em 0 0;font-size:.92em;color:var(--lr-bad)}
.lr-error::before{content:"⚠︎ "}
.leadrelay .lr-notice>*{margin-top:.6em}
.leadrelay .lr-button.lr-button{margin-top:1.3em;font-weight:620;text-align:center;color:var(--lr-on);background:var(--lr-accent);border-color:transparent;cursor:pointer}
.leadrelay[aria-busy=true] .lr-button.lr-button{color:inherit;background:none;border-color:inherit;cursor:progress}
.leadrelay .lr-fine{margin-top:.9em;font-size:.88em}
.leadrelay a,.lr-links>*{text-decoration:underline}
.lr-links{display:flex;flex-wrap:wrap;gap:0 1.2em}
.leadrelay .lr-links>*{display:grid;place-items:center;min-width:44px;min-height:44px;background:none;border:0;cursor:pointer}
.lr-notice:has(a)~.lr-links{display:none}
.lr-done .lr-title::before{content:"✓";display:grid;place-content:center;width:2em;height:2em;margin-bottom:.5em;border:2px solid;border-radius:50%}
.leadrelay .lr-probe{padding:0;border:0;width:1px;position:absolute;visibility:hidden;transition:none;outline-color:color-mix(in srgb,var(--leadrelay-accent,currentColor),red 0%)}
@media (prefers-color-scheme:dark){.leadrelay .lr-probe{width:2px}}
.leadrelay .lr-folio{font-size:1.3em;font-weight:600;white-space:nowrap}`;

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
    for (const name of Object.keys(attributes)) if (attributes[name] != null) node.setAttribute(name, attributes[name]);
    for (const child of children) if (child) node.append(child);
    return node;
  }

  const attempt = (work) => {
    try {
      return work();
    } catch {}
  };

  const relayAt = (address) => (/^https?:/.test(address) ? new URL(address.replace(/\/*$/, "/")).href : undefined); // to throw takes long
  const current = doc.currentScript, home = relayAt("{{relay}}"); // the relay writes its address in here, if it knows it

  // The file that this code lies in. A tag with a mark of ours is believed. Any other may have
  // evaluated a text of ours, and a module has none: then it is what the first line of a stack
  // says, which takes a browser long. What was evaluated lies in no file.
  const isMarked = current && (current.dataset.relay || current.dataset.propertyId || current.src.startsWith(home + "widget."));
  const file = isMarked ? current.src : /^(?:Error\n)?[^(\n]*?(?:@|\()?(https?:[^\s()]+?)(?::\d+){2}\)?(?:\n|$)/.exec(new Error().stack)?.[1];

  // The relay's address: its own word, else the tag's, else where the file lies under its own
  // name. Another vendor's script may be called widget.js, too.
  const tag = current && (file ? current.src : current.dataset.relay) ? current : null;
  const script = tag ?? [...page.querySelectorAll("script")].find(({ src }) => src === file) ?? page.querySelector("script[data-relay]") ?? make("script", {});
  const base = home ?? relayAt(script.dataset.relay) ?? relayAt(/^(.*\/)widget(\.\w{16})?\.js(\?.*)?$/.exec(file)?.[1]);

  const earlier = window.LeadRelay, other = earlier?.relay;
  if (!base || (other && other !== base)) {
    return console.error("leadrelay:", other ?? "no data-relay");
  }
  if (other) return earlier.scan(tag); // loaded twice

  const prefix = `leadrelay ${base}`;
  const inquiries = new Map(); // by their forms
  const parked = new Map(); // inquiries without a place, by their options
  const tags = new Set([script]), places = new WeakMap(), roots = new Set([document]), worn = new WeakSet(), born = Date.now();
  let count = 0, sheet, later, waiting, isBlocked, isLate = true;

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

  // What is typed and not sent stays on this device for a day, if there is room.
  const load = (key) => attempt(() => {
    const kept = bare(JSON.parse(localStorage[key] ?? null));
    if (Date.now() - kept.at < 864e5) return kept;
    save(key);
  });
  const save = (key, kept) => attempt(() => {
    if (!kept) return localStorage.removeItem(key);
    localStorage.setItem(key, JSON.stringify(kept));
    return true;
  });
  const keys = () => attempt(() => Object.keys(localStorage).filter((key) => key.startsWith(prefix))) ?? [];

  const isOver = (status) => status && status !== 409 && status !== 429 && status < 500;

  const sleep = (ms) => new Promise((wake) => setTimeout(wake, ms));

  // One try: its status, 0 for no answer.
  async function post(url, body) {
    const abort = new AbortController(), timer = setTimeout(() => abort.abort(), 12e3);
    try {
      const response = await fetch(url, bare({
        method: "POST", headers: new Headers([["Accept", "application/json"]]),
        body: new URLSearchParams(body), keepalive: body.length < 6e4, signal: abort.signal,
      }));
      return { status: response.status, wait: response.headers.get("Retry-After"), answer: bare(await response.json()) };
    } catch {
      return { status: 0, answer: {} };
    } finally {
      clearTimeout(timer);
    }
  }

  // Whether the relay is there and only scripts of this page may not read it.
  async function isBarred(url) {
    const reach = (mode) => fetch(url, bare({ mode })).then(() => true, () => false);
    return (await reach("no-cors")) && !(await reach("cors"));
  }

  // Three tries, unless the relay asks for more patience than a visitor has, or no try can help.
  async function deliver(url, body) {
    for (let pause = 1; ; pause *= 3) {
      const result = await post(url, body), wait = (result.wait ?? pause) * 1e3;
      if (!result.status && pause === 3) isBlocked ||= await Promise.race([isBarred(url), sleep(wait)]);
      if (isOver(result.status) || pause > 3 || !(wait < 16e3) || !navigator.onLine || isBlocked) return result;
      await sleep(wait);
    }
  }

  // Sends what waits on this device, whatever page it was written on.
  async function flush() {
    clearTimeout(later);
    for (const key of keys()) {
      const kept = load(key);
      if (!kept?.waits) continue;
      const { status, answer } = await post(kept.url, kept.body);
      if (!isOver(status)) {
        later = setTimeout(flush, 3e4);
        continue;
      }
      settle(key, kept, status, answer);
    }
  }

  // Tells the forms that the page has by now.
  function settle(key, kept, status, answer) {
    if (load(key)?.body === kept.body) save(key, !answer.ok && bare(kept, { waits: 0 }));
    for (const inquiry of inquiries.values()) if (inquiry.key === key) inquiry.arrived(kept, status, answer);
  }

  // An Inquiry is a form and what becomes of it.
  class Inquiry {
    marks = new Map();

    constructor(form, options) {
      const node = safe(form);
      Object.assign(this, { form, safe: node, options, words: words[options.locale] });
      this.clean();
      this.url = node.getAttribute("action") ? node.action : `${base}f/${options.site}`;
      this.key = `${prefix} ${this.url} ${this.property}`;
      this.button = this.controls.find(({ type }) => type === "submit");
      this.notice = make("div", { class: "lr-notice", role: "status" });
      this.button ? this.button.after(this.notice) : node.append(this.notice);
      node.setAttribute("novalidate", "");
      for (const type of events) node.addEventListener(type, this);
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

    // What was typed before is back once the page has nothing better to do, or the visitor
    // begins: the first look into a browser's storage takes long.
    recall() {
      if (this.kept) return;
      this.kept = load(this.key) ?? bare();
      if (this.kept.values) this.restore(bare(this.kept.values));
      if (this.kept.waits) this.say(this.words.stays);
    }

    handleEvent(event) {
      this.recall();
      this[event.type]?.(event);
    }

    get controls() {
      return [...this.safe.elements];
    }

    get property() {
      return this.controls.find(({ name }) => name === "property_id")?.value ?? this.options.propertyId ?? "";
    }

    // What analytics hear has nothing in it that the visitor wrote.
    tell(type, more) {
      const detail = bare({ site: this.options.site, property_id: this.property }, more);
      return this.safe.dispatchEvent(new CustomEvent("leadrelay:" + type, bare({ bubbles: true, cancelable: true, detail })));
    }

    fields() {
      const other = "button,[type=hidden],[type=password],[type=file],[type=submit],[name^=_],[hidden] *";
      return this.controls.filter((one) => one.name && !one.matches(other));
    }

    texts() {
      return this.fields().filter((one) => one.matches("textarea,input:not([type=checkbox],[type=radio])"));
    }

    restore(values) {
      for (const one of this.texts()) {
        if (values[one.name] && one.value === one.defaultValue) this.fill(one, values[one.name]);
      }
    }

    fill(one, value) {
      Reflect.set(Object.getPrototypeOf(one), "value", value, one); // React hides it behind its own
      one.dispatchEvent(new Event("input", bare({ bubbles: true })));
    }

    input({ target, isTrusted }) {
      this.mend(target);
      if (!isTrusted) return; // by a script, such as this one
      this.kept.values = {};
      for (const { name, value, defaultValue } of this.texts()) if (value !== defaultValue) this.kept.values[name] = value;
      this.keep();
    }

    keep() {
      Object.assign(this.kept, { at: Date.now(), url: this.to ?? this.url });
      return save(this.key, this.kept);
    }

    submit(event) {
      const { submitter } = event, to = submitter?.getAttribute("formaction") && submitter.formAction;
      if (event.defaultPrevented || (to && !isRelays(to))) return; // the page has its own way
      event.preventDefault();
      if (this.isBusy) return;
      Object.assign(this, { submitter, to: to || this.url });
      if (this.tell("submit")) this.send();
    }

    async send() {
      const { kept, words } = this, wrong = this.submitter?.formNoValidate ? [] : this.check();
      if (wrong.length) return this.refuse(wrong);
      const [text, tokens] = this.read();
      if (kept.text !== text) { // the same words keep their id over all tries and reloads
        kept.text = text;
        kept.body = `${text}&client_submitted_at=${new Date().toISOString()}&_submission_id=${crypto.getRandomValues(new Uint32Array(4))}`;
      }
      kept.waits = 1;
      const isSafe = this.keep();
      if (isSafe && this.doubts?.()) return; // who leaves now has sent it
      this.setBusy(true);
      const slow = setTimeout(() => this.say(words.slow), 5e3);
      const { status, answer } = await deliver(this.to, kept.body + tokens);
      clearTimeout(slow);
      this.setBusy(false);
      this.reset?.();
      if (isOver(status)) {
        const isHere = inquiries.has(this.form) || isBuilt(this.form); // else the page has drawn its form anew
        return isHere ? this.answered(status, answer) : settle(this.key, kept, status, answer);
      }
      const links = contacts(this.options, [this.property, ...this.texts().map(({ value }) => value)]);
      this.say(isSafe && !isBlocked ? words.stays : words.failed, links);
      if (isBlocked) return this.leave();
      this.label(words.again);
      this.tell("error", { status });
      later = setTimeout(flush, 3e4);
    }

    // Where a script may not send, the form still may.
    leave() {
      const { safe: form, kept, to } = this, own = new FormData(this.form);
      const more = [...new URLSearchParams(kept.body)].filter(([name]) => !own.has(name));
      this.rest = make("div", { class: "lr-notice", hidden: "" }, ...more.map(([name, value]) => make("input", { type: "hidden", name, value })));
      form.append(this.rest);
      form.setAttribute("action", to);
      form.setAttribute("method", "post");
      kept.waits = 0;
      this.keep();
      form.submit();
    }

    // The form as it goes out, and apart the tokens of a captcha, which are good once.
    read() {
      const pairs = new URLSearchParams(), tokens = new URLSearchParams();
      const { submitter } = this;
      this.rest?.remove();
      const own = [...new FormData(this.form)];
      if (submitter?.name) own.push([submitter.name, submitter.value]);
      for (const [name, value] of own) if (value.trim) (/-response$/.test(name) ? tokens : pairs).append(name, value);
      const context = [...new URLSearchParams(location.search)].filter(([name]) => /^utm_\w+$/.test(name));
      // The property goes under a name that loses to the form's own, such as clave.
      context.push(["propertyId", !pairs.has("property_id") && this.property], ["page_url", location.origin + location.pathname], ["_language", this.options.locale], ["_typed_email", this.typed]);
      for (const [name, value] of context) if (value && !pairs.has(name)) pairs.append(name, value);
      return [`${pairs}`, `&${tokens}`];
    }

    check() {
      const { missing, badEmail } = this.words, wrong = [];
      for (const { name, value, inputMode, type, required, willValidate, validity, validationMessage } of this.fields()) {
        const isBlank = validity.valueMissing || (required && !value?.trim());
        if (willValidate && (isBlank || !validity.valid)) {
          wrong.push({ field: name, message: [type, inputMode].includes("email") ? badEmail : isBlank ? missing : validationMessage });
        }
      }
      return wrong;
    }

    answered(status, answer) {
      this.kept.waits = 0;
      if (answer.ok) return this.succeed(answer);
      this.keep();
      this.refuse(answer.errors?.length ? answer.errors : [{ message: answer.detail ?? this.words.failed }], status);
    }

    // For what was sent later, in the background.
    arrived(kept, status, answer) {
      this.recall();
      if (this.isBusy || this.kept.body !== kept.body) return;
      if (!answer.ok || this.read()[0] === kept.text) return this.answered(status, answer);
      this.kept = bare({ values: this.kept.values }); // the visitor writes something else by now
      this.say(this.words.done, this.words.next, folio(answer));
    }

    refuse(errors, status = 0) {
      const all = this.fields(), loose = [];
      this.mendAll();
      for (const { field, message } of errors) {
        const one = all.find(({ name }) => name === field);
        if (one) this.mark(one, message);
        else loose.push(message);
      }
      const first = all.find((one) => this.marks.has(one));
      this.say(...loose, first && this.words.mend);
      (first ?? this.button)?.focus();
      this.tell("error", { status, errors: errors.map(({ field, code }) => ({ field, code })) });
    }

    mark(one, message) {
      const id = `lr${++count}`, error = make("p", { id, class: "lr-error" }, message), before = one.getAttribute("aria-describedby") ?? "";
      (one.closest("label") ?? one).after(error);
      one.setAttribute("aria-invalid", true);
      one.setAttribute("aria-describedby", `${before} ${id}`);
      this.marks.set(one, () => {
        error.remove();
        one.removeAttribute("aria-invalid");
        one.setAttribute("aria-describedby", before);
      });
    }

    mend(one) {
      this.marks.get(one)?.();
      this.marks.delete(one);
    }

    mendAll() {
      for (const one of this.marks.keys()) this.mend(one);
    }

    say(...parts) {
      this.notice.replaceChildren(...parts.filter(Boolean).map((part) => (part.trim ? make("p", {}, part) : part)));
    }

    setBusy(isBusy) {
      this.isBusy = isBusy;
      this.safe.setAttribute("aria-busy", isBusy);
      this.mendAll();
      this.say();
      this.label(isBusy && this.words.sending);
    }

    // What the button says; its own words for nothing.
    label(text) {
      const { button } = this;
      if (button?.matches("input")) {
        this.idle ??= button.value;
        button.value = text || this.idle;
      } else if (button) {
        this.idle ??= [...button.childNodes];
        button.replaceChildren(...(text ? [text] : this.idle));
      }
    }

    succeed(answer) {
      const { safe: form, words, options } = this;
      save(this.key);
      this.kept = bare();
      this.label();
      this.say();
      if (!this.tell("success", { remote_id: answer.remote_id })) return;
      if (options.next && form.isConnected) return location.assign(options.next);
      const title = make("h2", { class: "lr-title", tabindex: -1 }, words.done);
      const back = (text, then) => {
        const button = make("button", { type: "button" }, text);
        button.addEventListener("click", () => {
          this.thanks.remove();
          this.thanks = null;
          form.removeAttribute("data-leadrelay-sent");
          then();
        });
        return make("div", { class: "lr-links" }, button);
      };
      const one = answer.meant && this.texts().find(({ value }) => /^\S+@/.test(value));
      this.thanks = make("div", { class: "leadrelay lr-done" }, title, one && back(answer.hint, () => {
        this.typed = one.value;
        this.fill(one, answer.meant);
        this.send();
      }), make("p", {}, words.next), make("p", { class: "lr-folio" }, folio(answer)), back(words.more, () => this.fields()[0]?.focus()));
      form.setAttribute("data-leadrelay-sent", "");
      form.after(this.thanks);
      title.focus();
    }

    // What helps comes once somebody begins to write. Without it the relay judges by other signs,
    // and asks later. A page that names our hash gets no other code, unless it wants a captcha.
    focusin() {
      this.focusin = null;
      const { options } = this;
      if (options.captcha || !script.integrity) import(`${base}{{helper}}`).then(({ help }) => help(this, this.safe, options, script.nonce), () => {});
    }

    // Without its place a form waits for the next that is like it; the page's own is let go.
    park() {
      if (!isBuilt(this.form)) return this.unmount();
      inquiries.delete(this.form);
      parked.set(this.options.as, new WeakRef(this));
    }

    moveTo(place) {
      parked.delete(this.options.as);
      place.replaceChildren(...[this.form, this.thanks].filter(Boolean));
      inquiries.set(this.form, this);
      this.tell("ready");
    }

    unmount() {
      for (const type of events) this.safe.removeEventListener(type, this);
      this.mendAll();
      inquiries.delete(this.form);
      this.notice.remove();
      this.thanks?.remove();
      if (isBuilt(this.form)) this.safe.remove();
    }
  }

  const events = ["submit", "input", "focusin"];

  const folio = ({ remote_id }) => String(remote_id).replace(/\B(?=(\d{3})+$)/g, " ");

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
    const t = words[options.locale], { privacy, propertyId = "", title = t.title, message = t.sample } = options;
    const field = (name, tag, attributes, ...children) => {
      const asked = (options.require ?? "email message").split(/,| /).find((one) => one.split("|").includes(name)), required = asked === name;
      return make("label", { class: "lr-field" },
        make("span", { class: "lr-label" }, t[name]), !required && ` (${asked ? t.either : t.optional})`,
        make(tag, bare({ name, class: "lr-input", autocomplete: name === "phone" ? "tel" : name, required: required ? "" : null }, attributes), ...children));
    };
    return make("form", { class: "leadrelay", method: "post", action: `${base}f/${options.site}`, "data-leadrelay": "built" },
      title && make("h2", { class: "lr-title" }, title),
      make("input", { type: "hidden", name: "property_id", value: propertyId }),
      field("name", "input"),
      field("email", "input", { inputmode: "email", autocapitalize: "off", pattern: "\\S+@\\S+\\.\\S+" }), // a type of email takes a phone 2 ms to make
      field("phone", "input", { type: "tel", inputmode: "tel" }),
      field("message", "textarea", { autocomplete: "off" }, message),
      privacy && make("input", { type: "hidden", name: "consent", value: `${t.consent} ${t.privacy}: ${privacy}` }),
      privacy && make("p", { class: "lr-fine" }, t.consent + " ", link(privacy, t.privacy), "."),
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

  function wear(root) {
    if (worn.has(root)) return;
    worn.add(root);
    if (root.host) roots.add(root);
    try {
      if (!sheet) (sheet = new CSSStyleSheet()).replaceSync(css);
      safe(root).adoptedStyleSheets.push(sheet);
    } catch {
      (root.host ? root : page).append(make("style", { nonce: script.nonce }, css)); // a browser of before 2023
    }
  }

  const formIn = (place) => [...inquiries.keys()].find((one) => place.contains(one));

  // Puts a form into an element, or takes the page's form in hand. A second time changes nothing.
  function mount(node, given) {
    const isTheirs = safe(node).localName === "form", root = safe(node).getRootNode();
    let form = isTheirs ? node : formIn(node);
    if (!inquiries.has(form)) {
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
      inquiries.set(form, new Inquiry(form, options));
      idle(() => inquiries.get(form)?.recall());
    }
    return inquiries.get(form);
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
    const { closest } = safe(node);
    const age = Date.now() - born;
    if (age > 1e4) return;
    if (isLate && (age < 2e3 || doc.readyState !== "complete")) return true;
    let isServed = window.__next_f ?? closest("#__next,astro-island[ssr],[ngh],#__nuxt:not([data-v-app])");
    for (let at = node; at; at = safe(at).parentNode) {
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
    if (localName === "form" ? inquiries.has(node) || !isTaken(node) : formIn(node)) return;
    isAwaited(node) ? wait() : mount(node);
  }

  // Looks for forms and places that have come, and lets go of those that have left.
  function scan(tag) {
    if (tag) tags.add(tag);
    for (const ref of parked.values()) {
      const one = ref.deref();
      if (one?.form.isConnected) one.moveTo(one.form.parentNode);
    }
    for (const [form, inquiry] of inquiries) {
      if (!safe(form).isConnected || (isBuilt(form) && (form.parentNode.dataset.propertyId ?? inquiry.property) !== inquiry.property)) inquiry.park();
    }
    for (const root of roots) {
      safe(root).querySelectorAll("script[data-property-id],form,[data-leadrelay]:not(form,script)").forEach(visit);
      watch.observe(root, bare({ childList: true, subtree: true, attributeFilter: ["data-property-id"] }));
    }
  }

  const watch = new MutationObserver(() => scan());
  const api = { relay: base, mount, scan, push: (...calls) => calls.forEach((call) => call(api)) };
  window.LeadRelay = api;

  function start() {
    isLate = [...page.querySelectorAll("script")].some((one) => one !== script && ((one.async && one.src.startsWith(location.origin)) || /\bimport\(/.test(one.text)));
    scan();
    doc.addEventListener("securitypolicyviolation", ({ blockedURI, violatedDirective }) => { isBlocked ||= violatedDirective[0] !== "s" && blockedURI.startsWith(new URL(base).origin); });
    addEventListener("online", flush);
    addEventListener("pagehide", flush);
    idle(flush); // which forgets what is too old
    if (Array.isArray(earlier)) api.push(...earlier);
  }
  // Scripts of the page that are deferred, too, have their turn before.
  if (performance.timing.domContentLoadedEventStart) start();
  else doc.addEventListener("DOMContentLoaded", start);
})();
