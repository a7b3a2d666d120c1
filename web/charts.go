package web

import (
	"bytes"
	"fmt"
	"html/template"
	"math"
	"slices"
	"strings"
	"time"

	"leadrelay/internal/locale"
)

// Charts are what has come lately, as small drawings with a table behind them. All
// slices but Sites have an element for each slot.
type Charts struct {
	Lang   locale.Lang
	Page   string // path of the page that has them
	Span   string // one of ChartSpans
	ByHour bool
	Slots  []time.Time // when each hour or day begins, oldest first, in the zone that is shown
	Sites  []ChartSite
	// How long it took until EasyBroker had half of them, and 95 %. Zero is none.
	P50, P95 []time.Duration
	Apart    []int // quarantined or discarded
}

// ChartSite is how many inquiries came to a site.
type ChartSite struct {
	ID       string
	Received []int
}

// ChartSpans are the spans of time to choose from.
var ChartSpans = []string{"24h", "7d", "90d"}

var chartsPage = parsePage("console/charts.html")

// RenderCharts returns the charts as a part of a page. They bring their style sheet.
func RenderCharts(c Charts) (template.HTML, error) {
	var b bytes.Buffer
	if err := chartsPage.Execute(&b, newChartsView(c)); err != nil {
		return "", err
	}
	return template.HTML(b.String()), nil //nolint:gosec // the template has escaped it
}

// The drawings have these measures, in units that are about a pixel.
const (
	chartWidth, chartHeight   = 320, 132
	plotTop, plotBottom       = 18.0, 112.0
	plotLeft, plotRight       = 0.0, 320.0
	timesLeft                 = 44.0 // beside the labels of the times
	mostSites                 = 3    // that have a shade of their own
	fewSlots                  = 31
	dotRadius, smallDotRadius = 3.0, 1.2
)

// chartsView is what the template shows.
type chartsView struct {
	Charts
	Spans                     []string
	Width, Height             int
	Top, Middle, Bottom, Left string // lines
	Total, Most, Set, MostSet int
	Bars                      []bars
	ApartBars                 string
	Lines                     []line
	Ticks                     []tick
	First, Last               string
	Title                     string
	Rows                      []chartRow
}

// bars are the bars of a site, as a path.
type bars struct {
	Class, Name, Path string
	Total             int
}

// line is a line of the chart of times.
type line struct {
	Class, Path string
	Dots        []dot
	Radius      string
}

type dot struct{ X, Y string }

// tick is a line of the chart of times that has a label.
type tick struct{ Y, Label string }

// chartRow is a row of the table.
type chartRow struct {
	Slot                string
	Received            []int
	Total, Apart        int
	P50, P95            string
	HasArrived, IsQuiet bool
}

func newChartsView(c Charts) chartsView {
	c.Sites = fewSites(c.Sites, len(c.Slots), c.Lang)
	v := chartsView{
		Charts: c, Spans: ChartSpans, Width: chartWidth, Height: chartHeight,
		Top: number(plotTop), Middle: number((plotTop + plotBottom) / 2), Bottom: number(plotBottom), Left: number(timesLeft), Title: "charts.received.day",
	}
	if c.ByHour {
		v.Title = "charts.received.hour"
	}
	totals := make([]int, len(c.Slots))
	for _, s := range c.Sites {
		for i, n := range s.Received {
			totals[i] += n
			v.Total += n
		}
	}
	for _, n := range c.Apart {
		v.Set += n
	}
	v.Most, v.MostSet = niceMax(totals), niceMax(c.Apart)
	v.Bars = stack(c.Sites, len(c.Slots), v.Most)
	v.ApartBars = barPath(make([]int, len(c.Slots)), c.Apart, v.MostSet)
	v.drawTimes()
	if len(c.Slots) > 0 {
		v.First, v.Last = slotLabel(c, 0), slotLabel(c, len(c.Slots)-1)
	}
	for i := range c.Slots {
		row := chartRow{Slot: slotLabel(c, i), Total: totals[i], Apart: c.Apart[i], HasArrived: c.P95[i] > 0, P50: duration(c.P50[i]), P95: duration(c.P95[i])}
		for _, s := range c.Sites {
			row.Received = append(row.Received, s.Received[i])
		}
		v.Rows = append(v.Rows, row)
	}
	slices.Reverse(v.Rows) // the newest is what is looked for
	return v
}

// fewSites returns the sites with the most inquiries, most first, and all others as
// one.
func fewSites(sites []ChartSite, slots int, lang locale.Lang) []ChartSite {
	sum := func(s ChartSite) (n int) {
		for _, one := range s.Received {
			n += one
		}
		return n
	}
	sites = slices.Clone(sites)
	slices.SortStableFunc(sites, func(a, b ChartSite) int { return sum(b) - sum(a) })
	if len(sites) <= mostSites+1 {
		return sites
	}
	others := ChartSite{ID: locale.Text(lang, "charts.others", len(sites)-mostSites), Received: make([]int, slots)}
	for _, s := range sites[mostSites:] {
		for i, n := range s.Received {
			others.Received[i] += n
		}
	}
	return append(sites[:mostSites:mostSites], others)
}

