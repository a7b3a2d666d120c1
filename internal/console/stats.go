package console

import (
	"context"
	"net/http"
	"time"

	"leadrelay/internal/lead"
	"leadrelay/internal/locale"
	"leadrelay/internal/problem"
)

// StatsAnswer counts leads by when they were received, and what waits now.
type StatsAnswer struct {
	Buckets []Bucket `json:"buckets"`
	Now     Now      `json:"now"`
}

// Bucket counts the leads of a site that were received in an hour or on a day, by what
// they are now.
type Bucket struct {
	At          time.Time `json:"at"`
	Site        string    `json:"site"`
	Received    int       `json:"received"`
	Confirmed   int       `json:"confirmed"`
	Failed      int       `json:"failed"`
	Quarantined int       `json:"quarantined"`
	Discarded   int       `json:"discarded"`
	// How long it took from when they were kept until EasyBroker had them. They are null
	// if it has none.
	P50MS *int64 `json:"p50_ms"`
	P95MS *int64 `json:"p95_ms"`
}

// Now counts leads for somebody who looks at them now.
type Now struct {
	ReceivedToday  int `json:"received_today"`
	ConfirmedToday int `json:"confirmed_today"`
	OnTheWay       int `json:"on_the_way"`
	InDoubt        int `json:"in_doubt"`
	WaitingForYou  int `json:"waiting_for_you"`
	Quarantined    int `json:"quarantined"`
}

const aDay = 24 * time.Hour

// The span of stats: the usual one, and the longest.
var (
	usualSpan   = map[lead.Period]time.Duration{lead.Hour: aDay, lead.Day: 30 * aDay}
	longestSpan = map[lead.Period]time.Duration{lead.Hour: 93 * aDay, lead.Day: 3660 * aDay}
)

const longSpan = "LONG_SPAN" // the text

// stats answers counts. A day begins at midnight of the time zone of the process.
func (a api) stats(w http.ResponseWriter, r *http.Request) error {
	now := time.Now()
	q, err := parseStatsQuery(r, now)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), queryTimeout)
	defer cancel()
	free, err := acquire(ctx, a.pages)
	if err != nil {
		return err
	}
	defer free()
	buckets, err := a.store.Stats(ctx, q)
	if err != nil {
		return storeProblem(ctx, err)
	}
	n, err := a.store.Overview(ctx, now, sitesOrAll(q.Site))
	if err != nil {
		return storeProblem(ctx, err)
	}
	writeList(w, "buckets", len(buckets), func(i int) any { return viewBucket(buckets[i]) }, "now", Now(n))
	return nil
}

var statsParameters = []string{"after", "before", "by", "site"}

func parseStatsQuery(r *http.Request, now time.Time) (lead.StatsQuery, error) {
	q := lead.StatsQuery{By: lead.Day, Zone: now.Location()}
	err := parseQuery(r, statsParameters, func(name, value string) bool {
		switch {
		case value == "":
			return true
		case name == "site":
			q.Site = value
			return true
		case name == "after":
			return parseTime(value, &q.After)
		case name == "before":
			return parseTime(value, &q.Before)
		}
		periods := map[string]lead.Period{"hour": lead.Hour, "day": lead.Day}
		by, ok := periods[value]
		q.By = by
		return ok
	})
	if err != nil {
		return q, err
	}
	if q.Before.IsZero() {
		q.Before = now
	}
	if q.After.IsZero() {
		q.After = q.Before.Add(-usualSpan[q.By])
	}
	if q.Before.Sub(q.After) > longestSpan[q.By] {
		e := problem.New(problem.BadQuery, nil)
		e.Fields = append(e.Fields, refusedName(locale.Match(r.Header.Get("Accept-Language")), "after", longSpan))
		return q, e
	}
	return q, nil
}

func viewBucket(b lead.Bucket) Bucket {
	return Bucket{
		At: b.At.UTC(), Site: b.Site, Received: b.Received, Confirmed: b.Confirmed, Failed: b.Failed, Quarantined: b.Quarantined, Discarded: b.Discarded,
		P50MS: quantile(b.Took, 0.5), P95MS: quantile(b.Took, 0.95),
	}
}

// quantile returns milliseconds, or nil if there are no leads.
func quantile(h lead.Histogram, part float64) *int64 {
	if h.Leads() == 0 {
		return nil
	}
	return new(h.Quantile(part).Milliseconds())
}

// sitesOrAll returns the site as a list, or nil for all.
func sitesOrAll(site string) []string {
	if site == "" {
		return nil
	}
	return []string{site}
}
