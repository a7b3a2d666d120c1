package console_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/console"
	"leadrelay/internal/lead"
	"leadrelay/internal/problem"
)

// stats requires counts.
func (d *desk) stats(query string) (answer console.StatsAnswer) {
	d.t.Helper()
	w := d.get("/api/v1/stats?" + query)
	require.Equal(d.t, http.StatusOK, w.Code, w.Body.String())
	require.NoError(d.t, json.Unmarshal(w.Body.Bytes(), &answer))
	return answer
}

func TestStats(t *testing.T) {
	d := newDesk(t)
	for _, state := range []lead.State{lead.Quarantined, lead.Discarded, lead.Failed} {
		d.put(state)
	}
	d.keep(0, lead.Inquiry{})
	d.settle(d.begin(), lead.Settlement{State: lead.Delivered, At: noon.Add(time.Second)})
	d.keep(2*time.Hour, lead.Inquiry{Site: "lotes"})
	near := "after=" + url.QueryEscape(noon.Add(-48*time.Hour).Format(time.RFC3339)) + "&before=" + url.QueryEscape(noon.Add(48*time.Hour).Format(time.RFC3339))
	ms := int64(1189) // the middle of 1000 to 1414
	casas := console.Bucket{At: noon.Truncate(time.Hour), Site: "casas", Received: 4, Failed: 1, Quarantined: 1, Discarded: 1, P50MS: &ms, P95MS: &ms}
	lotes := console.Bucket{At: noon.Add(2 * time.Hour).Truncate(time.Hour), Site: "lotes", Received: 1}
	now := console.Now{OnTheWay: 1, WaitingForYou: 1, Quarantined: 1}

	require.Equal(t, console.StatsAnswer{Buckets: []console.Bucket{casas, lotes}, Now: now}, d.stats("by=hour&"+near))
	require.Equal(t, console.StatsAnswer{Buckets: []console.Bucket{lotes}, Now: console.Now{OnTheWay: 1}}, d.stats("by=hour&site=lotes&"+near))
	y, m, day := noon.In(time.Local).Date()
	casas.At = time.Date(y, m, day, 0, 0, 0, 0, time.Local).UTC()
	lotes.At = casas.At
	require.Equal(t, []console.Bucket{casas, lotes}, d.stats(near).Buckets, "in a zone where both are of one day")
	require.Equal(t, []console.Bucket{}, d.stats("after=1999-01-01T00:00:00Z&before=2000-01-01T00:00:00Z&by=").Buckets)
	require.Empty(t, d.stats("by=hour").Buckets, "a day")
}

func TestStatsThatAreRefused(t *testing.T) {
	d := newDesk(t)
	for query, wrong := range map[string][]string{
		"by=week&after=yesterday&limit=1":                                    {"after", "by", "limit"},
		"by=hour&after=2026-01-01T00:00:00Z&before=2026-06-01T00:00:00Z":     {"after"},
		"after=1900-01-01T00:00:00Z&before=2026-06-01T00:00:00Z":             {"after"},
		"site=casas&site=lotes":                                              {"site"},
		"by=hour&after=0001-01-02T00:00:00Z&before=9999-12-31T23:59:59.999Z": {"after"},
	} {
		doc := d.refused(d.get("/api/v1/stats?"+query), http.StatusBadRequest, problem.BadQuery)
		var got []string
		for _, f := range doc.Errors {
			require.NotEmpty(t, f.Message)
			got = append(got, f.Field)
		}
		require.Equal(t, wrong, got, query)
	}
	d.close()
	d.refused(d.get("/api/v1/stats"), http.StatusServiceUnavailable, problem.TryAgain)
}
