package alerts

import (
	"context"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"leadrelay/internal/lead"
)

const (
	// A site is known by its last weeks, in hours of UTC.
	hoursPerWeek, weeks = 7 * 24, 4
	knownHours          = weeks * hoursPerWeek
	// fewest is how many inquiries a site must have in these weeks for its silence to mean
	// anything.
	fewest = 20
)

// rhythm is how many inquiries a site had in each of the last hours, the oldest first. The
// last hour is the one with the last inquiry.
type rhythm [knownHours]float64

// timesAYear returns how many times a year a silence as long as that since the last hour
// happens by chance, or infinity if too little is known. Both are hours since 1970. Visitors
// come as they like, so how many of them are to be expected meanwhile decides: the site's own
// hours of the day and days of the week say how many. What is known of a small site is
// uncertain itself. Where visitors come in crowds, because of a campaign or a holiday, a
// crowd counts as one.
func (r *rhythm) timesAYear(last, now int64) float64 {
	total, byHour, byDay := r.profile(last)
	if total < fewest {
		return math.Inf(1)
	}
	independent := total / r.crowd()
	expected := 0.0 // inquiries since the last one
	for hour := last + 1; hour < now; hour++ {
		expected += total / weeks * byHour[hourOfDay(hour)] * byDay[weekday(hour)]
	}
	// Each inquiry begins a gap, and so many of all gaps of a year are as long.
	const inAYear = 365.25 / (7 * weeks)
	return independent * inAYear * math.Exp(-independent*math.Log1p(expected/total))
}

// died is how many times a year the silence of a dead form happens by chance, and quiet how
// many times one that is worth a hint does to whoever looks. That of a dead form happens
// once in two years: in real years there is more that nobody foresees.
//
// To be told within a day of the dead form of a site with five a day, and of no site in
// vain more than once a year, cannot both be had: such a site has a day of silence several
// times a year though its form works (TestADayIsTooShortForFiveADay). Peace was chosen, and
// the dead form is told of within three days; with fifty a day, within one
// (TestSilenceIsNoiseOnceAYear). Who wants it sooner sets a time by hand, and who looks sees
// the hint within a day (TestAQuietSiteIsHintedAt).
const died, quiet = 0.5, 52

// hourOfDay and weekday are those of UTC. The first day of 1970 was a Thursday.
func hourOfDay(hour int64) int64 { return hour % 24 }
func weekday(hour int64) int64   { return (hour/24 + int64(time.Thursday)) % 7 }

// profile returns how many inquiries there are, which part of them comes in which hour of a
// day, and which on which day of the week.
func (r *rhythm) profile(last int64) (total float64, byHour [24]float64, byDay [7]float64) {
	for i, n := range r {
		hour := last + int64(i) - knownHours + 1
		total += n
		byHour[hourOfDay(hour)] += n
		byDay[weekday(hour)] += n
	}
	const blur = 4.0 // a little of everything may come at any time
	for i := range byHour {
		byHour[i] = (byHour[i] + blur/24) / (total + blur)
	}
	for i := range byDay {
		byDay[i] = (byDay[i] + blur/7) / (total + blur)
	}
	return total, byHour, byDay
}

// crowd is how much more the days of the same weekday differ from each other than they do
// by chance: 1 if each visitor comes alone.
func (r *rhythm) crowd() float64 {
	var days [weeks * 7]float64
	for i, n := range r {
		days[i/24] += n
	}
	spread, mean := 0.0, 0.0
	for day := range 7 {
		sum, squares := 0.0, 0.0
		for week := range weeks {
			n := days[week*7+day]
			sum, squares = sum+n, squares+n*n
		}
		spread += (squares - sum*sum/weeks) / (weeks - 1)
		mean += sum / weeks
	}
	if mean == 0 {
		return 1
	}
	return max(1, spread/mean)
}

// StatsStore is the part of the store that counts inquiries by hour.
type StatsStore interface {
	Stats(ctx context.Context, q lead.StatsQuery) ([]lead.Bucket, error)
}

// silence knows when the inquiries of each site came.
type silence struct {
	sites map[string]*heard
	upTo  time.Time // all hours before this are known
}

// heard are the inquiries of a site, by the hour since 1970.
type heard struct {
	hours map[int64]float64
	last  int64
	all   map[int64]float64 // with those that look like spam
}

