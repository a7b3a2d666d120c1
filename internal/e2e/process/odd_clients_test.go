package process

import (
	"fmt"
	"io"
	"net"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/e2e/relaytest"
)

// odd writes a post with these header lines in front of the body.
func odd(headers, body string) string {
	return "POST /f HTTP/1.1\r\nHost: relay.mx\r\nContent-Type: application/x-www-form-urlencoded\r\n" + headers + "\r\n" + body
}

func lengthOf(body string) string { return fmt.Sprintf("Content-Length: %d\r\n", len(body)) }

func chunk(body string) string { return fmt.Sprintf("%x\r\n%s\r\n", len(body), body) }

func chunked(body string) string { return chunk(body) + "0\r\n\r\n" }

// said sends bytes, closes its half and returns all that comes back.
func said(t *testing.T, address, request string) string {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	require.NoError(t, conn.SetDeadline(time.Now().Add(relaytest.Patience)))
	go func() {
		_, _ = io.WriteString(conn, request)
		_ = conn.(*net.TCPConn).CloseWrite()
	}()
	answer, _ := io.ReadAll(conn) // a reset ends it too
	return string(answer)
}

var statusLine = regexp.MustCompile(`HTTP/1\.[01] (\d{3}) `)

// statusesIn are those of all answers, in order.
func statusesIn(answers string) string {
	var all []string
	for _, m := range statusLine.FindAllStringSubmatch(answers, -1) {
		all = append(all, m[1])
	}
	return strings.Join(all, " ")
}

