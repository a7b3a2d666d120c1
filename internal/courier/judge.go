package courier

import (
	"errors"
	"net/http"
	"time"

	"leadrelay/internal/courier/verify"
	"leadrelay/internal/easybroker"
	"leadrelay/internal/lead"
	"leadrelay/internal/panics"
)

// verdict is how a call to EasyBroker ended.
type verdict struct {
	outcome lead.Outcome
	status  int    // 0 without an answer
	detail  string // what happened, for the log; no personal data
	why     string // the reason for a person, one of those in package lead
	reason  string // EasyBroker's own words, for the operator

	// aboutCredential is set if the end is not about this lead but about the key, the
	// pace, or the broker as a whole. Then the credential cools down for at least as
	// long as EasyBroker asks, and the lead keeps its place on its schedule.
	aboutCredential bool
	held            bool // the credential will not work until a person changes something
	retryAfter      time.Duration

	// refusedID is set if EasyBroker refuses the remote_id. It may have the lead
	// already, because a proxy on the way may send a request twice. It may have
	// something else under the number, or take no such number.
	refusedID bool

	// unsent is set if the call was not even tried.
	unsent bool

	// cut is set if the lease of the credential ended before the call did, so its
	// end says nothing about the credential.
	cut bool

	// bug is set if the call panicked. That is about this lead and us.
	bug bool

	// strange is set for a refusal that nobody has seen EasyBroker give, such as one
	// by a proxy on the way. The lead fails if it is given again and again.
	strange bool
}

// judge decides what the end of a call means. Nothing else does.
func judge(receipt easybroker.Receipt, err error) verdict {
	var (
		notSent    *easybroker.NotSentError
		unreadable *easybroker.UnreadableError
		status     *easybroker.StatusError
		caught     *panics.Error
	)
	switch {
	case err == nil:
		return verdict{outcome: lead.OutcomeDelivered, status: receipt.Status, detail: lead.ReasonAccepted, why: lead.ReasonAccepted}
	case errors.As(err, &notSent):
		return verdict{outcome: lead.OutcomeDeferred, detail: notSent.Error(), why: verify.Why(err), aboutCredential: true}
	case errors.As(err, &unreadable):
		return verdict{outcome: lead.OutcomeUnsure, status: unreadable.Status, detail: unreadable.Error(), why: verify.Why(err)}
	case errors.As(err, &status):
		return judgeStatus(status)
	case errors.As(err, &caught): // before or after bytes left
		return verdict{outcome: lead.OutcomeUnsure, detail: err.Error(), why: lead.ReasonBug, bug: true}
	default: // bytes left, and no answer says what became of them
		return verdict{outcome: lead.OutcomeUnsure, detail: err.Error(), why: verify.Why(err)}
	}
}

// judgeStatus judges every answer that is not a success. A conflict, or a refusal
// that names remote_id, counts as a refusal only if the list agrees.
func judgeStatus(e *easybroker.StatusError) verdict {
	v := judgeCode(e)
	if e.Status == http.StatusConflict || e.NamesRemoteID && (v.outcome == lead.OutcomeRefused || v.strange) {
		v.outcome, v.strange, v.refusedID = lead.OutcomeUnsure, false, true
		v.detail += ": it refuses the folio"
		v.why = lead.WithStatus(lead.ReasonFolioRefused, e.Status)
	}
	return v
}

func judgeCode(e *easybroker.StatusError) verdict {
	v := verdict{status: e.Status, detail: e.Error(), why: verify.Why(e), reason: e.Reason, retryAfter: e.RetryAfter}
	switch e.Status {
	case http.StatusUnauthorized, http.StatusForbidden:
		v.outcome, v.aboutCredential, v.held = lead.OutcomeDeferred, true, true
	case http.StatusTooManyRequests, http.StatusTooEarly:
		v.outcome, v.aboutCredential = lead.OutcomeDeferred, true
	case http.StatusBadRequest, http.StatusNotFound, http.StatusUnprocessableEntity,
		http.StatusRequestEntityTooLarge, http.StatusRequestURITooLong, http.StatusUnsupportedMediaType, http.StatusRequestHeaderFieldsTooLarge:
		v.outcome = lead.OutcomeRefused
	case http.StatusRequestTimeout: // by a proxy: nobody knows what went on behind it
		v.outcome = lead.OutcomeUnsure
	default:
		return judgeClass(v, e.Status)
	}
	return v
}

// timesStrange returns how many of the answers were strange.
func timesStrange(statuses []int) (n int) {
	for _, status := range statuses {
		if judgeStatus(&easybroker.StatusError{Status: status}).strange {
			n++
		}
	}
	return n
}

func judgeClass(v verdict, status int) verdict {
	switch {
	case status >= 300 && status < 400: // nobody knows who answered
		v.outcome, v.aboutCredential, v.held = lead.OutcomeUnsure, true, true
	case status >= 400 && status < 500:
		v.outcome, v.strange, v.why = lead.OutcomeDeferred, true, lead.WithStatus(lead.ReasonStrange, status)
	default:
		v.outcome = lead.OutcomeUnsure
	}
	return v
}
