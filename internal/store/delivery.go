package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"leadrelay/internal/lead"
)

// subscriptions are who is told of the leads of each site. They are settings.
type subscriptions struct {
	bySite atomic.Pointer[map[string][]lead.Subscription]
}

func (s *subscriptions) of(site string) []lead.Subscription {
	if all := s.bySite.Load(); all != nil {
		return (*all)[site]
	}
	return nil
}

// Subscribe says who is told of the leads of each site from now on.
func (s *Store) Subscribe(bySite map[string][]lead.Subscription) {
	s.subscriptions.bySite.Store(&bySite)
}

// tellKept writes down who is to be told of new leads. A lead that is delayed is told of
// when it goes on its way. For a site that tells nobody it costs a look into a map.
func (tx *writeTx) tellKept(fresh []*newLead) error {
	var rows [][]any
	for _, n := range fresh {
		subscribed := tx.w.subscriptions.of(n.Lead.Site)
		if len(subscribed) == 0 || n.Lead.State != lead.Queued {
			continue
		}
		for _, s := range subscribed {
			if s.Wants(lead.NoticeReceived) {
				rows = append(rows, newDelivery(n.kept.RemoteID, s.Channel, lead.NoticeReceived, 1, n.Lead.ReceivedAt, n.Lead.DueAt))
			}
			if s.Wants(lead.NoticeWaiting) {
				rows = append(rows, newWaiting(n.kept.RemoteID, &s, n.Lead.DueAt))
			}
		}
	}
	return tx.addDeliveries(rows)
}

// tell writes down who is to be told that a lead has moved. It belongs into the
// transaction that moves it, behind the move, so that nobody else moves it meanwhile.
func (tx *writeTx) tell(id lead.RemoteID, site string, was, is lead.State, at time.Time) error {
	subscribed, notice := tx.w.subscriptions.of(site), lead.NoticeOf(was, is)
	if len(subscribed) == 0 || notice == "" {
		return nil
	}
	var rows [][]any
	for _, s := range subscribed {
		if s.Wants(lead.NoticeWaiting) {
			row, err := tx.tellOfWait(id, &s, notice, at)
			if err != nil {
				return err
			}
			if row != nil {
				rows = append(rows, row)
			}
		}
		if !s.Wants(notice) {
			continue
		}
		var last int
		err := tx.QueryRow(`SELECT COALESCE(max(number), 0) FROM deliveries WHERE remote_id = $1 AND channel = $2 AND notice = $3`,
			int64(id), string(s.Channel), string(notice)).Scan(&last)
		if err != nil {
			return fmt.Errorf("deliveries: %w", err)
		}
		if notice == lead.NoticeReceived && last > 0 { // it is received once
			continue
		}
		rows = append(rows, newDelivery(id, s.Channel, notice, last+1, at, at))
	}
	return tx.addDeliveries(rows)
}

// newWaiting returns what is told of a lead that waits for too long. That happens later.
func newWaiting(id lead.RemoteID, s *lead.Subscription, queued time.Time) []any {
	at := queued.Add(s.After)
	return newDelivery(id, s.Channel, lead.NoticeWaiting, 1, at, at)
}

