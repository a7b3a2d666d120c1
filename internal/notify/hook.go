package notify

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"leadrelay/internal/lead"
	"leadrelay/internal/loopback"
)

// Hook is a web address that is told of leads, as https://www.standardwebhooks.com says.
type Hook struct {
	URL     string
	Secrets [][]byte // the new one first, while they are changed
	// AllowPrivate lets the address be in a private network.
	AllowPrivate bool
	// View returns a lead as the API shows it.
	View func(lead.Lead) any
}

// ParseSecrets reads the secrets of a hook, one a line. There may be two while the receiver
// changes from one to the other.
func ParseSecrets(text string) ([][]byte, error) {
	const prefix, least, most = "whsec_", 24, 64
	var all [][]byte
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		encoded, isSecret := strings.CutPrefix(line, prefix)
		key, err := base64.StdEncoding.DecodeString(encoded)
		if !isSecret || err != nil || len(key) < least || len(key) > most {
			return nil, errors.New("wants whsec_ and 24 to 64 bytes in base64, as this makes: echo whsec_$(openssl rand -base64 32)")
		}
		all = append(all, key)
	}
	if len(all) == 0 || len(all) > 2 {
		return nil, errors.New("wants one secret, or two lines while the receiver changes from one to the other")
	}
	return all, nil
}

// ParseHookURL parses the address of a hook.
func ParseHookURL(s string) (string, error) {
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Opaque != "" || u.Hostname() == "" || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }):
		return "", errors.New("wants an address such as https://crm.casas.mx/hooks/leadrelay")
	case u.User != nil:
		return "", errors.New("holds a user or a password; a hook is known by its signature")
	case u.Fragment != "":
		return "", errors.New("wants no fragment")
	case u.Scheme != "https" && (u.Scheme != "http" || !loopback.IsHost(u.Hostname())):
		return "", errors.New("wants https; http is for this machine only")
	}
	return s, nil
}

// sign returns the signatures of a body: one for each secret, with blanks between.
func sign(secrets [][]byte, id, timestamp string, body []byte) string {
	all := make([]string, len(secrets))
	for i, key := range secrets {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(id + "." + timestamp + "."))
		mac.Write(body)
		all[i] = "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	}
	return strings.Join(all, " ")
}

// maxBody is what a receiver may expect at most. A lead takes less.
const maxBody = 20_000

// body is what a hook is sent. The data is the lead as it is now, and the time is when that
// happened which it is about.
func (h Hook) body(d lead.Delivery) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(struct {
		Type      lead.Notice `json:"type"`
		Timestamp time.Time   `json:"timestamp"`
		Data      any         `json:"data"`
	}{d.Notice, d.At.UTC(), h.View(d.Lead)})
	body := bytes.TrimSuffix(b.Bytes(), []byte("\n"))
	if err == nil && len(body) >= maxBody {
		err = errors.New("the lead is too long for a hook")
	}
	return body, err
}

// Sender returns the function that sends deliveries to the hook.
func (h Hook) Sender(userAgent string) func(context.Context, lead.Delivery, time.Time) Result {
	client := newClient(h.URL, h.AllowPrivate)
	return func(ctx context.Context, d lead.Delivery, now time.Time) Result {
		body, err := h.body(d)
		if err != nil {
			return Result{Why: "the body could not be made"}
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.URL, bytes.NewReader(body))
		if err != nil {
			return Result{Why: "the address is none"}
		}
		timestamp := strconv.FormatInt(now.Unix(), 10)
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("User-Agent", userAgent)
		// Written like this, because the names are so in all libraries' examples; net/http would not care.
		req.Header.Set("Webhook-Id", d.ID)
		req.Header.Set("Webhook-Timestamp", timestamp)
		req.Header.Set("Webhook-Signature", sign(h.Secrets, d.ID, timestamp, body))
		resp, err := client.Do(req)
		if err != nil {
			return Result{Why: explain(ctx, err)}
		}
		defer func() { _ = resp.Body.Close() }()
		const most = 4 << 10 // of an answer that nobody reads
		_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, most))
		return judgeAnswer(resp, now)
	}
}

func judgeAnswer(resp *http.Response, now time.Time) Result {
	r := Result{Status: resp.StatusCode}
	if r.Status == http.StatusTooManyRequests || r.Status == http.StatusServiceUnavailable {
		r.RetryAfter = retryAfter(resp.Header.Get("Retry-After"), now)
	}
	switch {
	case resp.StatusCode >= 200 && resp.StatusCode <= 299:
		r.Taken = true
	case resp.StatusCode == http.StatusGone:
		r.Gone, r.Why = true, "gone"
	case resp.StatusCode >= 300 && resp.StatusCode <= 399:
		r.Why = "it answers with a redirect, and none is followed"
	default:
		r.Why = "it did not take it"
	}
	return r
}

// retryAfter reads how long somebody asks us to wait: seconds, or a date.
func retryAfter(header string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(header, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second //nolint:gosec // 31 bits
	}
	if at, err := http.ParseTime(header); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}

// explain says why nothing was answered, in a few known words: the error itself may have
// the address.
func explain(ctx context.Context, err error) string {
	var name *net.DNSError
	var dial *net.OpError
	switch {
	case errors.Is(err, ErrPrivate):
		return ErrPrivate.Error()
	case errors.Is(ctx.Err(), context.Canceled):
		return "the relay stopped meanwhile"
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return "no answer in time"
	case errors.As(err, &name):
		return "its name cannot be looked up"
	case errors.As(err, &dial) && dial.Op == "dial":
		return "it cannot be reached"
	}
	return "it does not answer as a web server does"
}
