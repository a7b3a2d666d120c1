package courier

import (
	"sync/atomic"

	"leadrelay/internal/easybroker"
)

const (
	// mostHeld is how many bytes of EasyBroker's lists all readings hold together:
	// more than ten thousand contact requests, or those that are asked for among
	// two hundred thousand.
	mostHeld = 8 << 20
	// ownShare is what a reading has besides, so that nobody's long list keeps
	// another credential's leads in doubt.
	ownShare = 1 << 20
)

// pool is how many bytes are held beyond the shares.
type pool struct{ bytes atomic.Int64 }

// hold is how many bytes one question to the lists holds, until it gives them back.
type hold struct {
	pool  *pool
	bytes int
}

// hold begins a question; whoever asks ends it with backTo(0).
func (c *Courier) hold() *hold { return &hold{pool: &c.held} }

// take counts more bytes, and reports whether there was room for them.
func (h *hold) take(bytes int) bool {
	before := max(0, h.bytes-ownShare)
	h.bytes += bytes
	beyond := max(0, h.bytes-ownShare)
	return h.pool.bytes.Add(int64(beyond-before)) <= mostHeld || beyond == 0
}

// backTo gives back what was taken since there were so many.
func (h *hold) backTo(bytes int) { h.take(bytes - h.bytes) }

// sizeOf is how many bytes it costs to hold the item, where it is compared, too.
func sizeOf(item easybroker.Listed) int {
	const around = 400
	n := around
	for _, text := range []string{item.PropertyID, item.Name, item.Email, item.Phone, item.Message, item.Source, item.Status} {
		n += len(text)
	}
	return n
}
