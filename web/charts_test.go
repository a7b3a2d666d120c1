package web

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"leadrelay/internal/locale"
)

// sampleCharts are charts of a span with so many sites.
func sampleCharts(l locale.Lang, span string, slots, sites int) Charts {
	c := Charts{
		Lang: l, Page: "/", Span: span, ByHour: span == "24h",
		P50: make([]time.Duration, slots), P95: make([]time.Duration, slots), Apart: make([]int, slots),
	}
	at := time.Date(2026, 11, 24, 9, 0, 0, 0, time.FixedZone("CST", -6*3600))
	for i := range slots {
		if c.ByHour {
			c.Slots = append(c.Slots, at.Add(time.Duration(i-slots+1)*time.Hour))
		} else {
			c.Slots = append(c.Slots, at.AddDate(0, 0, i-slots+1))
		}
		if i%11 != 3 { // otherwise nothing came
			c.P50[i] = time.Duration(700+200*math.Sin(float64(i))) * time.Millisecond
			c.P95[i] = time.Duration(2500+1500*math.Cos(float64(i))) * time.Millisecond
		}
		if i == slots/2+1 {
			c.P95[i] = 5*time.Hour + 12*time.Minute // EasyBroker was down
		}
		c.Apart[i] = i * 7 % 5
	}
	for s := range sites {
		received := make([]int, slots)
		for i := range received {
			if i%11 != 3 {
				received[i] = max(0, int(20/float64(s+1)*(1+math.Sin(float64(i+s)/3))))
			}
		}
		c.Sites = append(c.Sites, ChartSite{[]string{"casas", "lofts", "terrenos", "oficinas", "playa", "naves"}[s], received})
	}
	return c
}

func charts(t *testing.T, c Charts) func(*bytes.Buffer) error {
	t.Helper()
	return func(b *bytes.Buffer) error {
		part, err := RenderCharts(c)
		b.WriteString(string(part))
		return err
	}
}

func TestGoldenCharts(t *testing.T) {
	for _, l := range []locale.Lang{locale.ES, locale.EN} {
		for name, c := range map[string]Charts{
			"charts-90d": sampleCharts(l, "90d", 90, 2), "charts-7d": sampleCharts(l, "7d", 7, 6), "charts-24h": sampleCharts(l, "24h", 24, 1),
			"charts-none": sampleCharts(l, "7d", 7, 0),
		} {
			t.Run(name+" in "+string(l), func(t *testing.T) { golden(t, name+"."+string(l)+".html", charts(t, c)) })
		}
	}
}

// The drawings have no more than the table, and both the same.
func TestTheTableHasWhatIsDrawn(t *testing.T) {
	c := sampleCharts(locale.EN, "7d", 7, 6)
	page := parse(t, charts(t, c))
	rows := page.all(func(n *html.Node) bool { return n.Data == "tr" })
	require.Len(t, rows, 1+7)
	require.Contains(t, content(rows[0]), "3 others")
	newest, total := rows[1], 0
	for _, s := range c.Sites {
		total += s.Received[6]
	}
	require.Contains(t, content(newest), "24 Nov")
	require.Contains(t, content(newest), fmt.Sprint(total))
	require.Contains(t, content(newest), duration(c.P95[6]))
	require.Contains(t, content(rows[4]), "–", "nothing came, so it took no time")

	for _, n := range page.all(func(n *html.Node) bool { return n.Data == "svg" && !has(n, "aria-hidden") }) {
		require.Equal(t, "img", attr(n, "role"))
		require.NotEmpty(t, attr(n, "aria-label"))
	}
	require.Empty(t, page.all(runsScript))
	for _, n := range page.all(func(n *html.Node) bool { return has(n, "d") }) {
		require.NotRegexp(t, `NaN|Inf|e[+-]`, attr(n, "d"))
	}
}

// Whatever a site is called, it is text.
func TestASiteOnTheChartsIsText(t *testing.T) {
	c := sampleCharts(locale.ES, "7d", 7, 1)
	c.Sites[0].ID = `</text><script>alert(1)</script>"'`
	page := parse(t, charts(t, c))
	require.Empty(t, page.all(runsScript))
	require.Contains(t, page.text(), c.Sites[0].ID)
}

func TestEveryCountHasItsPlaceOnTheScale(t *testing.T) {
	for counts, want := range map[string]int{"": 1, "0": 1, "1": 1, "2": 2, "3": 3, "5": 6, "7": 8, "9": 10, "11": 20, "501": 600, "4999": 6000} {
		var all []int
		for _, word := range strings.Fields(counts) {
			var n int
			_, err := fmt.Sscan(word, &n)
			require.NoError(t, err)
			all = append(all, n)
		}
		require.Equal(t, want, niceMax(all), counts)
	}
	require.Equal(t, "M22.4 112h115.2v-94h-115.2zM182.4 65h115.2v-47h-115.2z", barPath([]int{0, 5}, []int{10, 5}, 10))
}

func TestDurationsOnTheCharts(t *testing.T) {
	for want, d := range map[string]time.Duration{
		"": 0, "0.1 s": 63 * time.Millisecond, "0.8 s": 812 * time.Millisecond, "9.9 s": 9900 * time.Millisecond, "42 s": 42 * time.Second,
		"1.5 min": 90 * time.Second, "10 min": 10 * time.Minute, "5 h": 5*time.Hour + 12*time.Minute, "47 h": 47 * time.Hour, "3 d": 72 * time.Hour,
	} {
		require.Equal(t, want, duration(d))
	}
}
