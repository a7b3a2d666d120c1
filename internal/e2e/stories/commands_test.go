package stories

import (
	"bufio"
	"bytes"
	"cmp"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime/multipart"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"leadrelay/internal/e2e/relaytest"
	"leadrelay/internal/smtp/smtptest"
)

// The words of the stories, beside those of testscript. README.md beside the
// scripts explains them.

// cmdPost: post [-as form|json|text|multipart] [-file F] [-H header]... address status [field=value]...
func cmdPost(ts *testscript.TestScript, neg bool, args []string) {
	request(ts, neg, http.MethodPost, args)
}

// cmdGet: get [-method M] [-H header]... address status
func cmdGet(ts *testscript.TestScript, neg bool, args []string) {
	request(ts, neg, http.MethodGet, args)
}

// exchange sends a request and reads the answer even where the relay hangs up
// before it has read all, as browsers do.
func exchange(req *http.Request) (*http.Response, []byte, error) {
	conn, err := net.DialTimeout("tcp", req.URL.Host, relaytest.Patience)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(relaytest.Patience)); err != nil {
		return nil, nil, err
	}
	go func() { _ = req.Write(conn) }()
	resp, err := http.ReadResponse(bufio.NewReader(conn), req)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	return resp, text, err
}

// oneShot is a transport that leaves no connection behind.
func oneShot() *http.Transport { return &http.Transport{DisableKeepAlives: true} }

// call is a request as a story tells it.
type call struct {
	method, kind, file, address, status string
	header                              http.Header
	fields                              [][2]string
}

func request(ts *testscript.TestScript, neg bool, method string, args []string) {
	if neg {
		ts.Fatalf("unsupported: ! %s", strings.ToLower(method))
	}
	c := readCall(ts, method, args)
	kind, body := c.body(ts)
	req, err := http.NewRequest(c.method, c.address, bytes.NewReader(body))
	ts.Check(err)
	req.Header, req.Host = c.header, cmp.Or(c.header.Get("Host"), req.Host)
	if kind != "" && req.Header.Get("Content-Type") == "" {
		req.Header.Set("Content-Type", kind)
	}
	resp, text, err := exchange(req)
	ts.Check(err)
	_, _ = fmt.Fprintf(ts.Stdout(), "%s\n", resp.Status)
	for _, name := range slices.Sorted(maps.Keys(resp.Header)) {
		_, _ = fmt.Fprintf(ts.Stdout(), "%s: %s\n", name, strings.Join(resp.Header[name], ", "))
	}
	_, _ = fmt.Fprintf(ts.Stdout(), "\n%s\n", text)
	if strconv.Itoa(resp.StatusCode) != c.status {
		ts.Fatalf("status %d, not %s\n%s", resp.StatusCode, c.status, text)
	}
}

func readCall(ts *testscript.TestScript, method string, args []string) call {
	c := call{method: method, kind: "form", header: http.Header{}}
	for len(args) > 1 && strings.HasPrefix(args[0], "-") {
		switch args[0] {
		case "-as":
			c.kind = args[1]
		case "-file":
			c.file = ts.MkAbs(args[1])
		case "-method":
			c.method = args[1]
		case "-H":
			name, value, _ := strings.Cut(args[1], ": ")
			c.header.Add(name, value)
		default:
			ts.Fatalf("unknown flag %s", args[0])
		}
		args = args[2:]
	}
	if len(args) < 2 {
		ts.Fatalf("wanted: an address and a status")
	}
	c.address, c.status = args[0], args[1]
	if strings.HasPrefix(c.address, "/") {
		c.address = "http://" + ts.Getenv("RELAY") + c.address
	}
	for _, f := range args[2:] {
		name, value, ok := strings.Cut(f, "=")
		if !ok {
			ts.Fatalf("%q is no field=value", f)
		}
		c.fields = append(c.fields, [2]string{name, value})
	}
	return c
}

