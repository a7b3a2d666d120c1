package lead

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

// RemoteID is the number of a lead, for EasyBroker and for people, who call it the
// folio. It is above zero and below 2^53, so that it is exact in JSON and in every
// browser. The store assigns it in the transaction that keeps the lead, as max(last +
// 1, ticks since 2026). So it grows with time, and no restart, no replica and no
// clock that is set back can assign it twice.
type RemoteID int64

// remoteIDBits is the size of the integers that are exact in JavaScript.
const remoteIDBits = 53

var errRemoteID = errors.New("a folio is a whole number between 1 and 9007199254740991")

// ParseRemoteID parses a remote_id as people write it. Spaces between groups of
// digits are allowed.
func ParseRemoteID(s string) (RemoteID, error) {
	n, err := strconv.ParseUint(strings.Join(strings.Fields(s), ""), 10, remoteIDBits)
	if err != nil || n == 0 {
		return 0, errRemoteID
	}
	return RemoteID(n), nil
}

func (id RemoteID) String() string { return strconv.FormatInt(int64(id), 10) }

// Tick is the unit of time that remote ids count.
type Tick string

const (
	// Milliseconds is the usual tick.
	Milliseconds Tick = "ms"
	// Seconds keeps ids below 2^32, for a broker that accepts no more.
	Seconds Tick = "s"
)

// Epoch returns the time from which remote ids count. No lead is older.
func Epoch() time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) }

// Since returns how many ticks have passed since [Epoch].
func (t Tick) Since(now time.Time) int64 {
	passed := now.Sub(Epoch())
	if t == Seconds {
		return int64(passed / time.Second)
	}
	return passed.Milliseconds()
}
