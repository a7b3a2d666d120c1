package intake

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
	"time"
)

// stamper measures how long a visitor had our form open. The form carries the time
// at which it was shown, signed with a key that lives as long as the process. A
// time without a good signature is ignored: cached pages have old ones, and other
// people's forms have none.
type stamper struct{ key [sha256.Size]byte }

func newStamper() *stamper {
	s := new(stamper)
	_, _ = rand.Read(s.key[:]) // never fails
	return s
}

// stamp returns the time, in milliseconds, and its signature.
func (s *stamper) stamp(now time.Time) string {
	at := strconv.FormatInt(now.UnixMilli(), 36)
	return at + "." + s.sign(at)
}

func (s *stamper) sign(at string) string {
	mac := hmac.New(sha256.New, s.key[:])
	_, _ = mac.Write([]byte(at))
	return hex.EncodeToString(mac.Sum(nil)[:8])
}

// elapsed returns how long before now the stamp was made, or zero if the stamp is
// missing, forged or older than a day.
func (s *stamper) elapsed(stamp string, now time.Time) time.Duration {
	const maxAge = 24 * time.Hour // a tab that was open since yesterday tells nothing
	at, mac, _ := strings.Cut(stamp, ".")
	if stamp == "" || !hmac.Equal([]byte(mac), []byte(s.sign(at))) {
		return 0
	}
	ms, err := strconv.ParseInt(at, 36, 64)
	if passed := now.Sub(time.UnixMilli(ms)); err == nil && passed > 0 && passed < maxAge {
		return passed
	}
	return 0
}
