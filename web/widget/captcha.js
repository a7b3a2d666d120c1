// The captcha of a form, which widget.js loads when somebody begins to write.
const providers = {
  turnstile: ["turnstile", "https://challenges.cloudflare.com/turnstile/v0/api.js?render=explicit"],
  hcaptcha: ["hcaptcha", "https://js.hcaptcha.com/1/api.js?render=explicit"],
  recaptcha: ["grecaptcha", "https://www.google.com/recaptcha/api.js?render=explicit"],
};

// Shows a captcha in spot; its token is good once, and ready gets what asks for another.
export function show(spot, captcha, sitekey, nonce, ready) {
  const [name, address] = providers[captcha], tag = Document.prototype.createElement.call(document, "script");
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
