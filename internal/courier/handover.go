package courier

import (
	"encoding/json"

	"leadrelay/internal/courier/breaker"
)

// handover is what a holder leaves to the next one. All times are the database's.
type handover struct {
	Version int                      `json:"version"`
	Breaker breaker.Snapshot         `json:"breaker"`
	Pauses  map[string]pauseSnapshot `json:"paused,omitempty"` // by site
}

// handoverVersion is raised when an older release would misread a handover.
const handoverVersion = 1

// handOver returns how the credential stands, for the next holder and those who
// wait. The pace is not in it: a new holder begins as if all calls were used up.
func (w *credentialWorker) handOver() string {
	h := handover{Version: handoverVersion, Breaker: w.breaker.Snapshot(), Pauses: map[string]pauseSnapshot{}}
	for _, site := range w.sites {
		if p, matters := w.queues[site].pause.snapshot(w.clock.Read()); matters {
			h.Pauses[site] = p
		}
	}
	text, err := json.Marshal(h)
	if err != nil {
		w.opt.Log.Error().Err(err).Msg("the credential's state is not handed on") // a bug: nothing in it can fail
	}
	return string(text)
}

// takeUp goes on where the last holder was. Nothing is known from a state that
// cannot be read.
func (w *credentialWorker) takeUp(state string) {
	var h handover
	if json.Unmarshal([]byte(state), &h) != nil || h.Version != handoverVersion {
		h = handover{}
	}
	w.breaker.Restore(h.Breaker)
	for _, site := range w.sites {
		w.queues[site].pause.restore(h.Pauses[site], w.clock.Read())
	}
}
