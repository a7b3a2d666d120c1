package alerts

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"leadrelay/internal/lead"
)

var began = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

// usual are the rules that the settings have by default.
func usual() Rules {
	return Rules{After: map[lead.AlertKind]time.Duration{
		lead.AlertHeld: time.Minute, lead.AlertDown: 10 * time.Minute, lead.AlertPaused: 0, lead.AlertLate: 15 * time.Minute, lead.AlertDoubtful: time.Hour,
		lead.AlertFailed: 0, lead.AlertMissing: 0, lead.AlertTwice: 0, lead.AlertStore: 30 * time.Second, lead.AlertSilence: 0, lead.AlertRefused: 0, lead.AlertFlood: 0, lead.AlertDrift: 0, lead.AlertHook: 0, lead.AlertClock: 0,
	}, Low: Space{Bytes: 500_000_000, Percent: 10}}
}

// clerk keeps a book as the watcher does, on a clock of its own.
type clerk struct {
	book  book
	rules Rules
	now   time.Time
	said  []string // when something opened or closed
	told  int      // messages
}

func newClerk() *clerk {
	c := &clerk{rules: usual(), now: began}
	c.book.load(nil)
	return c
}

// live lets time pass, with the facts of each moment.
func (c *clerk) live(d time.Duration, facts func(now time.Time) Facts) {
	for end := c.now.Add(d); c.now.Before(end); c.now = c.now.Add(step) {
		f := facts(c.now)
		excused := func(site string) bool { return c.book.isOpen(site, lead.AlertHeld, lead.AlertDown, lead.AlertPaused) }
		c.book.step(c.now, c.rules, c.rules.signs(f, excused), func(kind lead.AlertKind) bool { return !f.Unknown || !isOfLeads(kind) })
		news := untold(c.book.all(), "ntfy", c.now)
		if len(news) == 0 {
			continue
		}
		c.told++
		for _, a := range news {
			what := "open"
			if !a.IsOpen() {
				what = "over"
			}
			c.said = append(c.said, fmt.Sprintf("%s %s %s", c.now.Sub(began), what, a.Kind))
		}
		c.book.tell("ntfy", news, c.now)
	}
}

func credential(state string, since time.Time, sites ...string) lead.Credential {
	return lead.Credential{Sites: sites, State: state, Reason: lead.WithStatus(lead.ReasonKeyRefused, 401), Since: since}
}

// always returns facts that do not change.
func always(f Facts) func(time.Time) Facts { return func(time.Time) Facts { return f } }

func fine(time.Time) Facts { return Facts{} }

func TestTroubleIsToldWhenItBeginsAndWhenItEnds(t *testing.T) {
	stuck := func(kind lead.AlertKind) Facts {
		return Facts{Stuck: []lead.Stuck{{Kind: kind, Site: "casas", Leads: 1, Since: began, RemoteIDs: []lead.RemoteID{7}}}}
	}
	for name, test := range map[string]struct {
		facts      Facts
		open, over time.Duration // after it began, and after it ended
	}{
		"held":          {Facts{Credentials: []lead.Credential{credential(lead.CredentialHeld, began, "casas")}}, time.Minute, time.Minute},
		"down":          {Facts{Credentials: []lead.Credential{credential(lead.CredentialDown, began, "casas")}}, 10 * time.Minute, 5 * time.Minute},
		"paused":        {Facts{Credentials: []lead.Credential{credential(lead.SitePaused, began, "casas")}}, 0, step},
		"pausedByHand":  {Facts{Credentials: []lead.Credential{credential(lead.SitePausedByHand, began, "casas")}}, 0, step},
		"late":          {stuck(lead.AlertLate), 0, 5 * time.Minute},
		"doubtful":      {stuck(lead.AlertDoubtful), 0, 5 * time.Minute},
		"failed":        {stuck(lead.AlertFailed), 0, step},
		"missing":       {stuck(lead.AlertMissing), 0, step},
		"twice":         {stuck(lead.AlertTwice), 0, step},
		"writing":       {Facts{Unwritten: true}, 30 * time.Second, 30 * time.Second},
		"space":         {Facts{Free: 400_000_000, Disk: 2_000_000_000}, 30 * time.Second, 30 * time.Second},
		"a tenth":       {Facts{Free: 900_000_000, Disk: 10_000_000_000}, 30 * time.Second, 30 * time.Second},
		"silence":       {Facts{Silent: []lead.Stuck{{Site: "casas", Since: began}}}, 0, step},
		"flood":         {Facts{Flooded: []lead.Stuck{{Site: "casas"}}}, 0, step},
		"a jump":        {Facts{Jump: -11 * time.Second}, 0, step},
		"a wrong clock": {Facts{Skew: 61 * time.Second}, 0, step},
		"drift":         {Facts{Drift: &lead.Drift{ReadAt: began, OnlyThere: []lead.Drifted{{RemoteID: 7}}}}, 0, step},
	} {
		t.Run(name, func(t *testing.T) {
			const lasts = 3 * time.Hour
			c := newClerk()
			c.live(lasts, always(test.facts))
			c.live(time.Hour, fine)
			require.Len(t, c.said, 2)
			kind := c.book.closed[0].Kind
			require.Equal(t, []string{fmt.Sprintf("%s open %s", test.open, kind), fmt.Sprintf("%s over %s", lasts+max(test.over, step), kind)}, c.said)
		})
	}
}

