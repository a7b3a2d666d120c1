package console

import (
	"crypto/rand"
	"crypto/sha256"
	"maps"
	"net/http"
	"sync"
	"time"
)

// A session lasts a working day, used or not.
const sessionLasts = 12 * time.Hour

const sessionCookie = "leadrelay_session"

// sessions are the browsers that have shown the token. They live in memory: a
// restart, which a new token needs too, ends all of them.
type sessions struct {
	mu   sync.Mutex
	ends map[[sha256.Size]byte]time.Time // by the digest of their ids
}

// begin gives the browser a new session; the one that it had ends.
func (s *sessions) begin(w http.ResponseWriter, r *http.Request) {
	id, now := rand.Text(), time.Now()
	s.end(r)
	s.mu.Lock()
	maps.DeleteFunc(s.ends, func(_ [sha256.Size]byte, end time.Time) bool { return now.After(end) })
	s.ends[sha256.Sum256([]byte(id))] = now.Add(sessionLasts)
	s.mu.Unlock()
	setCookie(w, r, id, int(sessionLasts/time.Second))
}

func (s *sessions) end(r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.ends, digest(r))
}

func (s *sessions) has(r *http.Request) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Now().Before(s.ends[digest(r)])
}

// digest is that of the request's session. Who reads the memory of the process,
// or how long a look-up takes, learns no id.
func digest(r *http.Request) [sha256.Size]byte {
	cookie, err := r.Cookie(sessionCookie)
	if err != nil {
		return [sha256.Size]byte{} // of no id
	}
	return sha256.Sum256([]byte(cookie.Value))
}

// setCookie keeps the cookie from scripts and from other sites' requests. The
// door is plain HTTP on the loopback by default, where a cookie with the prefix
// __Host- is refused by some browsers; behind TLS it never leaves it.
func setCookie(w http.ResponseWriter, r *http.Request, value string, maxAge int) {
	http.SetCookie(w, &http.Cookie{
		Name: sessionCookie, Value: value, Path: "/", MaxAge: maxAge, HttpOnly: true, SameSite: http.SameSiteStrictMode,
		Secure: r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https",
	})
}
