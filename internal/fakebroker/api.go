package fakebroker

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"leadrelay/internal/fakebroker/book"
)

// invalidKey is EasyBroker's own text.
const invalidKey = "Your API key is invalid"

// answer is what goes back to a client.
type answer struct {
	status     int
	kind       string // content type; JSON when empty
	body       []byte
	retryAfter string
}

// failure is the shape with one text.
func failure(status int, text string) *answer {
	return object(status, map[string]string{"error": text})
}

// failures is the shape of a 422 with several.
func failures(texts ...string) *answer {
	return object(http.StatusUnprocessableEntity, map[string][]string{"errors": texts})
}

func object(status int, v any) *answer {
	body, err := json.Marshal(v)
	if err != nil {
		panic(err) // none of our own values can fail
	}
	return &answer{status: status, body: body}
}

func (a *answer) write(w http.ResponseWriter) {
	kind := a.kind
	if kind == "" {
		kind = "application/json; charset=utf-8"
	}
	if len(a.body) > 0 {
		w.Header().Set("Content-Type", kind)
	}
	if a.retryAfter != "" {
		w.Header().Set("Retry-After", a.retryAfter)
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body)
}

// api serves one half: POST takes a contact request, GET lists them.
func (b *Broker) api(half string) http.Handler {
	const longest = 1 << 20
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Only a request that was read whole tells when its client leaves.
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, longest))
		if err != nil {
			failure(http.StatusRequestEntityTooLarge, "Too large").write(w)
			return
		}
		f, t := b.next(r.Method)
		b.wait(r, t.Delay)
		b.head(w)
		if t.Do != "" && !t.After {
			b.act(w, r, f, t)
			return
		}
		a := b.serve(r, f, half, body)
		if t.Do != "" {
			b.act(w, r, f, t)
			return
		}
		a.write(w)
	})
}

// head sets what EasyBroker sends with every answer: the exchange's name and
// a cookie that no client should keep.
func (b *Broker) head(w http.ResponseWriter) {
	w.Header().Set("X-Request-Id", "fake-"+strconv.FormatInt(b.now().UnixNano(), 36))
	w.Header().Set("Set-Cookie", "_fakebroker=1; Path=/; HttpOnly")
}

func (b *Broker) serve(r *http.Request, f Faults, half string, body []byte) *answer {
	if refused := b.admit(r, f, half); refused != nil {
		return refused
	}
	switch r.Method {
	case http.MethodPost:
		return b.create(r, f, half, body)
	case http.MethodGet:
		return b.list(r, f, half)
	}
	return failure(http.StatusNotFound, "Not found")
}

// admit refuses a call for what it is rather than for what it says. A key of
// the other half is answered like an unknown one, as recorded on staging; so
// is a partner's call without a Country-Code (the gem expects 401), and one
// whose code cannot be a country, which is our guess.
func (b *Broker) admit(r *http.Request, f Faults, half string) *answer {
	country := r.Header.Get("Country-Code")
	switch {
	case !b.knows(half, r.Header.Get("X-Authorization")), half == book.Partner && !isCountry(country):
		return failure(http.StatusUnauthorized, invalidKey)
	case half == book.Partner && len(f.Countries) > 0 && !slices.Contains(f.Countries, country):
		return failure(http.StatusForbidden, "The integration is not active in this country")
	case b.tooMany(f):
		a := failure(http.StatusTooManyRequests, "Too many requests")
		a.retryAfter = f.RetryAfterHeader(b.now())
		return a
	}
	return nil
}

// isCountry takes any two capitals: where the integration is active is up to
// the faults.
func isCountry(code string) bool {
	return len(code) == 2 && strings.Trim(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}

// tooMany counts the calls of this second.
func (b *Broker) tooMany(f Faults) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if now := b.now().Truncate(time.Second); !now.Equal(b.second) {
		b.second, b.inIt = now, 0
	}
	b.inIt++
	return f.RatePerSecond > 0 && b.inIt > f.RatePerSecond
}

func (b *Broker) create(r *http.Request, f Faults, half string, body []byte) *answer {
	if !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		return failure(http.StatusBadRequest, "The content type must be application/json")
	}
	k, refused := read(f, half, body)
	if refused != nil {
		return refused
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	k.UsePartnerCode = r.Header.Get("Use-Partner-Code") == "true"
	k.Arrived = b.now()
	k.HappenedAt = k.Arrived.Add(time.Duration(f.ClockSkew))
	defer b.announce()
	if !b.book.Keep(f, k) {
		return repeated(f)
	}
	return taken(f)
}

// repeated refuses a remote_id that was there before.
func repeated(f Faults) *answer {
	const text = "remote_id has already been taken"
	if f.Repeat == "refuse_409" {
		return failure(http.StatusConflict, text)
	}
	return failures(text)
}

// taken is the answer to a contact request that was taken.
func taken(f Faults) *answer {
	usual := object(http.StatusOK, map[string]string{"status": "successful"})
	switch f.Answer {
	case "201":
		usual.status = http.StatusCreated
	case "204":
		return &answer{status: http.StatusNoContent}
	case "empty":
		return &answer{status: http.StatusOK}
	case "html":
		return &answer{status: http.StatusOK, kind: "text/html", body: []byte("<html><body>OK</body></html>")}
	case "broken":
		usual.body = usual.body[:len(usual.body)/2]
	case "error":
		return failure(http.StatusOK, "Something went wrong")
	}
	return usual
}
