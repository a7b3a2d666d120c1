package storetest

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/lead"
	"leadrelay/internal/store"
)

// posted is an inquiry as the door hands it on.
func posted(t *testing.T, at time.Time, key, message string) lead.Submission {
	t.Helper()
	l := Draft(t, at)
	l.Message = message
	return lead.Submission{Lead: l, Tick: lead.Milliseconds, Key: lead.KeyOf(l.Site, key), Content: l.Content()}
}

// repeats posts in turn and says for each which of the leads it is.
func repeats(t *testing.T, s *store.Store) {
	t.Helper()
	const day, year = 24 * time.Hour, 365 * 24 * time.Hour
	tests := map[string][]struct {
		after   time.Duration
		key     string
		message string
		want    string // a number of the lead, or how it is refused
	}{
		"a double click is one lead":                    {{0, "", "Hola", "1"}, {0, "", "Hola", "1 again"}},
		"another message is another lead":               {{0, "", "Hola", "1"}, {0, "", "Hola.", "2"}, {0, "", "Hola", "1 again"}},
		"the same words count for ten minutes":          {{0, "", "Hola", "1"}, {10 * time.Minute, "", "Hola", "1 again"}, {time.Millisecond, "", "Hola", "2"}, {10 * time.Minute, "", "Hola", "2 again"}},
		"a key is one lead for a day":                   {{0, "k", "Hola", "1"}, {day, "k", "Hola", "1 again"}, {time.Millisecond, "k", "Hola", "2"}},
		"a key has one content":                         {{0, "k", "Hola", "1"}, {0, "k", "Adiós", "reused"}, {0, "k", "Hola", "1 again"}, {0, "", "Adiós", "2"}},
		"a key that is over a day old may come again":   {{0, "k", "Hola", "1"}, {day + time.Second, "k", "Adiós", "2"}, {0, "k", "Adiós", "2 again"}},
		"another key with the same words is a repeat":   {{0, "k", "Hola", "1"}, {time.Minute, "l", "Hola", "1 again"}, {time.Hour, "l", "Hola", "1 again"}},
		"a key that comes after the words has a lead":   {{0, "", "Hola", "1"}, {time.Minute, "k", "Hola", "1 again"}, {time.Hour, "k", "Adiós", "reused"}},
		"a clock that was a year ahead holds nobody":    {{0, "k", "Hola", "1"}, {-year, "k", "Hola", "2"}, {0, "k", "Hola", "2 again"}},
		"a clock that was set back a little changes no": {{0, "k", "Hola", "1"}, {-time.Minute, "k", "Hola", "1 again"}, {0, "", "Hola", "1 again"}},
	}
	for name, steps := range tests {
		at := now()
		numbers := map[lead.RemoteID]string{}
		for i, step := range steps {
			at = at.Add(step.after)
			sub := posted(t, at, step.key, step.message)
			sub.Lead.PropertyID = name // each case has its own leads
			sub.Content, sub.Key = sub.Lead.Content(), lead.KeyOf(name, step.key)
			kept, err := s.Keep(t.Context(), sub)
			if step.want == "reused" {
				require.ErrorIs(t, err, lead.ErrKeyReused, "%s, %d", name, i)
				continue
			}
			require.NoError(t, err)
			if numbers[kept.RemoteID] == "" {
				numbers[kept.RemoteID] = string(rune('1' + len(numbers)))
			}
			got := numbers[kept.RemoteID]
			if kept.Again {
				got += " again"
			}
			require.Equal(t, step.want, got, "%s, %d", name, i)
		}
		leads, _, err := s.List(t.Context(), lead.Filter{PropertyID: name, Limit: 100})
		require.NoError(t, err)
		require.Len(t, leads, len(numbers), name)
	}
}

func manyWithOneKey(t *testing.T, s *store.Store) {
	t.Helper()
	const visitors = 500
	first := make(chan lead.RemoteID, visitors)
	ids := make([]lead.RemoteID, visitors)
	sub := posted(t, now(), "k", "Hola")
	var all sync.WaitGroup
	for i := range visitors {
		all.Go(func() {
			kept, err := s.Keep(t.Context(), sub)
			if ids[i] = kept.RemoteID; err == nil && !kept.Again {
				first <- kept.RemoteID
			}
		})
	}
	all.Wait()
	require.Len(t, first, 1, "one of them is no repeat")
	id := <-first
	for _, other := range ids {
		require.Equal(t, id, other)
	}
	leads, _, err := s.List(t.Context(), lead.Filter{Limit: 10})
	require.NoError(t, err)
	require.Len(t, leads, 1)
}

// betterRepeat is a visitor whose first try looked like spam.
func betterRepeat(t *testing.T, s *store.Store) {
	t.Helper()
	at := now()
	spam := judged(t, at, "EB-1", "Hola", "spam")
	first, err := s.Keep(t.Context(), spam)
	require.NoError(t, err)
	again, err := s.Keep(t.Context(), judged(t, at.Add(time.Minute), "EB-1", "Hola", "spam"))
	require.NoError(t, err)
	require.Equal(t, lead.Kept{RemoteID: first.RemoteID, Again: true}, again, "no worse, no better")
	require.Equal(t, lead.Quarantined, found(t, s, first.RemoteID).State)

	good, err := s.Keep(t.Context(), judged(t, at.Add(2*time.Minute), "EB-1", "Hola", "good"))
	require.NoError(t, err)
	require.Equal(t, lead.Kept{RemoteID: first.RemoteID, Again: true, Sooner: true, DueAt: at.Add(2 * time.Minute)}, good)
	l := found(t, s, first.RemoteID)
	require.Equal(t, at, l.ReceivedAt)
	require.Equal(t, at.Add(2*time.Minute), l.QueuedAt, "its deadline counts from here")
	require.Empty(t, l.Reason)

	c := beginOne(t, s, at.Add(2*time.Minute))
	require.Equal(t, first.RemoteID, c.Lead.RemoteID)
	worse := judged(t, at.Add(3*time.Minute), "EB-1", "Hola", "spam")
	worse.Lead.Extra = append(worse.Lead.Extra, lead.Pair{Name: "nota", Value: "llamar por la tarde"})
	_, err = s.Keep(t.Context(), worse)
	require.NoError(t, err)
	require.Equal(t, lead.Sending, found(t, s, first.RemoteID).State, "worse never beats better")
	require.Contains(t, found(t, s, first.RemoteID).Extra, worse.Lead.Extra[2], "nothing typed is dropped")
	require.NoError(t, s.Settle(t.Context(), c, delivery(c, at.Add(3*time.Minute))), "its courier still has it")
}

