package verify_test

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/courier"
	"leadrelay/internal/courier/couriertest"
	"leadrelay/internal/easybroker"
	"leadrelay/internal/lead"
)

func (o *office) reconcile() lead.Drift {
	o.Helper()
	d, err := o.auditor.Reconcile(o.Context(), time.Now().Add(-24*time.Hour))
	require.NoError(o, err)
	return d
}

func drifted(l lead.Lead, fields ...lead.Field) lead.Drifted {
	return lead.Drifted{RemoteID: l.RemoteID, Site: l.Site, State: l.State, PropertyID: l.PropertyID, Fields: fields}
}

// If everything drifts, a report names a thousand leads of a kind and counts the
// rest. Its parts are added in the same way.
func TestADriftOfThousands(t *testing.T) {
	if testing.Short() {
		t.Skip("what races is found by the others")
	}
	bubble(t, func(t *testing.T) {
		const most, items = 1000, 1207
		o := newOffice(t, both(easybroker.Partner))
		o.archive.page = 50
		for i := range items {
			item := easybroker.Listed{RemoteID: int64(items - i), PropertyID: strings.Repeat("á", 70+i), HappenedAt: time.Now().Add(-time.Hour)}
			o.archive.list(item)
			o.archive.listed["k2"] = append(o.archive.listed["k2"], item)
		}
		lost := o.ago(time.Hour, "casas", lead.Delivered, "Hola")
		d := o.reconcile()
		require.Equal(t, []lead.Drifted{drifted(lost)}, d.OnlyHere)
		require.Len(t, d.OnlyThere, most)
		require.Equal(t, map[lead.DriftKind]int{lead.OnlyThere: 2*items - most}, d.LeftOut)
		require.Equal(t, 2*items, d.Count(lead.OnlyThere))
		require.Equal(t, lead.Drifted{RemoteID: 7, PropertyID: strings.Repeat("á", 64)}, d.OnlyThere[6])
		require.True(t, d.Found())
		body, err := json.Marshal(d)
		require.NoError(t, err)
		require.Less(t, len(body), 256<<10)
	})
}

// The memory of commands is limited, so a second one waits for the first. If it has
// no time to wait, it says so.
func TestOneCommandRunsAtATime(t *testing.T) {
	bubble(t, func(t *testing.T) {
		o := newOffice(t, both(easybroker.Partner)[:1])
		o.archive.takes = time.Second
		for i := range 6 {
			o.ago(time.Hour, "casas", lead.Failed, strconv.Itoa(i))
		}
		reconcile := func(ctx context.Context) error {
			_, err := o.auditor.Reconcile(ctx, time.Now().Add(-2*time.Hour))
			return err
		}
		replay := func(ctx context.Context) error {
			_, _, err := o.auditor.Replay(ctx, lead.Filter{State: lead.Failed}, true)
			return err
		}
		commands := []func(context.Context) error{reconcile, replay, reconcile, replay}
		var all sync.WaitGroup
		for _, command := range commands {
			all.Go(func() { require.NoError(t, command(t.Context())) })
		}
		synctest.Wait()
		hurried, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		for _, command := range commands {
			err := command(hurried)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.ErrorContains(t, err, "wait for another command")
		}
		all.Wait()
		require.GreaterOrEqual(t, o.archive.calls, len(commands))
		require.Equal(t, 1, o.archive.most)
		require.NoError(t, reconcile(t.Context()), "and the next may come")
	})
}

// A reconciliation compares more of our leads than it holds at once, and those of
// both sites in their order.
func TestALongReconciliation(t *testing.T) {
	if testing.Short() {
		t.Skip("what races is found by the others")
	}
	bubble(t, func(t *testing.T) {
		one := both(easybroker.Partner)
		one[1].Account = one[0].Account
		o := newOffice(t, one)
		o.archive.page = 50
		came := time.Now().Add(-time.Hour)
		leads := o.together(130, func(i int) (lead.Lead, error) {
			return o.keep(came, []string{"casas", "lofts"}[i%2], lead.Delivered, "Hola "+strconv.Itoa(i))
		})
		for i, l := range leads {
			if i%13 != 0 {
				o.archive.list(sent(l))
			}
		}
		d := o.reconcile()
		require.Equal(t, 130, d.Ours)
		require.Equal(t, 120, d.Confirmed)
		require.Len(t, d.OnlyHere, 10)
		require.Empty(t, d.LeftOut)
		require.True(t, slices.IsSortedFunc(d.OnlyHere, func(a, b lead.Drifted) int { return cmp.Compare(a.RemoteID, b.RemoteID) }))
	})
}