// body writes the fields as the kind wants them.
func (c call) body(ts *testscript.TestScript) (kind string, body []byte) {
	if c.file != "" {
		data, err := os.ReadFile(c.file)
		ts.Check(err)
		return "", data
	}
	if c.method != http.MethodPost {
		return "", nil
	}
	switch c.kind {
	case "json", "text":
		fields := map[string]string{}
		for _, f := range c.fields {
			fields[f[0]] = f[1]
		}
		data, err := json.Marshal(fields)
		ts.Check(err)
		return map[string]string{"json": "application/json", "text": "text/plain;charset=UTF-8"}[c.kind], data
	case "multipart":
		var b bytes.Buffer
		w := multipart.NewWriter(&b)
		for _, f := range c.fields {
			ts.Check(w.WriteField(f[0], f[1]))
		}
		ts.Check(w.Close())
		return w.FormDataContentType(), b.Bytes()
	}
	form := url.Values{}
	for _, f := range c.fields {
		form.Add(f[0], f[1])
	}
	return "application/x-www-form-urlencoded", []byte(form.Encode())
}

// cmdKept: kept N waits until the pretend EasyBroker has kept N contact
// requests, and fails when one of them is there twice.
func cmdKept(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: kept N")
	}
	var kept struct {
		Kept  []json.RawMessage
		Times map[string]int
	}
	ok := relaytest.Poll(func() bool {
		resp, err := (&http.Client{Transport: oneShot()}).Get("http://" + ts.Getenv("BROKER") + "/_control/book")
		if err != nil {
			return false
		}
		defer func() { _ = resp.Body.Close() }()
		ts.Check(json.NewDecoder(resp.Body).Decode(&kept))
		return strconv.Itoa(len(kept.Kept)) == args[0]
	})
	if !ok {
		ts.Fatalf("kept %d, not %s", len(kept.Kept), args[0])
	}
	for id, n := range kept.Times {
		if n != 1 {
			ts.Fatalf("%s was kept %d times", id, n)
		}
	}
}

// cmdMisbehave: misbehave JSON replaces the faults of the pretend EasyBroker.
func cmdMisbehave(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: misbehave JSON")
	}
	req, err := http.NewRequest(http.MethodPut, "http://"+ts.Getenv("BROKER")+"/_control/faults", strings.NewReader(args[0]))
	ts.Check(err)
	resp, err := oneShot().RoundTrip(req)
	ts.Check(err)
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(resp.Body)
		ts.Fatalf("%s %s", resp.Status, text)
	}
}

// cmdWaitReady: wait-ready [URL] waits until the address, or else the relay's
// /readyz, answers 200.
func cmdWaitReady(ts *testscript.TestScript, neg bool, args []string) {
	address := "http://" + ts.Getenv("RELAY") + "/readyz"
	if len(args) == 1 {
		address = args[0]
	}
	ok := relaytest.Poll(func() bool {
		resp, err := (&http.Client{Transport: oneShot()}).Get(address)
		if err != nil {
			return false
		}
		_ = resp.Body.Close()
		return (resp.StatusCode == http.StatusOK) != neg
	})
	if !ok {
		ts.Fatalf("%s does not get ready", address)
	}
}

// cmdUntil: until PATTERN program [args...] runs the program again and again,
// until its output matches.
func cmdUntil(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: until PATTERN program [args...]")
	}
	// A process that starts all the time would keep the others from their work.
	const first, last = 200 * time.Millisecond, 2 * time.Second
	pattern := regexp.MustCompile("(?m)" + args[0])
	pause, next := first, time.Time{}
	ok := relaytest.Poll(func() bool {
		if time.Now().Before(next) {
			return false
		}
		_ = ts.Exec(args[1], args[2:]...) // it may fail until it matches
		next, pause = time.Now().Add(pause), min(pause*3/2, last)
		return pattern.MatchString(ts.ReadFile("stdout"))
	})
	if !ok {
		ts.Fatalf("never matched: %s", args[0])
	}
}

// cmdExits: exits CODE program [args...] runs the program and wants that exit
// code.
func cmdExits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE program [args...]")
	}
	code := 0
	var exit *exec.ExitError
	if err := ts.Exec(args[1], args[2:]...); errors.As(err, &exit) {
		code = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("exit code %d, not %s", code, args[0])
	}
}