// tellOfWait writes down what somebody is to be told who asked only for leads that wait. A
// lead that arrives before its time is none of these. If it arrives later, that is told,
// too: once an attempt has begun, there may be a mail.
func (tx *writeTx) tellOfWait(id lead.RemoteID, s *lead.Subscription, notice lead.Notice, at time.Time) ([]any, error) {
	var waited, arrived int
	if err := tx.QueryRow(`SELECT COALESCE(max(CASE WHEN notice = $3 THEN 1 ELSE 0 END), 0), COALESCE(max(CASE WHEN notice = $4 THEN 1 ELSE 0 END), 0)
		FROM deliveries WHERE remote_id = $1 AND channel = $2`,
		int64(id), string(s.Channel), string(lead.NoticeWaiting), string(lead.NoticeArrived)).Scan(&waited, &arrived); err != nil {
		return nil, fmt.Errorf("deliveries: %w", err)
	}
	hasArrived := notice == lead.NoticeDelivered || notice == lead.NoticeConfirmed
	switch {
	case notice == lead.NoticeReceived && waited == 0:
		return newWaiting(id, s, at), nil
	case !hasArrived || waited == 0 || arrived > 0:
		return nil, nil
	}
	dropped, err := tx.Exec(`DELETE FROM deliveries`+thisDelivery+` AND attempts = 0`, int64(id), string(s.Channel), string(lead.NoticeWaiting), 1)
	if err != nil {
		return nil, fmt.Errorf("deliveries: %w", err)
	}
	if n, err := dropped.RowsAffected(); err != nil || n > 0 {
		return nil, err
	}
	return newDelivery(id, s.Channel, lead.NoticeArrived, 1, at, at), nil
}

func newDelivery(id lead.RemoteID, c lead.Channel, n lead.Notice, number int, at, due time.Time) []any {
	return []any{
		int64(id), string(c), string(n), int64(number), at.UnixMilli(), string(lead.DeliveryDue), due.UnixMilli(), int64(0),
		"msg_" + rand.Text(), int64(0), nil,
	}
}

func (tx *writeTx) addDeliveries(rows [][]any) error {
	if err := deliveriesTable.insert(tx, rows); err != nil {
		return tx.w.blame(nil, fmt.Errorf("deliveries: %w", err))
	}
	return nil
}

// deliveriesTable is carried along by a transfer.
var deliveriesTable = transferTable{"deliveries", 4, []string{
	"remote_id", "channel", "notice", "number", "at", "state", "due_at", "attempts", "message", "status", "ended_at",
}, "TRUE"}

const deliveryColumns = `remote_id, channel, notice, number, at, state, attempts, message, status, ended_at`

func scanDelivery(row scanner) (d lead.Delivery, err error) {
	var at int64
	var ended sql.NullInt64
	err = row.Scan(&d.RemoteID, &d.Channel, &d.Notice, &d.Number, &at, &d.State, &d.Attempts, &d.ID, &d.Status, &ended)
	d.At, d.EndedAt = time.UnixMilli(at).UTC(), fromMillis(ended)
	return d, err
}

// DueChannels returns those of the channels that have a delivery which is due, and are not
// switched off. It costs a step in the index for each.
func (s *Store) DueChannels(ctx context.Context, channels []lead.Channel, now time.Time) ([]lead.Channel, error) {
	rows, err := s.read.QueryContext(ctx, s.writer.dialect.channelsDue, jsonList(channels), now.UnixMilli())
	if err != nil {
		return nil, fmt.Errorf("channels due: %w", err)
	}
	due, err := collect(rows, scanColumn[lead.Channel])
	if err != nil {
		return nil, fmt.Errorf("channels due: %w", err)
	}
	return due, nil
}