// What no honest client sends has an answer or none, is never a failure of ours
// and never more than what it is: nothing that hides in a request is read as
// another one. One relay sees it all and is as well as before.
func TestOddClients(t *testing.T) {
	t.Parallel()
	p := relaytest.Start(t, relaytest.Settings(t, "127.0.0.1:1"), "serve").Started()
	const get = "GET /f HTTP/1.1\r\nHost: relay.mx\r\n"
	good, lie := relaytest.Form("EB-GOOD"), odd(lengthOf(relaytest.Form("EB-HIDDEN")), relaytest.Form("EB-HIDDEN"))
	whole := odd(lengthOf(good), good)
	inChunks := func(encoding, body string) string { return odd("Transfer-Encoding: "+encoding+"\r\n", body) }
	with := func(old, with string) string { return strings.Replace(whole, old, with, 1) }
	tests := map[string]struct{ request, want string }{
		// T28: where a body ends.
		"a length that covers more than the chunks": {odd(lengthOf(chunked(good)+lie)+"Transfer-Encoding: chunked\r\n", chunked(good)+lie), "303"},
		"chunks before a length":                    {odd("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", chunked(good)+lie), "303"},
		"a length below the chunks":                 {odd("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", chunked(good)+lie), "303"},
		"two lengths":                               {odd("Content-Length: 4\r\n"+lengthOf(good), good+lie), "400"},
		"two lengths that agree":                    {odd(lengthOf(good)+lengthOf(good), good), "303"},
		"a list of lengths":                         {odd(fmt.Sprintf("Content-Length: %d, %d\r\n", len(good), len(good)), good+lie), "400"},
		"a length with a sign":                      {odd(fmt.Sprintf("Content-Length: +%d\r\n", len(good)), good+lie), "400"},
		"a length below zero":                       {odd("Content-Length: -1\r\n", good+lie), "400"},
		"a length in hex":                           {odd("Content-Length: 0x10\r\n", good+lie), "400"},
		"a length of 23 digits":                     {odd("Content-Length: 99999999999999999999999\r\n", good), "400"},
		"a length of nothing":                       {odd("Content-Length: \r\n", good+lie), "400"},
		"a space before the length's colon":         {odd(fmt.Sprintf("Content-Length : %d\r\n", len(good)), good+lie), "400"},
		"an underscore in the length's name":        {odd(fmt.Sprintf("Content_Length: %d\r\n", len(good)), good), "400 400"}, // a body of nothing, then garbage
		"no length at all":                          {odd("", good), "400 400"},
		"chunks by another name":                    {inChunks("xchunked", chunked(good)+lie), "501"},
		"chunks by another name, and a length":      {odd("Transfer-Encoding: xchunked\r\n"+lengthOf(good), good+lie), "501"},
		"identity and a length":                     {odd("Transfer-Encoding: identity\r\n"+lengthOf(good), good+lie), "501"},
		"chunks, then identity":                     {inChunks("chunked, identity", chunked(good)+lie), "501"},
		"gzip, then chunks":                         {inChunks("gzip, chunked", chunked(good)+lie), "501"},
		"two encodings":                             {inChunks("chunked\r\nTransfer-Encoding: identity", chunked(good)+lie), "501"},
		"chunks twice":                              {inChunks("chunked\r\nTransfer-Encoding: chunked", chunked(good)+lie), "501"},
		"chunks in quotes":                          {inChunks(`"chunked"`, chunked(good)+lie), "501"},
		"chunks in capitals":                        {inChunks("CHUNKED", chunked(good)+lie), "303"},
		"chunks behind a tab":                       {inChunks("\tchunked", chunked(good)+lie), "303"},
		"chunks behind a vertical tab":              {inChunks("\vchunked", chunked(good)+lie), "400"},
		"chunks before a NUL":                       {inChunks("chunked\x00", chunked(good)+lie), "400"},
		"chunks on a folded line":                   {inChunks("\r\n chunked", chunked(good)+lie), "303"},
		"a space before the encoding's colon":       {odd("Transfer-Encoding : chunked\r\n"+lengthOf(good), good+lie), "400"},
		"chunks in HTTP/1.0":                        {strings.Replace(inChunks("chunked", chunked(good)+lie), "HTTP/1.1", "HTTP/1.0", 1), "400"},
		"a folded line first":                       {"GET /f HTTP/1.1\r\n Host: relay.mx\r\n\r\n", "400"},
		"a line feed that begins a header":          {odd("X: y\nTransfer-Encoding: chunked\r\n"+lengthOf(good), good+lie), "400"},
		"a carriage return that begins one":         {odd("X: y\rTransfer-Encoding: chunked\r\n"+lengthOf(good), good+lie), "400"},
		"line feeds alone":                          {strings.ReplaceAll(whole, "\r\n", "\n"), "303"},
		"a chunk's size before a line feed":         {inChunks("chunked", strings.Replace(chunk(good), "\r\n", "\n", 1)+"0\r\n\r\n"+lie), "400"},
		"a chunk's extension before a line feed":    {inChunks("chunked", strings.Replace(chunk(good), "\r\n", ";a=\n", 1)+"0\r\n\r\n"+lie), "400"},
		"a chunk's extension":                       {inChunks("chunked", strings.Replace(chunk(good), "\r\n", ";a=b\r\n", 1)+"0\r\n\r\n"), "303"},
		"a chunk's extension of 20 KiB":             {inChunks("chunked", strings.Replace(chunk(good), "\r\n", ";"+strings.Repeat("a", 20<<10)+"\r\n", 1)), "400"},
		"an extension for each byte":                {inChunks("chunked", strings.Repeat("1;"+strings.Repeat("a", 3<<10)+"\r\na\r\n", 100)+"0\r\n\r\n"), "400"},
		"a chunk's size in another hex":             {inChunks("chunked", "0x5\r\nname=\r\n0\r\n\r\n"+lie), "400"},
		"a chunk's size below zero":                 {inChunks("chunked", "-5\r\nname=\r\n0\r\n\r\n"+lie), "400"},
		"a chunk's size with a sign":                {inChunks("chunked", "+5\r\nname=\r\n0\r\n\r\n"+lie), "400"},
		"a chunk's size beyond 64 bits":             {inChunks("chunked", "10000000000000005\r\nname=\r\n0\r\n\r\n"+lie), "400"},
		"a chunk longer than it says":               {inChunks("chunked", strings.Replace(chunked(good), chunk(good)[:2], "05", 1)+lie), "400"},
		"no last chunk":                             {inChunks("chunked", chunk(good)+lie), "400"},
		"trailers":                                  {odd("Transfer-Encoding: chunked\r\nTrailer: X-A\r\n", chunk(good)+"0\r\nX-A: b\r\nContent-Length: 3\r\n\r\n"+lie), "303"},

		// What hides in a body that is not wanted is not read as a request.
		"a request in the body of GET":            {get + lengthOf(lie) + "\r\n" + lie, "200"},
		"a request in the chunks of HEAD":         {"HEAD /f HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(lie), "200"},
		"a request in a body of a wrong type":     {strings.Replace(odd(lengthOf(lie), lie), "application/x-www-form-urlencoded", "text/xml", 1), "415"},
		"a request in a body of a wrong origin":   {odd("Origin: https://evil.mx\r\n"+lengthOf(lie), lie), "403"},
		"a request in a body for nobody":          {strings.Replace(odd(lengthOf(lie), lie), "/f ", "/nowhere ", 1), "404"},
		"a request in a body of a wrong method":   {strings.Replace(odd(lengthOf(lie), lie), "POST", "PUT", 1), "405"},
		"a request in a body that is too large":   {odd("Content-Length: 70000\r\n", strings.Repeat("a", 70000-len(lie))+lie), "413"},
		"a request in one that is far too large":  {odd("Content-Length: 300000\r\n", strings.Repeat("a", 300000-len(lie))+lie), "413"},
		"a request in a body that asked first":    {odd("Expect: 100-continue\r\nOrigin: https://evil.mx\r\n"+lengthOf(lie), lie), "403"},
		"a request behind a broken one":           {"garbage\r\n\r\n" + lie, "400"},
		"a request behind chunks that are broken": {inChunks("chunked", "zz\r\n"+lie), "400"},

		// What is asked, and how.
		"10 MiB that ask first":                {odd("Expect: 100-continue\r\nContent-Length: 10485760\r\n", ""), "413"},
		"an expectation of nobody's":           {odd("Expect: 200-ok\r\n"+lengthOf(good), good), "417"},
		"a target of 17 KiB":                   {"GET /f?" + strings.Repeat("a", 17<<10) + " HTTP/1.1\r\nHost: x\r\n\r\n", "200"}, // read, and ignored
		"a target of 64 KiB":                   {"GET /f?" + strings.Repeat("a", 64<<10) + " HTTP/1.1\r\nHost: x\r\n\r\n", "431"},
		"200 headers":                          {odd(strings.Repeat("X-A: b\r\n", 200)+lengthOf(good), good), "303"},
		"5,000 headers":                        {odd(strings.Repeat("X-A: b\r\n", 5000)+lengthOf(good), good), "431"},
		"cookies of 12 KiB":                    {odd("Cookie: "+strings.Repeat("a=b; ", 2400)+"\r\n"+lengthOf(good), good), "303"},
		"cookies of 1 MiB":                     {odd("Cookie: "+strings.Repeat("a=b; ", 200_000)+"\r\n"+lengthOf(good), good), "431"},
		"a method of 12 KiB":                   {strings.Repeat("A", 12<<10) + " /f HTTP/1.1\r\nHost: x\r\n\r\n", "405"},
		"a method in small letters":            {with("POST", "post"), "405"},
		"a method that is no token":            {with("POST", "PO:ST"), "400"},
		"CONNECT":                              {"CONNECT evil.mx:443 HTTP/1.1\r\nHost: evil.mx:443\r\n\r\n" + lie, "405 303"}, // no tunnel: the next request is one
		"TRACE":                                {with("POST", "TRACE"), "405"},
		"OPTIONS for the whole server":         {"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", "404"},
		"GET for the whole server":             {"GET * HTTP/1.1\r\nHost: x\r\n\r\n", "404"},
		"a whole address":                      {with("/f ", "http://relay.mx/f "), "303"},
		"a whole address of another host":      {with("/f ", "http://evil.mx/f "), "303"},
		"a whole address of another scheme":    {with("/f ", "ftp://relay.mx/f "), "303"},
		"a whole address without a path":       {with("/f ", "http://relay.mx "), "405"},
		"a host for a target":                  {with("/f ", "relay.mx:80 "), "405"},
		"a target without its slash":           {with("/f ", "f "), "400"},
		"a target with a fragment":             {with("/f ", "/f#x "), "404"},
		"a target with a blank":                {with("/f ", "/f x "), "400"},
		"a target that is no text":             {with("/f ", "/f/\xff\xfe "), "404"},
		"a broken escape in the target":        {with("/f ", "/f/%zz "), "400"},
		"tabs in the first line":               {"GET\t/f\tHTTP/1.1\r\nHost: x\r\n\r\n", "400"},
		"two blanks in the first line":         {"GET  /f HTTP/1.1\r\nHost: x\r\n\r\n", "400"},
		"no host":                              {"GET /f HTTP/1.1\r\n\r\n", "400"},
		"two hosts":                            {"GET /f HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "400"},
		"a host with a blank":                  {"GET /f HTTP/1.1\r\nHost: a b\r\n\r\n", "400"},
		"a host with a path":                   {"GET /f HTTP/1.1\r\nHost: a/b@c\r\n\r\n", "400"},
		"a header without a colon":             {odd("nonsense\r\n"+lengthOf(good), good), "400"},
		"a header without a name":              {odd(": x\r\n"+lengthOf(good), good), "400"},
		"a header with a blank in its name":    {odd("a b: x\r\n"+lengthOf(good), good), "400"},
		"a header with a NUL":                  {odd("X: a\x00b\r\n"+lengthOf(good), good), "400"},
		"a header that is no UTF-8":            {odd("X-Request-Id: \xe9\xff\r\nAccept: \xff\r\n"+lengthOf(good), good), "303"},
		"two content types":                    {odd("Content-Type: application/json\r\n"+lengthOf(good), good), "303"},
		"HTTP/0.9":                             {"GET /f\r\n", "400"},
		"HTTP/1.0":                             {strings.Replace(whole, "HTTP/1.1\r\nHost: relay.mx", "HTTP/1.0", 1) + lie, "303"},
		"HTTP/1.2":                             {with("HTTP/1.1", "HTTP/1.2"), "303"},
		"HTTP/3.0":                             {with("HTTP/1.1", "HTTP/3.0"), "505"},
		"HTTP/11":                              {with("HTTP/1.1", "HTTP/11"), "400"},
		"HTTP/1.1x":                            {with("HTTP/1.1", "HTTP/1.1x"), "400"},
		"line ends before the request":         {"\r\n\r\n" + whole, "400"},
		"nothing but line ends":                {strings.Repeat("\r\n", 5000), "400"},
		"nothing":                              {"", ""},
		"requests one behind another":          {strings.Repeat(whole, 30) + get + "\r\n", strings.Repeat("303 ", 30) + "200"},
		"requests behind one another, and cut": {whole + odd(lengthOf(good), good[:10]), "303 400"},
		"garbage behind a request":             {whole + "garbage\r\n\r\n" + lie, "303 400"},

		// T14: other protocols.
		"HTTP/2 at once":         {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00", "404"},
		"an upgrade to HTTP/2":   {odd("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"+lengthOf(good), good), "303"},
		"an upgrade to a socket": {get + "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", "200"},
		"the PROXY preface":      {"PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n" + lie, "400"},
		"the PROXY preface, v2":  {"\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\xc0\x00\x02\x01\xc0\x00\x02\x02\xdc\x04\x01\xbb" + lie, "400"},
		"TLS":                    {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + strings.Repeat("\x00", 512), "400"},
		"SSH":                    {"SSH-2.0-OpenSSH_9.6\r\n", "400"},
		"SMTP":                   {"EHLO relay.mx\r\nMAIL FROM:<a@x.mx>\r\n", "400"},
		"all bytes there are":    {strings.Repeat("\x00\xff\x80\n", 1000), "400"},
		"headers that are cut":   {whole[:40], "400"},
		"a body that is cut":     {odd(lengthOf(good), good[:10]), "400"},
	}
	t.Run("clients", func(t *testing.T) {
		for name, tt := range tests {
			t.Run(name, func(t *testing.T) {
				t.Parallel() // some wait until their bytes are through
				answer := said(t, p.Public, tt.request)
				require.Equal(t, tt.want, statusesIn(answer))
				require.NotContains(t, answer, "HIDDEN")
				require.NotContains(t, answer, "100 Continue")
			})
		}
	})
	require.Len(t, p.Leads("property_id=EB-HIDDEN").Leads, 1, "only the one that is plainly a request of its own")
	require.True(t, p.IsReady())
	require.NotContains(t, p.Output(), `"panic"`)
	require.NotContains(t, p.Output(), "EB-HIDDEN")
	p.End(os.Interrupt, 0)
	require.Empty(t, p.Err.String())
}

// A client that hangs up with a reset has nothing kept of an inquiry that is
// not whole, and one that does so while it is answered takes nothing back. The
// log has no failure of ours.
func TestResets(t *testing.T) {
	const clients = 50
	p := relaytest.Start(t, relaytest.Settings(t, "127.0.0.1:1"), "serve").Started()
	half := relaytest.Form("EB-HALF")
	for name, request := range map[string]string{
		"in the first line":          "POST /f HT",
		"in a header":                odd(lengthOf(half), half)[:60],
		"in the body":                odd(lengthOf(half), half[:len(half)-1]),
		"in a chunk":                 odd("Transfer-Encoding: chunked\r\n", chunk(half)[:30]),
		"before the last chunk":      odd("Transfer-Encoding: chunked\r\n", chunk(half)),
		"before it is told to go on": odd("Expect: 100-continue\r\n"+lengthOf(half), ""),
	} {
		t.Run(name, func(t *testing.T) {
			for range clients {
				reset(t, p.Public, request)
			}
		})
	}
	for i := range clients { // two at once, so that the second answer is written to nobody
		one, two := relaytest.Form(fmt.Sprintf("EB-WHOLE&name=A%d", i)), relaytest.Form(fmt.Sprintf("EB-WHOLE&name=B%d", i))
		reset(t, p.Public, odd(lengthOf(one), one)+odd(lengthOf(two), two))
	}
	relaytest.Eventually(t, "some are kept, and nobody is being answered", func() bool {
		return len(p.Leads("property_id=EB-WHOLE").Leads) > clients/2 && p.IsReady()
	})
	require.Empty(t, p.Leads("property_id=EB-HALF").Leads)
	p.End(os.Interrupt, 0)
	require.NotContains(t, p.Output(), `"panic"`)
	require.NotRegexp(t, `"status":5\d\d`, p.Output())
	require.Empty(t, p.Err.String())
}

// reset sends bytes, waits until the first of an answer or for a moment, and
// hangs up with a reset.
func reset(t *testing.T, address, request string) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	require.NoError(t, err)
	_, err = io.WriteString(conn, request)
	require.NoError(t, err)
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(5*time.Millisecond)))
	_, _ = conn.Read(make([]byte, 1))
	require.NoError(t, conn.(*net.TCPConn).SetLinger(0))
	require.NoError(t, conn.Close())
}
