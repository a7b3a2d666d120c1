package doctor

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
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
	id, failed := d.post(ctx, about, base)
	if failed != nil {
		return []Finding{*failed}
	}
	all := []Finding{fine(about, fmt.Sprintf("it is on disk, with the folio %d", id))}
	told, err := d.awaitTold(ctx, id)
	if err != nil {
		return append(all, Finding{Trouble, about, "what became of it is not known: " + err.Error(), "See what is said of the relay here."})
	}
	for _, t := range told {
		all = append(all, t.finding(about))
	}
	return all
}

// post posts the inquiry, and returns its number or what is wrong.
func (d Doctor) post(ctx context.Context, about, base string) (lead.RemoteID, *Finding) {
	form := base + "/f/" + url.PathEscape(d.Inquiry.Site)
	fields := url.Values{
		"_test": {d.Inquiry.Token}, "property_id": {"EB-TEST1"}, "name": {"Prueba de leadrelay"}, "email": {"prueba@example.com"}, "phone": {"5512345678"},
		"message": {"Prueba de leadrelay doctor: nadie espera respuesta."},
	}
	answer, body, err := d.send(ctx, http.MethodPost, form, http.Header{
		"Accept": {"application/json"}, "Content-Type": {"application/x-www-form-urlencoded"},
	}, fields.Encode())
	if err != nil {
		return 0, &Finding{Trouble, about, "it cannot be posted: " + err.Error(), "See what is said of the public door here."}
	}
	var says struct {
		RemoteID lead.RemoteID `json:"remote_id"`
		Test     bool
		Detail   string
	}
	err = json.Unmarshal(body, &says)
	switch {
	case err == nil && answer.StatusCode == http.StatusAccepted && says.Test:
		return says.RemoteID, nil
	case err == nil && answer.StatusCode == http.StatusAccepted:
		return 0, &Finding{
			Trouble, about, fmt.Sprintf("another relay answers at %s, and took it for an inquiry (folio %d)", base, says.RemoteID),
			"Tell whoever runs that relay. Set LEADRELAY_URL to where this one is.",
		}
	case answer.StatusCode == http.StatusNotFound:
		return 0, &Finding{Trouble, about, "there is no such site", "leadrelay config print shows those that there are. If it is new there, the relay that runs has not read the settings yet: leadrelay reload."}
	}
	return 0, &Finding{Trouble, about, strings.TrimSpace(answer.Status + " " + says.Detail), "A visitor is answered the same: see what is said of the database here, and the relay's log."}
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