// read reads what has come since it was last asked, a day at a time. What came in the last
// hours is read again, because an inquiry may have been released from quarantine.
func (s *silence) read(ctx context.Context, store StatsStore, now time.Time) error {
	const again = 2 * time.Hour
	if s.sites == nil {
		s.sites, s.upTo = map[string]*heard{}, now.Add(-2*knownHours*time.Hour)
	}
	for from := s.upTo.Add(-again).Truncate(time.Hour); from.Before(now); {
		to := from.Add(24 * time.Hour)
		buckets, err := store.Stats(ctx, lead.StatsQuery{After: from, Before: to, By: lead.Hour, Zone: time.UTC})
		if err != nil {
			return err
		}
		for _, b := range buckets {
			s.note(b)
		}
		s.upTo = minTime(to, now)
		from = to
	}
	s.forget(now)
	return nil
}

func minTime(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// note notes an hour of a site. Robots' inquiries do not show that a form works.
func (s *silence) note(b lead.Bucket) {
	if b.Received <= 0 {
		return
	}
	h := s.sites[b.Site]
	if h == nil {
		h = &heard{hours: map[int64]float64{}, all: map[int64]float64{}}
		s.sites[b.Site] = h
	}
	hour := b.At.Unix() / 3600
	h.all[hour] = float64(b.Received)
	if n := b.Received - b.Quarantined; n > 0 {
		h.hours[hour], h.last = float64(n), max(h.last, hour)
	}
}

// forget drops what is older than what a site is known by.
func (s *silence) forget(now time.Time) {
	for site, h := range s.sites {
		maps.DeleteFunc(h.hours, func(hour int64, _ float64) bool { return hour <= h.last-knownHours })
		maps.DeleteFunc(h.all, func(hour int64, _ float64) bool { return hour <= now.Unix()/3600-knownHours })
		if len(h.all) == 0 && h.last < now.Unix()/3600-2*knownHours {
			delete(s.sites, site) // it was told of for weeks
		}
	}
}

// silent returns the sites that get no inquiries any more. After a time that a person has
// set, any site counts that has had one.
func (s *silence) silent(now time.Time, byHand time.Duration) (all []lead.Stuck) {
	for site, h := range s.sites {
		if h.last == 0 { // only robots have come
			continue
		}
		last := time.Unix(h.last*3600, 0).UTC()
		isSilent := byHand > 0 && now.Sub(last) >= byHand+time.Hour
		if byHand == 0 {
			isSilent = h.timesAYear(now) <= died
		}
		if isSilent {
			all = append(all, lead.Stuck{Kind: lead.AlertSilence, Site: site, Since: last})
		}
	}
	return all
}

// quiet returns the sites whose silence happens by chance less often than once a week.
func (s *silence) quiet(now time.Time) (all []lead.Quiet) {
	for site, h := range s.sites {
		if h.last == 0 {
			continue
		}
		if often := h.timesAYear(now); often < quiet {
			all = append(all, lead.Quiet{Site: site, Since: time.Unix(h.last*3600, 0).UTC(), TimesAYear: max(1, int(math.Round(often)))})
		}
	}
	slices.SortFunc(all, func(a, b lead.Quiet) int { return strings.Compare(a.Site, b.Site) })
	return all
}

// timesAYear returns how many times a year a silence as long as the site's happens by chance.
func (h *heard) timesAYear(now time.Time) float64 {
	var r rhythm
	for hour, n := range h.hours {
		if i := hour - h.last + knownHours - 1; i >= 0 {
			r[i] = n
		}
	}
	return r.timesAYear(h.last, now.Unix()/3600)
}

// flooded returns the sites that got twenty times their usual inquiries in this hour or the
// last one.
func (s *silence) flooded(now time.Time) (all []lead.Stuck) {
	const many, times = 200, 20
	for site, h := range s.sites {
		hour := now.Unix() / 3600
		peak := max(h.all[hour], h.all[hour-1])
		if peak < many {
			continue
		}
		total, same := 0.0, 0.0 // of all hours, and of the same one of other days
		for at, n := range h.all {
			if at >= hour-1 {
				continue
			}
			total += n
			if hourOfDay(at) == hourOfDay(hour) {
				same += n
			}
		}
		if usual := max(total/knownHours, same/(7*weeks)); peak >= times*usual {
			all = append(all, lead.Stuck{Kind: lead.AlertFlood, Site: site})
		}
	}
	return all
}
