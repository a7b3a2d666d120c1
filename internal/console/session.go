package console

import (
	"context"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"net/http"
	"time"

	"leadrelay/internal/access"
	"leadrelay/internal/problem"
	"leadrelay/internal/secret"
)

// A session lasts a working day at most, and ends an hour after it was last used. NIST
// SP 800-63B asks for this if a session gives access to personal data.
const (
	maxSessionAge  = 12 * time.Hour
	maxSessionIdle = time.Hour
	// maxSkew is how far the clock of another replica may be ahead. A session from
	// farther in the future was made by a clock that was wrong.
	maxSkew = 5 * time.Minute
)

// EndedSessions is the part of the store with the sessions that have ended before
// their time.
type EndedSessions interface {
	EndSession(ctx context.Context, id []byte, until time.Time) error
	SessionHasEnded(ctx context.Context, id []byte, until time.Time) (bool, error)
}

// Sessions are the browsers that have sent the operator's token. Nothing is kept of a
// session while it lasts: the browser has it, signed. So it is good at every replica
// and after a restart, and for no other token. A person who leaves ends it everywhere.
type Sessions struct {
	key    []byte // signs them; zero if there is no token
	cookie string // its name, without a prefix
	ended  EndedSessions
	now    func() time.Time
}

// NewSessions returns the sessions of those who have sent the token. The key that signs
// them is derived from the token and from a secret of the database: whoever sees a
// cookie cannot try tokens on it, and whoever has read a backup can make none. All
// replicas must agree on the time.
func NewSessions(token secret.Text, shared []byte, ended EndedSessions, now func() time.Time) *Sessions {
	s := &Sessions{ended: ended, now: now}
	if token.IsZero() {
		return s
	}
	derive := func(purpose string, length int) []byte {
		key, err := hkdf.Key(sha256.New, []byte(token.Reveal()), shared, purpose, length)
		if err != nil { // a bug: only a length can be wrong
			panic(err)
		}
		return key
	}
	s.key = derive("leadrelay console session", sha256.Size)
	// A browser sends cookies to all ports of a host. With a name of its own, each of two
	// relays on one host leaves the other's sessions alone.
	s.cookie = "leadrelay_session_" + hex.EncodeToString(derive("leadrelay console cookie", 4))
	return s
}

// session is what a browser has.
type session struct {
	id     [16]byte
	token  access.TokenID // that was sent; zero for the one of the settings
	begun  time.Time
	usedAt time.Time
}

func (s session) endsAt() time.Time { return s.begun.Add(maxSessionAge) }

func (s session) isOver(now time.Time) bool {
	return !now.Before(s.endsAt()) || now.Sub(s.usedAt) >= maxSessionIdle || s.begun.Sub(now) > maxSkew || s.usedAt.Sub(now) > maxSkew
}

// start starts a session and ends the one that the browser had, so that nobody else
// has it.
func (s *Sessions) start(w http.ResponseWriter, r *http.Request, token access.TokenID) (session, error) {
	if err := s.end(r); err != nil {
		return session{}, err
	}
	now := s.now()
	one := session{token: token, begun: now, usedAt: now}
	_, _ = rand.Read(one.id[:]) // never fails
	s.give(w, r, one)
	return one, nil
}

// end ends the request's session at all replicas.
func (s *Sessions) end(r *http.Request) error {
	one, ok := s.read(r)
	if !ok {
		return nil
	}
	if err := s.ended.EndSession(r.Context(), one.id[:], one.endsAt()); err != nil {
		return problem.NewTryAgain(time.Second, err)
	}
	return nil
}

// goOn restarts a session's idle time, unless the page has asked by itself.
func (s *Sessions) goOn(w http.ResponseWriter, r *http.Request, one session) {
	if r.Header.Get(liveHeader) == "" {
		one.usedAt = s.now()
		s.give(w, r, one)
	}
}

