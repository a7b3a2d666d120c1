package intake

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
	"time"
)

// stamper measures how long a visitor had our form open. The form carries the time
// at which it was shown, signed with a key. All replicas have the same key and go by
// the same clock, because a form may be shown by one and come back to another. A time
// without a good signature is ignored: cached pages have old ones, and other people's
// forms have none.
type stamper struct {
	key []byte
	now func() time.Time
}

// newStamper returns a stamper. Its key is derived from the secret that all replicas
// have. If there is none, nobody else has the key.
func newStamper(shared []byte, now func() time.Time) *stamper {
	if now == nil {
		now = time.Now
	}
	if len(shared) == 0 {
		shared = make([]byte, sha256.Size)
		_, _ = rand.Read(shared) // never fails
	}
	key, err := hkdf.Key(sha256.New, shared, nil, "leadrelay form stamp", sha256.Size)
	if err != nil { // a bug: only the length can be wrong
		panic(err)
	}
	return &stamper{key: key, now: now}
}

// stamp returns the time, in milliseconds, and its signature.
func (s *stamper) stamp() string {
	at := strconv.FormatInt(s.now().UnixMilli(), 36)
	return at + "." + s.sign(at)
}

func (s *stamper) sign(at string) string {
	mac := hmac.New(sha256.New, s.key)
	_, _ = mac.Write([]byte(at))
	return hex.EncodeToString(mac.Sum(nil)[:8])
}

// elapsed returns how long ago the stamp was made, or zero if the stamp is
// missing, forged or older than a day.
func (s *stamper) elapsed(stamp string) time.Duration {
	const maxAge = 24 * time.Hour // a tab that was open since yesterday tells nothing
	at, mac, _ := strings.Cut(stamp, ".")
	if stamp == "" || !hmac.Equal([]byte(mac), []byte(s.sign(at))) {
		return 0
	}
	ms, err := strconv.ParseInt(at, 36, 64)
	if passed := s.now().Sub(time.UnixMilli(ms)); err == nil && passed > 0 && passed < maxAge {
		return passed
	}
	return 0
}