// stack draws the bars of the sites on top of each other.
func stack(sites []ChartSite, slots, most int) (all []bars) {
	below := make([]int, slots)
	for i, s := range sites {
		b := bars{Class: fmt.Sprintf("shade-%d", i), Name: s.ID, Path: barPath(below, s.Received, most)}
		for j, n := range s.Received {
			b.Total += n
			below[j] += n
		}
		all = append(all, b)
	}
	return all
}

// barPath draws a bar for each count, from below upwards.
func barPath(below, counts []int, most int) string {
	var path strings.Builder
	const part = 0.72 // of the slot is bar
	slot := (plotRight - plotLeft) / float64(max(1, len(counts)))
	for i, n := range counts {
		if n == 0 {
			continue
		}
		height := func(n int) float64 { return (plotBottom - plotTop) * float64(n) / float64(most) }
		fmt.Fprintf(&path, "M%s %sh%sv-%sh-%sz", number(plotLeft+slot*(float64(i)+(1-part)/2)), number(plotBottom-height(below[i])),
			number(slot*part), number(height(n)), number(slot*part))
	}
	return path.String()
}

// niceMax is where the scale ends: a round number.
func niceMax(counts []int) int {
	if len(counts) == 0 {
		return 1
	}
	most := max(1, slices.Max(counts))
	for unit := 1; ; unit *= 10 {
		for _, n := range []int{1, 2, 3, 4, 6, 8} {
			if n*unit >= most {
				return n * unit
			}
		}
	}
}

// drawTimes draws the times on a scale of powers of ten: most leads take a second, and
// some a day.
func (v *chartsView) drawTimes() {
	var shortest, longest time.Duration
	for i, p95 := range v.P95 {
		if p95 > 0 {
			if shortest == 0 || v.P50[i] < shortest {
				shortest = v.P50[i]
			}
			longest = max(longest, p95)
		}
	}
	if longest == 0 {
		return
	}
	low, high := math.Log10(shortest.Seconds())-0.15, math.Log10(longest.Seconds())+0.15
	if missing := 1 - (high - low); missing > 0 {
		low, high = low-missing/2, high+missing/2
	}
	y := func(d time.Duration) float64 {
		return plotBottom - (plotBottom-plotTop)*(math.Log10(d.Seconds())-low)/(high-low)
	}
	above := chartHeight + 0.0
	for _, d := range []time.Duration{100 * time.Millisecond, time.Second, 10 * time.Second, time.Minute, 10 * time.Minute, time.Hour, 10 * time.Hour, 100 * time.Hour} {
		const apart = 13
		if at := y(d); at > plotTop && at < plotBottom-4 && above-at >= apart {
			v.Ticks = append(v.Ticks, tick{number(at), duration(d)})
			above = at
		}
	}
	v.Lines = []line{v.line("p95", v.P95, y), v.line("p50", v.P50, y)}
}

// line draws times, with gaps where there are none.
func (v *chartsView) line(class string, times []time.Duration, y func(time.Duration) float64) line {
	l := line{Class: class, Radius: number(smallDotRadius)}
	if len(times) <= fewSlots {
		l.Radius = number(dotRadius)
	}
	slot := (plotRight - timesLeft) / float64(len(times))
	var path strings.Builder
	isGap := true
	for i, d := range times {
		if d <= 0 {
			isGap = true
			continue
		}
		at := dot{number(timesLeft + slot*(float64(i)+0.5)), number(y(d))}
		command := "L"
		if isGap {
			command = "M"
		}
		path.WriteString(command + at.X + " " + at.Y)
		l.Dots = append(l.Dots, at)
		isGap = false
	}
	l.Path = path.String()
	return l
}

// number is a measure to a tenth.
func number(f float64) string { return strings.TrimSuffix(fmt.Sprintf("%.1f", f), ".0") }

// duration is a time for people, to two digits.
func duration(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d <= 0:
		return ""
	case d < 10*time.Second:
		return number(d.Seconds()) + " s"
	case d < time.Minute:
		return fmt.Sprintf("%.0f s", d.Seconds())
	case d < time.Hour:
		return number(math.Round(d.Minutes()*2)/2) + " min"
	case d < 2*day:
		return number(math.Round(d.Hours()*2)/2) + " h"
	}
	return number(math.Round(d.Hours()/24*2)/2) + " d"
}

// slotLabel is the hour or the day of a slot, as people write it.
func slotLabel(c Charts, i int) string {
	at := c.Slots[i]
	if c.ByHour {
		return at.Format("15:04")
	}
	month := strings.Fields(locale.Text(c.Lang, "charts.months"))[at.Month()-1]
	return locale.Text(c.Lang, "charts.date", at.Day(), month)
}