// cmdSignal: signal TERM VERB signals the background leadrelay with that verb.
func cmdSignal(ts *testscript.TestScript, neg bool, args []string) {
	signals := map[string]os.Signal{"TERM": syscall.SIGTERM, "INT": syscall.SIGINT, "HUP": syscall.SIGHUP, "KILL": syscall.SIGKILL}
	if neg || len(args) != 2 || signals[args[0]] == nil {
		ts.Fatalf("usage: signal TERM|INT|HUP|KILL VERB")
	}
	for _, cmd := range ts.BackgroundCmds() {
		if slices.Contains(cmd.Args, args[1]) {
			ts.Check(cmd.Process.Signal(signals[args[0]]))
			return
		}
	}
	ts.Fatalf("no %s runs", args[1])
}

// cmdLearn: learn NAME PATTERN [FILE] sets the variable to what the pattern's
// group matches in the file, as soon as it does.
func cmdLearn(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: learn NAME PATTERN FILE")
	}
	pattern := regexp.MustCompile("(?m)" + args[1])
	var found []string
	var text string
	ok := relaytest.Poll(func() bool {
		if _, err := os.Stat(ts.MkAbs(args[2])); err != nil && args[2] != "stdout" {
			return false
		}
		text = ts.ReadFile(args[2])
		found = pattern.FindStringSubmatch(text)
		return len(found) > 1
	})
	if !ok {
		ts.Fatalf("%s is not in %s:\n%s", args[1], args[2], text)
	}
	ts.Setenv(args[0], found[1])
}

// cmdSQL: sql FILE STATEMENT changes a database behind leadrelay's back.
func cmdSQL(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: sql FILE STATEMENT")
	}
	driver, name := "sqlite", ts.MkAbs(args[0])
	if used := ts.Getenv("LEADRELAY_DATABASE"); args[0] == "leadrelay.db" && strings.Contains(used, "://") {
		driver, name = "pgx", used
	}
	db, err := sql.Open(driver, name)
	ts.Check(err)
	defer func() { _ = db.Close() }()
	_, err = db.Exec(args[1])
	ts.Check(err)
}

// cmdScribble: scribble FILE OFFSET writes nonsense into a file.
func cmdScribble(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: scribble FILE OFFSET")
	}
	offset, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	f, err := os.OpenFile(ts.MkAbs(args[0]), os.O_WRONLY, 0)
	ts.Check(err)
	_, err = f.WriteAt(bytes.Repeat([]byte{0xA5}, 1024), offset)
	ts.Check(errors.Join(err, f.Close()))
}

// cmdListen: listen ADDR takes an address until the end of the story.
func cmdListen(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: listen ADDR")
	}
	ln, err := net.Listen("tcp", args[0])
	ts.Check(err)
	ts.Defer(func() { _ = ln.Close() })
}

// cmdHook: hook ADDR FILE PATH listens for messages. It appends them to the file, and does
// not answer what comes below the path.
func cmdHook(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: hook ADDR FILE PATH")
	}
	ln, err := net.Listen("tcp", args[0])
	ts.Check(err)
	f, err := os.OpenFile(ts.MkAbs(args[1]), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	ts.Check(err)
	s := &http.Server{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body) // after that it is noticed who hangs up
		if strings.HasPrefix(r.URL.Path, "/"+args[2]+"/") {
			<-r.Context().Done()
			return
		}
		_, _ = f.Write(append(text, '\n'))
	})}
	go func() { _ = s.Serve(ln) }()
	ts.Defer(func() { _, _ = s.Close(), f.Close() })
}

// cmdMailServer: mail-server ADDR FILE takes mails, and appends them to the file.
func cmdMailServer(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: mail-server ADDR FILE")
	}
	f, err := os.OpenFile(ts.MkAbs(args[1]), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	ts.Check(err)
	s, err := smtptest.Listen(args[0], func(m smtptest.Mail) {
		_, _ = fmt.Fprintf(f, "<%s> %v\n%s\n", m.From, m.To, m.Data)
	})
	ts.Check(err)
	ts.Defer(func() { s.Close(); _ = f.Close() })
}
