package store

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"leadrelay/internal/lead"
)

const msPerHour = int64(time.Hour / time.Millisecond)

// arrived counts new leads that are alike.
type arrived struct {
	site  string
	state lead.State
	hour  int64
	leads int
}

// countArrivedSQL counts new leads of a site, state and hour.
const countArrivedSQL = `INSERT INTO stats SELECT CASE is_now WHEN 1 THEN -1 ELSE $1 END, $2, what, 0, 0, $3 FROM stat_kinds WHERE state = $4 AND what <> 'took'
	ON CONFLICT (hour, site, what, step, gone) DO UPDATE SET leads = leads + excluded.leads`

// noteArrived notes a lead that is inserted, to be counted before the commit.
func (tx *writeTx) noteArrived(l *lead.Lead) {
	hour := l.ReceivedAt.UnixMilli() / msPerHour
	for i := range tx.arrived {
		if a := &tx.arrived[i]; a.hour == hour && a.state == l.State && a.site == l.Site {
			a.leads++
			return
		}
	}
	tx.arrived = append(tx.arrived, arrived{l.Site, l.State, hour, 1})
}

// countArrived counts the leads that were noted. A trigger for each of them would be a
// fifth of what it costs to keep it.
func (tx *writeTx) countArrived() error {
	for _, a := range tx.arrived {
		if _, err := tx.exec(countArrived, a.hour, a.site, a.leads, string(a.state)); err != nil {
			return fmt.Errorf("stats: %w", err)
		}
	}
	tx.arrived = tx.arrived[:0]
	return nil
}

// Stats counts the leads that were received from q.After on and before q.Before, by
// hour or day and by site, oldest first. Both times are extended to whole hours of UTC,
// and so is a day's midnight. Buckets without leads are left out. It reads counts that
// are kept, and no leads.
func (s *Store) Stats(ctx context.Context, q lead.StatsQuery) ([]lead.Bucket, error) {
	all := map[bucketKey]*lead.Bucket{}
	from, to := q.After.UnixMilli()/msPerHour, (q.Before.UnixMilli()+msPerHour-1)/msPerHour
	for from < to {
		width, offset, end := int64(1), int64(0), to
		if q.By == lead.Day {
			width, offset, end = day(q.Zone, from, to)
		}
		if err := s.addStats(ctx, all, q, statsSpan{from, end, width, offset}); err != nil {
			return nil, fmt.Errorf("stats: %w", err)
		}
		from = end
	}
	buckets := make([]lead.Bucket, 0, len(all))
	for _, key := range slices.SortedFunc(maps.Keys(all), bucketKey.compare) {
		buckets = append(buckets, *all[key])
	}
	return buckets, nil
}

// statsSpan has the hours of a span in which the zone's offset is the same, and how many
// of them are a bucket.
type statsSpan struct{ from, to, width, offset int64 }

// day returns how many hours a day has, the zone's offset in the hour, and until when
// it is the same.
func day(zone *time.Location, hour, to int64) (width, offset, end int64) {
	at := time.Unix(hour*3600, 0).In(zone)
	_, seconds := at.Zone()
	if _, change := at.ZoneBounds(); !change.IsZero() {
		to = min(to, max(hour+1, change.Unix()/3600))
	}
	return 24, int64(seconds) / 3600, to
}

type bucketKey struct {
	slot int64 // hours or days since 1970
	site string
}

func (k bucketKey) compare(other bucketKey) int {
	return cmp.Or(cmp.Compare(k.slot, other.slot), cmp.Compare(k.site, other.site))
}

// addStats adds the counts of a span. $5 is empty for all sites.
func (s *Store) addStats(ctx context.Context, all map[bucketKey]*lead.Bucket, q lead.StatsQuery, span statsSpan) error {
	of, args := s.writer.dialect.ofSites(q.Sites, []any{span.offset, span.width, span.from, span.to, q.Site})
	rows, err := s.people.QueryContext(ctx, `SELECT (hour + $1) / $2 AS slot, site, what, step, CAST(sum(leads) AS BIGINT) FROM `+s.writer.dialect.stats+`
		WHERE hour >= $3 AND hour < $4 AND ($5 = '' OR site = $5)`+of+` GROUP BY slot, site, what, step`, args...)
	if err != nil {
		return err
	}
	type count struct {
		bucketKey
		what string
		step int64
		n    int
	}
	scan := func(row scanner) (c count, err error) {
		err = row.Scan(&c.slot, &c.site, &c.what, &c.step, &c.n)
		return c, err
	}
	for c, err := range each(rows, scan) {
		if err != nil {
			return err
		}
		b := all[c.bucketKey]
		if b == nil {
			b = &lead.Bucket{At: slotTime(c.slot, q), Site: c.site}
			all[c.bucketKey] = b
		}
		addCount(b, c.what, c.step, c.n)
	}
	return nil
}

