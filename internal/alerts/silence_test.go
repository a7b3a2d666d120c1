package alerts

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/lead"
)

// town is a site whose visitors sleep at night and rest on Sundays. Of those that come on
// a day some come in crowds.
type town struct {
	perDay float64
	crowds bool
	random *rand.Rand
}

// hour returns how many come in an hour.
func (v town) hour(at time.Time) int {
	local := at.Add(-6 * time.Hour)
	weight := 0.1
	if h := local.Hour(); h >= 8 && h < 23 {
		weight = 1 + 0.6*math.Sin(float64(h-8)/15*math.Pi)
	}
	if local.Weekday() == time.Sunday {
		weight *= 0.5
	}
	rate := v.perDay * weight / 20.6
	if v.crowds { // a day is better or worse than another
		day := rand.New(rand.NewPCG(uint64(local.Unix()/86400), 7))
		rate *= day.ExpFloat64()*0.5 + 0.5
	}
	n := 0
	for limit, product := math.Exp(-rate), v.random.Float64(); product > limit; product *= v.random.Float64() {
		n++
	}
	return n
}

// listen returns how often people are told of silence within some years, and how long it
// takes until they are when the form dies at the end.
func listen(v town, years float64) (alarms int, dead time.Duration) {
	start := time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)
	s := silence{sites: map[string]*heard{}}
	isSilent := false
	end := start.Add(time.Duration(years * 365.25 * 24 * float64(time.Hour)))
	for at := start; ; at = at.Add(time.Hour) {
		came := 0
		if at.Before(end) {
			came = v.hour(at)
			s.note(lead.Bucket{At: at, Site: "casas", Received: came})
		}
		s.forget(at)
		was := isSilent
		isSilent = came == 0 && len(s.silent(at.Add(time.Hour-time.Second), 0)) > 0
		if at.Before(end) && isSilent && !was {
			alarms++
		}
		if !at.Before(end) && (isSilent || at.Sub(end) > 60*24*time.Hour) {
			return alarms, at.Add(time.Hour).Sub(end)
		}
	}
}

// A site is told of about once in a year at most though its form works, and soon when its
// form is dead.
func TestSilenceIsNoiseOnceAYear(t *testing.T) {
	if testing.Short() {
		t.Skip("it has nothing to race with")
	}
	for name, test := range map[string]struct {
		perDay float64
		crowds bool
		within time.Duration
	}{
		"an inquiry a day":       {1, false, 12 * 24 * time.Hour},
		"five a day":             {5, false, 3 * 24 * time.Hour},
		"five a day, in crowds":  {5, true, 5 * 24 * time.Hour},
		"fifty a day":            {50, false, 24 * time.Hour},
		"fifty a day, in crowds": {50, true, 3 * 24 * time.Hour},
		"a thousand a day":       {1000, false, 12 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			const years, sites = 1, 2
			alarms, longest := 0, time.Duration(0)
			for seed := range uint64(sites) {
				n, dead := listen(town{test.perDay, test.crowds, rand.New(rand.NewPCG(seed, 1))}, years)
				alarms, longest = alarms+n, max(longest, dead)
			}
			t.Logf("%d alarms in %d years, a dead form is noticed within %s", alarms, years*sites, longest)
			require.LessOrEqual(t, alarms, years*sites)
			require.LessOrEqual(t, longest, test.within)
		})
	}
}

// A day without an inquiry tells nothing of a site with five a day: one whose form works has
// several such days a year. So its dead form cannot be told of within a day unless people
// are told of nothing far more often than once a year.
func TestADayIsTooShortForFiveADay(t *testing.T) {
	const years = 20
	v, quiet := town{5, false, rand.New(rand.NewPCG(1, 1))}, 0
	start := time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)
	last := start
	for at := start; at.Before(start.AddDate(years, 0, 0)); at = at.Add(time.Hour) {
		if v.hour(at) == 0 {
			continue
		}
		if at.Sub(last) > 24*time.Hour {
			quiet++
		}
		last = at
	}
	t.Logf("%.1f times a year", float64(quiet)/years)
	require.Greater(t, quiet, 5*years)
}

// Who looks sees a hint before an alert tells of a silence: of the dead form of a site with
// five a day within a day, or two hours later if it dies on a Saturday. It is there twice a
// month though a form works, for eight hours, and goes by itself. Were it there once a month
// at most, every third dead form would take longer than a day, and one 41 hours.
func TestAQuietSiteIsHintedAt(t *testing.T) {
	const sites, hoursOfAYear = 24, 365 * 24
	hints, shown, soon, longest := 0, 0, 0, time.Duration(0)
	for site := range sites { // each dies at another hour of the week
		n, lasted, dead := look(town{5, false, rand.New(rand.NewPCG(uint64(site), 2))}, time.Duration(hoursOfAYear+7*site)*time.Hour)
		hints, shown, longest = hints+n, shown+lasted, max(longest, dead)
		if dead <= 24*time.Hour {
			soon++
		}
	}
	t.Logf("in a year a site has %d hints, for %d hours; of %d dead forms %d are hinted at within a day, and all within %v", hints/sites, shown/sites, sites, soon, longest)
	require.LessOrEqual(t, hints/sites, 26)
	require.LessOrEqual(t, shown/sites, hoursOfAYear*3/100)
	require.GreaterOrEqual(t, soon, sites*9/10)
	require.LessOrEqual(t, longest, 26*time.Hour)
}

