package console

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"leadrelay/internal/lead"
	"leadrelay/internal/problem"
)

// maxDuration bounds requests that call EasyBroker many times, at the courier's pace.
const maxDuration = 15 * time.Minute

// Replays is what a replay did, or would do.
type Replays struct {
	DryRun  bool                 `json:"dry_run"`
	Replays []lead.Replayed      `json:"replays"`
	Counts  map[lead.Verdict]int `json:"counts"`
	LeftOut int                  `json:"left_out"` // newer leads that were not replayed, because there are too many
}

// replay queues leads again that EasyBroker's list does not have.
func (a api) replay(w http.ResponseWriter, r *http.Request) error {
	f, dryRun, err := parseReplay(w, r)
	if err != nil {
		return err
	}
	extendDeadlines(w)
	replayed, left, err := a.courier.Replay(r.Context(), f, dryRun)
	if errors.Is(err, context.DeadlineExceeded) { // of the search, not of the request
		return problem.NewTooSlow(queryTimeout, err)
	}
	if err != nil {
		return problem.NewTryAgain(time.Second, err)
	}
	answer := Replays{DryRun: dryRun, Replays: replayed, LeftOut: left, Counts: map[lead.Verdict]int{lead.Present: 0, lead.Blocked: 0}}
	if answer.Replays == nil {
		answer.Replays = []lead.Replayed{}
	}
	queued := lead.Sent
	if dryRun {
		queued = lead.WouldBeSent
	}
	answer.Counts[queued] = 0
	for _, one := range replayed {
		answer.Counts[one.Verdict]++
	}
	return writeJSON(w, answer)
}

// parseReplay parses which leads are to be replayed. An empty selection is an error
// and does not mean all leads. Without a state and without ids, it selects failed
// leads.
func parseReplay(w http.ResponseWriter, r *http.Request) (f lead.Filter, dryRun bool, err error) {
	f, err = parseSelection(w, r, jsonFields{"dry_run": parseInto(&dryRun)})
	if err != nil {
		return f, false, err
	}
	if f.State == "" && len(f.RemoteIDs) == 0 {
		f.State = lead.Failed
	}
	return f, dryRun, nil
}

// parseSelection parses which leads are meant, beside the other fields of the body.
func parseSelection(w http.ResponseWriter, r *http.Request, known jsonFields) (f lead.Filter, err error) {
	known["remote_ids"] = func(value json.RawMessage) lead.Code { return parseIDs(value, &f.RemoteIDs) }
	isNarrowed := false
	for _, name := range []string{"site", "state", "property_id", "q", "after", "before"} {
		known[name] = func(value json.RawMessage) lead.Code {
			var s string
			if json.Unmarshal(value, &s) != nil || !setParameter(&f, name, s) {
				return codeInvalid
			}
			isNarrowed = isNarrowed || s != ""
			return ""
		}
	}
	if err := readBody(w, r, known); err != nil {
		return f, err
	}
	if !isNarrowed && len(f.RemoteIDs) == 0 {
		return f, invalid(r, &lead.InvalidError{Fields: []lead.FieldError{{Field: "state", Code: lead.Missing}}})
	}
	return f, nil
}

func parseIDs(value json.RawMessage, to *[]lead.RemoteID) lead.Code {
	if json.Unmarshal(value, to) != nil {
		return codeInvalid
	}
	for _, id := range *to {
		if _, err := lead.ParseRemoteID(id.String()); err != nil {
			return codeInvalid
		}
	}
	return ""
}

// extendDeadlines gives a request more time than the door's limits.
func extendDeadlines(w http.ResponseWriter) {
	control, end := http.NewResponseController(w), time.Now().Add(maxDuration)
	_ = control.SetReadDeadline(end) // after it, net/http cancels the request
	_ = control.SetWriteDeadline(end)
}
