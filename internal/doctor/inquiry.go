package doctor

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"leadrelay/internal/lead"
)

// Inquiry is how a test inquiry is sent, and looked for afterwards.
type Inquiry struct {
	Site  string
	Token string // the operator's, which makes an inquiry a test
	// Told asks the operator's door what others were told of a test inquiry. With 0 it asks
	// only whether there are such inquiries, and whether the token is right.
	Told func(ctx context.Context, id lead.RemoteID) ([]Told, error)
}

// Told is what a channel was told.
type Told struct {
	Kind     string // mail or hook
	State    lead.DeliveryState
	Attempts int
	Status   int
}

// inquiry sends a test inquiry the whole way but to EasyBroker. It is sent only if the
// relay that runs surely takes it for a test.
func (d Doctor) inquiry(ctx context.Context) []Finding {
	if d.Inquiry == nil {
		return nil
	}
	about, base := "test inquiry for "+d.Inquiry.Site, d.Settings.URL.String()
	if !strings.HasPrefix(base, "https://") { // the token must not go over a network in the open
		base = d.Public
	}
	if _, err := d.Inquiry.Told(ctx, 0); err != nil {
		return []Finding{{Trouble, about, "it is not sent: " + err.Error(), "See what is said of the relay here. Doctor and the relay must have the same LEADRELAY_OPERATOR_TOKEN, or database, and release."}}
	}
	said, failed := d.post(ctx, about, base)
	if failed != nil {
		return []Finding{*failed}
	}
	all := []Finding{fine(about, fmt.Sprintf("it is on disk, with the folio %d", said.RemoteID))}
	if strings.HasPrefix(base, "https://") { // so there is a proxy in front
		all = append(all, said.visitor())
	}
	told, err := d.awaitTold(ctx, said.RemoteID)
	if err != nil {
		return append(all, Finding{Trouble, about, "what became of it is not known: " + err.Error(), "See what is said of the relay here."})
	}
	for _, t := range told {
		all = append(all, t.finding(about))
	}
	return all
}

// forged is an address that is nobody's, and which no relay must believe.
const forged = "203.0.113.86"

// said is what the relay says of a test inquiry.
type said struct {
	RemoteID     lead.RemoteID `json:"remote_id"`
	Test         bool
	Detail       string
	Client, Peer netip.Addr

	own netip.Addr // from which we connected
}

// visitor looks at whom the relay takes for the visitor.
func (s said) visitor() Finding {
	const about = "the visitor's address"
	switch {
	case s.Client.String() == forged:
		return Finding{
			Trouble, about, "whoever asks can claim any address, and so has no limit", "Have the proxy set X-Forwarded-For to the address that connects to it, and not append to what came: see deploy/README.md, \"The proxy in front\".",
		}
	case s.Client == s.own:
		return fine(about, "the relay sees it behind the proxy")
	case s.Client == s.Peer:
		return Finding{
			Trouble, about, fmt.Sprintf("the relay takes the proxy (%s) for the visitor, so all visitors share one limit", s.Peer),
			fmt.Sprintf("Set LEADRELAY_TRUSTED_PROXIES to %s, and have the proxy send X-Forwarded-For: see deploy/README.md, \"The proxy in front\".", netip.PrefixFrom(s.Peer, s.Peer.BitLen())),
		}
	}
	return fine(about, fmt.Sprintf("behind the proxy the relay sees %s for this machine", s.Client))
}

// post posts the inquiry, and returns what the relay says, or what is wrong.
func (d Doctor) post(ctx context.Context, about, base string) (said, *Finding) {
	form := base + "/f/" + url.PathEscape(d.Inquiry.Site)
	fields := url.Values{
		"_test": {d.Inquiry.Token}, "property_id": {"EB-TEST1"}, "name": {"Prueba de leadrelay"}, "email": {"prueba@example.com"}, "phone": {"5512345678"},
		"message": {"Prueba de leadrelay doctor: nadie espera respuesta."},
	}
	var says said
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) {
		if own, err := netip.ParseAddrPort(info.Conn.LocalAddr().String()); err == nil {
			says.own = own.Addr().Unmap()
		}
	}})
	answer, body, err := d.send(ctx, http.MethodPost, form, http.Header{
		"Accept": {"application/json"}, "Content-Type": {"application/x-www-form-urlencoded"}, "X-Forwarded-For": {forged},
	}, fields.Encode())
	if err != nil {
		return says, &Finding{Trouble, about, "it cannot be posted: " + err.Error(), "See what is said of the public door here."}
	}
	err = json.Unmarshal(body, &says)
	switch {
	case err == nil && answer.StatusCode == http.StatusAccepted && says.Test:
		return says, nil
	case err == nil && answer.StatusCode == http.StatusAccepted:
		return says, &Finding{
			Trouble, about, fmt.Sprintf("another relay answers at %s, and took it for an inquiry (folio %d)", base, says.RemoteID),
			"Tell whoever runs that relay. Set LEADRELAY_URL to where this one is.",
		}
	case answer.StatusCode == http.StatusNotFound:
		return says, &Finding{Trouble, about, "there is no such site", "leadrelay config print shows those that there are. If it is new there, the relay that runs has not read the settings yet: leadrelay reload."}
	}
	return says, &Finding{Trouble, about, strings.TrimSpace(answer.Status + " " + says.Detail), "A visitor is answered the same: see what is said of the database here, and the relay's log."}
}

// awaitTold waits until all who are to be told were, or one could not be.
func (d Doctor) awaitTold(ctx context.Context, id lead.RemoteID) ([]Told, error) {
	const step, most = 250 * time.Millisecond, 15 * time.Second
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	for {
		told, err := d.Inquiry.Told(context.WithoutCancel(ctx), id)
		isDone := true
		for _, t := range told {
			isDone = isDone && t.State != lead.DeliveryDue
		}
		if err != nil || isDone {
			return told, err
		}
		select {
		case <-time.After(step):
		case <-ctx.Done():
			return told, nil
		}
	}
}

// finding tells how a channel took the test.
func (t Told) finding(about string) Finding {
	name, remedy := "a webhook", "See the receiver's log, and what is said of the webhook here. The other inquiries wait for it, for three days."
	if t.Kind == lead.KindMail {
		name, remedy = "a mailbox", "See the mail server's log, and what is said of LEADRELAY_SMTP here. The other mails wait for it, for three days."
	}
	switch {
	case t.State == lead.DeliveryTaken:
		return fine(about, name+" took it")
	case t.Status > 0:
		return Finding{Trouble, about, fmt.Sprintf("%s did not take it (%d)", name, t.Status), remedy}
	}
	return Finding{Trouble, about, name + " has not taken it", remedy}
}
