package console

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"slices"

	"leadrelay/internal/problem"
)

// What a person searches for is most often somebody's name, address or phone, and an address
// of a page is kept by browsers and proxies. So the form is posted, and the address of the
// list has the text sealed. Only the session that has searched can open it, at any replica:
// nothing is kept of it, and nobody can read it once the session is over.
const (
	sealedSearch  = "search"
	plainSearch   = "q"
	maxSearchText = 1000 // bytes
)

// errSearchOver says that a sealed text is of a session that is over, or of nobody's.
var errSearchOver = errors.New("the search is of another session")

// seal returns a text as only the session can open it.
func (s *Sessions) seal(one session, text string) string {
	return base64.RawURLEncoding.EncodeToString(s.sealer(one).Seal(nil, nil, []byte(text), nil))
}

// unseal returns a text that the session has sealed.
func (s *Sessions) unseal(one session, sealed string) (string, error) {
	text, err := base64.RawURLEncoding.Strict().DecodeString(sealed)
	if err == nil {
		text, err = s.sealer(one).Open(nil, nil, text, nil)
	}
	if err != nil {
		return "", errSearchOver
	}
	return string(text), nil
}

// sealer seals for a session. Half of its key is the session's number, which the browser
// alone keeps.
func (s *Sessions) sealer(one session) cipher.AEAD {
	key, err := hkdf.Key(sha256.New, slices.Concat(s.key, one.id[:]), nil, "leadrelay console search", sha256.Size)
	if err != nil { // a bug: only a length can be wrong
		panic(err)
	}
	block, err := aes.NewCipher(key)
	if err != nil { // as above
		panic(err)
	}
	sealer, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil { // as above
		panic(err)
	}
	return sealer
}

type sessionKey struct{}

// withSession returns a context that knows the session.
func withSession(ctx context.Context, one session) context.Context {
	return context.WithValue(ctx, sessionKey{}, one)
}

func sessionOf(ctx context.Context) session {
	one, _ := ctx.Value(sessionKey{}).(session)
	return one
}

// search returns the handler that takes the form of a list, and goes to the list.
func (p *Pages) search(path string) pageFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		if err := checkBody(w, r); err != nil {
			return err
		}
		query := url.Values{}
		for _, name := range append([]string{"notice"}, selecting...) {
			if value := r.PostFormValue(name); value != "" {
				query.Set(name, value)
			}
		}
		return p.toList(w, r, path, query)
	}
}

// toList goes to a list whose address has no plain search.
func (p *Pages) toList(w http.ResponseWriter, r *http.Request, path string, query url.Values) error {
	if text := query.Get(plainSearch); text != "" {
		if len(text) > maxSearchText {
			return problem.New(problem.Unreadable, errForm)
		}
		query.Set(sealedSearch, p.sessions.seal(sessionOf(r.Context()), text))
	}
	query.Del(plainSearch)
	u := url.URL{Path: path, RawQuery: query.Encode()}
	return redirect(w, u.String())
}

// opened returns the parameters of a list as the API knows them.
func (p *Pages) opened(r *http.Request, query url.Values) (url.Values, error) {
	plain := url.Values{}
	for name, values := range query {
		plain[name] = slices.Clone(values)
	}
	sealed := query.Get(sealedSearch)
	plain.Del(sealedSearch)
	if sealed == "" {
		return plain, nil
	}
	text, err := p.sessions.unseal(sessionOf(r.Context()), sealed)
	plain.Add(plainSearch, text)
	return plain, err
}

// opening returns the page with the parameters of its address as the API knows them.
func (p *Pages) opening(h pageFunc) pageFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		query, err := url.ParseQuery(r.URL.RawQuery)
		if err != nil || !query.Has(sealedSearch) {
			return h(w, r)
		}
		if query, err = p.opened(r, query); err != nil {
			return problem.New(problem.BadQuery, err)
		}
		plain := *r.URL
		plain.RawQuery = query.Encode()
		r = r.WithContext(r.Context()) // a copy: whoever called has the address as it came
		r.URL = &plain
		return h(w, r)
	}
}