func TestWhereNothingIsWrongAReconciliationFindsNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		o := newOffice(t, both(easybroker.Partner))
		for i := range 7 {
			o.archive.list(sent(o.ago(time.Hour, "casas", lead.Confirmed, "Hola "+strconv.Itoa(i))))
		}
		early := o.ago(25*time.Hour, "casas", lead.Confirmed, "Hola")
		item := sent(early)
		item.HappenedAt = time.Now().Add(-24*time.Hour - 10*time.Minute) // their clock may differ
		o.archive.list(item)
		d := o.reconcile()
		require.False(t, d.Found())
		require.Equal(t, 7, d.Ours)
		require.Equal(t, 8, d.Listed)
		require.Zero(t, d.Confirmed)
		require.Empty(t, d.Unreadable)
	})
}

func TestAReconciliationNamesWhatDiffers(t *testing.T) {
	edit := func(item easybroker.Listed, f func(*easybroker.Listed)) easybroker.Listed { f(&item); return item }
	for name, test := range map[string]struct {
		scene func(o *office) (want lead.Drift)
	}{
		"swallowed by EasyBroker": {func(o *office) lead.Drift {
			return lead.Drift{Ours: 1, OnlyHere: []lead.Drifted{drifted(o.ago(time.Hour, "casas", lead.Delivered, "Hola"))}}
		}},
		"delivered so short ago that the list may lag": {func(o *office) lead.Drift {
			o.ago(14*time.Minute, "casas", lead.Delivered, "Hola")
			return lead.Drift{Ours: 1}
		}},
		"gone again after it was seen": {func(o *office) lead.Drift {
			return lead.Drift{Ours: 1, OnlyHere: []lead.Drifted{drifted(o.ago(time.Hour, "casas", lead.Confirmed, "Hola"))}}
		}},
		"delivered, listed, and not looked up yet": {func(o *office) lead.Drift {
			o.archive.list(sent(o.ago(time.Hour, "casas", lead.Delivered, "Hola")))
			return lead.Drift{Ours: 1, Listed: 1, Confirmed: 1}
		}},
		"queued in a backup that was restored, and there long ago": {func(o *office) lead.Drift {
			o.archive.list(sent(o.ago(time.Hour, "casas", lead.Queued, "Hola")))
			return lead.Drift{Listed: 1, Confirmed: 1}
		}},
		"doubtful and there": {func(o *office) lead.Drift {
			o.archive.list(sent(o.ago(time.Hour, "casas", lead.Doubtful, "Hola")))
			return lead.Drift{Listed: 1, Confirmed: 1}
		}},
		"being sent": {func(o *office) lead.Drift {
			o.archive.list(sent(o.ago(time.Hour, "casas", lead.Sending, "Hola")))
			return lead.Drift{Listed: 1}
		}},
		"failed here and there all the same": {func(o *office) lead.Drift {
			l := o.ago(time.Hour, "casas", lead.Failed, "Hola")
			o.archive.list(sent(l))
			return lead.Drift{Listed: 1, OnlyThere: []lead.Drifted{drifted(l)}}
		}},
		"nobody's": {func(o *office) lead.Drift {
			o.archive.list(easybroker.Listed{RemoteID: 42, PropertyID: "EB-9", HappenedAt: time.Now().Add(-time.Hour)})
			return lead.Drift{Listed: 1, OnlyThere: []lead.Drifted{{RemoteID: 42, PropertyID: "EB-9"}}}
		}},
		"there twice": {func(o *office) lead.Drift {
			l := o.ago(time.Hour, "casas", lead.Delivered, "Hola")
			o.archive.list(sent(l), edit(sent(l), func(i *easybroker.Listed) { i.HappenedAt = i.HappenedAt.Add(time.Second) }))
			return lead.Drift{Ours: 1, Listed: 2, Confirmed: 1, Twice: []lead.Drifted{drifted(l)}}
		}},
		"the same on two pages": {func(o *office) lead.Drift {
			o.archive.page = 1
			o.archive.list(sent(o.ago(time.Hour, "casas", lead.Confirmed, "Hola")), sent(o.ago(time.Hour, "casas", lead.Confirmed, "Otra")))
			return lead.Drift{Ours: 2, Listed: 2}
		}},
		"tidied up": {func(o *office) lead.Drift {
			o.archive.list(edit(sent(o.ago(time.Hour, "casas", lead.Confirmed, "Hola\n\n¿Sigue?")), func(i *easybroker.Listed) {
				i.Message, i.Phone, i.Email, i.Name = "Hola ¿Sigue?", "5512345678", "ANA@ejemplo.mx", "ANA"
			}))
			return lead.Drift{Ours: 1, Listed: 1}
		}},
		"changed": {func(o *office) lead.Drift {
			l := o.ago(time.Hour, "casas", lead.Confirmed, "Hola")
			o.archive.list(edit(sent(l), func(i *easybroker.Listed) { i.PropertyID, i.Name, i.Phone = "EB-2", "", "5500000000" }))
			return lead.Drift{Ours: 1, Listed: 1, Differing: []lead.Drifted{drifted(l, lead.PropertyID, lead.Name, lead.Phone)}}
		}},
		"rectified by us, and changed there": {func(o *office) lead.Drift {
			l := o.ago(time.Hour, "casas", lead.Confirmed, "Hola")
			o.archive.list(edit(sent(l), func(i *easybroker.Listed) { i.Phone = "5500000000" }))
			_, err := o.store.Amend(o.Context(), l.RemoteID, func(l *lead.Lead) error {
				return l.Edit(map[lead.Field]string{lead.Name: "Luz"}, lead.DefaultRules())
			})
			require.NoError(o, err)
			return lead.Drift{Ours: 1, Listed: 1, Differing: []lead.Drifted{drifted(l, lead.Phone)}}
		}},
		"somebody else's under the same number": {func(o *office) lead.Drift {
			l := o.ago(time.Hour, "casas", lead.Queued, "Hola")
			o.archive.list(easybroker.Listed{
				RemoteID: int64(l.RemoteID), PropertyID: "EB-9", Name: "Beto", Email: "beto@otro.mx", Message: "Otra", HappenedAt: time.Now().Add(-time.Hour),
			})
			return lead.Drift{Listed: 1, Differing: []lead.Drifted{drifted(l, lead.PropertyID, lead.Name, lead.Email, lead.Phone, lead.Message)}}
		}},
		"delivered after a long outage": {func(o *office) lead.Drift {
			l := o.ago(72*time.Hour, "casas", lead.Delivered, "Hola")
			l, err := o.store.Amend(o.Context(), l.RemoteID, func(l *lead.Lead) error {
				l.DeliveredAt = time.Now().Add(-time.Hour)
				return nil
			})
			require.NoError(o, err)
			return lead.Drift{Ours: 1, OnlyHere: []lead.Drifted{drifted(l)}}
		}},
		"listed under another key": {func(o *office) lead.Drift {
			l := o.ago(time.Hour, "lofts", lead.Confirmed, "Hola")
			o.archive.list(sent(l))
			return lead.Drift{Ours: 1, Listed: 1, OnlyHere: []lead.Drifted{drifted(l)}}
		}},
		"a list that cannot be read": {func(o *office) lead.Drift {
			o.archive.fails["k2"] = &easybroker.StatusError{Status: 500, Reason: "canary"}
			o.ago(time.Hour, "lofts", lead.Delivered, "Hola")
			l := o.ago(time.Hour, "casas", lead.Delivered, "Hola")
			return lead.Drift{Ours: 1, OnlyHere: []lead.Drifted{drifted(l)}, Unreadable: []lead.Unreadable{{Sites: []string{"lofts"}, Why: "EasyBroker answers with an error (500)"}}}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				o := newOffice(t, both(easybroker.Partner))
				want := test.scene(o)
				got := o.reconcile()
				require.WithinDuration(t, time.Now(), got.ReadAt, time.Minute)
				want.Since, want.ReadAt = got.Since, got.ReadAt
				require.Equal(t, want, got)
				if want.Confirmed > 0 {
					again := o.reconcile()
					require.Zero(t, again.Confirmed, "it is confirmed now")
					require.Len(t, again.OnlyHere, len(want.OnlyHere))
				}
			})
		})
	}
}

