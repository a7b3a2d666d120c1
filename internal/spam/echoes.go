package spam

import (
	"hash/maphash"
	"sync"
	"time"
	"unicode/utf8"
)

const (
	// shortestEcho is how many letters and digits make a text one's own: "me
	// interesa" comes from everybody.
	shortestEcho = 40
	// echoWindow is how many seconds a text is remembered.
	echoWindow = 60 * 60
	// mostEchoes bounds a generation; both together stay below 2 MiB.
	mostEchoes = 20_000
)

// Echoes counts how often the same text comes, in two generations: when the
// young one is full, the old one is forgotten. It keeps no text, only a number
// made of it that means nothing outside this process. Its zero value is ready.
type Echoes struct {
	mu         sync.Mutex
	seed       maphash.Seed
	young, old map[uint64]echo
}

type echo struct {
	first int64 // in Unix seconds, which are small
	n     int
}

// Seen notes a text and returns how often it had come before within an hour,
// whatever its case, accents, blanks and marks. Short texts always return 0.
func (e *Echoes) Seen(text string, now time.Time) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.young == nil {
		e.seed = maphash.MakeSeed()
	}
	key, ok := e.key(text)
	if !ok {
		return 0
	}
	known, ok := e.young[key]
	if !ok {
		known = e.old[key]
	}
	if known.n == 0 || now.Unix()-known.first >= echoWindow {
		known = echo{first: now.Unix()}
	}
	before := known.n
	known.n++
	e.put(key, known)
	return before
}

func (e *Echoes) put(key uint64, known echo) {
	if e.young == nil || len(e.young) >= mostEchoes {
		e.young, e.old = make(map[uint64]echo), e.young
	}
	e.young[key] = known
}

// key returns the text's number, and whether the text is long enough.
func (e *Echoes) key(text string) (uint64, bool) {
	var h maphash.Hash
	h.SetSeed(e.seed)
	var buf [utf8.UTFMax]byte
	n := 0
	for _, r := range text {
		if isWritten(r) {
			_, _ = h.Write(buf[:utf8.EncodeRune(buf[:], fold(r))])
			n++
		}
	}
	return h.Sum64(), n >= shortestEcho
}
