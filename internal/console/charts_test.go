package console

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/lead"
	"leadrelay/internal/locale"
	"leadrelay/web"
)

// counted are stats that are given, whatever is asked for.
type counted struct {
	buckets []lead.Bucket
	asked   *lead.StatsQuery
}

func (c counted) Stats(_ context.Context, q lead.StatsQuery) ([]lead.Bucket, error) {
	*c.asked = q
	return c.buckets, nil
}

func (counted) Overview(context.Context, time.Time, []string) (lead.Now, error) {
	return lead.Now{}, nil
}

func TestChartsHaveASlotForEachHourOrDay(t *testing.T) {
	zone, err := time.LoadLocation("America/Tijuana") // whose summer time ends on 1 November
	require.NoError(t, err)
	now := time.Date(2026, 11, 3, 9, 41, 0, 0, zone)
	for span, want := range map[string]struct {
		slots int
		first string
		by    lead.Period
	}{
		"24h":  {24, "2026-11-02T10:00:00-08:00", lead.Hour},
		"7d":   {7, "2026-10-28T00:00:00-07:00", lead.Day},
		"90d":  {90, "2026-08-06T00:00:00-07:00", lead.Day},
		"":     {7, "2026-10-28T00:00:00-07:00", lead.Day},
		"1000": {7, "2026-10-28T00:00:00-07:00", lead.Day},
	} {
		c := newCharts("/", span, locale.ES, now)
		require.Len(t, c.Slots, want.slots, span)
		require.Equal(t, want.first, c.Slots[0].Format(time.RFC3339), span)
		var asked lead.StatsQuery
		_, err := chartsOf(t.Context(), counted{asked: &asked}, "/", span, "casas", locale.ES, now)
		require.NoError(t, err)
		require.Equal(t, want.by, asked.By, span)
		require.Equal(t, "casas", asked.Site)
		require.True(t, asked.After.Equal(c.Slots[0]))
		require.True(t, asked.Before.After(now))
	}
}

func TestBucketsAreInTheirSlots(t *testing.T) {
	now := time.Date(2026, 11, 24, 9, 41, 0, 0, time.FixedZone("CST", -6*3600))
	c := newCharts("/", "7d", locale.EN, now)
	today, yesterday := c.Slots[6], c.Slots[5]
	fast, slow := lead.Histogram{{AtLeast: time.Second, Leads: 9}}, lead.Histogram{{AtLeast: time.Hour, Leads: 1}}
	fillCharts(&c, []lead.Bucket{
		{At: yesterday.UTC(), Site: "casas", Received: 9, Took: fast},
		{At: yesterday.UTC(), Site: "lofts", Received: 3, Took: slow, Quarantined: 1, Discarded: 1},
		{At: today, Site: "lofts", Received: 1},
		{At: today.AddDate(0, 0, -9), Site: "lofts", Received: 70},
	})
	require.Equal(t, []web.ChartSite{{ID: "casas", Received: []int{0, 0, 0, 0, 0, 9, 0}}, {ID: "lofts", Received: []int{0, 0, 0, 0, 0, 3, 1}}}, c.Sites)
	require.Equal(t, []int{0, 0, 0, 0, 0, 2, 0}, c.Apart)
	require.Less(t, c.P50[5], 2*time.Second)
	require.Greater(t, c.P95[5], time.Hour, "of both sites together")
	require.Zero(t, c.P95[6])
	part, err := web.RenderCharts(c)
	require.NoError(t, err)
	require.Equal(t, 3, strings.Count(string(part), "<figure>"))
}
