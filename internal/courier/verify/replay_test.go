package verify_test

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/courier"
	"leadrelay/internal/courier/couriertest"
	"leadrelay/internal/courier/verify"
	"leadrelay/internal/easybroker"
	"leadrelay/internal/lead"
)

func (o *office) replay(dryRun bool, ids ...lead.RemoteID) []lead.Replayed {
	o.Helper()
	all, _, err := o.auditor.Replay(o.Context(), lead.Filter{RemoteIDs: ids}, dryRun)
	require.NoError(o, err)
	require.Len(o, all, len(ids))
	return all
}

func TestWhatAReplayDoesWithALead(t *testing.T) {
	for name, test := range map[string]struct {
		state   lead.State
		age     time.Duration
		listed  bool
		site    string
		verdict lead.Verdict
		why     string
		after   lead.State
	}{
		"failed, and not there":                 {lead.Failed, time.Hour, false, "casas", lead.Sent, "", lead.Queued},
		"failed long ago":                       {lead.Failed, 400 * 24 * time.Hour, false, "casas", lead.Sent, "", lead.Queued},
		"failed, and there":                     {lead.Failed, time.Hour, true, "casas", lead.Present, "", lead.Confirmed},
		"discarded, and not there":              {lead.Discarded, time.Hour, false, "casas", lead.Sent, "", lead.Queued},
		"delivered, and there":                  {lead.Delivered, time.Hour, true, "casas", lead.Present, "", lead.Confirmed},
		"delivered, and swallowed":              {lead.Delivered, time.Hour, false, "casas", lead.Sent, "", lead.Queued},
		"delivered just now":                    {lead.Delivered, 4 * time.Minute, false, "casas", lead.Blocked, "lag", lead.Delivered},
		"delivered just now, and there already": {lead.Delivered, time.Minute, true, "casas", lead.Present, "", lead.Confirmed},
		"confirmed, and there":                  {lead.Confirmed, time.Hour, true, "casas", lead.Present, "", lead.Confirmed},
		"confirmed, and gone since":             {lead.Confirmed, time.Hour, false, "casas", lead.Sent, "", lead.Queued},
		"queued":                                {lead.Queued, time.Hour, false, "casas", lead.Blocked, "on its way", lead.Queued},
		"queued, and there":                     {lead.Queued, time.Hour, true, "casas", lead.Blocked, "on its way", lead.Queued},
		"being sent":                            {lead.Sending, time.Hour, false, "casas", lead.Blocked, "being sent", lead.Sending},
		"in doubt":                              {lead.Doubtful, time.Hour, true, "casas", lead.Blocked, "looked for", lead.Doubtful},
		"spam, it seems":                        {lead.Quarantined, time.Hour, false, "casas", lead.Blocked, "spam", lead.Quarantined},
		"of a site that is gone":                {lead.Failed, time.Hour, false, "villas", lead.Blocked, "settings", lead.Failed},
	} {
		for _, api := range []easybroker.API{easybroker.Partner, easybroker.Plain} {
			t.Run(name+", "+string(api), func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					o := newOffice(t, both(api))
					l := o.ago(test.age, test.site, test.state, "Hola")
					if test.listed {
						item := sent(l)
						if api == easybroker.Plain {
							item.RemoteID = 0
						}
						o.archive.list(item)
					}
					would := test.verdict
					if would == lead.Sent {
						would = lead.WouldBeSent
					}
					for range 2 { // a dry run changes nothing, so it may be repeated
						got := o.replay(true, l.RemoteID)[0]
						require.Equal(t, would, got.Verdict, got.Why)
						require.Equal(t, test.state, got.State)
						require.Equal(t, test.state, o.state(l.RemoteID))
					}
					got := o.replay(false, l.RemoteID)[0]
					require.Equal(t, test.verdict, got.Verdict, got.Why)
					require.Contains(t, got.Why, test.why)
					require.Equal(t, test.why == "", got.Why == "")
					require.Equal(t, test.after, got.State)
					require.Equal(t, test.after, o.state(l.RemoteID))
				})
			})
		}
	}
}

