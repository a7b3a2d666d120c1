// Package storetest states what a store promises, for every database that
// leadrelay keeps leads in. Only tests import it.
package storetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/lead"
	"leadrelay/internal/store"
)

const site = "casas"

// lease is longer than any test.
const lease = time.Minute

// tests are the suite's, by what they promise.
type tests map[string]func(*testing.T, *store.Store)

// Run runs the whole suite; open returns an empty store that the test closes.
func Run(t *testing.T, open func(t *testing.T) *store.Store) {
	t.Helper()
	for _, some := range []tests{ofOne(), ofMany()} {
		some.run(t, open)
	}
}

// RunWhatRaces runs what many ask for at once, which is what the race detector is for.
func RunWhatRaces(t *testing.T, open func(t *testing.T) *store.Store) {
	t.Helper()
	ofMany().run(t, open)
}

func (some tests) run(t *testing.T, open func(t *testing.T) *store.Store) {
	t.Helper()
	for name, test := range some {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // most of them wait for a disk or a server
			test(t, open(t))
		})
	}
}

func ofMany() tests {
	return tests{
		"a thousand visitors at once get a thousand ids": uniqueIDs,
		"a lead is claimed by one courier only":          oneCourier,
		"five hundred with one key are one lead":         manyWithOneKey,
	}
}

func ofOne() tests {
	return tests{
		"a lead that was kept is found again, the same":          foundAgain,
		"a lead has the trace of the first post":                 keepsTrace,
		"ids grow when the clock jumps back":                     clockJumpsBack,
		"ids that count seconds and milliseconds never meet":     bothTicks,
		"an attempt that nobody ended makes the lead doubtful":   interrupted,
		"a settlement after the lease changes nothing":           lateSettlement,
		"a look-up that was given back keeps its turn":           unclaimed,
		"what fell due lately can be taken first":                lately,
		"a clock that is set back leaves no lead waiting":        setBack,
		"leads past their deadline fail, those due longest":      expired,
		"look-ups come back with what may have been taken":       lookedUp,
		"an intent says what will be sent":                       intent,
		"of many attempts the newest are kept, and the first":    manyAttempts,
		"a look-up takes no more than there is room for":         lookedUpByBytes,
		"a settled lead is due when the settlement says":         settledLater,
		"a delivered lead is never sent again":                   delivered,
		"claims know of no other site":                           otherSite,
		"claims take the lead that waits longest":                longestFirst,
		"trials take the newest lead of the other properties":    trials,
		"the time of the next due lead is known":                 nextDue,
		"the sites with a lead that is due are known":            sitesDue,
		"a list is newest first, filtered, and pages to the end": listed,
		"a page has no more than there is room for":              listedByBytes,
		"a search finds what a look at each lead finds":          searched,
		"leads are counted by site and state":                    counted,
		"an unknown lead is not found":                           notFound,
		"a store that takes writes is ready":                     ready,
		"a repeat is the lead that it repeats":                   repeats,
		"a repeat counts against who is on the way or arrived":   sequences,
		"a better repeat begins the first one's way":             betterRepeat,
		"a correction takes the place of what has not left":      corrections,

		"a person's change is written down whole":           amended,
		"a change that fails changes nothing":               amendmentFails,
		"a lead that a person queues begins anew":           queuedAnew,
		"whoever had claimed a changed lead is too late":    amendmentWins,
		"a lead that is seen in the list is confirmed":      confirmed,
		"a confirmed lead is carried by nobody":             confirmationWins,
		"a late sign quarantines a lead before it is tried": quarantined,
		"a lead on its way is not quarantined":              notQuarantined,
		"a lead that a person released is not quarantined":  notQuarantinedAgain,
		"a delayed lead is due when the delay is over":      delayed,
		"leads that EasyBroker has taken since a time":      taken,
		"drift reports are kept, newest first, the last 50": reports,

		"the secret is made once":                                 secretMadeOnce,
		"a session that has ended has ended until its end":        sessionEnded,
		"sessions that have ended are bounded, and stay ended":    sessionsBounded,
		"a job goes on where it was, and moves nothing twice":     jobGoesOn,
		"a job that is aborted moves nothing more":                jobAborted,
		"a pause stays, and a new one goes on where the last was": paused,

		"a token is known by its digest until it is revoked or has expired": tokensKnown,
		"there are so many tokens at most":                                  tokensBounded,
		"whoever sees some sites sees nothing of others":                    someSites,

		"what somebody does is noted with it, and stays":    noted,
		"what was done two years ago is forgotten by steps": notedForTwoYears,

		"a person is erased, and the number, site, state and times stay": personErased,
		"what people ask for is kept until it has ended":                 requestsKept,
		"a notice is found, with whatever signs":                         noticeFound,
		"a report tells no more of who is blocked or erased":             personInReports,
		"a person is blocked, and erased when the time is over":          personBlocked,
		"a person who was blocked by mistake is unblocked":               personUnblocked,

		"alerts stay, and closed ones for a day":          alertsStay,
		"leads that wait for too long are found":          stuckLeads,
		"a failed lead that was looked at may fail again": failedLeadsAreSeen,

		"others are told of a lead once it is queued":          toldOnceQueued,
		"who asks for what waits is told of nothing else":      toldOfWhatWaits,
		"others are told of each step of a lead":               toldOfEachStep,
		"a delivery that nobody settled is due again":          deliveryIsDueAgain,
		"a channel that is off is tried when a person says so": channelOff,
		"a clock that is set back holds no delivery":           clockSetBack,
		"a test inquiry is told, and is no lead":               testInquiries,
		"deliveries that have ended are forgotten":             deliveriesForgotten,

		"stats are what a count of all leads is":                 statsAreExact,
		"a day of stats begins at midnight":                      statsByDay,
		"who watches is told of each change":                     watched,
		"what waits now is counted":                              waitsNow,
		"a settlement makes no illegal move":                     settledIllegally,
		"a person's change makes no illegal move":                amendedIllegally,
		"what a statement moves by itself makes no illegal move": movedByStatements,
	}
}