// slotTime returns when an hour or a day begins.
func slotTime(slot int64, q lead.StatsQuery) time.Time {
	if q.By == lead.Hour {
		return time.Unix(slot*3600, 0).UTC()
	}
	return time.Date(1970, 1, 1+int(slot), 0, 0, 0, 0, q.Zone)
}

func addCount(b *lead.Bucket, what string, step int64, n int) {
	if n == 0 { // they were all moved to another count
		return
	}
	switch what {
	case "received":
		b.Received += n
	case string(lead.Confirmed):
		b.Confirmed += n
	case string(lead.Failed):
		b.Failed += n
	case string(lead.Quarantined):
		b.Quarantined += n
	case string(lead.Discarded):
		b.Discarded += n
	case "took":
		b.Took.Add(time.Duration(step)*time.Millisecond, n)
	}
}

// Overview counts the leads that wait now, and those that were received since the midnight
// of now's zone. Nil sites are all of them.
func (s *Store) Overview(ctx context.Context, now time.Time, sites []string) (n lead.Now, err error) {
	midnight := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, now.Location())
	of, args := s.writer.dialect.ofSites(sites, []any{midnight.UnixMilli() / msPerHour})
	rows, err := s.people.QueryContext(ctx, `SELECT hour >= 0 AS today, what, CAST(sum(leads) AS BIGINT) FROM `+s.writer.dialect.stats+`
		WHERE (hour = -1 OR hour >= $1 AND what IN ('received', 'confirmed'))`+of+` GROUP BY today, what`, args...)
	if err != nil {
		return n, fmt.Errorf("stats: %w", err)
	}
	type count struct {
		today bool
		what  string
		n     int
	}
	scan := func(row scanner) (c count, err error) {
		err = row.Scan(&c.today, &c.what, &c.n)
		return c, err
	}
	for c, err := range each(rows, scan) {
		if err != nil {
			return n, fmt.Errorf("stats: %w", err)
		}
		switch c.what {
		case "received":
			n.ReceivedToday = c.n
		case string(lead.Confirmed):
			n.ConfirmedToday = c.n
		case "waiting":
			n.OnTheWay = c.n
		case string(lead.Doubtful):
			n.InDoubt = c.n
		case string(lead.Failed):
			n.WaitingForYou = c.n
		case string(lead.Quarantined):
			n.Quarantined = c.n
		}
	}
	return n, nil
}

// recountSQL counts all leads anew, but for those that were erased.
const recountSQL = `DELETE FROM stats WHERE gone = 0;
	INSERT INTO stats SELECT hour, site, what, step, 0, count(*) FROM lead_stats GROUP BY 1, 2, 3, 4`

// Recount counts all leads anew. Those that were erased stay counted as they were.
// Whoever writes a lead waits meanwhile.
func (s *Store) Recount(ctx context.Context) error {
	var err error
	if s.IsShared() { // without the writer, whose transactions must be short
		_, err = s.people.ExecContext(ctx, beginLong+`LOCK TABLE leads IN SHARE MODE; `+foldStatsSQL+`; `+recountSQL)
	} else {
		err = s.writer.do(ctx, func(tx *writeTx) error {
			_, err := tx.Exec(recountSQL)
			return err
		})
	}
	if err != nil {
		return fmt.Errorf("recount: %w", err)
	}
	return nil
}

// foldStatsSQL puts what has changed into the stats. If several processes do it at
// once, they wait for each other.
const foldStatsSQL = `WITH alone AS MATERIALIZED (SELECT pg_advisory_xact_lock(` + foldLock + `)),
	changes AS (DELETE FROM stat_changes WHERE (SELECT count(*) FROM alone) = 1 RETURNING hour, site, what, step, gone, leads)
	INSERT INTO stats SELECT hour, site, what, step, gone, sum(leads) FROM changes GROUP BY 1, 2, 3, 4, 5
	ON CONFLICT (hour, site, what, step, gone) DO UPDATE SET leads = stats.leads + excluded.leads`

// FoldStats makes the next reading of stats short, where several processes write. What
// has changed is counted in any case.
func (s *Store) FoldStats(ctx context.Context) error {
	if !s.IsShared() {
		return nil
	}
	if _, err := s.people.ExecContext(ctx, beginLong+foldStatsSQL); err != nil {
		return fmt.Errorf("fold stats: %w", err)
	}
	return nil
}