// A plain account's list has no remote_id, so only the texts can be compared, and
// one contact request is never two leads.
func TestAReconciliationOfAPlainAccount(t *testing.T) {
	bubble(t, func(t *testing.T) {
		o := newOffice(t, both(easybroker.Plain))
		first, second := o.ago(2*time.Hour, "casas", lead.Delivered, "Hola"), o.ago(time.Hour, "casas", lead.Delivered, "Hola")
		other := o.ago(time.Hour, "casas", lead.Delivered, "Otra")
		waiting := o.ago(time.Hour, "casas", lead.Queued, "Nueva")
		nobodys := easybroker.Listed{PropertyID: "EB-9", Email: "beto@otro.mx", Message: "Nada", HappenedAt: time.Now().Add(-time.Hour)}
		for _, item := range []easybroker.Listed{sent(first), sent(other), sent(waiting), nobodys} {
			item.RemoteID = 0
			o.archive.list(item)
		}
		d := o.reconcile()
		require.Equal(t, []lead.Drifted{drifted(second)}, d.OnlyHere)
		require.Empty(t, d.OnlyThere, "a plain account has contact requests of its own")
		require.Equal(t, 2, d.Confirmed)
		require.Equal(t, lead.Queued, o.state(waiting.RemoteID), "a look-alike proves nothing about a lead that was not sent")
	})
}

