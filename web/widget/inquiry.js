// What becomes of what a visitor writes at a Desk of widget.js, which loads this file then and
// lends it its tools: it is kept on the device, checked, sent, kept for later where nothing gets
// through, and thanked for.
import { show } from "./captcha.js";
import { meantBy } from "./typos.js";

const words = {
  es: {
    sending: "Enviando…", slow: "Conexión lenta…", again: "Enviar de nuevo", missing: "Completa este dato.",
    badEmail: "Escribe el correo completo, por ejemplo nombre@ejemplo.com.", mend: "Corrige lo marcado y envía de nuevo.",
    done: "Recibimos tu mensaje", next: "Pronto te contactarán. Si llamas, menciona este folio:", more: "Escribir otro mensaje",
    stays: "Tu mensaje aún no se envía. Queda en este dispositivo y sale en cuanto se pueda.",
    failed: "No pudimos enviar tu mensaje. Inténtalo de nuevo en un minuto; no perdimos lo que escribiste.",
    meant: "¿Quisiste decir", asTyped: "Si está bien como está, envía de nuevo.",
  },
  en: {
    sending: "Sending…", slow: "Slow connection…", again: "Send again", missing: "Fill this in.",
    badEmail: "Write the whole address, such as name@example.com.", mend: "Correct what is marked and send again.",
    done: "We received your message", next: "You will hear back soon. If you call, mention this number:", more: "Write another message",
    stays: "Your message is not sent yet. It stays on this device and leaves as soon as it can.",
    failed: "We could not send your message. Try again in a minute; nothing you wrote is lost.",
    meant: "Did you mean", asTyped: "If it is right as it is, send again.",
  },
};

const css = `
[data-leadrelay-sent],.leadrelay [hidden]{display:none!important}
.leadrelay .lr-input[aria-invalid=true]{border:2px solid var(--lr-bad);padding:9px 11px}
.lr-error.lr-error{margin:.4em 0 0;font-size:.92em;color:var(--lr-bad)}
.lr-error::before{content:"⚠︎ "}
.leadrelay .lr-notice>*{margin-top:.6em}
.lr-notice:has(a)~.lr-links{display:none}
.lr-done .lr-title::before{content:"✓";display:grid;place-content:center;width:2em;height:2em;margin-bottom:.5em;border:2px solid;border-radius:50%}
.leadrelay .lr-folio{font-size:1.3em;font-weight:600;white-space:nowrap}`;