// Draft returns a valid lead, received at the given time.
func Draft(tb testing.TB, at time.Time) lead.Lead {
	tb.Helper()
	l, err := lead.New(lead.Inquiry{
		Site: site, PropertyID: "EB-XX1234", Name: "María José Ñandú", Email: "mj@ejemplo.mx",
		Phone: "55 1234 5678", Message: "¿Sigue disponible?\n\"Gracias\" 🏡",
		Context: map[string]string{"utm_source": "boletín"},
		Extra:   []lead.Pair{{Name: "¿Crédito?", Value: "Infonavit"}, {Name: "zona", Value: "Roma\nCondesa"}},
	}, "casas.mx", lead.DefaultRules(), at)
	require.NoError(tb, err)
	return l
}

// now is cut to what a database holds.
func now() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }

func keep(t *testing.T, s *store.Store, at time.Time) lead.RemoteID {
	t.Helper()
	kept, err := s.Keep(t.Context(), lead.Submission{Lead: Draft(t, at), Tick: lead.Milliseconds})
	require.NoError(t, err)
	return kept.RemoteID
}

// keepIn keeps a lead as if it had come into the state long ago.
func keepIn(t *testing.T, s *store.Store, state lead.State, at time.Time) lead.RemoteID {
	t.Helper()
	l := Draft(t, at)
	l.State = state
	kept, err := s.Keep(t.Context(), lead.Submission{Lead: l, Tick: lead.Milliseconds})
	require.NoError(t, err)
	return kept.RemoteID
}

func due(at time.Time, n int) lead.Due { return lead.Due{Now: at, N: n, Lease: lease} }

func begin(t *testing.T, s *store.Store, at time.Time, n int) []lead.Claim {
	t.Helper()
	claims, _, err := s.Begin(t.Context(), site, due(at, n))
	require.NoError(t, err)
	return claims
}

func beginOne(t *testing.T, s *store.Store, at time.Time) lead.Claim {
	t.Helper()
	claims := begin(t, s, at, 1)
	require.Len(t, claims, 1)
	return claims[0]
}

func claimLookups(t *testing.T, s *store.Store, at time.Time) []lead.Claim {
	t.Helper()
	claims, _, err := s.ClaimLookups(t.Context(), []string{"lofts", site}, due(at, 10))
	require.NoError(t, err)
	return claims
}

func claimLookup(t *testing.T, s *store.Store, at time.Time) lead.Claim {
	t.Helper()
	claims := claimLookups(t, s, at)
	require.Len(t, claims, 1)
	return claims[0]
}

// settle takes the lead through one attempt.
func settle(t *testing.T, s *store.Store, at time.Time, to lead.Settlement) lead.Claim {
	t.Helper()
	c := beginOne(t, s, at)
	to.Attempt.Number, to.Attempt.EndedAt = c.Number, at.Add(time.Second)
	to.At = to.Attempt.EndedAt
	require.NoError(t, s.Settle(t.Context(), c, to))
	return c
}