// ClaimDeliveries claims up to n deliveries of a channel that are due, and so writes down
// that an attempt of each begins. If nobody settles it within the lease, it is due again.
// What is about a lead that a person or a late sign has set apart is dropped: it is told of
// when the lead is queued again. So is that a lead waits which has arrived, and what is
// about a lead that has no contents any more.
func (s *Store) ClaimDeliveries(ctx context.Context, c lead.Channel, now time.Time, n int, lease time.Duration) ([]lead.Delivery, error) {
	var claimed []lead.Delivery // to be read only after a commit
	err := s.writer.do(ctx, func(tx *writeTx) error {
		claimed = nil
		rows, err := tx.Query(`SELECT `+deliveryColumns+` FROM deliveries WHERE channel = $1 AND due_at <= $2 ORDER BY due_at LIMIT $3`+
			tx.w.dialect.skipLocked, string(c), now.UnixMilli(), n)
		if err != nil {
			return err
		}
		due, err := collect(rows, scanDelivery)
		if err != nil {
			return err
		}
		for _, d := range due {
			isClaimed, err := tx.claimDelivery(&d, now.Add(lease))
			if err != nil {
				return err
			}
			if isClaimed {
				claimed = append(claimed, d)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("claim deliveries: %w", err)
	}
	return claimed, nil
}

const thisDelivery = ` WHERE remote_id = $1 AND channel = $2 AND notice = $3 AND number = $4`

func keyOf(d *lead.Delivery, more ...any) []any {
	return append([]any{int64(d.RemoteID), string(d.Channel), string(d.Notice), int64(d.Number)}, more...)
}

func (tx *writeTx) claimDelivery(d *lead.Delivery, until time.Time) (bool, error) {
	query := `SELECT ` + leadColumns + ` FROM leads WHERE remote_id = $1`
	if d.Notice == lead.NoticeTest {
		query = `SELECT ` + testColumns + ` FROM tests WHERE remote_id = $1`
	}
	l, err := scanLead(tx.QueryRow(query, int64(d.RemoteID)))
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return false, err
	}
	isSetApart := l.State == lead.Quarantined || l.State == lead.Discarded
	hasArrived := l.State == lead.Delivered || l.State == lead.Confirmed
	isNeedless := l.IsErased() || d.Notice == lead.NoticeReceived && isSetApart || d.Notice == lead.NoticeWaiting && (isSetApart || hasArrived)
	if err != nil || isNeedless {
		_, err := tx.Exec(`DELETE FROM deliveries`+thisDelivery, keyOf(d)...)
		return false, err
	}
	d.Lead = l
	d.Attempts++
	_, err = tx.Exec(`UPDATE deliveries SET attempts = $5, due_at = $6`+thisDelivery, keyOf(d, int64(d.Attempts), until.UnixMilli())...)
	return err == nil, err
}

// SettleDelivery writes down how an attempt ended, and how the channel stands then. The
// error wraps [lead.ErrLost] if the lease has run out and somebody else has the delivery.
func (s *Store) SettleDelivery(ctx context.Context, d lead.Delivery, end lead.DeliveryEnd) error {
	err := s.writer.doLazily(ctx, func(tx *writeTx) error {
		due, ended := millis(end.DueAt), sql.NullInt64{}
		if end.State != lead.DeliveryDue {
			due, ended = sql.NullInt64{}, millis(end.At)
		}
		err := checkFence(tx.Exec(`UPDATE deliveries SET state = $5, status = $6, due_at = $7, ended_at = $8`+thisDelivery+` AND attempts = $9`,
			keyOf(&d, string(end.State), end.Status, due, ended, int64(d.Attempts))...))
		if err != nil {
			return err
		}
		return tx.noteChannel(&d, end)
	})
	if err != nil {
		return fmt.Errorf("settle delivery: %w", err)
	}
	return nil
}

// noteChannel notes that a channel works, or since when it does not. It writes only what
// is new, because a channel's deliveries end often.
func (tx *writeTx) noteChannel(d *lead.Delivery, end lead.DeliveryEnd) error {
	const first = time.Hour // in which a delivery is tried for the first time
	c := d.Channel
	var isFailing bool
	err := tx.QueryRow(`SELECT EXISTS (SELECT 1 FROM delivery_channels WHERE channel = $1)`, string(c)).Scan(&isFailing)
	switch {
	case err != nil:
	case end.State == lead.DeliveryTaken && isFailing:
		_, err = tx.Exec(`DELETE FROM delivery_channels WHERE channel = $1`, string(c))
	case end.State == lead.DeliveryTaken:
	case !isFailing:
		_, err = tx.Exec(`INSERT INTO delivery_channels (channel, failing_since) VALUES ($1, $2) ON CONFLICT (channel) DO NOTHING`, string(c), end.At.UnixMilli())
	}
	if err == nil && end.Off != "" {
		before := maxMillis
		if end.Off == lead.OffExpired { // it must have taken nothing else meanwhile
			before = d.At.Add(first).UnixMilli()
		}
		_, err = tx.Exec(`UPDATE delivery_channels SET off_at = $2, why = $3 WHERE channel = $1 AND off_at IS NULL AND failing_since < $4`,
			string(c), end.At.UnixMilli(), end.Off, before)
	}
	return err
}

// ChannelTroubles returns those of the channels that take nothing.
func (s *Store) ChannelTroubles(ctx context.Context) ([]lead.ChannelTrouble, error) {
	rows, err := s.people.QueryContext(ctx, `SELECT channel, failing_since, off_at, why FROM delivery_channels ORDER BY channel`)
	if err != nil {
		return nil, fmt.Errorf("channels in trouble: %w", err)
	}
	all, err := collect(rows, func(row scanner) (c lead.ChannelTrouble, err error) {
		var since int64
		var off sql.NullInt64
		err = row.Scan(&c.Channel, &since, &off, &c.Why)
		c.Since, c.OffAt = time.UnixMilli(since).UTC(), fromMillis(off)
		return c, err
	})
	if err != nil {
		return nil, fmt.Errorf("channels in trouble: %w", err)
	}
	return all, nil
}

// OpenChannel has a channel tried again that was switched off. What has waited meanwhile is
// due now, and for as long as anything is tried.
func (s *Store) OpenChannel(ctx context.Context, c lead.Channel) error {
	err := s.writer.do(ctx, func(tx *writeTx) error {
		now, err := tx.now()
		if err != nil {
			return err
		}
		if _, err := tx.Exec(`DELETE FROM delivery_channels WHERE channel = $1`, string(c)); err != nil {
			return err
		}
		_, err = tx.Exec(`UPDATE deliveries SET due_at = CASE WHEN at > $2 THEN at ELSE $2 END WHERE channel = $1 AND due_at > $2`, string(c), now.UnixMilli())
		return err
	})
	if err != nil {
		return fmt.Errorf("open channel: %w", err)
	}
	return nil
}

// Deliveries returns what others were told of a lead, or are to be told.
func (s *Store) Deliveries(ctx context.Context, id lead.RemoteID) ([]lead.Delivery, error) {
	rows, err := s.people.QueryContext(ctx, `SELECT `+deliveryColumns+` FROM deliveries WHERE remote_id = $1 ORDER BY at, channel, notice, number`, int64(id))
	if err != nil {
		return nil, fmt.Errorf("deliveries: %w", err)
	}
	all, err := collect(rows, scanDelivery)
	if err != nil {
		return nil, fmt.Errorf("deliveries: %w", err)
	}
	return all, nil
}

// keptDeliveries is for how long a delivery is kept after it has ended.
const keptDeliveries = 30 * 24 * time.Hour

// TidyDeliveries forgets deliveries that ended long ago, gives up those that happened
// before a time and were not taken, as behind a channel that is off, and forgets the
// channels that are not in the settings any more. A step takes few of them.
func (s *Store) TidyDeliveries(ctx context.Context, channels []lead.Channel, before time.Time) error {
	const most = 500
	now, err := s.Now(ctx)
	if err != nil {
		return err
	}
	first := func(condition string) string {
		return `(SELECT remote_id, channel, notice, number FROM deliveries WHERE ` + condition + fmt.Sprintf(` LIMIT %d)`, most)
	}
	for _, step := range []struct {
		peek, statement string
		arg             any
	}{
		{`ended_at < $1`, `DELETE FROM deliveries WHERE (remote_id, channel, notice, number) IN ` + first(`ended_at < $1`), now.Add(-keptDeliveries).UnixMilli()},
		{`due_at IS NOT NULL AND at < $1`, `UPDATE deliveries SET state = 'given_up', due_at = NULL, ended_at = due_at
			WHERE due_at IS NOT NULL AND (remote_id, channel, notice, number) IN ` + first(`due_at IS NOT NULL AND at < $1`), before.UnixMilli()},
	} {
		var isDue bool // most often not, and then it must cost no commit
		if err = s.read.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM deliveries WHERE `+step.peek+`)`, step.arg).Scan(&isDue); err != nil {
			break
		}
		if isDue {
			err = s.writer.doLazily(ctx, func(tx *writeTx) error { _, err := tx.Exec(step.statement, step.arg); return err })
		}
		if err != nil {
			break
		}
	}
	if err == nil {
		err = s.forgetChannels(ctx, channels)
	}
	if err != nil {
		return fmt.Errorf("tidy deliveries: %w", err)
	}
	return nil
}

// HastenDeliveries makes due what waits for longer than it can have to, because the clock was
// set back meanwhile. The waits are the longest after each attempt, those of the last for all
// that follow; a delivery whose channel may have asked for a pause keeps it. One that was not
// tried yet waits for as long as it had to when it happened.
func (s *Store) HastenDeliveries(ctx context.Context, waits []time.Duration) error {
	const slack = int64(10 * time.Second / time.Millisecond)
	now, err := s.Now(ctx)
	if err != nil {
		return err
	}
	at := now.UnixMilli()
	// That a lead waits happens later than what begins the wait. After it is set right, due_at
	// is before at, so that it is set right once.
	const begun = `(CASE notice WHEN '` + string(lead.NoticeWaiting) + `' THEN
		COALESCE((SELECT COALESCE(queued_at, received_at) FROM leads WHERE leads.remote_id = deliveries.remote_id), at) ELSE at END)`
	const untried = `attempts = 0 AND due_at >= at AND ` + begun + ` - $1 > due_at - ` + begun + ` + $2`
	if err := s.hasten(ctx, untried, `due_at = $1 + due_at - `+begun, at, slack); err != nil {
		return err
	}
	for i, wait := range waits {
		tried := fmt.Sprintf(`attempts %s %d AND status NOT IN (429, 503) AND due_at > $1 + $2`, map[bool]string{true: ">=", false: "="}[i == len(waits)-1], i+1)
		if err := s.hasten(ctx, tried, `due_at = $1`, at, wait.Milliseconds()+slack); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) hasten(ctx context.Context, which, set string, now, more int64) error {
	which = `due_at IS NOT NULL AND due_at > $1 AND ` + which
	var isAny bool // most often not, and then it must cost no commit
	err := s.read.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM deliveries WHERE `+which+`)`, now, more).Scan(&isAny)
	if err == nil && isAny {
		err = s.writer.doLazily(ctx, func(tx *writeTx) error {
			_, err := tx.Exec(`UPDATE deliveries SET `+set+` WHERE `+which, now, more)
			return err
		})
	}
	if err != nil {
		return fmt.Errorf("hasten deliveries: %w", err)
	}
	return nil
}

func (s *Store) forgetChannels(ctx context.Context, channels []lead.Channel) error {
	all, err := s.ChannelTroubles(ctx)
	if err != nil {
		return err
	}
	for _, c := range all {
		if slices.Contains(channels, c.Channel) {
			continue
		}
		if _, err := s.change(ctx, `DELETE FROM delivery_channels WHERE channel = $1`, string(c.Channel)); err != nil {
			return err
		}
	}
	return nil
}

// channelsDueSQL has at %s the table of the JSON list $1, named mine with the column channel.
const channelsDueSQL = `SELECT mine.channel FROM %s WHERE
	(SELECT due_at FROM deliveries WHERE deliveries.channel = mine.channel AND due_at IS NOT NULL ORDER BY due_at LIMIT 1) <= $2
	AND NOT EXISTS (SELECT 1 FROM delivery_channels AS c WHERE c.channel = mine.channel AND c.off_at IS NOT NULL)`

func channelsDue(list string) string { return strings.Replace(channelsDueSQL, "%s", list, 1) }