func TestAReplayThatCannotReadTheListSendsNothing(t *testing.T) {
	for name, broken := range map[string]error{
		"an outage":       &easybroker.StatusError{Status: 500, Reason: "canary"},
		"a time-out":      &easybroker.UnansweredError{Err: context.DeadlineExceeded},
		"a revoked key":   &easybroker.StatusError{Status: 401},
		"half of a page":  &easybroker.UnreadableError{Status: 200, Why: "it ends too soon"},
		"nothing of ours": errors.New("?"),
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				o := newOffice(t, both(easybroker.Partner))
				l, other := o.ago(time.Hour, "casas", lead.Failed, "Hola"), o.ago(time.Hour, "lofts", lead.Failed, "Hola")
				o.archive.fails["k"] = broken
				all := o.replay(false, l.RemoteID, other.RemoteID)
				require.Equal(t, lead.Blocked, all[0].Verdict)
				require.Contains(t, all[0].Why, "list cannot be read")
				require.NotContains(t, all[0].Why, "canary")
				require.Equal(t, lead.Failed, o.state(l.RemoteID))
				require.Equal(t, lead.Sent, all[1].Verdict, "the other key is not affected")
			})
		})
	}
}

func TestAnotherContactRequestUnderTheNumberBlocksAReplay(t *testing.T) {
	bubble(t, func(t *testing.T) {
		o := newOffice(t, both(easybroker.Partner))
		l := o.ago(time.Hour, "casas", lead.Failed, "Hola")
		o.archive.list(easybroker.Listed{RemoteID: int64(l.RemoteID), PropertyID: l.PropertyID, Email: "x@otro.mx", Message: "Nada", HappenedAt: time.Now()})
		got := o.replay(false, l.RemoteID)[0]
		require.Equal(t, lead.Blocked, got.Verdict)
		require.Equal(t, lead.Failed, o.state(l.RemoteID))
	})
}

// Many leads are replayed at once, twice, and by two people at the same time. Each
// arrives once.
func TestReplayingTwiceDeliversOnce(t *testing.T) {
	if testing.Short() {
		t.Skip("what races is found by the others")
	}
	bubble(t, func(t *testing.T) {
		o := newOffice(t, both(easybroker.Partner))
		o.archive.page = 50
		const leads = 120
		now := time.Now()
		o.together(leads, func(i int) (lead.Lead, error) {
			return o.keep(now.Add(-time.Duration(i)*time.Minute), []string{"casas", "lofts"}[i%2], lead.Failed, "Hola")
		})
		o.run()
		counts := make([]map[lead.Verdict]int, 4)
		done := make(chan error, len(counts))
		for i := range counts {
			go func() {
				time.Sleep(time.Duration(i/2) * time.Second) // two at once, then two more
				all, _, err := o.auditor.Replay(context.WithoutCancel(t.Context()), lead.Filter{State: lead.Failed}, false)
				counts[i] = map[lead.Verdict]int{}
				for _, one := range all {
					counts[i][one.Verdict]++
				}
				done <- err
			}()
		}
		for range counts {
			require.NoError(t, <-done)
		}
		total := 0
		for _, c := range counts {
			total += c[lead.Sent]
		}
		require.Equal(t, leads, total, "%v", counts)
		time.Sleep(10 * time.Minute)
		again, _, err := o.auditor.Replay(t.Context(), lead.Filter{State: lead.Failed}, false)
		require.NoError(t, err)
		require.Empty(t, again)
		o.archive.mu.Lock()
		defer o.archive.mu.Unlock()
		require.Len(t, o.archive.taken, leads)
		for id, times := range o.archive.taken {
			require.Equal(t, 1, times, id)
		}
	})
}

func TestAReplayTakesAllThatAreMeantOldestFirst(t *testing.T) {
	bubble(t, func(t *testing.T) {
		o := newOffice(t, both(easybroker.Partner))
		const leads = 501 // more than the store lists at once
		came := time.Now().Add(-time.Hour)
		o.together(leads, func(int) (lead.Lead, error) { return o.keep(came, "villas", lead.Failed, "Hola") })
		all, _, err := o.auditor.Replay(t.Context(), lead.Filter{Site: "villas"}, true)
		require.NoError(t, err)
		require.Len(t, all, leads)
		require.True(t, slices.IsSortedFunc(all, func(a, b lead.Replayed) int { return int(a.RemoteID - b.RemoteID) }))
	})
}

