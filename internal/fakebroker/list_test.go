package fakebroker_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/easybroker"
	"leadrelay/internal/fakebroker"
)

func TestARepeatedRemoteID(t *testing.T) {
	tests := map[string]struct {
		want            string
		messages, posts string
	}{
		"":           {"taken", "uno dos", "1 1"},
		"double":     {"taken", "uno dos", "1 1"},
		"ignore":     {"taken", "uno", "2"},
		"update":     {"taken", "dos", "2"},
		"refuse_409": {"409", "uno", "2"},
		"refuse_422": {"422", "uno", "2"},
	}
	for repeat, tt := range tests {
		t.Run(repeat, func(t *testing.T) {
			b := newBench(t, fakebroker.Faults{Repeat: repeat})
			cr := inquiry(9)
			cr.Message = "uno"
			_, err := b.client.Create(t.Context(), b.partner, cr)
			require.NoError(t, err)
			cr.Message = "dos"
			_, err = b.client.Create(t.Context(), b.partner, cr)
			require.Equal(t, tt.want, ending(err))
			if se, ok := errors.AsType[*easybroker.StatusError](err); ok {
				require.True(t, se.NamesRemoteID)
			}
			var messages, posts []string
			for _, k := range b.Book() {
				messages, posts = append(messages, k.Message), append(posts, fmt.Sprint(k.Posts))
			}
			require.Equal(t, tt.messages, strings.Join(messages, " "))
			require.Equal(t, tt.posts, strings.Join(posts, " "))
		})
	}
}

func TestAnAccountMayMergeTheSamePerson(t *testing.T) {
	for merge, want := range map[bool]int{false: 2, true: 1} {
		b := newBench(t, fakebroker.Faults{Merge: merge})
		for range 2 {
			_, err := b.client.Create(t.Context(), b.account, inquiry(0))
			require.NoError(t, err)
		}
		require.Len(t, b.Book(), want)
	}
}

func TestWhatTheListShows(t *testing.T) {
	at := func(b *bench, d time.Duration) time.Time { return b.now.Add(d) }
	tests := map[string]struct {
		faults fakebroker.Faults
		query  func(*bench) easybroker.Query
		want   []int64
	}{
		"newest first":               {want: []int64{5, 4, 3, 2, 1}},
		"oldest first":               {faults: fakebroker.Faults{Order: "asc"}, want: []int64{1, 2, 3, 4, 5}},
		"shuffled":                   {faults: fakebroker.Faults{Order: "shuffled", Seed: 1}, want: []int64{1, 3, 2, 5, 4}},
		"nothing, for ever":          {faults: fakebroker.Faults{ListLag: fakebroker.Forever}, want: []int64{}},
		"nothing yet":                {faults: fakebroker.Faults{ListLag: fakebroker.Duration(time.Minute)}, want: []int64{}},
		"nothing at the first call":  {faults: fakebroker.Faults{ListLagCalls: 1}, want: []int64{}},
		"every second one swallowed": {faults: fakebroker.Faults{SwallowEvery: 2}, want: []int64{5, 3, 1}},
		"a property swallowed":       {faults: fakebroker.Faults{SwallowProperties: []string{"EB-XXXX01"}}, want: []int64{}},
		"a window with its ends": {query: func(b *bench) easybroker.Query {
			return easybroker.Query{After: at(b, -2*time.Second), Before: at(b, 0)}
		}, want: []int64{5, 4, 3}},
		"a window without its ends": {faults: fakebroker.Faults{Window: "exclusive"}, query: func(b *bench) easybroker.Query {
			return easybroker.Query{After: at(b, -2*time.Second), Before: at(b, 0)}
		}, want: []int64{4}},
		"a clock that is ahead": {faults: fakebroker.Faults{ClockSkew: fakebroker.Duration(time.Hour)}, query: func(b *bench) easybroker.Query { return easybroker.Query{Before: b.now} }, want: []int64{}},
		"another property":      {query: func(*bench) easybroker.Query { return easybroker.Query{PropertyID: "EB-2"} }, want: []int64{}},
		"this property":         {query: func(*bench) easybroker.Query { return easybroker.Query{PropertyID: "EB-XXXX01"} }, want: []int64{5, 4, 3, 2, 1}},
		"pages of two":          {query: func(*bench) easybroker.Query { return easybroker.Query{Limit: 2} }, want: []int64{5, 4, 3, 2, 1}},
		"numbers":               {faults: fakebroker.Faults{RemoteIDAs: "number"}, want: []int64{5, 4, 3, 2, 1}},
		"no remote_id":          {faults: fakebroker.Faults{RemoteIDAs: "absent"}, want: []int64{0, 0, 0, 0, 0}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, tt.faults)
			b.now = b.now.Truncate(time.Second)
			for id := range int64(5) {
				require.NoError(t, b.post(id+1))
				b.now = b.now.Add(time.Second)
			}
			b.now = b.now.Add(-time.Second)
			var q easybroker.Query
			if tt.query != nil {
				q = tt.query(b)
			}
			require.Equal(t, tt.want, b.list(q))
		})
	}
}

