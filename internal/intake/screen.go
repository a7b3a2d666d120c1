package intake

import (
	"context"
	"net/netip"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"leadrelay/internal/flood"
	"leadrelay/internal/intake/body"
	"leadrelay/internal/lead"
	"leadrelay/internal/locale"
	"leadrelay/internal/problem"
	"leadrelay/internal/spam"
)

const (
	// mailCheckDelay is how long a lead is delayed while its mail domain is looked
	// up. DNS answers within this time, or not at all.
	mailCheckDelay = 10 * time.Second
	// correctionDelay is how long a lead with a mistyped address is delayed. Its
	// visitor has been asked, and may correct it.
	correctionDelay = time.Minute
)

// Captcha is the captcha of a site: the field that holds its token, and a function
// that tells whether the token is refused. The function returns an error if nobody
// could tell.
type Captcha struct {
	Field   string
	Refuses func(ctx context.Context, token string) (bool, error)
}

// Gate protects a site's visitors from floods: see [flood.Gate].
type Gate interface {
	Wait(from netip.Addr) time.Duration
	Busy(from netip.Addr) bool
	Take(l flood.Lead) flood.Decision
	GiveBack(d flood.Decision)
}

// checkSpam quarantines a lead that looks like spam. Its sender gets the same
// answer as everyone else, and the operator the reasons. This is the last check
// before the lead is kept, because a captcha's token can be used only once.
//
// If the lead is spam only if its mail domain takes no mail, checkSpam delays the
// lead and returns the reasons. Otherwise it returns "".
func (h *handler) checkSpam(r *request, l *lead.Lead) (noMailReason string) {
	threshold := r.site.SpamThreshold
	if threshold == 0 {
		return ""
	}
	captchaRefused := h.isCaptchaRefused(r)
	verdict := spam.Judge(spam.Submission{
		Inquiry: l.Inquiry, Traps: r.draft.Traps, Filled: h.stamps.elapsed(r.draft.Shown),
		Repeats: h.repeats.Count(l.Site, l.Message, spamSender(r, l), l.ReceivedAt), Busy: h.opt.Flood != nil && h.opt.Flood.Busy(r.client),
		CaptchaRefused: captchaRefused, Hosts: r.site.hosts,
	})
	if verdict.Score <= 0 {
		return ""
	}
	r.log(func(c zerolog.Context) zerolog.Context { return c.Int("spam", verdict.Score) })
	if verdict.Score >= threshold {
		l.Quarantine(strings.Join(verdict.Reasons, ", "))
		return ""
	}
	noMail := verdict.NoMail()
	if h.opt.CheckMail == nil || noMail.Score < threshold || !spam.MailInDoubt(l.Email) {
		return ""
	}
	l.DelayUntil(l.ReceivedAt.Add(mailCheckDelay))
	return strings.Join(noMail.Reasons, ", ")
}

// isCaptchaRefused reports whether the token of the site's captcha is missing or
// wrong. If the captcha's verifier cannot tell, it returns false.
func (h *handler) isCaptchaRefused(r *request) bool {
	captcha, ok := h.opt.Captchas[r.site.ID]
	if !ok {
		return false
	}
	token := ""
	for _, p := range r.posted {
		if strings.EqualFold(p.Name, captcha.Field) && p.Kind == body.Text {
			token = p.Value
		}
	}
	refused, err := captcha.Refuses(context.WithoutCancel(r.Context()), token)
	if err != nil {
		zerolog.Ctx(r.Context()).Error().Str("site", r.site.ID).Err(err).Msg("captcha not verified")
	}
	return refused
}

// spamSender returns who posts, for counting the senders of a text.
func spamSender(r *request, l *lead.Lead) spam.Sender {
	from := spam.Sender{Email: strings.ToLower(l.Email)}
	addr, bits := r.client.Unmap(), 24
	if addr.Is6() {
		bits = 48
	}
	if p, err := addr.Prefix(bits); err == nil && p.IsValid() {
		from.Network = p.String()
	}
	return from
}

// sampleTexts are the messages that the widget and our form suggest.
func sampleTexts() (all []string) {
	for _, lang := range []locale.Lang{locale.ES, locale.EN} {
		all = append(all, locale.Text(lang, "form.message.sample"))
	}
	return all
}

// applyFloodLimits counts a lead, and does with it what the gate decides. It is called
// for a valid inquiry only, so that rubbish costs its sender and not the site. Most
// leads go on unchanged. The others are delayed, or quarantined until a person looks
// at them, or lose everything but our five fields.
func (h *handler) applyFloodLimits(r *request, l *lead.Lead) (flood.Decision, error) {
	if h.opt.Flood == nil {
		return flood.Decision{}, nil
	}
	bare, all := l.TextBytes()
	s := h.opt.Flood.Take(flood.Lead{
		From: r.client, Site: l.Site, Property: l.PropertyID, Email: l.Email, Bytes: all, Bare: bare, Quarantined: l.State != lead.Queued,
	})
	if s.Wait > 0 {
		r.site.logFlood(r, "too many bytes of one day: inquiries are refused")
		return s, problem.NewTooMany(s.Wait)
	}
	if s.Bare {
		l.Context, l.Extra = nil, nil
		r.site.logFlood(r, "many bytes of one day: of inquiries only property, name, e-mail, phone and message are kept")
	}
	switch {
	case s.Quarantine:
		l.Quarantine(lead.ReasonFlood)
		r.site.logFlood(r, "more inquiries than one "+s.Over+" gets: they are kept, and held for a person to look at")
	case s.Delay > 0:
		delay(l, s.Delay)
	}
	if s.Quarantine || s.Bare || s.Delay > 0 {
		r.log(func(c zerolog.Context) zerolog.Context {
			return c.Bool("held", s.Quarantine).Bool("bare", s.Bare).Dur("turn", s.Delay)
		})
	}
	return s, nil
}

// uncount takes back what a lead has cost its site, because it was not kept
// now.
func (h *handler) uncount(s flood.Decision) {
	if h.opt.Flood != nil {
		h.opt.Flood.GiveBack(s)
	}
}

// delayIfMistyped delays a lead whose e-mail address looks mistyped. The lead is
// kept as it is: the page asks the visitor, and turns nobody away.
func (r *request) delayIfMistyped(l *lead.Lead) {
	if r.meant = l.MeantEmail(); r.meant != "" && l.State == lead.Queued {
		delay(l, correctionDelay)
	}
}

// delay makes the lead due no sooner than the given time after it came.
func delay(l *lead.Lead, d time.Duration) {
	if until := l.ReceivedAt.Add(d); until.After(l.DueAt) {
		l.DelayUntil(until)
	}
}
