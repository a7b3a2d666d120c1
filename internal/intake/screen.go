package intake

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"leadrelay/internal/intake/body"
	"leadrelay/internal/lead"
	"leadrelay/internal/locale"
	"leadrelay/internal/spam"
)

// Captcha is a site's: the field that its token comes in, and who knows whether
// it is good. An error means that nobody could say.
type Captcha struct {
	Field   string
	Refuses func(ctx context.Context, token string) (bool, error)
}

// mailMoment is how long a lead is held whose mail domain is asked about: DNS
// answers within it, or not at all.
const mailMoment = 10 * time.Second

// screen sets a lead apart that looks like spam. Its sender gets the answer that
// anybody gets, and the operator the reasons. It comes last before the lead is
// kept: a captcha is good once, and what is wrong with the fields has been said.
// It returns the reasons why the lead is to be set apart if its mail domain takes
// no mail, which takes a moment to find out; none when that decides nothing.
func (d *door) screen(r *http.Request, v *visit, l *lead.Lead) (ifNoMail string) {
	if v.desk.SpamThreshold == 0 {
		return ""
	}
	refused := d.refusesCaptcha(r, v)
	verdict := spam.Judge(spam.Submission{
		Inquiry: l.Inquiry, Traps: v.draft.Traps, Filled: d.clock.since(v.draft.Shown, l.ReceivedAt),
		Repeats: d.echoes.Seen(l.Site, l.Message, sender(v, l), l.ReceivedAt), Busy: d.isBusy(v), CaptchaRefused: refused, Hosts: v.desk.hosts,
	})
	if verdict.Score <= 0 {
		return ""
	}
	note(r, func(c zerolog.Context) zerolog.Context { return c.Int("spam", verdict.Score) })
	if verdict.Score >= v.desk.SpamThreshold {
		l.Quarantine(strings.Join(verdict.Reasons, ", "))
		return ""
	}
	return d.hold(l, verdict.NoMail(), v.desk.SpamThreshold)
}

// sender is who posts, as far as a text that keeps coming is concerned.
func sender(v *visit, l *lead.Lead) spam.Sender {
	from := spam.Sender{Mail: strings.ToLower(l.Email)}
	addr, bits := v.from.Unmap(), 24
	if addr.Is6() {
		bits = 48
	}
	if p, err := addr.Prefix(bits); err == nil && p.IsValid() {
		from.Net = p.String()
	}
	return from
}

// samples are the texts that the widget and our form come with.
func samples() (all []string) {
	for _, lang := range []locale.Lang{locale.ES, locale.EN} {
		all = append(all, locale.Text(lang, "form.message.sample"))
	}
	return all
}

// hold lets a lead wait for a moment that its mail domain alone can set apart.
func (d *door) hold(l *lead.Lead, noMail spam.Verdict, threshold int) (ifNoMail string) {
	if d.opt.AskMail == nil || noMail.Score < threshold || !spam.MailInDoubt(l.Email) {
		return ""
	}
	l.Hold(l.ReceivedAt.Add(mailMoment))
	return strings.Join(noMail.Reasons, ", ")
}

// refusesCaptcha asks about the token that a site wants with its forms. One that
// nobody could judge is no sign of anything.
func (d *door) refusesCaptcha(r *http.Request, v *visit) bool {
	c, ok := d.opt.Captchas[v.desk.ID]
	if !ok {
		return false
	}
	token := ""
	for _, p := range v.posted {
		if strings.EqualFold(p.Name, c.Field) && p.Kind == body.Text {
			token = p.Value
		}
	}
	refused, err := c.Refuses(context.WithoutCancel(r.Context()), token)
	if err != nil {
		zerolog.Ctx(r.Context()).Error().Str("site", v.desk.ID).Err(err).Msg("captcha not verified")
	}
	return refused
}

// ownHosts are the site's own, to which a message may well link.
func (k *desk) ownHosts() []string {
	var hosts []string
	for _, origin := range k.Origins.List() {
		_, host, _ := strings.Cut(origin, "://")
		host, _, _ = strings.Cut(strings.TrimPrefix(host, "*."), ":")
		hosts = append(hosts, host)
	}
	return hosts
}
