package console

import (
	"crypto/rand"
	"crypto/sha256"
	"maps"
	"net/http"
	"sync"
	"time"
)

// A session lasts a working day at most, and ends an hour after it was last used. NIST
// SP 800-63B asks for this if a session gives access to personal data.
const (
	maxSessionAge  = 12 * time.Hour
	maxSessionIdle = time.Hour
)

const sessionCookie = "leadrelay_session"

// sessions are the browsers that have sent the token. They are kept in memory, so a
// restart ends them. A new token needs a restart, too.
type sessions struct {
	mu       sync.Mutex
	byDigest map[[sha256.Size]byte]session // by the digest of their ids
}

// session ends at the earlier of the two times.
type session struct{ endsAt, idleAt time.Time }

func (s session) isOver(now time.Time) bool { return !now.Before(s.endsAt) || !now.Before(s.idleAt) }

// start starts a session and ends the one that the browser had.
func (s *sessions) start(w http.ResponseWriter, r *http.Request) {
	id, now := rand.Text(), time.Now()
	s.end(r)
	s.mu.Lock()
	maps.DeleteFunc(s.byDigest, func(_ [sha256.Size]byte, one session) bool { return one.isOver(now) })
	s.byDigest[digestOf(id, r)] = session{endsAt: now.Add(maxSessionAge), idleAt: now.Add(maxSessionIdle)}
	s.mu.Unlock()
	setCookie(w, r, id, int(maxSessionAge/time.Second))
}

func (s *sessions) end(r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.byDigest, digest(r))
}

// use reports whether the request has a session, and restarts its idle time.
func (s *sessions) use(r *http.Request) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	key, now := digest(r), time.Now()
	one, ok := s.byDigest[key]
	if !ok || one.isOver(now) {
		return false
	}
	one.idleAt = now.Add(maxSessionIdle)
	s.byDigest[key] = one
	return true
}

// digest returns the digest of the request's session. We store digests, so that neither
// the memory of the process nor the time of a look-up reveals an id.
func digest(r *http.Request) [sha256.Size]byte {
	cookie, err := r.Cookie(sessionCookie)
	if err != nil {
		return [sha256.Size]byte{} // the digest of no id
	}
	return digestOf(cookie.Value, r)
}

// digestOf returns the digest of a session's id and the browser's name. A server on
// another port of this machine gets the cookie, too; a program with another name cannot
// use it.
func digestOf(id string, r *http.Request) [sha256.Size]byte {
	return sha256.Sum256([]byte(id + "\x00" + r.UserAgent()))
}

// setCookie sets the cookie so that neither scripts nor other sites' requests can use
// it. By default the door is plain HTTP on the loopback address, where some browsers
// refuse a cookie with the prefix __Host-. Behind TLS the cookie is sent over TLS
// alone.
func setCookie(w http.ResponseWriter, r *http.Request, value string, maxAge int) {
	http.SetCookie(w, &http.Cookie{
		Name: sessionCookie, Value: value, Path: "/", MaxAge: maxAge, HttpOnly: true, SameSite: http.SameSiteStrictMode,
		Secure: r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https",
	})
}