// Every moment of trouble that lasts long enough is within an alert, and what is no trouble
// for long is within none, whatever comes and goes.
func TestNoTroubleIsMissedAndNoneMadeUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := newClerk()
		spells := rapid.SliceOfN(rapid.IntRange(1, 80), 1, 12).Draw(t, "spells")
		held := false
		for _, n := range spells {
			held = !held
			since, wasOpen := c.now, c.book.isOpen("casas", lead.AlertHeld)
			lasts := time.Duration(n) * step
			facts := Facts{}
			if held {
				facts.Credentials = []lead.Credential{credential(lead.CredentialHeld, since, "casas")}
			}
			c.live(lasts, always(facts))
			isOpen := c.book.isOpen("casas", lead.AlertHeld)
			switch {
			case held && lasts > time.Minute:
				require.True(t, isOpen, "it lasts %s", lasts)
			case !held && lasts > time.Minute+step:
				require.False(t, isOpen, "it is away for %s", lasts)
			case !held && !wasOpen:
				require.False(t, isOpen)
			}
		}
		open, over := 0, 0
		for _, said := range c.said {
			if slices.Contains([]string{"open"}, said[len(said)-len("open held"):len(said)-len(" held")]) {
				open++
			} else {
				over++
			}
		}
		require.LessOrEqual(t, open-over, 1)
		require.GreaterOrEqual(t, open, over)
		require.LessOrEqual(t, c.told, len(spells)+1)
	})
}

// A broker that comes and goes every few minutes for a day is one alert.
func TestFlappingIsOneAlert(t *testing.T) {
	c := newClerk()
	c.live(24*time.Hour-step, func(now time.Time) Facts {
		if passed := now.Sub(began) % (15 * time.Minute); passed < 11*time.Minute {
			return Facts{Credentials: []lead.Credential{credential(lead.CredentialDown, now.Add(-passed), "casas")}}
		}
		return Facts{}
	})
	require.Equal(t, []string{"10m0s open down"}, c.said)
}

// A broker that is never down for long enough keeps its leads waiting, and that is told.
func TestFlappingThatIsNoOutageIsLate(t *testing.T) {
	c := newClerk()
	c.live(12*time.Hour, func(now time.Time) Facts {
		f := Facts{Stuck: []lead.Stuck{{Kind: lead.AlertLate, Site: "casas", Leads: 3, Since: began}}}
		if passed := now.Sub(began) % (10 * time.Minute); passed < 9*time.Minute {
			f.Credentials = []lead.Credential{credential(lead.CredentialDown, now.Add(-passed), "casas")}
		}
		return f
	})
	require.Equal(t, []string{"0s open late"}, c.said)
}

