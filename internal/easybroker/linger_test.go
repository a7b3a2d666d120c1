package easybroker_test

import (
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/easybroker"
)

// If we give up, the kernel must, too: what it still has to send could arrive
// minutes later. The server then sees a reset and not an end.
func TestARequestThatIsGivenUpIsNotSentOnByTheKernel(t *testing.T) {
	for name, test := range map[string]struct {
		answer string
		end    error
	}{
		"nobody answers":     {"", syscall.ECONNRESET},
		"somebody does":      {"HTTP/1.1 200 OK\nContent-Length: 2\n\n{}", io.EOF},
		"but not to the end": {"HTTP/1.1 200 OK\nContent-Length: 9\n\n{}", io.EOF},
	} {
		t.Run(name, func(t *testing.T) {
			ended := make(chan error, 1)
			s := serve(t, func(conn net.Conn, n int) bool {
				say(test.answer)(conn, n)
				_, err := conn.Read(make([]byte, 1))
				ended <- err
				return false
			})
			c := easybroker.New(easybroker.Options{Timeout: 200 * time.Millisecond})
			_, _ = c.Create(t.Context(), account(s.url), inquiry)
			c.CloseIdle()
			err := <-ended
			require.ErrorIs(t, err, test.end)
		})
	}
}
