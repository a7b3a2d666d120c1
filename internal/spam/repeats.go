package spam

import (
	"hash/maphash"
	"slices"
	"sync"
	"time"
	"unicode/utf8"

	"leadrelay/internal/bounded"
)

const (
	// minRepeatLength is how many letters and digits make a text distinctive.
	// "Me interesa" comes from everyone.
	minRepeatLength = 40
	// repeatWindow is how long a text is remembered.
	repeatWindow = time.Hour
	// maxSenders is how many senders of a text are told apart. More of them would
	// not change the score.
	maxSenders = many + 1
	// maxTexts bounds one generation of texts. Both together stay below 2 MiB.
	maxTexts = 6_000
)

// Sender is who sends a text, as far as it is known: an e-mail address, and a
// network that is hard to leave, such as a /24 or a /48.
type Sender struct{ Email, Network string }

// RepeatCounter counts how many senders post the same text to a site. It keeps
// neither texts nor senders, only hashes that mean nothing outside this process.
// It is safe for concurrent use.
type RepeatCounter struct {
	start     time.Time
	seed      maphash.Seed
	templates map[uint64]bool // texts that a form starts with

	mu    sync.Mutex
	texts bounded.Map[uint64, repeatedText]
}

// repeatedText holds the senders of a text. An unknown network is zero. It has no
// pointer, so that the garbage collector need not look at thousands of them.
type repeatedText struct {
	first            time.Duration // since the counter's start
	n                int
	emails, networks [maxSenders]uint32
}

// NewRepeatCounter returns an empty counter. It never counts the templates,
// which are texts that a form starts with: all visitors send those.
func NewRepeatCounter(templates ...string) *RepeatCounter {
	c := &RepeatCounter{start: time.Now(), seed: maphash.MakeSeed(), templates: map[uint64]bool{}, texts: bounded.New[uint64, repeatedText](maxTexts)}
	for _, text := range templates {
		key, _ := c.key(text)
		c.templates[key] = true
	}
	return c
}

// Count notes a text and returns how many other senders have posted it to the
// site within an hour, ignoring case, accents, blanks and punctuation. Two posts
// with the same e-mail address or the same network count as one sender: a visitor
// may ask about five properties, and a robot may have a thousand addresses. Count
// returns 0 for short texts.
func (c *RepeatCounter) Count(site, text string, from Sender, now time.Time) (others int) {
	key, isLong := c.key(text)
	if !isLong || c.templates[key] {
		return 0
	}
	key ^= maphash.String(c.seed, site)
	c.mu.Lock()
	defer c.mu.Unlock()
	known, ok := c.texts.Get(key)
	if at := now.Sub(c.start); !ok || at-known.first >= repeatWindow {
		known = repeatedText{first: at}
	}
	others = known.add(c.hash(from.Email), c.hash(from.Network))
	c.texts.Put(key, known)
	return others
}

// add notes the sender unless it is known, and returns how many others there are.
func (t *repeatedText) add(email, network uint32) (others int) {
	isKnown := slices.Contains(t.emails[:t.n], email) || (network != 0 && slices.Contains(t.networks[:t.n], network))
	switch {
	case isKnown:
		return t.n - 1
	case t.n == maxSenders:
		return t.n
	}
	t.emails[t.n], t.networks[t.n] = email, network
	t.n++
	return t.n - 1
}

// hash returns a number for an address or a network, or zero if it is unknown.
func (c *RepeatCounter) hash(s string) uint32 {
	if s == "" {
		return 0
	}
	return uint32(maphash.String(c.seed, s)) | 1 //nolint:gosec // 32 bits are enough
}

// key returns the hash of a text, and whether the text is long enough to count.
func (c *RepeatCounter) key(text string) (key uint64, isLong bool) {
	folded := make([]byte, 0, 512) // most texts are shorter
	n := 0
	for _, r := range text {
		if r = fold(r); r != 0 {
			folded = utf8.AppendRune(folded, r)
			n++
		}
	}
	return maphash.Bytes(c.seed, folded), n >= minRepeatLength
}
