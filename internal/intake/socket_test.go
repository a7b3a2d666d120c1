package intake_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// listen serves the handler on a real socket.
func listen(t *testing.T) (*relay, string) {
	t.Helper()
	d := newRelay(t)
	server := httptest.NewUnstartedServer(d)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.Start()
	t.Cleanup(server.Close)
	return d, server.Listener.Addr().String()
}

// begin opens a connection and sends bytes as they are.
func begin(t *testing.T, address, request string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(5*time.Second)))
	_, err = io.WriteString(conn, request)
	require.NoError(t, err)
	return conn
}

// say sends bytes as they are and returns everything that comes back.
func say(t *testing.T, address, request string) string {
	t.Helper()
	answer, _ := io.ReadAll(begin(t, address, request)) // a reset ends it too
	return string(answer)
}

// A client that writes its whole body before it reads learns that it was too large.
func TestABodyThatIsTooLargeIsAnswered(t *testing.T) {
	_, address := listen(t)
	for _, size := range []int{64<<10 + 1, 128 << 10, 250 << 10} {
		for range 20 {
			request := plain(fmt.Sprintf("Content-Length: %d\r\n", size), strings.Repeat("a", size))
			require.Contains(t, say(t, address, request), " 413 ", size)
		}
	}
}

func head(method, target, headers string) string {
	return method + " " + target + " HTTP/1.1\r\nHost: relay.mx\r\nConnection: close\r\n" + headers + "\r\n"
}

func plain(headers, body string) string {
	return head("POST", "/f/casas", "Content-Type: "+formType+"\r\n"+headers) + body
}

func TestRawRequests(t *testing.T) {
	chunk := func(body string) string { return fmt.Sprintf("%x\r\n%s\r\n", len(body), body) }
	length := func(n int) string { return fmt.Sprintf("Content-Length: %d\r\n", n) }
	tests := map[string]struct {
		request string
		status  string
		kept    int
	}{
		"a form":                           {plain(length(len(wholeForm)), wholeForm), "303", 1},
		"in chunks":                        {plain("Transfer-Encoding: chunked\r\n", chunk(wholeForm[:20])+chunk(wholeForm[20:])+"0\r\n\r\n"), "303", 1},
		"chunks over the limit":            {plain("Transfer-Encoding: chunked\r\n", strings.Repeat(chunk(strings.Repeat("a", 1000)), 70)+"0\r\n\r\n"), "413", 0},
		"a length over the limit":          {plain(length(10<<20), ""), "413", 0},
		"a length over the limit, asking":  {plain(length(10<<20)+"Expect: 100-continue\r\n", ""), "413", 0},
		"a wrong type, asking":             {head("POST", "/f/casas", "Content-Type: text/xml\r\nExpect: 100-continue\r\n"+length(10)), "415", 0},
		"a wrong origin, asking":           {plain("Origin: https://evil.mx\r\nExpect: 100-continue\r\n"+length(10), ""), "403", 0},
		"a broken chunk":                   {plain("Transfer-Encoding: chunked\r\n", "zz\r\n"+wholeForm), "400", 0},
		"a length and chunks":              {plain(length(4)+"Transfer-Encoding: chunked\r\n", chunk(wholeForm)+"0\r\n\r\n"), "", -1},
		"two lengths":                      {plain(length(4)+length(5), wholeForm), "400", 0},
		"a length below zero":              {plain("Content-Length: -1\r\n", wholeForm), "400", 0},
		"a method in small letters":        {head("post", "/f/casas", ""), "405", 0},
		"a method of nobody's":             {head("FOO", "/f/casas", ""), "405", 0},
		"TRACE":                            {head("TRACE", "/f/casas", "X-Canary: canary\r\n"), "405", 0},
		"CONNECT":                          {head("CONNECT", "/f/casas", ""), "405", 0},
		"the whole address as the target":  {"POST http://relay.mx/f/casas HTTP/1.1\r\nHost: relay.mx\r\nConnection: close\r\nContent-Type: " + formType + "\r\n" + length(len(wholeForm)) + "\r\n" + wholeForm, "303", 1},
		"HTTP/1.0":                         {"POST /f/casas HTTP/1.0\r\nContent-Type: " + formType + "\r\n" + length(len(wholeForm)) + "\r\n" + wholeForm, "303", 1},
		"HTTP/1.0 that wants JSON":         {"POST /f/casas HTTP/1.0\r\nAccept: application/json\r\nContent-Type: " + formType + "\r\n" + length(len(wholeForm)) + "\r\n" + wholeForm, "202", 1},
		"HTTP/3.0":                         {"POST /f/casas HTTP/3.0\r\n\r\n", "505", 0},
		"OPTIONS for the whole server":     {head("OPTIONS", "*", ""), "200", 0},
		"an escaped path":                  {head("GET", "/f/c%61sas", ""), "200", 0},
		"an escaped slash":                 {head("GET", "/f/casas%2Fthanks", ""), "200", 0},
		"a path that climbs":               {head("GET", "/f/x/../casas", ""), "404", 0},
		"a path that climbs further":       {head("GET", "/f/../../etc/passwd", ""), "404", 0},
		"a double slash":                   {head("GET", "//f/casas", ""), "404", 0},
		"a NUL in the path":                {head("GET", "/f/casas%00", ""), "404", 0},
		"line ends in the path":            {head("GET", "/f/casas%0d%0aX-Canary:%20canary", ""), "404", 0},
		"line ends in a header":            {plain("Origin: https://casas.mx\n X-Canary: canary\r\n"+length(len(wholeForm)), wholeForm), "403", 0},
		"a body that is cut off, in bytes": {plain("Transfer-Encoding: chunked\r\n", "ffff\r\nname"), "", 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			d, address := listen(t)
			var answer string
			if tt.status == "" && tt.kept == 0 {
				require.NoError(t, begin(t, address, tt.request).Close())
			} else {
				answer = say(t, address, tt.request)
				require.NotContains(t, answer, "500 Internal")
				require.NotContains(t, answer, "100 Continue")
				require.NotContains(t, answer, "\r\nX-Canary")
				require.NotContains(t, answer, "canary")
			}
			if tt.status != "" {
				status, _, _ := strings.Cut(answer, "\r\n")
				require.Contains(t, status, " "+tt.status+" ", answer)
			}
			if tt.status == "413" {
				require.Contains(t, answer, "\r\nConnection: close\r\n")
			}
			if tt.kept >= 0 {
				require.Len(t, d.keeper.leads, tt.kept)
			}
		})
	}
}

