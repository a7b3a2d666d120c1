package server_test

import (
	"bufio"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// If a proxy may see another end of a request than we do, what follows is never read
// as a request, even if the client asks to keep the connection.
func TestNothingIsReadBehindARequestInDoubt(t *testing.T) {
	const hidden = "GET /hidden HTTP/1.1\r\nHost: x\r\n\r\n"
	const keep10 = " HTTP/1.0\r\nHost: x\r\nConnection: keep-alive\r\n"
	tests := map[string]struct {
		first string
		open  bool
	}{
		"a length":                        {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\na=b", true},
		"no body":                         {getOK, true},
		"chunks":                          {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", false},
		"chunks beside a length":          {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", false},
		"HTTP/1.0 with a length":          {"POST /" + keep10 + "Content-Length: 3\r\n\r\na=b", false},
		"HTTP/1.0, chunks and a length":   {"POST /" + keep10 + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", false},
		"HTTP/1.0, a length behind":       {"POST /" + keep10 + "Content-Length: 0\r\nTransfer-Encoding: identity, chunked\r\n\r\n", false},
		"HTTP/1.0, chunks alone":          {"POST /" + keep10 + "Transfer-Encoding: chunked\r\n\r\n", false},
		"HTTP/1.0, a GET with chunks":     {"GET /" + keep10 + "Transfer-Encoding: chunked\r\n\r\n", false},
		"HTTP/1.0, a GET with no doubt":   {"GET /" + keep10 + "\r\n", false},
		"HTTP/1.0 that waits for a leave": {"POST /" + keep10 + "Expect: 100-continue\r\nContent-Length: 3\r\n\r\na=b", false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			asked := make(chan string, 2)
			d := open(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked <- r.URL.Path
				_, _ = io.Copy(w, r.Body)
			}), quick())
			c := dial(t, d.Addr())
			c.send(tt.first + hidden)
			resp := c.answer()
			require.Equal(t, http.StatusOK, resp.StatusCode)
			require.Equal(t, !tt.open, resp.Close)
			if tt.open {
				require.Equal(t, http.StatusOK, c.answer().StatusCode)
				require.Len(t, asked, 2)
				return
			}
			_, err := http.ReadResponse(bufio.NewReader(strings.NewReader(c.rest())), nil)
			require.Error(t, err)
			require.Len(t, asked, 1)
		})
	}
}
