package console

import (
	"crypto/rand"
	"crypto/sha256"
	"maps"
	"net/http"
	"sync"
	"time"
)

// A session lasts a working day at most, and ends an hour after it was last used:
// what NIST SP 800-63B asks of whoever sees other people's data.
const (
	sessionLasts = 12 * time.Hour
	sessionIdles = time.Hour
)

const sessionCookie = "leadrelay_session"

// sessions are the browsers that have shown the token. They live in memory: a
// restart, which a new token needs too, ends all of them.
type sessions struct {
	mu   sync.Mutex
	live map[[sha256.Size]byte]session // by the digest of their ids
}

// session ends at the earlier of the two.
type session struct{ ends, idles time.Time }

func (s session) isOver(now time.Time) bool { return !now.Before(s.ends) || !now.Before(s.idles) }

// begin gives the browser a new session; the one that it had ends.
func (s *sessions) begin(w http.ResponseWriter, r *http.Request) {
	id, now := rand.Text(), time.Now()
	s.end(r)
	s.mu.Lock()
	maps.DeleteFunc(s.live, func(_ [sha256.Size]byte, one session) bool { return one.isOver(now) })
	s.live[digestOf(id, r)] = session{ends: now.Add(sessionLasts), idles: now.Add(sessionIdles)}
	s.mu.Unlock()
	setCookie(w, r, id, int(sessionLasts/time.Second))
}

func (s *sessions) end(r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.live, digest(r))
}

// has reports whether the request has a session, and uses it.
func (s *sessions) has(r *http.Request) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	key, now := digest(r), time.Now()
	one, ok := s.live[key]
	if !ok || one.isOver(now) {
		return false
	}
	one.idles = now.Add(sessionIdles)
	s.live[key] = one
	return true
}

// digest is that of the request's session. Who reads the memory of the process,
// or how long a look-up takes, learns no id.
func digest(r *http.Request) [sha256.Size]byte {
	cookie, err := r.Cookie(sessionCookie)
	if err != nil {
		return [sha256.Size]byte{} // of no id
	}
	return digestOf(cookie.Value, r)
}

// digestOf holds the browser's name, too: a cookie that another program has read,
// as one on any port of this machine can, is no session there.
func digestOf(id string, r *http.Request) [sha256.Size]byte {
	return sha256.Sum256([]byte(id + "\x00" + r.UserAgent()))
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