// A client may close its half of the connection when it has sent everything, as nc does.
// It still gets the answer.
func TestAHalfClosedConnectionIsAnswered(t *testing.T) {
	d, address := listen(t)
	conn := begin(t, address, plain(fmt.Sprintf("Content-Length: %d\r\n", len(wholeForm)), wholeForm))
	require.NoError(t, conn.(*net.TCPConn).CloseWrite())
	answer, err := io.ReadAll(conn)
	require.NoError(t, err)
	require.Contains(t, string(answer), " 303 ")
	require.Len(t, d.keeper.leads, 1)
}

// A client may ask whether it may send the body.
func TestExpectIsAnsweredWhenTheBodyIsWanted(t *testing.T) {
	_, address := listen(t)
	conn := begin(t, address, plain(fmt.Sprintf("Expect: 100-continue\r\nContent-Length: %d\r\n", len(wholeForm)), ""))
	in := bufio.NewReader(conn)
	line, err := in.ReadString('\n')
	require.NoError(t, err)
	require.Contains(t, line, "100 Continue")
	_, err = io.WriteString(conn, wholeForm)
	require.NoError(t, err)
	rest, err := io.ReadAll(in)
	require.NoError(t, err)
	require.Contains(t, string(rest), " 303 ")
}

// A body that stops coming ends with the server's read deadline, and nothing of it is
// kept.
func TestABodyThatStopsComing(t *testing.T) {
	d := newRelay(t)
	server := httptest.NewUnstartedServer(d)
	server.Config.ReadTimeout = 100 * time.Millisecond
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.Start()
	defer server.Close()
	answer := say(t, server.Listener.Addr().String(), plain("Content-Length: 100\r\n", "name=canary"))
	require.Contains(t, answer, " 400 ")
	require.Empty(t, d.keeper.leads)
	require.Contains(t, d.log.String(), "too slowly")
	require.NotContains(t, d.log.String(), "127.0.0.1")
}

func TestAnAnswerThatCannotBeWrittenTakesNothingBack(t *testing.T) {
	d := newRelay(t)
	r := httptest.NewRequest("POST", "/f/casas", bytes.NewReader([]byte(wholeJSON)))
	r.Header.Set("Content-Type", jsonType)
	d.ServeHTTP(&deafWriter{header: http.Header{}}, r)
	require.Len(t, d.keeper.leads, 1)
}

// deafWriter is the answer to a client that has gone.
type deafWriter struct{ header http.Header }

func (w *deafWriter) Header() http.Header       { return w.header }
func (w *deafWriter) WriteHeader(int)           {}
func (w *deafWriter) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }
