package process

import (
	"fmt"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/e2e/relaytest"
)

// Whoever reads the log may go away, or stop reading: the relay neither dies
// nor waits for him.
func TestNobodyReadsTheLog(t *testing.T) {
	t.Parallel()
	tests := map[string]func(reader *os.File) error{
		"because the reader has gone":  (*os.File).Close,
		"because the reader is frozen": func(*os.File) error { return nil },
	}
	for name, afterStart := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			broker, address := relaytest.StartBroker(t)
			env := relaytest.Settings(t, address)
			env["LEADRELAY_LOG_LEVEL"] = "debug"
			env["LEADRELAY_ADDR"], env["LEADRELAY_OPERATOR_ADDR"] = relaytest.FreeAddr(t), relaytest.FreeAddr(t)
			reader, writer, err := os.Pipe()
			require.NoError(t, err)
			defer func() { _ = reader.Close() }()
			p := relaytest.Command(t, env, "serve")
			p.Public, p.Operator = env["LEADRELAY_ADDR"], env["LEADRELAY_OPERATOR_ADDR"]
			p.Cmd.Stdout, p.Cmd.Stderr = writer, writer
			p.Run()
			require.NoError(t, writer.Close())
			require.NoError(t, afterStart(reader))
			relaytest.Eventually(t, "it is ready", p.IsReady)

			require.Equal(t, int64(manyRequests), pour(p, manyRequests))
			require.True(t, p.IsReady())
			relaytest.Eventually(t, "the courier works, too", func() bool { return len(broker.Book()) > 0 })
			p.End(syscall.SIGTERM, 0)
		})
	}
}

const manyRequests = 5000

// pour posts from many connections and counts what is acknowledged.
func pour(p *relaytest.Process, requests int) int64 {
	const connections = 32
	var next, kept atomic.Int64
	var all sync.WaitGroup
	for range connections {
		all.Go(func() {
			for n := next.Add(1); n <= int64(requests); n = next.Add(1) {
				if status, _, _ := relaytest.Inquire(p.Client, p.Public, fmt.Sprintf("EB-%d", n), "Hola"); status == http.StatusAccepted {
					kept.Add(1)
				}
			}
		})
	}
	all.Wait()
	return kept.Load()
}
