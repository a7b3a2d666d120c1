package bounded_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/bounded"
)

func TestMap(t *testing.T) {
	m := bounded.New[int, string](2)
	_, ok := m.Get(1)
	require.False(t, ok, "it is empty")

	m.Put(1, "a")
	m.Put(2, "b")
	m.Put(3, "c") // begins a generation
	requireEntry(t, &m, 1, "a")
	requireEntry(t, &m, 3, "c")

	m.Put(1, "A")
	requireEntry(t, &m, 1, "A") // the younger value counts
	require.Equal(t, 4, m.Len())

	m.Put(4, "d") // drops the first generation
	_, ok = m.Get(2)
	require.False(t, ok)
	requireEntry(t, &m, 1, "A")
	requireEntry(t, &m, 4, "d")
}

func TestAMapIsBounded(t *testing.T) {
	const size = 100
	m := bounded.New[int, int](size)
	for i := range 10 * size {
		m.Put(i, i)
		require.LessOrEqual(t, m.Len(), 2*size)
		for recent := max(0, i-size+1); recent <= i; recent++ {
			_, ok := m.Get(recent)
			require.True(t, ok, "%d of %d", recent, i)
		}
	}
}

func requireEntry(t *testing.T, m *bounded.Map[int, string], key int, want string) {
	t.Helper()
	got, ok := m.Get(key)
	require.True(t, ok, key)
	require.Equal(t, want, got)
}