// corrections are inquiries of visitors who take the address that was meant by
// what they typed.
func corrections(t *testing.T, s *store.Store) {
	t.Helper()
	at := now()
	const typed, meant = "ana@gmial.com", "ana@gmail.com"
	post := func(property, email, state string, at time.Time) lead.Kept {
		sub := judged(t, at, property, "Hola", state)
		sub.Lead.Email = email
		if email == meant {
			sub.Corrects = sub.Lead.Corrects(typed)
			sub.Lead.Extra = append(sub.Lead.Extra, lead.Pair{Name: "typed_email", Value: typed})
		} else {
			sub.Lead.DelayUntil(at.Add(time.Minute))
		}
		sub.Content = sub.Lead.Content()
		kept, err := s.Keep(t.Context(), sub)
		require.NoError(t, err)
		return kept
	}
	emails := func(property string) (all []string) {
		leads, _, err := s.List(t.Context(), lead.Filter{PropertyID: property, Limit: 10})
		require.NoError(t, err)
		for _, l := range leads {
			all = append(all, l.Email)
		}
		return all
	}

	first := post("waits", typed, "good", at)
	require.Equal(t, lead.Kept{RemoteID: first.RemoteID, Again: true, Sooner: true, DueAt: at.Add(time.Second)}, post("waits", meant, "good", at.Add(time.Second)))
	l := found(t, s, first.RemoteID)
	require.Equal(t, meant, l.Email)
	require.Equal(t, at.Add(time.Second), l.DueAt, "nothing is left to wait for")
	require.Contains(t, l.Extra, lead.Pair{Name: "typed_email", Value: typed}, "nothing typed is dropped")
	require.Equal(t, lead.Kept{RemoteID: first.RemoteID, Again: true}, post("waits", meant, "good", at.Add(2*time.Second)), "a double tap")
	require.Equal(t, lead.Kept{RemoteID: first.RemoteID, Again: true}, post("waits", typed, "good", at.Add(3*time.Second)), "the way back")
	require.Equal(t, []string{meant}, emails("waits"))

	c := beginOne(t, s, at.Add(4*time.Second))
	require.Equal(t, meant, c.Lead.Email)
	require.NoError(t, s.Settle(t.Context(), c, delivery(c, at.Add(4*time.Second))))

	post("left", typed, "good", at)
	c = beginOne(t, s, at.Add(time.Minute))
	require.False(t, post("left", meant, "good", at.Add(time.Minute)).Again, "what has left is not called back, and what comes is not lost")
	require.Equal(t, []string{meant, typed}, emails("left"))
	require.NoError(t, s.Settle(t.Context(), c, delivery(c, at.Add(time.Minute))))

	first = post("apart", typed, "spam", at)
	post("apart", meant, "spam", at.Add(time.Second))
	require.Equal(t, lead.Quarantined, found(t, s, first.RemoteID).State)
	require.Equal(t, []string{meant}, emails("apart"))

	first = post("edited", typed, "spam", at)
	_, err := s.Amend(t.Context(), first.RemoteID, func(l *lead.Lead) error {
		return l.Edit(map[lead.Field]string{lead.Email: "ana@casas.mx"}, lead.DefaultRules())
	})
	require.NoError(t, err)
	post("edited", meant, "spam", at.Add(time.Second))
	require.Equal(t, []string{meant, "ana@casas.mx"}, emails("edited"), "a person's word stands")

	require.False(t, post("nobody's", meant, "good", at).Again)
}

// delivery is how a claim ends that EasyBroker has taken.
func delivery(c lead.Claim, at time.Time) lead.Settlement {
	return lead.Settlement{State: lead.Delivered, At: at, Attempt: &lead.Attempt{Number: c.Number, EndedAt: at, Outcome: lead.OutcomeDelivered, Status: 200}}
}

// lastOfTheSame is an inquiry that came again after a person threw it away: the
// next process must not take the third for a repeat of the first.
func lastOfTheSame(t *testing.T, s *store.Store, restart func() *store.Store) {
	t.Helper()
	at := now().Add(-time.Minute)
	first, err := s.Keep(t.Context(), judged(t, at, "EB-1", "Hola", "spam"))
	require.NoError(t, err)
	_, err = s.Amend(t.Context(), first.RemoteID, (*lead.Lead).Discard)
	require.NoError(t, err)
	second, err := s.Keep(t.Context(), judged(t, at.Add(time.Second), "EB-1", "Hola", "good"))
	require.NoError(t, err)
	require.False(t, second.Again)
	s = restart()
	third, err := s.Keep(t.Context(), judged(t, at.Add(2*time.Second), "EB-1", "Hola", "good"))
	require.NoError(t, err)
	require.Equal(t, lead.Kept{RemoteID: second.RemoteID, Again: true}, third)
}
