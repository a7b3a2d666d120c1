package doctor

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"leadrelay/internal/notify"
	"leadrelay/internal/smtp"
)

// mailServer logs in at the server that mails leads, and sends nothing.
func (d Doctor) mailServer(ctx context.Context) []Finding {
	if d.Settings.SMTP.IsZero() {
		return nil
	}
	about := "mail server " + d.Settings.SMTP.Address()
	err := d.Settings.SMTP.Check(ctx)
	var refused *smtp.RefusedError
	var broken *tls.CertificateVerificationError
	const waits = " Mails wait meanwhile, for three days, and inquiries go to EasyBroker all the same."
	switch {
	case err == nil:
		return []Finding{fine(about, "it lets the relay in")}
	case errors.Is(err, smtp.ErrNoTLS):
		return []Finding{{Trouble, about, "it offers no STARTTLS, and nothing is said to it in the open", "Set the port that has it in LEADRELAY_SMTP: 587, or smtps:// and 465." + waits}}
	case errors.As(err, &broken):
		return []Finding{{Trouble, about, "its certificate is not good: " + broken.Err.Error(), "Write the name that is in the certificate into LEADRELAY_SMTP, or have the server's owner renew it." + waits}}
	case errors.As(err, &refused) && refused.AtLogin:
		return []Finding{{Trouble, about, fmt.Sprintf("it does not let the relay in (%d)", refused.Status), "Set the right user and password in LEADRELAY_SMTP; a sign such as @ is written %40." + waits}}
	}
	return []Finding{{Trouble, about, unreachable(err), "See that the name and the port in LEADRELAY_SMTP are right, and that this machine may reach them: many providers close port 25." + waits}}
}

// unreachable says why there is no connection. It has nothing of an address.
func unreachable(err error) string {
	var name *net.DNSError
	var dial *net.OpError
	switch {
	case errors.As(err, &name):
		return "its name cannot be looked up"
	case errors.As(err, &dial) && dial.Op == "dial":
		return "it cannot be reached"
	case errors.Is(err, context.DeadlineExceeded):
		return "it does not answer in time"
	}
	return "it does not answer as it should"
}

// hooks connects to each webhook, and sends nothing. An address may have a secret, so it is
// named by its host.
func (d Doctor) hooks(ctx context.Context) []Finding {
	type hook struct {
		site, url string
		mayBeHere bool
	}
	var all []hook
	for _, s := range d.Settings.Sites {
		for _, h := range s.Webhooks {
			all = append(all, hook{s.ID, h.URL, h.AllowPrivate})
		}
	}
	found := make([]Finding, len(all))
	var asking sync.WaitGroup
	turns := make(chan struct{}, 8)
	for i, h := range all {
		asking.Go(func() {
			turns <- struct{}{}
			defer func() { <-turns }()
			host, until, err := notify.Reach(ctx, h.url, h.mayBeHere)
			found[i] = hookFinding("webhook of "+h.site+" at "+host, until, err)
		})
	}
	asking.Wait()
	return slices.Clip(found)
}

func hookFinding(about string, until time.Time, err error) Finding {
	const soon = 7 * 24 * time.Hour
	const waits = " What it is to be told waits, for three days."
	var broken *tls.CertificateVerificationError
	switch {
	case errors.Is(err, notify.ErrPrivate):
		return Finding{Trouble, about, err.Error(), "If that is meant, set allow_private: true at this webhook; if not, its name leads to the wrong place." + waits}
	case errors.As(err, &broken):
		return Finding{Trouble, about, "its certificate is not good: " + broken.Err.Error(), "Have the receiver's owner renew it." + waits}
	case err != nil:
		return Finding{Trouble, about, unreachable(err), "See that the receiver runs, and that this machine may reach it. If it is gone for good, take the webhook out of the site's settings." + waits}
	case !until.IsZero() && time.Until(until) < soon:
		return Finding{Warning, about, "its certificate ends at " + until.Local().Format("2006-01-02 15:04"), "Have the receiver's owner renew it before."}
	}
	return fine(about, "it can be reached")
}
