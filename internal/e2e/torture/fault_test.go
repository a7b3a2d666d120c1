package torture_test

import (
	"fmt"
	"net/http"
	"slices"
	"syscall"
	"time"
)

// instant is a point on a lead's way at which something can go wrong.
type instant int

const (
	beforeIntent instant = iota // the intent is not yet on disk
	intended                    // it is
	sending                     // the courier has made sure that there is time
	leaving                     // the bytes are about to leave
	left                        // they have left this machine
	arrived                     // EasyBroker has them, and has not yet kept the lead
	kept                        // it has, and has not yet answered
	answered                    // the answer is here
	settling                    // what became of the lead is not yet on disk
)

func (i instant) String() string {
	return [...]string{
		"before the intent", "after the intent", "before the call", "as bytes leave", "bytes left", "before it is kept", "after it is kept",
		"after the answer", "before the settle",
	}[i]
}

func instants() []instant {
	return []instant{beforeIntent, intended, sending, leaving, left, arrived, kept, answered, settling}
}

// fault is what strikes at an instant. One of the three is set, or both the
// line's and the answer's.
type fault struct {
	name string
	at   []instant     // where it can strike
	not  string        // why it cannot elsewhere
	lag  time.Duration // of EasyBroker's list; just under the settle delay when zero

	befall func(l *life, n int)                                  // our own machine
	line   func(l *line, request []byte, i instant) (int, error) // the connection, in place of a write
	answer func(b *bed, w http.ResponseWriter, r *http.Request)  // what EasyBroker does in place of answering
}

func (f fault) canStrike(i instant) bool { return slices.Contains(f.at, i) }

// cell is one fault at one instant.
type cell struct {
	fault *fault
	at    instant

	everyNth    int // which leads are struck; every third when zero
	nProperties int // over how many properties the leads are spread; seven when zero
}

func (c cell) every() int {
	if c.everyNth > 0 {
		return c.everyNth
	}
	return 3
}

func (c cell) properties() int {
	if c.nProperties > 0 {
		return c.nProperties
	}
	return 7
}

// faults are the rows of the matrix.
func faults() []fault {
	const (
		same   = "as at the instant before"
		ours   = "no answer is on its way"
		theirs = "EasyBroker says so before it looks at the lead"
		line   = "no connection is in use"
	)
	everywhere := []instant{beforeIntent, intended, leaving, left, kept, answered, settling}
	all := []fault{
		{name: "kill -9", at: everywhere, not: same, befall: func(l *life, _ int) { l.kill() }},
		{name: "kill -9, clock set", at: everywhere, not: same, befall: func(l *life, _ int) { l.kill(); l.host.setClock() }},
		{name: "frozen for 45 s", at: append(everywhere, sending), not: same, befall: func(l *life, _ int) { l.host.freeze(45 * time.Second) }},
		{name: "frozen for 10 m", at: append(everywhere, sending), not: same, befall: func(l *life, _ int) { l.host.freeze(10 * time.Minute) }},
		{name: "clock set", at: everywhere, not: same, befall: func(l *life, _ int) { l.host.setClock() }},
		{name: "disk full", at: everywhere, not: same, befall: fillDisk},
		{name: "refused", at: []instant{sending}, not: "only a dial is refused", befall: refuse},
		{name: "reset", at: []instant{leaving, left, arrived, kept}, not: line, line: resetLine, answer: reset},
		{name: "hang", at: []instant{left, arrived, kept}, not: line, line: loseBytes, answer: hang},
		{name: "kept 2 m late", at: []instant{arrived}, not: "only EasyBroker can be late", lag: time.Minute, answer: keepLate},
	}
	for _, say := range answers() {
		f := fault{name: say.name, at: []instant{arrived, kept}, not: ours, answer: say.write}
		if say.first {
			f.at, f.not = []instant{arrived}, theirs
		}
		all = append(all, f)
	}
	return all
}

// fillDisk lasts shorter than a lease for some leads and longer for others.
func fillDisk(l *life, n int) {
	l.bed.fillDisk([]time.Duration{20 * time.Second, 3 * time.Minute}[n%2])
}

// refuse breaks every connection and takes no new one.
func refuse(l *life, _ int) {
	l.bed.refuse(20 * time.Second)
	l.cut()
}

// resetLine lets half of the request leave at most, or all of it, and neither
// arrives whole.
func resetLine(l *line, request []byte, i instant) (int, error) {
	defer l.reset()
	if i == leaving {
		_, _ = l.Conn.Write(request[:len(request)/2])
		return 0, syscall.ECONNRESET
	}
	return len(request), nil
}

// loseBytes takes a request that never arrives.
func loseBytes(_ *line, request []byte, _ instant) (int, error) { return len(request), nil }

func reset(_ *bed, w http.ResponseWriter, _ *http.Request) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	conn.(*farEnd).near.reset()
	_ = conn.Close()
}

func hang(_ *bed, _ http.ResponseWriter, r *http.Request) {
	<-r.Context().Done()
	panic(http.ErrAbortHandler)
}

// keepLate keeps the lead long after the client has given up.
func keepLate(b *bed, _ http.ResponseWriter, r *http.Request) {
	time.Sleep(2 * time.Minute)
	b.behind.ServeHTTP(unheard{http.Header{}}, r)
	panic(http.ErrAbortHandler)
}

// saying is what EasyBroker, or something before it, answers.
type saying struct {
	name   string
	status int
	header string // of the name before the colon
	body   string
	first  bool // it can only be said before the lead is kept
}

func answers() []saying {
	const html = "<html><body><h1>Sorry</h1></body></html>"
	return []saying{
		{name: "500", status: 500, body: `{"error":"oops"}`},
		{name: "502 in HTML", status: 502, body: html},
		{name: "503", status: 503, body: html},
		{name: "429, wait 40 s", status: 429, header: "40", first: true},
		{name: "429, until a date", status: 429, header: "date", first: true},
		{name: "429, wait a year", status: 429, header: "31536000", first: true},
		{name: "401", status: 401, body: `{"error":"Your API key is invalid"}`, first: true},
		{name: "403", status: 403, body: `{"error":"Forbidden"}`, first: true},
		{name: "302", status: 302},
		{name: "200, empty", status: 200},
		{name: "200 in HTML", status: 200, body: html},
		{name: "200, broken", status: 200, body: `{"status":"succ`},
		{name: "200, an error in it", status: 200, body: `{"error":"Something went wrong"}`},
		{name: "204", status: 204},
		{name: "409", status: 409, body: `{"error":"remote_id has already been taken"}`},
	}
}

func (s saying) write(_ *bed, w http.ResponseWriter, _ *http.Request) {
	switch {
	case s.header == "date":
		w.Header().Set("Retry-After", time.Now().Add(40*time.Second).UTC().Format(http.TimeFormat))
	case s.header != "":
		w.Header().Set("Retry-After", s.header)
	case s.status == http.StatusFound:
		w.Header().Set("Location", "https://elsewhere.invalid/")
	}
	w.WriteHeader(s.status)
	_, _ = fmt.Fprint(w, s.body)
}

// outage is how EasyBroker is down.
type outage int

const (
	none outage = iota
	refused
	unavailable
	hanging
)

func (o outage) String() string { return [...]string{"none", "refused", "503", "hanging"}[o] }

// answer takes a call while EasyBroker is down.
func (o outage) answer(b *bed, w http.ResponseWriter, r *http.Request) bool {
	switch o {
	case unavailable:
		saying{status: http.StatusServiceUnavailable}.write(b, w, r)
	case hanging:
		hang(b, w, r)
	default:
		return false
	}
	return true
}
