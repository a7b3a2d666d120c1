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

// longest bounds what asks EasyBroker many times over, at the courier's pace.
const longest = 15 * time.Minute

// Replays is what a replay did, or would do.
type Replays struct {
	DryRun  bool                 `json:"dry_run"`
	Replays []lead.Replayed      `json:"replays"`
	Counts  map[lead.Verdict]int `json:"counts"`
	LeftOut int                  `json:"left_out"` // newer leads that nothing was done with, for there are too many
}

// replay sends leads again that EasyBroker's list does not have.
func (a api) replay(w http.ResponseWriter, r *http.Request) error {
	f, dryRun, err := readReplay(w, r)
	if err != nil {
		return err
	}
	takeTime(w)
	replayed, left, err := a.courier.Replay(r.Context(), f, dryRun)
	if errors.Is(err, context.DeadlineExceeded) { // the search's own
		return problem.NewTooSlow(patience, err)
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

// readReplay reads which leads are meant. None is never all of them, and those
// that failed are meant unless a state is named, or the leads themselves.
func readReplay(w http.ResponseWriter, r *http.Request) (f lead.Filter, dryRun bool, err error) {
	known := members{"dry_run": into(&dryRun), "remote_ids": func(value json.RawMessage) lead.Code { return readIDs(value, &f.RemoteIDs) }}
	narrow := false
	for _, name := range []string{"site", "state", "property_id", "q", "after", "before"} {
		known[name] = func(value json.RawMessage) lead.Code {
			var s string
			if json.Unmarshal(value, &s) != nil || !set(&f, name, s) {
				return wrongMember
			}
			narrow = narrow || s != ""
			return ""
		}
	}
	if err := readBody(w, r, known); err != nil {
		return f, false, err
	}
	if !narrow && len(f.RemoteIDs) == 0 {
		return f, false, invalid(r, &lead.InvalidError{Fields: []lead.FieldError{{Field: "state", Code: lead.Missing}}})
	}
	if f.State == "" && len(f.RemoteIDs) == 0 {
		f.State = lead.Failed
	}
	return f, dryRun, nil
}

func readIDs(value json.RawMessage, to *[]lead.RemoteID) lead.Code {
	if json.Unmarshal(value, to) != nil {
		return wrongMember
	}
	for _, id := range *to {
		if _, err := lead.ParseRemoteID(id.String()); err != nil {
			return wrongMember
		}
	}
	return ""
}

// takeTime lets an answer take longer than the door usually allows.
func takeTime(w http.ResponseWriter) {
	control, end := http.NewResponseController(w), time.Now().Add(longest)
	_ = control.SetReadDeadline(end) // past it, net/http takes the client for gone
	_ = control.SetWriteDeadline(end)
}
