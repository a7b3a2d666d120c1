package captcha_test

import (
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/captcha"
	"leadrelay/internal/secret"
)

// A provider is there and says nothing, not even how to speak TLS: calls give up,
// and what they were connecting does not pile up, however many come after them.
func TestCallsThatGaveUpLeaveFewConnections(t *testing.T) {
	const rounds, each, most = 20, 32, 96
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var all sync.WaitGroup
	var conns []net.Conn
	all.Go(func() {
		for {
			conn, err := silent.Accept()
			if err != nil {
				break
			}
			conns = append(conns, conn)
		}
		for _, conn := range conns {
			_ = conn.Close()
		}
	})
	v := captcha.New(captcha.Turnstile, secret.New(key), captcha.Options{URL: "https://" + silent.Addr().String(), Timeout: 20 * time.Millisecond})
	var unknown atomic.Int64
	for range rounds {
		var calls sync.WaitGroup
		for range each {
			calls.Go(func() {
				if got, err := v.Verify(t.Context(), token); got == captcha.Unknown && err != nil {
					unknown.Add(1)
				}
			})
		}
		calls.Wait()
	}
	require.NoError(t, silent.Close())
	all.Wait()
	require.EqualValues(t, rounds*each, unknown.Load())
	require.NotEmpty(t, conns)
	require.LessOrEqual(t, len(conns), most)
}
