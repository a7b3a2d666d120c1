// Package bounded provides a map that forgets old entries instead of growing
// without end.
package bounded

// Map holds the entries that were put last. It has two generations of at most
// the same size, and drops the older one when the younger is full. So it always
// remembers the last entries of one generation. It is not safe for concurrent
// use.
type Map[K comparable, V any] struct {
	size       int
	young, old map[K]V
}

// New returns an empty map whose generations hold size entries each.
func New[K comparable, V any](size int) Map[K, V] { return Map[K, V]{size: size} }

// Get returns the value that was put last for the key, and whether the map
// remembers one.
func (m *Map[K, V]) Get(key K) (V, bool) {
	if v, ok := m.young[key]; ok {
		return v, true
	}
	v, ok := m.old[key]
	return v, ok
}

// Put remembers the value for the key.
func (m *Map[K, V]) Put(key K, v V) {
	if m.young == nil || len(m.young) >= m.size {
		m.young, m.old = make(map[K]V), m.young
	}
	m.young[key] = v
}

// Len returns how many entries both generations hold.
func (m *Map[K, V]) Len() int { return len(m.young) + len(m.old) }
