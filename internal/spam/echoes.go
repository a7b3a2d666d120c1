package spam

import (
	"hash/maphash"
	"slices"
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
	// mostSenders of a text are told apart: more of them say no more.
	mostSenders = many + 1
	// mostEchoes bounds a generation; both together stay below 2 MiB.
	mostEchoes = 6_000
)

// Sender is who sends a text, as far as that is known: an e-mail, and a network
// that is hard to leave, such as a /24 or a /48.
type Sender struct{ Mail, Net string }

// Echoes counts how many senders the same text comes from at a site, in two
// generations: when the young one is full, the old one is forgotten. It keeps no
// text and no sender, only numbers made of them that mean nothing outside this
// process.
type Echoes struct {
	seed  maphash.Seed
	ready map[uint64]bool // texts that a form comes with: all visitors send them

	mu         sync.Mutex
	young, old map[uint64]echo
}

type echo struct {
	first      int64 // in Unix seconds
	n          int
	mails, net [mostSenders]uint32 // of the senders
}

// NewEchoes returns echoes that have heard nothing yet. Texts that forms come
// with never count.
func NewEchoes(ready ...string) *Echoes {
	e := &Echoes{seed: maphash.MakeSeed(), ready: map[uint64]bool{}}
	for _, text := range ready {
		key, _ := e.key(text)
		e.ready[key] = true
	}
	return e
}

// Seen notes a text and returns how many other senders have sent it to the site
// within an hour, whatever its case, accents, blanks and marks. Who shares the
// e-mail or the network of one of them is no other: one visitor asks about five
// properties, and one robot has a thousand addresses. Short texts always return 0.
func (e *Echoes) Seen(site, text string, from Sender, now time.Time) int {
	key, ok := e.key(text)
	if !ok || e.ready[key] {
		return 0
	}
	key ^= maphash.String(e.seed, site)
	e.mu.Lock()
	defer e.mu.Unlock()
	known, ok := e.young[key]
	if !ok {
		known = e.old[key]
	}
	if known.n == 0 || now.Unix()-known.first >= echoWindow {
		known = echo{first: now.Unix()}
	}
	others := known.hear(e.number(from.Mail), e.number(from.Net))
	e.put(key, known)
	return others
}

// hear notes a sender, if it is another, and returns how many others there are.
func (k *echo) hear(mail, net uint32) (others int) {
	isKnown := slices.Contains(k.mails[:k.n], mail) || (net != 0 && slices.Contains(k.net[:k.n], net))
	switch {
	case isKnown:
		return k.n - 1
	case k.n == mostSenders:
		return k.n
	}
	k.mails[k.n], k.net[k.n] = mail, net
	k.n++
	return k.n - 1
}

// number stands for a sender's part; zero when it is unknown.
func (e *Echoes) number(s string) uint32 {
	if s == "" {
		return 0
	}
	return uint32(maphash.String(e.seed, s)) | 1 //nolint:gosec // half of it is enough
}

func (e *Echoes) put(key uint64, known echo) {
	if e.young == nil || len(e.young) >= mostEchoes {
		e.young, e.old = make(map[uint64]echo), e.young
	}
	e.young[key] = known
}

// key returns the text's number, and whether the text is long enough.
func (e *Echoes) key(text string) (uint64, bool) {
	folded := make([]byte, 0, 512) // most texts are shorter
	n := 0
	for _, r := range text {
		if isWritten(r) {
			folded = utf8.AppendRune(folded, fold(r))
			n++
		}
	}
	return maphash.Bytes(e.seed, folded), n >= shortestEcho
}
