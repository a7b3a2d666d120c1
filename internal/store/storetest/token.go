package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/access"
	"leadrelay/internal/lead"
	"leadrelay/internal/store"
)

// addToken keeps a token, and returns it with what is to be sent.
func addToken(t *testing.T, s *store.Store, name string, expires time.Time, sites ...string) (access.Token, string) {
	t.Helper()
	made, secret, err := access.New(access.Settings(), name, access.Operator, sites, now(), expires)
	require.NoError(t, err)
	require.NoError(t, s.AddToken(t.Context(), made, access.Sum(secret)))
	return made, secret
}

func tokensKnown(t *testing.T, s *store.Store) {
	t.Helper()
	soon := now().Add(300 * time.Millisecond)
	all, allSecret := addToken(t, s, "ana", time.Time{})
	bound, boundSecret := addToken(t, s, "agencia", soon, "lofts", "casas", "lofts")
	require.Equal(t, []string{"casas", "lofts"}, bound.Sites)
	taken, _, err := access.New(access.Settings(), "ana", access.Viewer, nil, now(), time.Time{})
	require.NoError(t, err)
	require.ErrorIs(t, s.AddToken(t.Context(), taken, access.Sum("x")), access.ErrTaken)

	tokens, err := s.Tokens(t.Context())
	require.NoError(t, err)
	require.Equal(t, []access.Token{bound, all}, tokens, "nobody has used them")
	today := now().Truncate(24 * time.Hour)
	for range 2 {
		got, err := s.TokenByDigest(t.Context(), access.Sum(allSecret))
		require.NoError(t, err)
		all.UsedOn = got.UsedOn // midnight may be near
		require.WithinDuration(t, today, got.UsedOn, 24*time.Hour)
		require.Equal(t, all, got)
		byID, err := s.TokenByID(t.Context(), all.ID)
		require.NoError(t, err)
		require.Equal(t, all, byID)
	}
	_, err = s.TokenByDigest(t.Context(), access.Sum(allSecret+" "))
	require.ErrorIs(t, err, lead.ErrNotFound)
	if got, err := s.TokenByDigest(t.Context(), access.Sum(boundSecret)); err == nil { // else 300 ms were over
		require.Equal(t, bound.Sites, got.Sites)
	}
	require.Eventually(t, func() bool {
		_, err := s.TokenByID(t.Context(), bound.ID)
		return err != nil
	}, 10*time.Second, 20*time.Millisecond)
	_, err = s.TokenByDigest(t.Context(), access.Sum(boundSecret))
	require.ErrorIs(t, err, lead.ErrNotFound, "it has expired")
	tokens, err = s.Tokens(t.Context())
	require.NoError(t, err)
	require.Len(t, tokens, 2, "and is listed until it is revoked")

	require.NoError(t, s.RevokeToken(t.Context(), all))
	require.ErrorIs(t, s.RevokeToken(t.Context(), all), lead.ErrNotFound)
	_, err = s.TokenByID(t.Context(), all.ID)
	require.ErrorIs(t, err, lead.ErrNotFound)
	again, _ := addToken(t, s, "ana", time.Time{})
	_, err = s.TokenByID(t.Context(), all.ID)
	require.ErrorIs(t, err, lead.ErrNotFound, "another of the same name is another")
	require.NotEqual(t, all.ID, again.ID)
}

func tokensBounded(t *testing.T, s *store.Store) {
	t.Helper()
	for i := range access.MaxTokens {
		addToken(t, s, fmt.Sprint("n", i), time.Time{})
	}
	one, _, err := access.New(access.Settings(), "more", access.Viewer, nil, now(), time.Time{})
	require.NoError(t, err)
	require.ErrorIs(t, s.AddToken(t.Context(), one, access.Sum("x")), access.ErrFull)
}

// someSites asks for everything in each way in which it can be restricted to sites.
func someSites(t *testing.T, s *store.Store) {
	t.Helper()
	at := now().Add(-time.Hour)
	ids := map[string][]lead.RemoteID{}
	for i, of := range []string{"casas", "lofts", "costa", "casas"} {
		l := Draft(t, at.Add(time.Duration(i)*time.Second))
		l.Site, l.Message, l.State, l.Reason = of, "Hola de "+of, lead.Failed, lead.ReasonMissing
		if i == 3 {
			l.Quarantine("honeypot")
		}
		kept, err := s.Keep(t.Context(), lead.Submission{Lead: l, Tick: lead.Milliseconds})
		require.NoError(t, err)
		ids[of] = append(ids[of], kept.RemoteID)
	}
	for range 2 { // before and after they are in the search index
		for _, sites := range [][]string{{"casas"}, {"lofts", "costa"}, {}, {"nowhere"}, nil} {
			sees := access.Access{Sites: sites}
			want := 0
			for of, some := range ids {
				if sees.Sees(of) {
					want += len(some)
				}
			}
			for name, f := range map[string]lead.Filter{
				"all": {}, "by text": {Text: "hola"}, "by time": {After: at.Add(-time.Minute)}, "by property": {PropertyID: "EB-XX1234"},
				"by ids": {RemoteIDs: append(append(append([]lead.RemoteID{}, ids["casas"]...), ids["lofts"]...), ids["costa"]...)},
			} {
				f.Sites, f.Limit = sites, 50
				leads, _, err := s.List(t.Context(), f)
				require.NoError(t, err)
				require.Len(t, leads, want, name)
				for _, l := range leads {
					require.True(t, sees.Sees(l.Site), name)
				}
				f.Site = "costa"
				leads, _, err = s.List(t.Context(), f)
				require.NoError(t, err)
				require.Equal(t, sees.Sees("costa"), len(leads) == 1, name)
			}
			leads, _, err := s.List(t.Context(), lead.Filter{Sites: sites, State: lead.Failed, Limit: 50})
			require.NoError(t, err)
			odd, err := s.OddLeads(t.Context(), 50, sites)
			require.NoError(t, err)
			require.Len(t, odd, len(leads))
			n, err := s.Overview(t.Context(), at, sites)
			require.NoError(t, err)
			require.Equal(t, want, n.ReceivedToday)
			require.Equal(t, len(leads), n.WaitingForYou)
			buckets, err := s.Stats(t.Context(), lead.StatsQuery{Sites: sites, After: at.Add(-time.Hour), Before: at.Add(2 * time.Hour), By: lead.Hour})
			require.NoError(t, err)
			received := 0
			for _, b := range buckets {
				require.True(t, sees.Sees(b.Site))
				received += b.Received
			}
			require.Equal(t, want, received)
			reasons, err := s.QuarantineReasons(t.Context(), at.Add(-time.Minute), sites)
			require.NoError(t, err)
			require.Equal(t, sees.Sees("casas"), len(reasons) == 1)
		}
		index(t, s)
	}
}