func TestAConfirmedLeadIsNotSentAgain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		o := newOffice(t, both(easybroker.Partner))
		l := o.ago(time.Hour, "casas", lead.Queued, "Hola")
		o.archive.list(sent(l))
		require.Equal(t, 1, o.reconcile().Confirmed)
		o.run()
		time.Sleep(3 * time.Hour)
		require.Equal(t, lead.Confirmed, o.state(l.RemoteID))
		o.archive.mu.Lock()
		defer o.archive.mu.Unlock()
		require.Empty(t, o.archive.taken)
	})
}

func TestAListOfManyPagesIsReadInHalves(t *testing.T) {
	if testing.Short() {
		t.Skip("what races is found by the others")
	}
	bubble(t, func(t *testing.T) {
		o := newOffice(t, both(easybroker.Partner))
		o.archive.page = 1
		const leads = 250 // on more than two times a hundred pages
		now := time.Now()
		kept := o.together(leads, func(i int) (lead.Lead, error) {
			return o.keep(now.Add(-time.Duration(i)*5*time.Minute), "casas", lead.Confirmed, "Hola "+strconv.Itoa(i))
		})
		for _, l := range kept {
			o.archive.list(sent(l))
		}
		d := o.reconcile()
		require.False(t, d.Found(), "%+v", d)
		require.Equal(t, leads, d.Listed)
		require.Empty(t, d.Unreadable)
	})
}

func TestABusyListIsComparedButForItsEnd(t *testing.T) {
	bubble(t, func(t *testing.T) {
		o := newOffice(t, both(easybroker.Partner))
		o.archive.grows = true
		for i := range 9 {
			o.archive.list(sent(o.ago(time.Hour, "casas", lead.Confirmed, "Hola "+strconv.Itoa(i))))
		}
		lost := o.ago(time.Hour, "casas", lead.Delivered, "Hola")
		o.ago(time.Minute, "casas", lead.Delivered, "the list is not read up to this one")
		d := o.reconcile()
		require.Empty(t, d.Unreadable)
		require.Equal(t, 9, d.Listed)
		require.Equal(t, 10, d.Ours)
		require.WithinDuration(t, d.ReadAt.Add(-5*time.Minute), d.Until, time.Minute)
		require.Empty(t, d.OnlyThere)
		require.Equal(t, []lead.Drifted{drifted(lost)}, d.OnlyHere)
	})
}

