const providers = {
  turnstile: ["turnstile", "https://challenges.cloudflare.com/turnstile/v0/api.js?render=explicit"],
  hcaptcha: ["hcaptcha", "https://js.hcaptcha.com/1/api.js?render=explicit"],
  recaptcha: ["grecaptcha", "https://www.google.com/recaptcha/api.js?render=explicit"],
};

// Shows a site's captcha in spot, with what widget.js lends. Its token is good once, and ready
// gets what asks for another.
export function show(spot, { captcha, captchaKey: sitekey }, { make, script, trusted }, ready) {
  if (!providers[captcha]) return console.error("leadrelay: data-captcha wants one of", Object.keys(providers).join(", "));
  const [name, address] = providers[captcha], tag = make("script", { nonce: script.nonce });
  tag.addEventListener("load", () => {
    const provider = window[name];
    const render = () => {
      const token = provider.render(spot, { sitekey });
      ready(() => provider.reset(token));
    };
    if (name === "grecaptcha") provider.ready(render);
    else render();
  });
  tag.src = trusted(address);
  spot.append(tag);
}
