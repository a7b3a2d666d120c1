package lead

import (
	"errors"
	"fmt"
)

// Event says that a lead is in a state: a new lead, or one whose state has changed.
type Event struct {
	RemoteID RemoteID `json:"remote_id"`
	Site     string   `json:"site"`
	State    State    `json:"state"`
}

// EventCursor is how far somebody has come who watches leads: the last change of a state,
// and the last new leads of each tick.
type EventCursor struct{ Tx, Number, Milliseconds, Seconds int64 }

const cursorForm = "%d-%d-%d-%d"

// String returns the cursor as a client keeps it.
func (c EventCursor) String() string {
	return fmt.Sprintf(cursorForm, c.Tx, c.Number, c.Milliseconds, c.Seconds)
}

// ParseEventCursor parses what String returns.
func ParseEventCursor(s string) (c EventCursor, err error) {
	_, err = fmt.Sscanf(s, cursorForm, &c.Tx, &c.Number, &c.Milliseconds, &c.Seconds)
	if err != nil || c.String() != s || min(c.Tx, c.Number, c.Milliseconds, c.Seconds) < 0 {
		return EventCursor{}, errors.New("no cursor of events")
	}
	return c, nil
}
