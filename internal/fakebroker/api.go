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

// answer is the answer to a call.
type answer struct {
	status      int
	contentType string // JSON if empty
	body        []byte
	retryAfter  string
}

// failure returns an answer with one error text.
func failure(status int, text string) *answer {
	return object(status, map[string]string{"error": text})
}

// failures returns a 422 with several error texts.
func failures(texts ...string) *answer {
	return object(http.StatusUnprocessableEntity, map[string][]string{"errors": texts})
}

func object(status int, v any) *answer {
	body, err := json.Marshal(v)
	if err != nil {
		panic(err) // our own values cannot fail
	}
	return &answer{status: status, body: body}
}

func (a *answer) write(w http.ResponseWriter) {
	kind := a.contentType
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

// api serves one half of the API: POST creates a contact request, GET lists them.
func (b *Broker) api(half string) http.Handler {
	const maxBytes = 1 << 20
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// The request's context ends with its client only if the body was read completely.
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBytes))
		if err != nil {
			failure(http.StatusRequestEntityTooLarge, "Too large").write(w)
			return
		}
		f, t := b.next(r.Method)
		b.wait(r, t.Delay)
		b.writeHead(w)
		if t.Do != "" && !t.After {
			b.doTrouble(w, r, f, t)
			return
		}
		a := b.serve(r, f, half, body)
		if t.Do != "" {
			b.doTrouble(w, r, f, t)
			return
		}
		a.write(w)
	})
}

// writeHead sets the headers that EasyBroker sends with every answer: a request id and a
// cookie that no client should keep.
func (b *Broker) writeHead(w http.ResponseWriter) {
	w.Header().Set("X-Request-Id", "fake-"+strconv.FormatInt(b.now().UnixNano(), 36))
	w.Header().Set("Set-Cookie", "_fakebroker=1; Path=/; HttpOnly")
}

func (b *Broker) serve(r *http.Request, f Faults, half string, body []byte) *answer {
	if refused := b.authorize(r, f, half); refused != nil {
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

// authorize refuses a call because of its key, its country or its rate. A key of the other
// API (partner or account) is refused like an unknown one, as recorded on staging. So is a partner's call
// without a Country-Code (the gem expects 401), and one whose code cannot be a country,
// which is our guess.
func (b *Broker) authorize(r *http.Request, f Faults, half string) *answer {
	country := r.Header.Get("Country-Code")
	switch {
	case !b.keyFits(half, r.Header.Get("X-Authorization")), half == book.Partner && !isCountry(country):
		return failure(http.StatusUnauthorized, invalidKey)
	case half == book.Partner && len(f.Countries) > 0 && !slices.Contains(f.Countries, country):
		return failure(http.StatusForbidden, "The integration is not active in this country")
	case b.isOverRate(f):
		a := failure(http.StatusTooManyRequests, "Too many requests")
		a.retryAfter = f.RetryAfterHeader(b.now())
		return a
	}
	return nil
}

// isCountry reports whether code is two capitals. Where the integration is active is up to
// the faults.
func isCountry(code string) bool {
	return len(code) == 2 && strings.Trim(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}

// isOverRate counts the calls of this second and reports whether there are too many.
func (b *Broker) isOverRate(f Faults) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if now := b.now().Truncate(time.Second); !now.Equal(b.second) {
		b.second, b.callsInSecond = now, 0
	}
	b.callsInSecond++
	return f.RatePerSecond > 0 && b.callsInSecond > f.RatePerSecond
}

func (b *Broker) create(r *http.Request, f Faults, half string, body []byte) *answer {
	if !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		return failure(http.StatusBadRequest, "The content type must be application/json")
	}
	k, refused := parseBody(f, half, body)
	if refused != nil {
		return refused
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	k.UsePartnerCode = r.Header.Get("Use-Partner-Code") == "true"
	k.Arrived = b.now()
	k.HappenedAt = k.Arrived.Add(time.Duration(f.ClockSkew))
	defer b.notifyChanged()
	if !b.book.Keep(f, k) {
		return repeatedAnswer(f)
	}
	return acceptedAnswer(f)
}

// repeatedAnswer refuses a remote_id that is in the book already.
func repeatedAnswer(f Faults) *answer {
	const text = "remote_id has already been taken"
	if f.Repeat == "refuse_409" {
		return failure(http.StatusConflict, text)
	}
	return failures(text)
}

// acceptedAnswer is the answer to a contact request that was kept.
func acceptedAnswer(f Faults) *answer {
	usual := object(http.StatusOK, map[string]string{"status": "successful"})
	switch f.Answer {
	case "201":
		usual.status = http.StatusCreated
	case "204":
		return &answer{status: http.StatusNoContent}
	case "empty":
		return &answer{status: http.StatusOK}
	case "html":
		return &answer{status: http.StatusOK, contentType: "text/html", body: []byte("<html><body>OK</body></html>")}
	case "broken":
		usual.body = usual.body[:len(usual.body)/2]
	case "error":
		return failure(http.StatusOK, "Something went wrong")
	}
	return usual
}
