package lead_test

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"leadrelay/internal/lead"
)

// A quantile is less than √2 times off, whatever the times are.
func TestAQuantileIsNearTheTruth(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		took := rapid.SliceOfN(rapid.Map(rapid.Float64Range(math.Log(125), math.Log(600e6)), func(f float64) int64 { return int64(math.Exp(f)) }), 1, 200).Draw(rt, "took")
		var h lead.Histogram
		for _, ms := range took {
			k := math.Floor(2*math.Log2(float64(ms)/125) + 1e-9)
			h.Add(time.Duration(math.Round(125*math.Pow(2, k/2)))*time.Millisecond, 1)
		}
		slices.Sort(took)
		for _, part := range []float64{0.01, 0.5, 0.95, 1} {
			truth := float64(took[max(0, int(math.Ceil(part*float64(len(took))))-1)])
			got := float64(h.Quantile(part).Milliseconds())
			require.Less(rt, math.Abs(math.Log2(got/truth)), 0.505, "%v: %v instead of %v", part, got, truth)
		}
	})
}

func TestQuantiles(t *testing.T) {
	var h lead.Histogram
	require.Zero(t, h.Quantile(0.5))
	h.Add(0, 1)
	require.Equal(t, 63*time.Millisecond, h.Quantile(0.5), "the middle of the first step")
	h.Add(time.Second, 1)
	h.Add(500*time.Millisecond, 2)
	require.Equal(t, lead.Histogram{{0, 1}, {500 * time.Millisecond, 2}, {time.Second, 1}}, h)
	require.Equal(t, 4, h.Leads())
	require.Equal(t, 545*time.Millisecond, h.Quantile(0.5))
	require.Equal(t, 1189*time.Millisecond, h.Quantile(0.95))
}
