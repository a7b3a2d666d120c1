// What helps while somebody writes; widget.js loads it then. It adds the site's captcha, and
// asks about an address that looks mistyped.
const providers = {
  turnstile: ["turnstile", "https://challenges.cloudflare.com/turnstile/v0/api.js?render=explicit"],
  hcaptcha: ["hcaptcha", "https://js.hcaptcha.com/1/api.js?render=explicit"],
  recaptcha: ["grecaptcha", "https://www.google.com/recaptcha/api.js?render=explicit"],
};

const words = {
  es: { meant: "¿Quisiste decir", asTyped: "Si está bien como está, envía de nuevo." },
  en: { meant: "Did you mean", asTyped: "If it is right as it is, send again." },
};

// The large mail services, and how people write them when a finger slips: as the relay has it.
const services = {
  gmail: "gmial gamil gmai gmal gmil gmaill gmaiil gmqil gnail gmsil gmali gimail ggmail",
  hotmail: "hotmial hotmal hotmai hotmil hotmaill hotamil hotnail homail hormail otmail hotmeil hotmali jotmail",
  outlook: "outlok outloo outlool outlock outllook oulook otlook",
  yahoo: "yaho yahooo yhoo yahho yhaoo yaoo",
  icloud: "icloid iclud icoud iclou iclould",
};
const ends = { con: "com", cm: "com", om: "com", cmo: "com", co: "com", vom: "com", xom: "com", "con.mx": "com.mx", "cm.mx": "com.mx" };

const createElement = (tag) => Document.prototype.createElement.call(document, tag);

// The address that was probably meant, if that is another: what the relay would ask about, too.
export function meantBy(address) {
  const [, user, name, end] = /^\s*(\S+@)([^\s@.]+)\.([^\s@]+?)\s*$/.exec(address) ?? [], low = name?.toLowerCase();
  const service = Object.keys(services).find((one) => one === low || services[one].split(" ").includes(low));
  if (!service) return;
  const isComOnly = service === "gmail" || service === "icloud";
  let right = Object.hasOwn(ends, end.toLowerCase()) ? ends[end.toLowerCase()] : end.toLowerCase();
  if (isComOnly && service !== low && right === "com.mx") right = "com";
  if (!(isComOnly ? /^com$/ : /^(com|(com?\.)?\w\w)$/).test(right)) return;
  const meant = `${service}.${right}`;
  return meant === `${low}.${end.toLowerCase()}` ? undefined : user + meant;
}

export function help(inquiry, form, { captcha, captchaKey, locale }, nonce) {
  if (captcha) {
    const spot = createElement("div");
    spot.className = "lr-field";
    inquiry.notice.after(spot);
    show(spot, captcha, captchaKey, nonce, (reset) => { inquiry.reset = reset; });
  }
  watch(inquiry, form, words[locale]);
}

// Asks below the button, where nothing moves from under the hand that leaves the field for it:
// when the address is written, and once more when it would go out. Then the next press sends it.
function watch(inquiry, form, { meant, asTyped }) {
  let asked;

  function ask(field, address, then, ...more) {
    const line = createElement("div"), yes = createElement("button");
    line.className = "lr-links";
    yes.type = "button";
    yes.textContent = `${meant} ${address}?`;
    yes.addEventListener("click", () => {
      inquiry.typed = field.value;
      Reflect.set(Object.getPrototypeOf(field), "value", address, field); // React hides it behind its own
      field.dispatchEvent(new Event("input", { bubbles: true }));
      inquiry.say();
      then();
    });
    line.append(yes);
    inquiry.say(line, ...more);
  }

  form.addEventListener("change", ({ target }) => {
    const address = target.matches("input:not([type=hidden])") && meantBy(target.value);
    if (address) ask(target, address, () => target.focus());
  });
  inquiry.doubts = () => {
    const field = [...form.elements].find((one) => one.matches("input:not([type=hidden],[name^=_])") && meantBy(one.value));
    if (!field || asked === field.value) return false;
    asked = field.value;
    ask(field, meantBy(asked), () => inquiry.send(), asTyped);
    inquiry.notice.scrollIntoView({ block: "nearest" });
    return true;
  };
}

// Shows a captcha in spot; its token is good once, and ready gets what asks for another.
function show(spot, captcha, sitekey, nonce, ready) {
  const [name, address] = providers[captcha], tag = createElement("script");
  tag.nonce = nonce;
  tag.addEventListener("load", () => {
    const provider = window[name];
    const render = () => {
      const token = provider.render(spot, { sitekey });
      ready(() => provider.reset(token));
    };
    if (name === "grecaptcha") provider.ready(render);
    else render();
  });
  tag.src = window.trustedTypes?.createPolicy("leadrelay", { createScriptURL: (url) => url }).createScriptURL(address) ?? address;
  spot.append(tag);
}
