package torture_test

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"leadrelay/internal/courier"
	"leadrelay/internal/fakebroker"
	"leadrelay/internal/lead"
)

// world is an EasyBroker as it may turn out to be, from the first call to the
// last.
type world struct {
	faults  fakebroker.Faults
	excused func(lead.Lead) bool // in front of a person, and rightly so

	// dateSkew is how far the Date of EasyBroker's answers is ahead. It may be
	// a proxy's, with another clock than the list's.
	dateSkew time.Duration

	// crowded has more leads of one property than a page takes, all of them
	// in doubt at once.
	crowded bool

	// rest is how long it goes on, if that is not as long as all others do.
	rest time.Duration
}

// justBeforeSettling is the longest lag that the settle delay covers.
const justBeforeSettling = 4*time.Minute + 50*time.Second

func worlds() map[string]world {
	lag := func(d time.Duration) fakebroker.Faults { return fakebroker.Faults{ListLag: fakebroker.Duration(d)} }
	with := func(d time.Duration, change func(*fakebroker.Faults)) world {
		f := lag(d)
		change(&f)
		return world{faults: f}
	}
	all := map[string]world{
		"list at once":          {faults: lag(0)},
		"list lags 30 s":        {faults: lag(30 * time.Second)},
		"list lags 4 m 50 s":    {faults: lag(justBeforeSettling)},
		"oldest first":          with(justBeforeSettling, func(f *fakebroker.Faults) { f.Order = "asc" }),
		"shuffled":              with(justBeforeSettling, func(f *fakebroker.Faults) { f.Order = "shuffled" }),
		"remote_id as number":   with(0, func(f *fakebroker.Faults) { f.RemoteIDAs = "number" }),
		"remote_id not listed":  with(time.Minute, func(f *fakebroker.Faults) { f.RemoteIDAs = "absent" }),
		"times with an offset":  with(time.Minute, func(f *fakebroker.Faults) { f.Zone = "-06:00" }),
		"clock 10 m ahead":      with(time.Minute, func(f *fakebroker.Faults) { f.ClockSkew = fakebroker.Duration(10 * time.Minute) }),
		"clock 10 m behind":     with(time.Minute, func(f *fakebroker.Faults) { f.ClockSkew = fakebroker.Duration(-10 * time.Minute) }),
		"exclusive window":      with(time.Minute, func(f *fakebroker.Faults) { f.Window = "exclusive" }),
		"status pending":        with(time.Minute, func(f *fakebroker.Faults) { f.Status = "pending" }),
		"status failed":         with(time.Minute, func(f *fakebroker.Faults) { f.Status = "failed" }),
		"no status":             with(time.Minute, func(f *fakebroker.Faults) { f.Status = "absent" }),
		"repeat is doubled":     with(justBeforeSettling, func(f *fakebroker.Faults) { f.Repeat = "double" }),
		"20 calls a second":     with(time.Minute, func(f *fakebroker.Faults) { f.RatePerSecond, f.RetryAfter = 20, "seconds" }),
		"2 calls a second":      with(time.Minute, func(f *fakebroker.Faults) { f.RatePerSecond, f.RetryAfter = 2, "seconds" }),
		"2 a second, by date":   with(time.Minute, func(f *fakebroker.Faults) { f.RatePerSecond, f.RetryAfter = 2, "date" }),
		"2 a second, wait year": with(time.Minute, func(f *fakebroker.Faults) { f.RatePerSecond, f.RetryAfter = 2, "absurd" }),
	}
	for name, skew := range map[string]time.Duration{"2 h ahead": 2 * time.Hour, "2 h behind": -2 * time.Hour, "10 m behind": -10 * time.Minute} {
		open := with(time.Minute, func(f *fakebroker.Faults) { f.ClockSkew = fakebroker.Duration(skew) })
		open.dateSkew = skew
		all["clock "+name+", and says so"] = open
		all["Date "+name] = world{faults: lag(time.Minute), dateSkew: skew}
	}
	// Beyond the settle delay the lead is sent again; then it is EasyBroker
	// that must not keep it twice.
	const tooLate = 20 * time.Minute
	for _, repeat := range []string{"refuse_409", "refuse_422", "ignore", "update"} {
		all["repeat: "+repeat] = with(tooLate, func(f *fakebroker.Faults) { f.Repeat = repeat })
	}
	for order, name := range map[string]string{"desc": "pages move", "asc": "pages move, oldest 1st", "shuffled": "pages move, shuffled"} {
		pages := with(justBeforeSettling, func(f *fakebroker.Faults) { f.MovePages, f.Seed, f.Order = true, 1, order })
		pages.crowded = true
		all[name] = pages
	}
	swallowing := with(time.Minute, func(f *fakebroker.Faults) { f.SwallowEvery = 4 })
	swallowing.excused = func(l lead.Lead) bool { return l.State == lead.Delivered && l.Reason == lead.ReasonMissing }
	all["every 4th never listed"] = swallowing
	narrow := with(time.Minute, func(f *fakebroker.Faults) { f.MaxRemoteID = 1<<31 - 1 })
	// After five in a row the site is paused: the others wait for a person,
	// however long, and the one that tries is looked up.
	narrow.excused = func(l lead.Lead) bool {
		return l.State == lead.Queued || (l.State == lead.Failed || l.State == lead.Doubtful) && strings.Contains(l.Reason, "remote_id")
	}
	narrow.rest = 4 * time.Hour // each trial is the last one again
	all["remote_id of 31 bits"] = narrow
	return all
}

// crowd fills several pages of 50.
func crowd() int {
	if inFull() {
		return 220
	}
	return 120
}

// Whatever EasyBroker turns out to be: once.
func TestWorlds(t *testing.T) {
	var found table
	longest := 24 * time.Hour
	if inFull() {
		longest *= 8 // beyond the deadline
	}
	lost := fault{line: loseBytes, answer: reset}
	t.Run("cells", func(t *testing.T) {
		all := worlds()
		for n, name := range slices.Sorted(maps.Keys(all)) {
			if isLeftOut(n) {
				continue
			}
			w := all[name]
			for _, i := range []instant{left, kept} {
				if w.crowded && i == left {
					continue // what never arrived is on no page
				}
				row := found.row(name, "lost "+i.String())
				t.Run(name+"/"+i.String(), func(t *testing.T) {
					t.Parallel()
					synctest.Test(t, func(t *testing.T) {
						c, leads, pause := cell{fault: &lost, at: i}, leadsPerCell(), 2*time.Second
						if w.crowded {
							c.everyNth, c.nProperties, leads, pause = 1, 1, crowd(), 0
						}
						b := newBed(t, c, courier.Options{}, w.faults)
						b.dateSkew = w.dateSkew
						b.visit(leads, pause)
						b.rest(cmp.Or(w.rest, longest))
						b.mustHaveStruck(leads)
						row.score = b.score(w.excused)
						row.score.mustHold(b)
						if w.excused == nil {
							row.score.mustBeThere(b)
						}
					})
				})
			}
		}
	})
	found.print(t)
}
