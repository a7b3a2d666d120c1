// What a page in TypeScript does with the widget: tsc reads it against widget.d.ts.
import type { LeadRelay, LeadRelayForm } from "./widget";

declare const place: HTMLElement;

(window.LeadRelay ||= []).push((api: LeadRelay) => {
  const mounted: LeadRelayForm = api.mount(place, { site: "casas", propertyId: "EB-AB1234", locale: "en", title: "", next: "/gracias" });
  mounted.form.addEventListener("leadrelay:success", ({ detail }) => console.log(detail.site, detail.remote_id.toFixed()));
  mounted.form.addEventListener("leadrelay:error", ({ detail }) => console.log(detail.status, detail.errors?.[0].code));
  mounted.form.addEventListener("leadrelay:submit", (event) => event.preventDefault());
  // @ts-expect-error: there is no such language
  api.mount(place, { locale: "fr" });
  // @ts-expect-error: nor such an option
  api.mount(place, { color: "red" });
  mounted.unmount();
});
