package intake

import (
	"bytes"
	"strings"
	"sync"

	"leadrelay/internal/bounded"
	"leadrelay/internal/locale"
)

// formCache keeps the forms that were asked for last. To render one takes longer
// than all the rest of a GET, and thousands who ask again and again would keep the
// processors from those who post. A form depends on its site, the language and the
// query alone, but for the stamp.
type formCache struct {
	mu    sync.Mutex
	forms bounded.Map[formKey, emptyForm]
}

const (
	// maxCachedForms is how many forms a generation of the cache holds. A form has
	// some 3 kB, and what the query adds.
	maxCachedForms = 128
	// maxCachedQuery is the longest query whose form is kept.
	maxCachedQuery = 256
)

type formKey struct {
	site  *siteForms
	lang  locale.Lang // that the client accepts
	query string
}

// emptyForm is a rendered form without its stamp.
type emptyForm struct {
	lang          locale.Lang
	before, after []byte
}

// cutStamp returns a rendered form without its stamp. It reports false if the stamp
// is not in the page exactly once.
func cutStamp(page []byte, stamp string) (f emptyForm, ok bool) {
	f.before, f.after, ok = bytes.Cut(bytes.Clone(page), []byte(stamp)) // the buffer has room to spare
	return f, ok && !bytes.Contains(f.after, []byte(stamp))
}

// with returns the form with a stamp.
func (f *emptyForm) with(stamp string) []byte {
	return bytes.Join([][]byte{f.before, f.after}, []byte(stamp))
}

func (c *formCache) get(key formKey) (emptyForm, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.forms.Get(key)
}

func (c *formCache) put(key formKey, f emptyForm) {
	if len(key.query) > maxCachedQuery {
		return
	}
	key.query = strings.Clone(key.query) // the request's string is longer
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forms.Put(key, f)
}
