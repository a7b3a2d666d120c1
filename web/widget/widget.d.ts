// Types of the global LeadRelay, which widget.js makes.

export interface LeadRelayOptions {
  /** The site's id; without one, that of the script tag, else "default". */
  site?: string;
  propertyId?: string;
  locale?: "es" | "en";
  /** The heading; "" for none. */
  title?: string;
  /** The text that the message begins with. */
  message?: string;
  /** The fields that must be filled in, separated by blanks, "email|phone" for one of the two: "email message" unless said otherwise. */
  require?: string;
  /** The agency's number, for a link that opens WhatsApp with the text filled in. */
  whatsapp?: string;
  phone?: string;
  email?: string;
  /** Address of the privacy notice. */
  privacy?: string;
  /** The simplified notice in front of the link to it, in place of "Al enviar aceptas el". */
  privacyText?: string;
  /** Where to go once the inquiry is on disk; without it the thanks take the form's place. */
  next?: string;
  captcha?: "turnstile" | "hcaptcha" | "recaptcha";
  /** The captcha's site key. */
  captchaKey?: string;
}

export interface LeadRelayForm {
  readonly form: HTMLFormElement;
  /** Takes the built form away, or lets go of the page's own. */
  unmount(): void;
}

export interface LeadRelay {
  /** Where inquiries go. */
  readonly relay: string;
  /** Puts a form into an element, or takes the page's form in hand. A second time changes nothing. */
  mount(element: HTMLElement, options?: LeadRelayOptions): LeadRelayForm;
  /** Looks for forms and places that have come. It happens by itself when the page changes. */
  scan(): void;
  /** Calls back with LeadRelay: at once, or when the script has loaded. */
  push(...calls: ((api: LeadRelay) => void)[]): void;
}

/** What every event tells. Nothing that the visitor wrote is in it. */
export interface LeadRelayDetail {
  site: string;
  property_id: string;
}

declare global {
  interface Window {
    LeadRelay: LeadRelay | ((api: LeadRelay) => void)[];
  }
  interface HTMLElementEventMap {
    "leadrelay:ready": CustomEvent<LeadRelayDetail>;
    /** Before it is sent; preventDefault() keeps it back. */
    "leadrelay:submit": CustomEvent<LeadRelayDetail>;
    /** It is on disk; preventDefault() leaves the thanks to the page. */
    "leadrelay:success": CustomEvent<LeadRelayDetail & { remote_id: number }>;
    /** Something is to be mended, or it did not arrive: status 0 without an answer. */
    "leadrelay:error": CustomEvent<LeadRelayDetail & { status: number; errors?: { field?: string; code?: string }[] }>;
  }
}
