package relaytest

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// NewClient returns a client that follows no redirect and leaves no connection
// behind.
func NewClient(t testing.TB) *http.Client {
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: Patience, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
}

// Accepted is the answer to an inquiry that is on disk.
type Accepted struct {
	OK       bool   `json:"ok"`
	RemoteID int64  `json:"remote_id"`
	Next     string `json:"next"`
}

// Inquire posts a good inquiry as a program would. The status is zero when
// there was no whole answer.
func Inquire(c *http.Client, door, property, message string) (status int, a Accepted, h http.Header) {
	form := url.Values{"property_id": {property}, "email": {"ana@ejemplo.mx"}, "message": {message}}
	req, err := http.NewRequest(http.MethodPost, "http://"+door+"/f", strings.NewReader(form.Encode()))
	if err != nil {
		panic(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	resp, err := c.Do(req)
	if err != nil {
		return 0, Accepted{}, nil
	}
	defer func() { _ = resp.Body.Close() }()
	if err := json.NewDecoder(resp.Body).Decode(&a); err != nil {
		return 0, Accepted{}, nil
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, a, resp.Header
}

// Form is a whole inquiry about a property that a test can look for.
func Form(property string) string {
	return "property_id=" + property + "&email=ana%40ejemplo.mx&message=Hola"
}