// look returns how many hints of a silence there are while the form works, for how many
// hours there is one, and how long it takes until there is one after that.
func look(v town, works time.Duration) (hints, hours int, dead time.Duration) {
	start := time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)
	s := silence{sites: map[string]*heard{}}
	wasQuiet := false
	end := start.Add(works)
	for at := start; ; at = at.Add(time.Hour) {
		if at.Before(end) {
			s.note(lead.Bucket{At: at, Site: "casas", Received: v.hour(at)})
		}
		s.forget(at)
		isQuiet := len(s.quiet(at.Add(time.Hour-time.Second))) > 0
		switch {
		case !at.Before(end) && isQuiet:
			return hints, hours, at.Add(time.Hour).Sub(end)
		case isQuiet && !wasQuiet:
			hints++
		}
		if isQuiet {
			hours++
		}
		wasQuiet = isQuiet
	}
}

// hours is a store whose site had an inquiry in each of these hours.
type hours []time.Time

func (h hours) Stats(_ context.Context, q lead.StatsQuery) (all []lead.Bucket, _ error) {
	for _, at := range h {
		if !at.Before(q.After) && at.Before(q.Before) {
			all = append(all, lead.Bucket{At: at, Site: "casas", Received: 3, Quarantined: 2})
		}
	}
	return all, nil
}

func TestSilenceByHandHasNoFloor(t *testing.T) {
	s, ctx := silence{}, t.Context()
	require.NoError(t, s.read(ctx, hours{began}, began.Add(time.Hour)))
	require.Empty(t, s.silent(began.Add(time.Hour), 24*time.Hour))
	require.NoError(t, s.read(ctx, hours{began}, began.Add(25*time.Hour)))
	require.Empty(t, s.silent(began.Add(25*time.Hour), 0), "too little is known")
	all := s.silent(began.Add(25*time.Hour), 24*time.Hour)
	require.Equal(t, []lead.Stuck{{Kind: lead.AlertSilence, Site: "casas", Since: began}}, all)
	again := hours{began, began.Add(26 * time.Hour)}
	require.NoError(t, s.read(ctx, again, began.Add(26*time.Hour+time.Minute)))
	require.Empty(t, s.silent(began.Add(26*time.Hour+time.Minute), 24*time.Hour), "one has come")
}

// A robot's inquiry does not show that the form works.
func TestRobotsAreSilent(t *testing.T) {
	s := silence{sites: map[string]*heard{}}
	s.note(lead.Bucket{At: began, Site: "casas", Received: 2, Quarantined: 2})
	s.note(lead.Bucket{At: began, Site: "lofts", Received: 2, Quarantined: 1})
	s.note(lead.Bucket{At: began.Add(48 * time.Hour), Site: "lofts", Received: 2, Quarantined: 2})
	all := s.silent(began.Add(48*time.Hour), 24*time.Hour)
	require.Equal(t, []lead.Stuck{{Kind: lead.AlertSilence, Site: "lofts", Since: began}}, all)
}

func TestAFlood(t *testing.T) {
	for name, test := range map[string]struct {
		usual, now int // inquiries in an hour
		isFlood    bool
	}{
		"twenty times as many":  {12, 240, true},
		"not quite":             {12, 239, false},
		"too few to matter":     {1, 199, false},
		"a site that is new":    {0, 200, true},
		"a site that is large":  {1000, 5000, false},
		"spam is counted, too":  {0, 500, true},
		"a usual hour of a day": {300, 300, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := silence{sites: map[string]*heard{}}
			for i := range knownHours {
				s.note(lead.Bucket{At: began.Add(time.Duration(i-knownHours) * time.Hour), Site: "casas", Received: test.usual})
			}
			s.note(lead.Bucket{At: began, Site: "casas", Received: test.now, Quarantined: test.now - 1})
			require.Equal(t, test.isFlood, len(s.flooded(began.Add(70*time.Minute))) > 0)
			require.Empty(t, s.flooded(began.Add(3*time.Hour)), "it is over")
		})
	}
}

func TestAClockThatIsSet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c clock
		off := time.Duration(0)
		look := func() time.Duration { time.Sleep(step); return c.jumped(time.Now().Add(off)) }
		require.Zero(t, look())
		off = 9 * time.Second
		require.Zero(t, look(), "as much as is set right by itself")
		off -= time.Hour
		require.Equal(t, -time.Hour, look())
		require.Equal(t, -time.Hour, look())
		time.Sleep(maxAway)
		require.Zero(t, look())
	})
}