func TestALagEnds(t *testing.T) {
	b := newBench(t, fakebroker.Faults{ListLag: fakebroker.Duration(time.Minute)})
	require.NoError(t, b.post(1))
	require.Empty(t, b.list(easybroker.Query{}))
	b.now = b.now.Add(time.Minute)
	require.Equal(t, []int64{1}, b.list(easybroker.Query{}))

	b = newBench(t, fakebroker.Faults{ListLagCalls: 2})
	require.NoError(t, b.post(1))
	require.Empty(t, b.list(easybroker.Query{}))
	require.Empty(t, b.list(easybroker.Query{}))
	require.Equal(t, []int64{1}, b.list(easybroker.Query{}))
}

func TestASwallowedOneIsInTheBookAndMarked(t *testing.T) {
	b := newBench(t, fakebroker.Faults{SwallowEvery: 2})
	for id := range int64(4) {
		require.NoError(t, b.post(id+1))
	}
	var marks []bool
	for _, k := range b.Book() {
		marks = append(marks, k.Swallowed)
	}
	require.Equal(t, []bool{false, true, false, true}, marks)
}

func TestItemsThatMoveAreMissedByOneReadingAndFoundByAnother(t *testing.T) {
	b := newBench(t, fakebroker.Faults{MovePages: true})
	for id := range int64(4) {
		require.NoError(t, b.post(id+1))
	}
	found := map[string]int{}
	for range 30 {
		found[fmt.Sprint(b.list(easybroker.Query{Limit: 2}))]++
	}
	require.NotZero(t, found["[4 3 2 1]"])
	require.NotZero(t, found["[4 3 3 1]"], "one twice, one never")
}

func TestStatusAndZoneInTheList(t *testing.T) {
	for status, want := range map[string]string{"": "processed", "pending": "pending", "failed": "failed", "absent": ""} {
		b := newBench(t, fakebroker.Faults{Status: status, Zone: "-06:00"})
		require.NoError(t, b.post(1))
		page, err := b.client.List(t.Context(), b.partner, easybroker.Query{})
		require.NoError(t, err)
		require.Equal(t, want, page.Content[0].Status)
		require.True(t, b.now.Equal(page.Content[0].HappenedAt))
		_, offset := page.Content[0].HappenedAt.Zone()
		require.Equal(t, -6*3600, offset)
	}
}

func TestTheNextPageIsAnAbsoluteURL(t *testing.T) {
	b := newBench(t, fakebroker.Faults{})
	for id := range int64(3) {
		require.NoError(t, b.post(id+1))
	}
	w := call(b.Broker, "GET", "http://fake.test/v1/integration_partners/contact_requests?limit=2&property_id=EB-XXXX01", "", "X-Authorization: good")
	var got struct {
		Pagination struct {
			NextPage any `json:"next_page"`
		}
	}
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &got))
	require.Equal(t, "http://fake.test/v1/integration_partners/contact_requests?limit=2&page=2&property_id=EB-XXXX01", got.Pagination.NextPage)
	require.NotEmpty(t, w.Header().Get("X-Request-Id"))
	require.NotEmpty(t, w.Header().Get("Set-Cookie"))
}