// Returns the class of inquiries for these tools.
export function begin(tools) {
  const { base, prefix, safe, bare, make, attempt, sleep, desks, looks, roots, wear, contacts, isBuilt } = tools;
  let count = 0, later, isBlocked;

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
    for (const { inquiry } of desks.values()) if (inquiry?.key === key) inquiry.arrived(kept, status, answer);
  }

  // An Inquiry is what a visitor says at a desk, and what becomes of it.
  class Inquiry {
    marks = new Map();

    constructor(desk) {
      const { form, safe, options, button, notice, url } = desk;
      Object.assign(this, { desk, form, safe, options, button, notice, url, words: words[options.locale], key: `${prefix} ${url} ${desk.property}` });
      this.kept = load(this.key) ?? bare();
      if (this.kept.values) this.restore(bare(this.kept.values));
      if (this.kept.waits) this.say(this.words.stays);
      this.hear();
    }

    // Takes up what has happened at the desk.
    hear() {
      for (const event of this.desk.heard.splice(0)) {
        if (event.isTrusted && this.options.captcha && !this.spot) this.prove();
        this[event.type]?.(event);
      }
    }

    // The captcha comes when somebody begins to write.
    prove() {
      this.spot = make("div", { class: "lr-field" });
      this.notice.after(this.spot);
      show(this.spot, this.options, tools, (reset) => { this.reset = reset; });
    }

    fields() {
      const other = "button,[type=hidden],[type=password],[type=file],[type=submit],[name^=_],[hidden] *";
      return this.desk.controls.filter((one) => one.name && !one.matches(other));
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

    press(submitter, to) {
      Object.assign(this, { submitter, to });
      return this.send();
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
      if (isSafe && this.doubts()) return; // who leaves now has sent it
      this.setBusy(true);
      const slow = setTimeout(() => this.say(words.slow), 5e3);
      const { status, answer } = await deliver(this.to, kept.body + tokens);
      clearTimeout(slow);
      this.setBusy(false);
      this.reset?.();
      if (isOver(status)) {
        const isHere = desks.has(this.form) || isBuilt(this.form); // else the page has drawn its form anew
        return isHere ? this.answered(status, answer) : settle(this.key, kept, status, answer);
      }
      const links = contacts(this.options, [this.desk.property, ...this.texts().map(({ value }) => value)]);
      this.say(isSafe && !isBlocked ? words.stays : words.failed, links);
      if (isBlocked) return this.leave();
      this.label(words.again);
      this.desk.tell("error", { status });
      later = setTimeout(flush, 3e4);
    }

    // Where a script may not send, the form still may.
    leave() {
      this.kept.waits = 0;
      this.keep();
      this.desk.leave(this.to, [...new URLSearchParams(this.kept.body)]);
    }

    // Asks below the button, where nothing moves from under the hand that leaves the field for it:
    // when the address is written, and once more when it would go out. Then the next press sends it.
    ask(field, address, then, ...more) {
      const yes = make("button", { type: "button" }, `${this.words.meant} ${address}?`);
      yes.addEventListener("click", () => {
        this.typed = field.value;
        this.fill(field, address);
        this.say();
        then();
      });
      this.say(make("div", { class: "lr-links" }, yes), ...more);
    }

    change({ target }) {
      const address = target.matches("input:not([type=hidden])") && meantBy(target.value);
      if (address) this.ask(target, address, () => target.focus());
    }

    doubts() {
      const field = this.texts().find((one) => one.matches("input") && meantBy(one.value));
      if (!field || this.asked === field.value) return false;
      this.asked = field.value;
      this.ask(field, meantBy(field.value), () => this.send(), this.words.asTyped);
      setTimeout(() => this.desk.isBusy || this.notice.scrollIntoView({ block: "nearest" }), 1e3); // a quick second press finds the button where it was
      return true;
    }

    // The form as it goes out, and apart the tokens of a captcha, which are good once.
    read() {
      const pairs = new URLSearchParams(), tokens = new URLSearchParams();
      const { submitter } = this;
      this.desk.rest?.remove();
      const own = [...new FormData(this.form)];
      if (submitter?.name) own.push([submitter.name, submitter.value]);
      for (const [name, value] of own) if (value.trim) (/-response$/.test(name) ? tokens : pairs).append(name, value);
      const context = [...new URLSearchParams(location.search)].filter(([name]) => /^utm_\w+$/.test(name));
      // The property goes under a name that loses to the form's own, such as clave.
      context.push(["propertyId", !pairs.has("property_id") && this.desk.property], ["page_url", location.origin + location.pathname], ["_language", this.options.locale], ["_typed_email", this.typed]);
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
      if (this.desk.isBusy || this.kept.body !== kept.body) return;
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
      this.desk.tell("error", { status, errors: errors.map(({ field, code }) => ({ field, code })) });
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
      this.desk.setBusy(isBusy);
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
      if (!this.desk.tell("success", { remote_id: answer.remote_id })) return;
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

    end() {
      this.mendAll();
      this.spot?.remove();
      this.thanks?.remove();
    }
  }

  const folio = ({ remote_id }) => String(remote_id).replace(/\B(?=(\d{3})+$)/g, " ");

  looks.push(css);
  roots.forEach(wear);
  safe(document).addEventListener("securitypolicyviolation", ({ blockedURI, violatedDirective }) => {
    isBlocked ||= violatedDirective[0] !== "s" && blockedURI.startsWith(new URL(base).origin);
  });
  addEventListener("online", flush);
  addEventListener("pagehide", flush);
  flush();
  return Inquiry;
}