func TestAHeldCredentialIsNotAsked(t *testing.T) {
	bubble(t, func(t *testing.T) {
		o := newOffice(t, both(easybroker.Partner))
		l := o.ago(time.Hour, "casas", lead.Delivered, "Hola")
		o.archive.fails["k"] = &easybroker.StatusError{Status: 401}
		require.Equal(t, []lead.Unreadable{{Sites: []string{"casas"}, Why: "EasyBroker refuses the key (401)"}}, o.reconcile().Unreadable)
		asked := o.archive.calls
		d := o.reconcile()
		require.Equal(t, []lead.Unreadable{{Sites: []string{"casas"}, Why: "the credential is held: EasyBroker refuses the key (401)"}}, d.Unreadable)
		require.Empty(t, d.OnlyHere, "a list that cannot be read says nothing of any lead")
		require.Equal(t, asked+1, o.archive.calls, "only the other key's list was read")
		replayed, _, err := o.auditor.Replay(t.Context(), lead.Filter{RemoteIDs: []lead.RemoteID{l.RemoteID}}, false)
		require.NoError(t, err)
		require.Equal(t, lead.Blocked, replayed[0].Verdict)
		require.Contains(t, replayed[0].Why, "held")
	})
}

func TestARestingCredentialIsWaitedFor(t *testing.T) {
	bubble(t, func(t *testing.T) {
		o := newOffice(t, both(easybroker.Partner))
		o.archive.fails["k"] = &easybroker.StatusError{Status: 429, RetryAfter: 10 * time.Second}
		require.Len(t, o.reconcile().Unreadable, 1)
		delete(o.archive.fails, "k")
		asked := time.Now()
		require.Empty(t, o.reconcile().Unreadable)
		require.InDelta(t, 10, time.Since(asked).Seconds(), 1)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := o.auditor.Reconcile(ctx, time.Now())
		require.ErrorIs(t, err, context.Canceled)
	})
}

func routeWith(t *testing.T, api easybroker.API, template string) courier.Route {
	t.Helper()
	parsed, err := lead.ParseTemplate(template)
	require.NoError(t, err)
	r := courier.Route{Site: "casas", Account: account, Template: parsed}
	r.Account.API = api
	return r
}

// What EasyBroker lists is compared with what was sent, and not with what today's
// template would make of it.
func TestAReconciliationKnowsWhatWasSent(t *testing.T) {
	for _, api := range []easybroker.API{easybroker.Partner, easybroker.Plain} {
		for name, test := range map[string]struct {
			listed string // what EasyBroker makes of the message
			fields []lead.Field
		}{
			"as it was sent": {"Hola\nAna", nil},
			"tidied up":      {"hola Ana", nil},
			"changed":        {"Hola", []lead.Field{lead.Message}},
		} {
			t.Run(string(api)+", "+name, func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					o := newOffice(t, []courier.Route{routeWith(t, api, "{message}\n{name}")})
					l := o.ago(time.Minute, "casas", lead.Queued, "Hola")
					_, err := o.store.Amend(t.Context(), l.RemoteID, func(l *lead.Lead) error { l.DueAt = time.Now(); return nil })
					require.NoError(t, err)
					o.run()
					time.Sleep(time.Hour)
					require.Equal(t, lead.Confirmed, o.state(l.RemoteID))

					o.archive.mu.Lock()
					require.Equal(t, "Hola\nAna", o.archive.listed["k"][0].Message)
					o.archive.listed["k"][0].Message = test.listed
					o.archive.mu.Unlock()
					another := []courier.Route{routeWith(t, api, "{message}\nDe: {email}")}
					o.auditor = courier.NewAuditor(courier.New(o.store, o.archive, another, couriertest.Options()), o.store)
					d := o.reconcile()
					if l.State = lead.Confirmed; api == easybroker.Plain && test.fields != nil { // there only the texts tell
						require.Equal(t, []lead.Drifted{drifted(l)}, d.OnlyHere)
						return
					}
					require.Empty(t, d.OnlyHere)
					if test.fields == nil {
						require.Empty(t, d.Differing)
						return
					}
					require.Equal(t, []lead.Drifted{drifted(l, test.fields...)}, d.Differing)
				})
			})
		}
	}
}
