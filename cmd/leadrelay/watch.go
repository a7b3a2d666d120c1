package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"leadrelay/internal/console"
	"leadrelay/internal/lead"
	"leadrelay/web"
)

type leadsWatchCmd struct {
	Site string `help:"Only leads of this site."`
	JSON bool   `name:"json" help:"Print JSON, an object to a line."`
}

// Run prints events until ctx ends. It connects again if the relay is restarted.
func (c leadsWatchCmd) Run(p *program) error {
	op, err := p.operator()
	if err != nil {
		return err
	}
	if err := op.checkSite(p.ctx, c.Site); err != nil {
		return err
	}
	w := watcher{
		pause:  2 * time.Second,
		print:  func(e lead.Event) error { return c.print(p, e) },
		missed: func() { p.printError(errors.New("some changes were missed; see leadrelay leads list")) },
	}
	for told := false; ; {
		err := op.watch(p.ctx, c.Site, &w)
		var refused *refusedError
		switch {
		case p.ctx.Err() != nil:
			return nil // that is how it ends
		case errors.As(err, &refused) && refused.status != http.StatusServiceUnavailable, w.last == "" && err != nil, hasNoReader(err):
			return err
		case !told && err != nil:
			p.printError(fmt.Errorf("%w; trying again", err))
		}
		told = err != nil
		select {
		case <-time.After(w.pause):
		case <-p.ctx.Done():
			return nil
		}
	}
}

func (c leadsWatchCmd) print(p *program, e lead.Event) error {
	if c.JSON {
		return json.NewEncoder(p.stdout).Encode(e)
	}
	_, err := fmt.Fprintf(p.stdout, "%s  %s  %-11s  %s\n", time.Now().Format(time.TimeOnly), web.Folio(int64(e.RemoteID)), e.State, e.Site)
	return err
}

// watcher reads a stream of events. It remembers where it broke off.
type watcher struct {
	last   string        // id
	pause  time.Duration // before it connects again, as the relay says
	print  func(lead.Event) error
	missed func()
}

// watch reads the stream until it ends.
func (o operator) watch(ctx context.Context, site string, w *watcher) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	silence := time.AfterFunc(normalCall.timeout, func() { cancel(context.DeadlineExceeded) }) // which is two heartbeats
	defer silence.Stop()
	query := url.Values{}
	if site != "" {
		query.Set("site", site)
	}
	resp, err := o.send(ctx, http.MethodGet, console.EventsPath+"?"+query.Encode(), nil, "Last-Event-ID", w.last)
	if err != nil {
		return o.streamError(ctx, err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return o.readProblem(resp)
	}
	if !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream") {
		return o.notRelayError(resp)
	}
	err = w.read(resp.Body, func() { silence.Reset(normalCall.timeout) })
	if err != nil && !hasNoReader(err) {
		err = o.streamError(ctx, err)
	}
	return err
}

// read reads events until the end. heard is called for each line.
func (w *watcher) read(stream io.Reader, heard func()) error {
	lines := bufio.NewScanner(stream)
	for lines.Scan() {
		heard()
		name, value, _ := strings.Cut(lines.Text(), ": ")
		switch name {
		case "id":
			w.last = value
		case "retry":
			if ms, err := strconv.Atoi(value); err == nil {
				w.pause = time.Duration(ms) * time.Millisecond
			}
		case "event":
			if value == console.ResetEvent {
				w.missed()
			}
		case "data":
			var e lead.Event
			if json.Unmarshal([]byte(value), &e) != nil || e.RemoteID == 0 {
				continue // it was missed
			}
			if err := w.print(e); err != nil {
				return err
			}
		}
	}
	return lines.Err()
}
