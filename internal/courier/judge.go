package courier

import (
	"errors"
	"net/http"
	"time"

	"leadrelay/internal/easybroker"
	"leadrelay/internal/lead"
)

// verdict is how a call to EasyBroker ended.
type verdict struct {
	outcome lead.Outcome
	status  int    // 0 without an answer
	detail  string // what happened; no personal data
	reason  string // EasyBroker's own words, for the operator

	// credential is set when it is not about this lead: the key, the pace, the
	// broker as a whole. Then the credential rests, for as long as EasyBroker
	// asks or longer, and the lead keeps its place on its schedule.
	credential bool
	held       bool // it will not work until a person changes something
	retryAfter time.Duration
}

// judge is the one place that decides what an ended attempt means. again is
// set when an earlier attempt for the lead may have been taken.
func judge(receipt easybroker.Receipt, err error, again bool) verdict {
	var (
		notSent    *easybroker.NotSentError
		unreadable *easybroker.UnreadableError
		status     *easybroker.StatusError
	)
	switch {
	case err == nil:
		return verdict{outcome: lead.OutcomeDelivered, status: receipt.Status, detail: "accepted"}
	case errors.As(err, &notSent):
		return verdict{outcome: lead.OutcomeDeferred, detail: notSent.Error(), credential: true}
	case errors.As(err, &unreadable):
		return verdict{outcome: lead.OutcomeUnsure, status: unreadable.Status, detail: unreadable.Error()}
	case errors.As(err, &status):
		return judgeStatus(status, again)
	default: // bytes left, and no answer says what became of them
		return verdict{outcome: lead.OutcomeUnsure, detail: err.Error()}
	}
}

func judgeStatus(e *easybroker.StatusError, again bool) verdict {
	v := verdict{status: e.Status, detail: e.Error(), reason: e.Reason, retryAfter: e.RetryAfter}
	switch {
	case e.Status == http.StatusUnauthorized, e.Status == http.StatusForbidden:
		v.outcome, v.credential, v.held = lead.OutcomeDeferred, true, true
	case e.Status == http.StatusTooManyRequests, e.Status == http.StatusTooEarly:
		v.outcome, v.credential = lead.OutcomeDeferred, true
	case e.Status >= 300 && e.Status < 400:
		v.outcome, v.credential, v.held = lead.OutcomeUnsure, true, true
	case e.Status == http.StatusConflict, again && e.NamesRemoteID:
		v.outcome = lead.OutcomeUnsure // it is there already if the list agrees
	case e.Status >= 400 && e.Status < 500 && e.Status != http.StatusRequestTimeout:
		v.outcome = lead.OutcomeRefused
	default:
		v.outcome = lead.OutcomeUnsure
	}
	return v
}
