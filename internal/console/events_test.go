package console_test

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/console"
	"leadrelay/internal/lead"
	"leadrelay/internal/problem"
)

// board is a store of events: the cursor's number is how many of them there were.
type board struct {
	mu     sync.Mutex
	events []lead.Event
	lost   int64 // cursors below it are not known any more
	err    error
}

// change changes what the store has.
func (b *board) change(f func(*board)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f(b)
}

func (b *board) LastEvent(context.Context) (lead.EventCursor, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return lead.EventCursor{Number: int64(len(b.events))}, b.err
}

func (b *board) Events(_ context.Context, c lead.EventCursor) ([]lead.Event, lead.EventCursor, bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if c.Number < b.lost {
		return nil, c, true, nil
	}
	next := lead.EventCursor{Number: int64(len(b.events))}
	return append([]lead.Event(nil), b.events[c.Number:]...), next, false, b.err
}

// watcher is a client that reads a stream.
type watcher struct {
	http.ResponseWriter
	text  strings.Builder
	stuck bool
}

func (w *watcher) Write(p []byte) (int, error) {
	if w.stuck {
		return 0, io.ErrClosedPipe // as a deadline does
	}
	return w.text.Write(p)
}

func (w *watcher) Flush() {}

// watching is a stream within a bubble of virtual time.
type watching struct {
	*board
	handler  http.Handler
	draining atomic.Bool
}

func newWatching() *watching {
	w := &watching{board: &board{}}
	w.handler = console.NewEvents(w.board, gate(token), w.draining.Load)
	return w
}

// open begins to watch, and returns what ends that, and tells when it has ended.
func (w *watching) open(query, last string) (client *watcher, end func(), ended <-chan struct{}) {
	ctx, cancel := context.WithCancel(context.Background())
	r := httptest.NewRequest(http.MethodGet, "/api/v1/events"+query, nil).WithContext(ctx)
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Last-Event-ID", last)
	client = &watcher{ResponseWriter: httptest.NewRecorder()}
	done := make(chan struct{})
	go func() { defer close(done); w.handler.ServeHTTP(client, r) }()
	synctest.Wait()
	return client, cancel, done
}

func TestWhoWatchesIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatching()
		w.change(func(b *board) { b.events = []lead.Event{{RemoteID: 1, Site: "casas", State: lead.Queued}} })
		all, endAll, ended := w.open("", "")
		one, endOne, _ := w.open("?site=lotes", "")
		require.Equal(t, "id: 0-1-0-0\nretry: 2000\n\n", all.text.String(), "what was before is no news")

		w.change(func(b *board) {
			b.events = append(b.events, lead.Event{RemoteID: 2, Site: "casas", State: lead.Sending}, lead.Event{RemoteID: 3, Site: "lotes", State: lead.Quarantined})
		})
		time.Sleep(time.Second)
		synctest.Wait()
		require.Equal(t, "id: 0-1-0-0\nretry: 2000\n\n"+
			"event: lead\ndata: {\"remote_id\":2,\"site\":\"casas\",\"state\":\"sending\"}\n\n"+
			"id: 0-3-0-0\nevent: lead\ndata: {\"remote_id\":3,\"site\":\"lotes\",\"state\":\"quarantined\"}\n\n", all.text.String())
		require.NotContains(t, one.text.String(), "casas")
		require.Contains(t, one.text.String(), "lotes")

		w.change(func(b *board) { b.err = io.ErrUnexpectedEOF }) // the database is away for a while
		time.Sleep(20 * time.Second)
		synctest.Wait()
		require.Equal(t, 1, strings.Count(all.text.String(), ": all is well\n\n"), "a heartbeat")
		w.change(func(b *board) { b.err = nil })
		w.change(func(b *board) {
			b.events = append(b.events, lead.Event{RemoteID: 4, Site: "casas", State: lead.Failed})
		})
		time.Sleep(time.Second)
		synctest.Wait()
		require.Contains(t, all.text.String(), `"remote_id":4`)

		endOne()
		w.draining.Store(true)
		time.Sleep(time.Second)
		synctest.Wait()
		<-ended
		endAll()
	})
}

