package lead

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

// RemoteID is the number of a lead, for EasyBroker and for people (the folio).
// It is above zero and below 2^53, so that it is exact in JSON and in every
// browser. The store gives it, once, in the transaction that keeps the lead:
// max(last + 1, ticks since 2026), so it grows with time and no restart,
// replica or clock that jumps back can give it twice.
type RemoteID int64

// remoteIDBits is how much of a number JavaScript can tell from its neighbor.
const remoteIDBits = 53

var errRemoteID = errors.New("a folio is a whole number between 1 and 9007199254740991")

// ParseRemoteID reads a remote_id as people write it: spaces between groups of
// digits are fine.
func ParseRemoteID(s string) (RemoteID, error) {
	n, err := strconv.ParseUint(strings.Join(strings.Fields(s), ""), 10, remoteIDBits)
	if err != nil || n == 0 {
		return 0, errRemoteID
	}
	return RemoteID(n), nil
}

func (id RemoteID) String() string { return strconv.FormatInt(int64(id), 10) }

// Tick is what remote ids count.
type Tick string

const (
	// Milliseconds is the usual tick.
	Milliseconds Tick = "ms"
	// Seconds keeps ids in 32 bits, for a broker that takes no more.
	Seconds Tick = "s"
)

// Epoch is where remote ids count from: no lead is older.
func Epoch() time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) }

// Since returns how many ticks have passed since [Epoch].
func (t Tick) Since(now time.Time) int64 {
	passed := now.Sub(Epoch())
	if t == Seconds {
		return int64(passed / time.Second)
	}
	return passed.Milliseconds()
}
