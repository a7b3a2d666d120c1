package console

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"leadrelay/internal/access"
	"leadrelay/internal/lead"
	"leadrelay/internal/problem"
)

// EventsPath is the path of the events.
const EventsPath = "/api/v1/events"

// Watched is the part of the store that tells of changes.
type Watched interface {
	LastEvent(ctx context.Context) (lead.EventCursor, error)
	Events(ctx context.Context, c lead.EventCursor) (events []lead.Event, next lead.EventCursor, isLost bool, err error)
}

// The events that are sent.
const (
	LeadEvent  = "lead"  // a lead is new, or in another state
	ResetEvent = "reset" // so much has changed meanwhile that the list should be read anew
)

const (
	// eventPause is how long a change waits until it is sent, at most, after all
	// transactions that began before it have ended.
	eventPause = time.Second
	// heartbeat is how often something is sent, so that proxies keep the connection.
	heartbeat = 15 * time.Second
	// maxWatchers is how many watch at once.
	maxWatchers = 16
)

// events tells who watches of leads that come in, and of their changes.
type events struct {
	store    eventSight
	draining func() bool
	slots    chan struct{} // a token for each who watches
}

// NewEvents returns the handler of server-sent events. The gate checks the token. The
// streams end when draining reports true.
func NewEvents(store Watched, gate *Gate, draining func() bool) http.Handler {
	e := events{eventSight{store}, draining, make(chan struct{}, maxWatchers)}
	return gate.admit(access.See, problem.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		ctx, end := gate.whileIn(r.Context())
		defer end()
		return e.watch(w, r.WithContext(ctx))
	}))
}

func (e events) watch(w http.ResponseWriter, r *http.Request) error {
	site := ""
	err := parseQuery(r, []string{"site"}, func(_, value string) bool { site = value; return true })
	if err != nil {
		return err
	}
	select {
	case e.slots <- struct{}{}:
		defer func() { <-e.slots }()
	default:
		tooMany := problem.NewTooMany(heartbeat)
		tooMany.Variant = "watchers"
		return tooMany
	}
	return e.stream(r.Context(), w, r, r.Header.Get("Last-Event-ID"), site)
}

// stream sends events of a site, or of all, until ctx ends. last is the id of the last one
// that the client has; if it is empty, the client wants those that come.
func (e events) stream(ctx context.Context, w http.ResponseWriter, r *http.Request, last, site string) error {
	cursor, isKnown, err := e.begin(ctx, last)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no") // nginx would wait for more
	if r.Method == http.MethodHead {
		return nil
	}
	out := stream{w, http.NewResponseController(w)}
	if !out.send("id: "+cursor.String()+"\nretry: 2000\n\n") || !isKnown && !out.send(sseEvent(ResetEvent, cursor.String(), struct{}{})) {
		return nil
	}
	e.follow(ctx, out, cursor, site)
	return nil
}

// begin returns where the stream begins: where the client was, or now. If that cannot be
// known, isKnown is false.
func (e events) begin(ctx context.Context, last string) (c lead.EventCursor, isKnown bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	if c, err = lead.ParseEventCursor(last); err == nil {
		return c, true, nil
	}
	if c, err = e.store.LastEvent(ctx); err != nil {
		return c, false, storeProblem(ctx, err)
	}
	return c, last == "", nil
}

// follow sends what is new until the client goes, or we do. Whoever takes a stream too
// slowly is cut off, and can come back with the last id.
func (e events) follow(ctx context.Context, out stream, c lead.EventCursor, site string) {
	tick := time.NewTicker(eventPause)
	defer tick.Stop()
	for sent := time.Now(); !e.draining(); {
		text, next := e.news(ctx, c, site)
		if text == "" && time.Since(sent) >= heartbeat {
			text = ": all is well\n\n"
		}
		if text != "" {
			if sent = time.Now(); !out.send(text) {
				return
			}
		}
		isMore := next != c && text != ""
		if c = next; isMore {
			continue // until nothing is left
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// news returns the events since the cursor, as text. If the database cannot be asked,
// there are none for now.
func (e events) news(ctx context.Context, c lead.EventCursor, site string) (text string, next lead.EventCursor) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	all, next, isLost, err := e.store.Events(ctx, c)
	if err == nil && isLost {
		if next, err = e.store.LastEvent(ctx); err == nil {
			return sseEvent(ResetEvent, next.String(), struct{}{}), next
		}
	}
	if err != nil {
		return "", c
	}
	all = slices.DeleteFunc(all, func(one lead.Event) bool { return site != "" && one.Site != site })
	var b strings.Builder
	for i, one := range all {
		id := "" // the last has it: who breaks off before gets all of them again
		if i == len(all)-1 {
			id = next.String()
		}
		b.WriteString(sseEvent(LeadEvent, id, one))
	}
	return b.String(), next
}

// sseEvent returns an event, without an id if it is empty.
func sseEvent(name, id string, data any) string {
	text, err := json.Marshal(data)
	if err != nil {
		return ""
	}
	if id != "" {
		id = "id: " + id + "\n"
	}
	return id + "event: " + name + "\ndata: " + string(text) + "\n\n"
}

// stream is an answer that does not end.
type stream struct {
	w       http.ResponseWriter
	control *http.ResponseController
}

// send reports whether the client has taken the text in time.
func (s stream) send(text string) bool {
	const patience = 10 * time.Second
	_ = s.control.SetWriteDeadline(time.Now().Add(patience)) // a recorder of a test has none
	_, err := s.w.Write([]byte(text))
	return err == nil && s.control.Flush() == nil
}