// Leads that wait because of something that was told already are not told of again, until
// some minutes after its end.
func TestWhatIsKnownToWaitIsNotLate(t *testing.T) {
	c := newClerk()
	waiting := []lead.Stuck{{Kind: lead.AlertLate, Site: "casas", Leads: 3, Since: began}, {Kind: lead.AlertLate, Site: "lofts", Leads: 1, Since: began}}
	c.live(time.Hour, always(Facts{Credentials: []lead.Credential{credential(lead.SitePaused, began, "casas")}, Stuck: waiting}))
	require.Equal(t, []string{"lofts"}, c.book.entries[subject{kind: lead.AlertLate}].alert.Sites)
	c.live(time.Hour, always(Facts{Stuck: waiting}))
	require.Equal(t, []string{"casas", "lofts"}, c.book.entries[subject{kind: lead.AlertLate}].alert.Sites)
}

// Months of trouble that stays: a message a day, and nothing else.
func TestWhatStaysIsToldOfDaily(t *testing.T) {
	c := newClerk()
	const days = 4
	c.live(days*24*time.Hour, func(now time.Time) Facts {
		return Facts{Free: 400_000_000 + now.Unix()%1000, Disk: 2_000_000_000}
	})
	require.Len(t, c.said, days)
	require.Len(t, c.book.all(), 1)
}

// What is not known neither opens nor closes.
func TestWhatIsUnknownStaysAsItIs(t *testing.T) {
	c := newClerk()
	c.live(time.Minute, always(Facts{Stuck: []lead.Stuck{{Kind: lead.AlertFailed, Site: "casas", Leads: 1, Since: began}}}))
	c.live(time.Hour, always(Facts{Unknown: true, Unwritten: true}))
	require.Equal(t, []string{"0s open failed", "1m30s open store"}, c.said)
	c.live(time.Hour, fine)
	require.Len(t, c.said, 4)
}

// A credential's trouble may be older than this process.
func TestTroubleThatIsOlderThanTheProcess(t *testing.T) {
	c := newClerk()
	c.live(step, always(Facts{Credentials: []lead.Credential{credential(lead.CredentialHeld, began.Add(-time.Hour), "casas")}}))
	require.Equal(t, []string{"0s open held"}, c.said)
}

// What was written down is told neither again nor less.
func TestARestartTellsNothingTwice(t *testing.T) {
	c := newClerk()
	facts := Facts{Credentials: []lead.Credential{credential(lead.CredentialHeld, began, "casas")}}
	c.live(time.Hour, always(facts))
	unsaved, changes := c.book.unsaved()
	require.Len(t, unsaved, 1)
	c.book.saved(changes)
	none, _ := c.book.unsaved()
	require.Empty(t, none)
	c.book.load(unsaved)
	c.live(time.Hour, always(facts))
	c.live(time.Hour, fine)
	require.Equal(t, []string{"1m0s open held", "2h1m0s over held"}, c.said)
	c.live(listed, fine)
	require.Empty(t, c.book.all(), "it is listed for a day")
}

// An alert names a hundred leads and counts all.
func TestAnAlertNamesAHundredLeads(t *testing.T) {
	c := newClerk()
	ids := make([]lead.RemoteID, 70)
	for i := range ids {
		ids[i] = lead.RemoteID(i)
	}
	c.live(step, always(Facts{Stuck: []lead.Stuck{
		{Kind: lead.AlertMissing, Site: "casas", Leads: 70, Since: began, RemoteIDs: ids}, {Kind: lead.AlertMissing, Site: "lofts", Leads: 5000, Since: began, RemoteIDs: ids},
	}}))
	all := c.book.all()
	require.Len(t, all, 1)
	require.Len(t, all[0].RemoteIDs, lead.MaxAlertLeads)
	require.Equal(t, 5070, all[0].Leads)
	require.Equal(t, []string{"casas", "lofts"}, all[0].Sites)
}

// A kind that is off is no alert, and what was open of it closes.
func TestAKindThatIsOff(t *testing.T) {
	c := newClerk()
	facts := Facts{Stuck: []lead.Stuck{{Kind: lead.AlertFailed, Site: "casas", Leads: 1, Since: began}}}
	c.live(time.Minute, always(facts))
	delete(c.rules.After, lead.AlertFailed)
	c.live(time.Minute, always(facts))
	require.Equal(t, []string{"0s open failed", "1m5s over failed"}, c.said)
}
