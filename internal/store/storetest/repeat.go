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

// cachedPage posts with one id from a hidden field that several people have.
func cachedPage(t *testing.T, s *store.Store) {
	t.Helper()
	const id = "cached"
	keep := func(at time.Time, email, phone, message string) (lead.Kept, error) {
		sub := posted(t, at, id, message)
		sub.Lead.PropertyID, sub.Lead.Email, sub.Lead.Phone = "EB-CACHED", email, phone
		sub.Content, sub.Own = sub.Lead.Content(), sub.Lead.OwnKeyOf(id)
		return s.Keep(t.Context(), sub)
	}
	at := now()
	first, err := keep(at, "ana@casas.mx", "5512345678", "Hola")
	require.NoError(t, err)
	second, err := keep(at, "eva@casas.mx", "5587654321", "Hola")
	require.NoError(t, err)
	require.False(t, second.Again)
	require.NotEqual(t, first.RemoteID, second.RemoteID)
	for email, want := range map[string]lead.Kept{"ana@casas.mx": first, "eva@casas.mx": second} {
		phone := map[string]string{"ana@casas.mx": "5512345678", "eva@casas.mx": "5587654321"}[email]
		again, err := keep(at.Add(time.Hour), email, phone, "Hola")
		require.NoError(t, err)
		require.Equal(t, lead.Kept{RemoteID: want.RemoteID, Again: true}, again, email)
		_, err = keep(at.Add(time.Hour), email, phone, "Adiós")
		require.ErrorIs(t, err, lead.ErrKeyReused, email)
	}
	_, err = keep(at, "ana@casas.mx", "5500000000", "Adiós")
	require.ErrorIs(t, err, lead.ErrKeyReused, "a phone that was put right is the same person's")
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
