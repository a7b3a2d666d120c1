package console_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/lead"
)

// watchedStore is a store without a lead that tells of changes.
type watchedStore struct {
	nothing
	*board
}

func (w watchedStore) LastEvent(ctx context.Context) (lead.EventCursor, error) {
	return w.board.LastEvent(ctx)
}

// pageOpen is a page of a person that is live. A person who has begun to look sees the
// changes from then on.
func (p *person) pageOpen(after string) (client *watcher, leave func(), ended <-chan struct{}) {
	ctx, cancel := context.WithCancel(context.Background())
	r := httptest.NewRequest(http.MethodGet, "/events?after="+after, nil).WithContext(ctx)
	r.Header.Set("User-Agent", p.agent)
	if p.cookie != nil {
		r.AddCookie(p.cookie)
	}
	client = &watcher{ResponseWriter: httptest.NewRecorder()}
	done := make(chan struct{})
	go func() { defer close(done); p.door.ServeHTTP(client, r) }()
	synctest.Wait()
	return client, cancel, done
}

func status(w *watcher) int { return w.ResponseWriter.(*httptest.ResponseRecorder).Code }

func isOpen(ended <-chan struct{}) bool {
	select {
	case <-ended:
		return false
	default:
		return true
	}
}

func TestALivePageIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &board{events: []lead.Event{{RemoteID: 1, Site: "casas", State: lead.Queued}}}
		p := &person{t: t, door: replicaAt(watchedStore{board: b}, &rider{}, token, endedSessions{}, time.Now)}
		stranger, _, ended := p.pageOpen("")
		<-ended
		require.Equal(t, http.StatusUnauthorized, status(stranger))

		require.Equal(t, http.StatusSeeOther, p.logIn(token).Code)
		page, leave, ended := p.pageOpen("0-0-0-0")
		require.Contains(t, page.text.String(), `"remote_id":1`, "what has changed since the page was made")
		require.Empty(t, page.Header().Values("Set-Cookie"))
		b.change(func(b *board) {
			b.events = append(b.events, lead.Event{RemoteID: 2, Site: "casas", State: lead.Failed})
		})
		time.Sleep(time.Second)
		synctest.Wait()
		require.Contains(t, page.text.String(), `"remote_id":2`)
		require.True(t, isOpen(ended))
		leave()
		<-ended
	})
}

// A session's pages are not told any more when the person leaves, here or at another
// replica, nor when nobody has used the session for an hour, whatever its pages ask for.
func TestALivePageEndsWithItsSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, left := watchedStore{board: &board{}}, endedSessions{}
		p := &person{t: t, door: replicaAt(store, &rider{}, token, left, time.Now)}
		other := replicaAt(store, &rider{}, token, left, time.Now)

		require.Equal(t, http.StatusSeeOther, p.logIn(token).Code)
		_, _, here := p.pageOpen("")
		p.ask(http.MethodPost, "/logout", nil)
		<-here

		require.Equal(t, http.StatusSeeOther, p.logIn(token).Code)
		_, _, here = p.pageOpen("")
		p.door = other
		p.ask(http.MethodPost, "/logout", nil)
		require.True(t, isOpen(here))
		time.Sleep(15 * time.Second)
		<-here

		require.Equal(t, http.StatusSeeOther, p.logIn(token).Code)
		_, _, here = p.pageOpen("")
		time.Sleep(59 * time.Minute)
		require.Empty(t, p.ask(http.MethodGet, "/settings", nil, "Leadrelay-Live", "1").Header().Values("Set-Cookie"))
		require.True(t, isOpen(here))
		time.Sleep(time.Minute)
		<-here
		require.Equal(t, "/login", p.ask(http.MethodGet, "/settings", nil).Header().Get("Location"))
	})
}

// A browser has few connections to a door: three are for live pages.
func TestLivePagesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		door := replicaAt(watchedStore{board: &board{}}, &rider{}, token, endedSessions{}, time.Now)
		var leave []func()
		for range 16 {
			p := &person{t: t, door: door}
			require.Equal(t, http.StatusSeeOther, p.logIn(token).Code)
			for range 3 {
				_, end, _ := p.pageOpen("")
				leave = append(leave, end)
			}
			refused, _, ended := p.pageOpen("")
			<-ended
			require.Equal(t, http.StatusTooManyRequests, status(refused))
		}
		p := &person{t: t, door: door}
		require.Equal(t, http.StatusSeeOther, p.logIn(token).Code)
		refused, _, ended := p.pageOpen("")
		<-ended
		require.Equal(t, http.StatusTooManyRequests, status(refused), "forty-eight of all sessions")
		leave[0]()
		synctest.Wait()
		_, end, ended := p.pageOpen("")
		require.True(t, isOpen(ended))
		for _, end := range append(leave, end) {
			end()
		}
		<-ended
		synctest.Wait()
	})
}

func TestTheSettings(t *testing.T) {
	o := newOffice(t)
	page := o.see("/settings")
	require.Contains(t, page, "source: casas.mx")
	require.NotContains(t, page, "key of casas")
	page, _ = o.press("/settings")
	require.Contains(t, page, `<b>Problema</b> <span lang="en">key of casas: it is refused <small>Set another one.</small>`)
	require.Contains(t, page, "source: casas.mx")
}

// Whoever comes to the console of the demo is in, and no page elsewhere is.
func TestAConsoleThatIsOpen(t *testing.T) {
	o := newOffice(t)
	failed := o.put(lead.Failed)
	p := &person{t: t, door: openConsole(o.store, o.courier)}
	require.Equal(t, http.StatusOK, p.ask(http.MethodGet, "/leads", nil).Code)
	require.NotNil(t, p.cookie)
	p.cookie = nil
	require.Equal(t, http.StatusForbidden, p.ask(http.MethodPost, "/leads/move", nil, "Sec-Fetch-Site", "cross-site").Code)
	require.Nil(t, p.cookie)
	require.Equal(t, lead.Failed, o.state(failed))
}
