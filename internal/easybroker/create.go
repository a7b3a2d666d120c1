package easybroker

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
)

// ContactRequest is EasyBroker's word for an inquiry. Empty fields are left out,
// and no other field is ever sent: another endpoint of theirs answers 422 to
// "unpermitted parameters" (inova).
//
// The page requires source and remote_id. The reference has no source for a
// partner, and requires it for an account. [API.Needs] has the other fields.
type ContactRequest struct {
	PropertyID string `json:"property_id,omitempty"`
	Name       string `json:"name,omitempty"`
	Email      string `json:"email,omitempty"`
	Phone      string `json:"phone,omitempty"`
	Message    string `json:"message,omitempty"`
	Source     string `json:"source,omitempty"`
	RemoteID   int64  `json:"remote_id,omitempty"` // sent as a number (page), and not for a Plain account (rec)
}

// Needs returns the fields that a contact request must have, by their JSON names:
// each inner list is a choice, of which one field is enough. It leaves out the source, which is not the visitor's.
//
// For a partner a request needs a property, an e-mail or a phone (ref; the page
// requires the e-mail), and a message. For an account one with a property needs
// anything that identifies the person. One without is a general inquiry: it needs
// a name, an e-mail or a phone, and a message. Source for an account:
// PipedreamHQ/pipedream, create-contact-request.
func (a API) Needs(withProperty bool) [][]string {
	switch {
	case a == Partner:
		return [][]string{{"property_id"}, {"email", "phone"}, {"message"}}
	case withProperty:
		return [][]string{{"name", "email", "phone"}}
	}
	return [][]string{{"name"}, {"email", "phone"}, {"message"}}
}

// Receipt is EasyBroker's answer that it took a contact request. It is no proof:
// some requests were answered 200 and never appeared in the list (byg).
type Receipt struct {
	Status    int
	RequestID string // EasyBroker's X-Request-Id, if it is fit for the log
}

// maxRemoteID keeps a remote_id exact in JSON.
const maxRemoteID = 1<<53 - 1

var errRemoteID = errors.New("easybroker: a partner's contact request needs a remote_id between 1 and 2^53-1")

// Create sends one contact request, once.
//
// A good answer is 200 or 201 with a JSON object that contains no error. For an
// account it is {"status":"successful"} (rec); for a partner it is not documented.
func (c *Client) Create(ctx context.Context, a Account, cr ContactRequest) (Receipt, error) {
	switch {
	case a.API == Plain:
		cr.RemoteID = 0
	case cr.RemoteID < 1 || cr.RemoteID > maxRemoteID:
		return Receipt{}, &NotSentError{Err: errRemoteID}
	}
	body, err := json.Marshal(cr)
	if err != nil {
		return Receipt{}, &NotSentError{Err: err}
	}
	got, err := c.do(ctx, a, request{method: http.MethodPost, body: body, max: maxAnswer})
	if err != nil {
		return Receipt{}, err
	}
	if got.status >= http.StatusMultipleChoices {
		return Receipt{}, refusal(a, got)
	}
	if why := got.doubt(); why != "" {
		return Receipt{}, got.unreadable(why)
	}
	return Receipt{Status: got.status, RequestID: got.requestID}, nil
}

func (a answer) unreadable(why string) error {
	return &UnreadableError{Status: a.status, RequestID: a.requestID, Why: why}
}

// doubt returns why a 2xx does not count as taken. It returns an empty string if
// it does.
func (a answer) doubt() string {
	switch {
	case a.status != http.StatusOK && a.status != http.StatusCreated:
		return "it is neither 200 nor 201"
	case a.flaw != "":
		return a.flaw
	}
	object, why := readObject(a.body)
	if why != "" {
		return why
	}
	if readComplaint(object).found {
		return "there is an error in the answer"
	}
	return ""
}
