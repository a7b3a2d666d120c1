package courier

import (
	"context"
	"errors"
	"time"

	"leadrelay/internal/easybroker"
	"leadrelay/internal/lead"
)

const (
	// clockSkew is how far EasyBroker's clock may be from ours: the window in
	// which a lead is looked for begins that much before its first attempt.
	clockSkew = 15 * time.Minute
	// mostPages bounds a look-up; a window with more is not read in full.
	mostPages = 100
)

var errTooManyPages = errors.New("the list has too many pages")

// lookUp reads EasyBroker's list to learn whether an attempt was taken. Only
// a list that was read in full, after it had its time to settle, can say that
// the lead is not there.
func (l *lane) lookUp(ctx context.Context, c lead.Claim) error {
	found, err := l.find(ctx, c)
	now := time.Now()
	// The attempt may have been taken as late as its time-out.
	sent := c.LastAttempt.Add(l.courier.opt.Timeout)
	settled := sent.Add(l.courier.opt.Settle)
	to := lead.Settlement{State: lead.Doubtful, Reason: c.Lead.Reason, At: now, Tries: c.Tries, DueAt: nextLook(now, sent, settled)}
	if err == nil {
		l.recovered()
	}
	switch {
	case err != nil:
		v := judge(easybroker.Receipt{}, err, false)
		if v.credential {
			l.pause(v)
		}
		to.Reason = "look-up failed: " + v.detail
	case found > 1:
		to.State, to.DueAt, to.Reason = lead.Failed, time.Time{}, "several contact requests in EasyBroker look like this lead"
	case found == 1:
		to.State, to.DueAt, to.Reason = lead.Confirmed, time.Time{}, ""
	case !now.Before(settled):
		to.State, to.DueAt, to.Reason = lead.Queued, now, "not in EasyBroker's list"
		if due := sent.Add(jitter(l.courier.opt.Schedule.Wait(c.Tries - 1))); due.After(now) {
			to.DueAt = due
		}
	}
	next(l.courier.opt.Log.Info(), to.DueAt).Int64("remote_id", int64(c.Lead.RemoteID)).Str("site", c.Lead.Site).Int("found", found).
		AnErr("cause", err).Str("state", string(to.State)).Msg("look-up")
	return l.settle(ctx, c, to)
}

// find counts the contact requests in EasyBroker that are this lead.
func (l *lane) find(ctx context.Context, c lead.Claim) (int, error) {
	sent := request(c.Lead, l.route(c.Lead.Site))
	q := easybroker.Query{After: c.FirstAttempt.Add(-clockSkew), PropertyID: sent.PropertyID, Limit: 50}
	found := 0
	for q.Page = 1; q.Page <= mostPages; q.Page++ {
		page, err := l.list(ctx, q)
		if err != nil {
			return 0, err
		}
		for _, listed := range page.Content {
			if l.isSame(listed, sent) {
				found++
			}
		}
		if found > 0 && l.account.API == easybroker.Partner {
			return 1, nil // the same remote_id on a later page is the same lead
		}
		if !page.More {
			return found, nil
		}
	}
	return 0, errTooManyPages
}

func (l *lane) list(ctx context.Context, q easybroker.Query) (easybroker.Page, error) {
	if q.Page > 1 { // the first call has waited its turn
		if err := l.pace.Wait(ctx); err != nil {
			return easybroker.Page{}, err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, l.courier.opt.Timeout)
	defer cancel()
	return l.courier.broker.List(ctx, l.account, q)
}

// isSame compares by remote_id, or, where the list has none (a plain account),
// by what the visitor wrote.
func (l *lane) isSame(listed easybroker.Listed, sent easybroker.ContactRequest) bool {
	if l.account.API == easybroker.Partner && listed.RemoteID != 0 {
		return listed.RemoteID == sent.RemoteID
	}
	sameReach := (sent.Email != "" && listed.Email == sent.Email) || (sent.Email == "" && listed.Phone == sent.Phone)
	return listed.PropertyID == sent.PropertyID && sameReach && listed.Message == sent.Message
}