// check returns the request's session. If nobody knows whether it has ended, it is not
// good.
func (s *Sessions) check(r *http.Request) (one session, isGood bool, err error) {
	one, ok := s.read(r)
	if !ok {
		return one, false, nil
	}
	ctx, cancel := context.WithTimeout(r.Context(), queryTimeout)
	defer cancel()
	hasEnded, err := s.ended.SessionHasEnded(ctx, one.id[:], one.endsAt())
	if err != nil {
		return one, false, storeProblem(ctx, err)
	}
	return one, !hasEnded, nil
}

// left is how long a session lasts if nobody uses it.
func (s *Sessions) left(one session) time.Duration {
	now := s.now()
	return min(one.endsAt().Sub(now), one.usedAt.Add(maxSessionIdle).Sub(now))
}

// read returns the request's session, unless it is over by itself.
func (s *Sessions) read(r *http.Request) (one session, ok bool) {
	if len(s.key) == 0 {
		return session{}, false
	}
	cookie, err := r.Cookie(cookieName(r, s.cookie))
	if err != nil {
		return session{}, false
	}
	text, err := base64.RawURLEncoding.Strict().DecodeString(cookie.Value)
	if err != nil {
		return session{}, false
	}
	length := len(text) - sha256.Size
	if length != sessionBytes && length != sessionBytes+len(one.token) || !hmac.Equal(text[length:], s.sign(text[:length], r)) {
		return session{}, false
	}
	copy(one.token[:], text[sessionBytes:length])
	n := copy(one.id[:], text)
	one.begun = time.UnixMilli(int64(binary.BigEndian.Uint64(text[n:])))    //nolint:gosec // we wrote it
	one.usedAt = time.UnixMilli(int64(binary.BigEndian.Uint64(text[n+8:]))) //nolint:gosec // as above
	return one, !one.isOver(s.now())
}

// sessionBytes is the length of a session in a cookie: its id and two times. The id of its
// token follows, unless that is the one of the settings: then a relay of the release before
// knows the session, too.
const sessionBytes = 16 + 2*8

// sign returns the signature of a session for this browser. A server on another port
// of this host gets the cookie, too; a program with another name cannot use it.
func (s *Sessions) sign(text []byte, r *http.Request) []byte {
	mac := hmac.New(sha256.New, s.key)
	_, _ = mac.Write(text)
	_, _ = mac.Write([]byte(r.UserAgent()))
	return mac.Sum(nil)
}

// give gives the session to the browser.
func (s *Sessions) give(w http.ResponseWriter, r *http.Request, one session) {
	text := one.id[:]
	for _, t := range []time.Time{one.begun, one.usedAt} {
		text = binary.BigEndian.AppendUint64(text, uint64(t.UnixMilli())) //nolint:gosec // read back as it was
	}
	if one.token != (access.TokenID{}) {
		text = append(text, one.token[:]...)
	}
	text = append(text, s.sign(text, r)...)
	left := one.endsAt().Sub(one.usedAt)
	s.setCookie(w, r, base64.RawURLEncoding.EncodeToString(text), max(1, int(left/time.Second)))
}

// isOverTLS reports whether the browser speaks TLS.
func isOverTLS(r *http.Request) bool {
	return r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https"
}

// cookieName returns the name of a cookie. Behind TLS its prefix makes the browser
// take it from this host alone and over TLS alone, so that no other page can put one in
// its place. By default the door is plain HTTP on the loopback address, where browsers
// refuse that prefix.
func cookieName(r *http.Request, name string) string {
	if isOverTLS(r) {
		return "__Host-" + name
	}
	return name
}

// setCookie sets the cookie so that neither scripts nor other sites' requests can use
// it.
func (s *Sessions) setCookie(w http.ResponseWriter, r *http.Request, value string, maxAge int) {
	http.SetCookie(w, &http.Cookie{
		Name: cookieName(r, s.cookie), Value: value, Path: "/", MaxAge: maxAge, HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: isOverTLS(r),
	})
}

// forget makes the browser forget its session.
func (s *Sessions) forget(w http.ResponseWriter, r *http.Request) { s.setCookie(w, r, "", -1) }
