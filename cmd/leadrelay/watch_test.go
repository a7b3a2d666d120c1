package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/console"
	"leadrelay/internal/e2e/relaytest"
)

// A relay that is restarted is asked for what was meanwhile.
func TestWatchingGoesOnAfterARestart(t *testing.T) {
	var asked []string
	ctx, cancel := context.WithCancel(t.Context())
	door := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != console.EventsPath {
			http.NotFound(w, r)
			return
		}
		asked = append(asked, r.URL.RawQuery+" "+r.Header.Get("Last-Event-ID"))
		w.Header().Set("Content-Type", "text/event-stream")
		switch len(asked) {
		case 1:
			_, _ = io.WriteString(w, "id: 0-0-0-0\nretry: 5\n\nid: 0-1-0-0\nevent: lead\ndata: {\"remote_id\":1234,\"site\":\"casas\",\"state\":\"queued\"}\n\n")
		case 2:
			_, _ = io.WriteString(w, ": all is well\n\nid: 0-9-0-0\nevent: reset\ndata: {}\n\n")
		case 3:
			cancel()
		}
	}))
	t.Cleanup(door.Close)
	env := relaytest.Settings(t, "127.0.0.1:1")
	env["LEADRELAY_OPERATOR_ADDR"] = strings.TrimPrefix(door.URL, "http://")
	var out, complaint bytes.Buffer
	require.Zero(t, run(ctx, []string{"leads", "watch", "--site", "casas"}, env, &out, &complaint), complaint.String())
	require.Equal(t, []string{"site=casas ", "site=casas 0-1-0-0", "site=casas 0-9-0-0"}, asked)
	require.Regexp(t, `^\d\d:\d\d:\d\d  1 234  queued       casas\n$`, out.String())
	require.Contains(t, complaint.String(), "some changes were missed")
}

func TestWatchingEndsWithTheReader(t *testing.T) {
	env := relaytest.Settings(t, "127.0.0.1:1")
	env["LEADRELAY_OPERATOR_ADDR"] = "127.0.0.1:1"
	var out, complaint bytes.Buffer
	require.Equal(t, exitFailure, run(t.Context(), []string{"leads", "watch"}, env, &out, &complaint), "nobody is there")
	require.Contains(t, complaint.String(), "is the relay running?")
}

// What a relay tells is printed by the command, over a real door.
func TestWatchingARelay(t *testing.T) {
	d := openDoors(t, relaytest.Settings(t, "127.0.0.1:1"))
	env := relaytest.Settings(t, "127.0.0.1:1")
	env["LEADRELAY_OPERATOR_ADDR"] = strings.TrimPrefix(d.urls[operatorName], "http://")
	ctx, cancel := context.WithCancel(t.Context())
	out, in := io.Pipe()
	var watching sync.WaitGroup
	watching.Go(func() {
		_ = run(ctx, []string{"leads", "watch", "--json"}, env, in, io.Discard)
		_ = in.Close()
	})
	stop := make(chan struct{})
	var keeping sync.WaitGroup
	keeping.Go(func() { // until the first is seen
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			case <-time.After(100 * time.Millisecond):
				d.put("seen", "queued")
			}
		}
	})
	line := make([]byte, 512)
	n, err := out.Read(line)
	require.NoError(t, err)
	require.Regexp(t, `^\{"remote_id":\d+,"site":"default","state":"queued"\}\n`, string(line[:n]))
	close(stop)
	keeping.Wait()
	cancel()
	go func() { _, _ = io.Copy(io.Discard, out) }()
	watching.Wait()
}