// Who comes back is told of what was meanwhile, or that it is not known any more.
func TestWhoComesBackGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatching()
		w.change(func(b *board) {
			b.events = []lead.Event{{RemoteID: 1, Site: "casas", State: lead.Queued}, {RemoteID: 1, Site: "casas", State: lead.Sending}}
		})
		for last, want := range map[string]string{
			"0-1-0-0": "id: 0-2-0-0\nevent: lead\ndata: {\"remote_id\":1,\"site\":\"casas\",\"state\":\"sending\"}\n\n",
			"0-2-0-0": "",
			"rubbish": "id: 0-2-0-0\nevent: reset\ndata: {}\n\n",
		} {
			client, end, ended := w.open("", last)
			_, got, _ := strings.Cut(client.text.String(), "retry: 2000\n\n")
			require.Equal(t, want, got, last)
			end()
			<-ended
		}
		w.change(func(b *board) { b.lost = 2 })
		client, end, ended := w.open("", "0-1-0-0")
		require.Equal(t, "id: 0-1-0-0\nretry: 2000\n\nid: 0-2-0-0\nevent: reset\ndata: {}\n\n", client.text.String())
		end()
		<-ended
	})
}

// A client that takes nothing is dropped, and there are not too many of them.
func TestWatchersAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatching()
		const most = 16
		ends := make([]func(), most)
		clients := make([]*watcher, most)
		dones := make([]<-chan struct{}, most)
		for i := range most {
			clients[i], ends[i], dones[i] = w.open("", "")
		}
		refused, end, ended := w.open("", "")
		<-ended
		end()
		require.Equal(t, http.StatusTooManyRequests, refused.ResponseWriter.(*httptest.ResponseRecorder).Code)
		clients[0].stuck = true
		w.change(func(b *board) {
			b.events = append(b.events, lead.Event{RemoteID: 1, Site: "casas", State: lead.Queued})
		})
		time.Sleep(time.Second)
		<-dones[0]
		_, end, ended = w.open("", "")
		end()
		<-ended
		for i := range most {
			ends[i]()
			<-dones[i]
		}
	})
}

func TestEventsWantTheTokenAndNoOtherParameter(t *testing.T) {
	d := newDesk(t)
	d.Handler = console.NewEvents(d.store, gate(token), func() bool { return true })
	d.refused(d.askAs("", "GET", "/api/v1/events"), http.StatusUnauthorized, problem.Unauthorized)
	d.refused(d.get("/api/v1/events?state=failed"), http.StatusBadRequest, problem.BadQuery)
	w := d.get("/api/v1/events")
	require.Equal(t, "text/event-stream", w.Header().Get("Content-Type"))
	require.Regexp(t, `^id: [-0-9]+\nretry: 2000\n\n$`, w.Body.String(), "a relay that is about to stop lets nobody wait")
}

// Over a real connection an event is there within two seconds.
func TestAnEventArrives(t *testing.T) {
	d := newDesk(t)
	server := httptest.NewServer(console.NewEvents(d.store, gate(token), func() bool { return false }))
	ctx, cancel := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+"/api/v1/events", nil)
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := server.Client().Do(req)
	require.NoError(t, err)
	lines := bufio.NewScanner(resp.Body)
	require.True(t, lines.Scan())
	require.Regexp(t, `^id: [-0-9]+$`, lines.Text())
	id := d.keep(0, lead.Inquiry{})
	for lines.Scan() && !strings.HasPrefix(lines.Text(), "data: ") {
	}
	require.Contains(t, lines.Text(), id.String())
	require.Contains(t, lines.Text(), `"state":"queued"`)
	cancel()
	_ = resp.Body.Close()
	server.Close()
}