// crowded is a ledger with more leads than a replay can look up. None of them may
// move.
type crowded struct {
	verify.Ledger
	leads  int
	listed *int // how often
}

func (c crowded) List(_ context.Context, f lead.Filter) (page []lead.Lead, more bool, err error) {
	*c.listed++
	for id := min(cmp.Or(f.Below, lead.RemoteID(c.leads+1)), lead.RemoteID(c.leads+1)) - 1; id > 0; id-- {
		if len(page) == f.Limit {
			return page, true, nil
		}
		l := lead.Lead{RemoteID: id, State: lead.Quarantined}
		l.Site, l.Message = "casas", "Hola"
		page = append(page, l)
	}
	return page, false, nil
}

// A replay of a whole year takes the leads that have waited longest, and says how
// many it has left out.
func TestAReplayOfTooMany(t *testing.T) {
	const most = 10_000
	for _, n := range []int{most, most + 1, 3*most + 7} {
		o := newOffice(t, both(easybroker.Partner))
		listed := 0
		auditor := courier.NewAuditor(o.auditor.Courier, crowded{o.store, n, &listed})
		all, left, err := auditor.Replay(t.Context(), lead.Filter{State: lead.Quarantined}, false)
		require.NoError(t, err)
		require.Equal(t, n-most, left)
		require.Len(t, all, most)
		require.EqualValues(t, 1, all[0].RemoteID)
		require.EqualValues(t, most, all[most-1].RemoteID)
		require.Equal(t, (n+499)/500, listed)
	}
}

// overgrown is a ledger whose search never ends in time.
type overgrown struct{ verify.Ledger }

func (overgrown) List(ctx context.Context, _ lead.Filter) ([]lead.Lead, bool, error) {
	<-ctx.Done()
	return nil, false, ctx.Err()
}

func TestAReplaysSearchIsGivenUp(t *testing.T) {
	bubble(t, func(t *testing.T) {
		o := newOffice(t, both(easybroker.Partner))
		begun := time.Now()
		_, _, err := courier.NewAuditor(o.auditor.Courier, overgrown{o.store}).Replay(t.Context(), lead.Filter{Text: "zzzz"}, false)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, 5*time.Second, time.Since(begun))
	})
}

// A lead may be retried by hand while a replay reads the list. What the list says is
// then not about the new attempt.
func TestALeadThatMovesMeanwhileIsLeftAlone(t *testing.T) {
	bubble(t, func(t *testing.T) {
		o := newOffice(t, both(easybroker.Partner))
		l := o.ago(time.Hour, "casas", lead.Delivered, "Hola")
		meddler := courier.NewAuditor(courier.New(o.store, meddling{o, l.RemoteID}, both(easybroker.Partner), couriertest.Options()), o.store)
		all, _, err := meddler.Replay(t.Context(), lead.Filter{Site: "casas"}, false)
		require.NoError(t, err)
		require.Equal(t, lead.Blocked, all[0].Verdict)
		require.Equal(t, "it has moved meanwhile", all[0].Why)
		require.Equal(t, lead.Delivered, o.state(l.RemoteID))
	})
}

// meddling is an EasyBroker. While it answers, a person sends the lead again.
type meddling struct {
	*office
	id lead.RemoteID
}

func (m meddling) Create(ctx context.Context, a easybroker.Account, cr easybroker.ContactRequest) (easybroker.Receipt, error) {
	return m.archive.Create(ctx, a, cr)
}

func (m meddling) List(ctx context.Context, a easybroker.Account, q easybroker.Query) (easybroker.Page, error) {
	page, err := m.archive.List(ctx, a, q)
	_, again := m.store.Amend(ctx, m.id, func(l *lead.Lead) error {
		if err := l.Retry(time.Now(), true); err != nil {
			return err
		}
		l.State, l.DeliveredAt = lead.Delivered, l.QueuedAt
		return nil
	})
	return page, errors.Join(err, again)
}
