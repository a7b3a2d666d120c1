package fakebroker

import (
	"cmp"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// wait sleeps until the client goes away or the broker is closed, or for d.
func (b *Broker) wait(r *http.Request, d Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(time.Duration(d))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.Context().Done():
	case <-b.done:
	}
}

// doTrouble does what the trouble says instead of answering.
func (b *Broker) doTrouble(w http.ResponseWriter, r *http.Request, f Faults, t Trouble) {
	switch t.Do {
	case "hang":
		b.wait(r, Forever)
		panic(http.ErrAbortHandler) // closes the connection without an answer
	case "reset":
		reset(w)
	case "redirect":
		redirect(w, t)
	case "huge":
		writeHuge(w)
	default:
		statusAnswer(f, t, b.now()).write(w)
	}
}

// reset closes the connection so that the client reads "connection reset".
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if secure, ok := conn.(interface{ NetConn() net.Conn }); ok {
		conn = secure.NetConn()
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

func redirect(w http.ResponseWriter, t Trouble) {
	location := t.Location
	if location == "" {
		location = "https://elsewhere.invalid/v1/contact_requests"
	}
	w.Header().Set("Location", location)
	w.WriteHeader(cmp.Or(t.Status, http.StatusFound))
}

func writeHuge(w http.ResponseWriter) {
	const chunks = 5 << 4 // of 64 KiB: 5 MiB
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, `{"status":"`)
	chunk := strings.Repeat("x", 64<<10)
	for range chunks {
		if _, err := io.WriteString(w, chunk); err != nil {
			return
		}
	}
	_, _ = io.WriteString(w, `"}`)
}

// statusAnswer returns an answer with the trouble's status and a likely body. From 500 on,
// it looks like a proxy's.
func statusAnswer(f Faults, t Trouble, now time.Time) *answer {
	status := cmp.Or(t.Status, http.StatusInternalServerError)
	var a *answer
	switch {
	case t.Body != "":
		a = &answer{status: status, body: []byte(t.Body)}
	case status == http.StatusUnauthorized:
		a = failure(status, invalidKey)
	case status >= http.StatusInternalServerError:
		a = &answer{status: status, contentType: "text/html", body: []byte("<html><body><h1>" + strconv.Itoa(status) + "</h1></body></html>")}
	default:
		a = failure(status, http.StatusText(status))
	}
	if status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable {
		a.retryAfter = f.RetryAfterHeader(now)
	}
	return a
}
