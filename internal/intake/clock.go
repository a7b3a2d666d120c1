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

// clock tells how long a visitor had our form in front of him: the form carries
// the time that it was shown, signed. The key lives as long as the process. A
// time that it did not sign, or none, says nothing: cached pages have old ones,
// and forms of others none.
type clock struct{ key [sha256.Size]byte }

func newClock() *clock {
	c := new(clock)
	_, _ = rand.Read(c.key[:]) // it never fails
	return c
}

// stamp is the time, in milliseconds, and its signature.
func (c *clock) stamp(now time.Time) string {
	at := strconv.FormatInt(now.UnixMilli(), 36)
	return at + "." + c.sign(at)
}

func (c *clock) sign(at string) string {
	mac := hmac.New(sha256.New, c.key[:])
	_, _ = mac.Write([]byte(at))
	return hex.EncodeToString(mac.Sum(nil)[:8])
}

// since is how long ago the form was shown; zero when nobody knows.
func (c *clock) since(stamp string, now time.Time) time.Duration {
	const longest = 24 * time.Hour // an open tab of yesterday says nothing
	at, mac, _ := strings.Cut(stamp, ".")
	if stamp == "" || !hmac.Equal([]byte(mac), []byte(c.sign(at))) {
		return 0
	}
	ms, err := strconv.ParseInt(at, 36, 64)
	if passed := now.Sub(time.UnixMilli(ms)); err == nil && passed > 0 && passed < longest {
		return passed
	}
	return 0
}
