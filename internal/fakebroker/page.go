package fakebroker

import (
	"bytes"
	"net/http"
	"slices"
	"strconv"
	"time"

	"golang.org/x/text/language"

	"leadrelay/internal/fakebroker/fault"
	"leadrelay/web"
)

// maxShown is how many contact requests the page shows.
const maxShown = 100

// policy allows the page its own files and nothing else.
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

func (b *Broker) pageRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET /{$}", b.show)
	mux.HandleFunc("POST /{$}", b.choosePreset)
	mux.HandleFunc("GET /_events", b.events)
	for name, path := range map[string]string{
		"tokens.css": "static/tokens.css", "page.css": "fakebroker/page.css", "page.js": "fakebroker/page.js",
	} {
		mux.HandleFunc("GET /_static/"+name, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Cache-Control", "no-cache")
			w.Header().Set("X-Content-Type-Options", "nosniff")
			http.ServeFileFS(w, r, web.Files, path)
		})
	}
}

// choosePreset sets a preset and redirects to the page.
func (b *Broker) choosePreset(w http.ResponseWriter, r *http.Request) {
	f, err := b.Faults().WithPreset(r.PostFormValue("preset"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusUnprocessableEntity)
		return
	}
	b.Misbehave(f)
	http.Redirect(w, r, "/?lang="+lang(r), http.StatusSeeOther)
}

func (b *Broker) show(w http.ResponseWriter, r *http.Request) {
	var page bytes.Buffer
	if err := b.page.Execute(&page, b.view(r)); err != nil {
		http.Error(w, "the page could not be written", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", policy+b.framePolicy())
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("X-Content-Type-Options", "nosniff")
	_, _ = page.WriteTo(w)
}

// framePolicy allows the page its frame, if it has one.
func (b *Broker) framePolicy() string {
	if b.frame == "" {
		return ""
	}
	return "; frame-src " + b.frame
}

// events tells a page that something has changed. The page then reloads itself.
func (b *Broker) events(w http.ResponseWriter, r *http.Request) {
	const beat = 15 * time.Second
	out := http.NewResponseController(w)
	_ = out.SetWriteDeadline(time.Time{})
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	tick := time.NewTicker(beat)
	defer tick.Stop()
	for text := ": hello\n\n"; ; {
		b.mu.Lock()
		changed := b.changed
		b.mu.Unlock()
		if _, err := w.Write([]byte(text)); err != nil || out.Flush() != nil {
			return
		}
		select {
		case <-changed:
			text = "data: changed\n\n"
		case <-tick.C:
			text = ": still here\n\n"
		case <-r.Context().Done():
			return
		case <-b.done:
			return
		}
	}
}

// view is the data of the template.
type view struct {
	Lang                    string
	Root, Sample, Frame     string
	Rows                    []row
	Total, Twice, Swallowed int
	Faults                  []string
	Does                    string // what the fault does, if it is a preset
	Presets                 []button
}

type row struct {
	Kept
	Folio, Clock string
	Repeated     bool
}

type button struct {
	Name, Label string
	On          bool
}

// T returns the text in the visitor's language.
func (v view) T(es, en string) string {
	if v.Lang == "en" {
		return en
	}
	return es
}

func (b *Broker) view(r *http.Request) view {
	v := view{Lang: lang(r), Root: "http://" + r.Host + "/v1", Sample: b.sample, Frame: b.frame}
	report, faults := b.report(), b.Faults()
	for _, k := range report.Kept {
		if k.Swallowed {
			v.Swallowed++
		}
	}
	for _, n := range report.Times {
		v.Twice += n - 1
	}
	v.Total = len(report.Kept)
	for _, k := range report.Kept[max(0, v.Total-maxShown):] {
		v.Rows = append(v.Rows, row{Kept: k, Folio: folio(k.RemoteID), Clock: b.clock(k.Arrived), Repeated: report.Times[k.RemoteID] > 1 || k.Posts > 1})
	}
	slices.Reverse(v.Rows)
	v.Faults = faults.Words()
	for _, p := range fault.Presets() {
		if alone, err := (fault.Faults{}).WithPreset(p.Name); err == nil && slices.Equal(alone.Words(), v.Faults) {
			v.Does = v.T(p.DoesES, p.DoesEN)
		}
		with, err := faults.WithPreset(p.Name)
		v.Presets = append(v.Presets, button{p.Name, v.T(p.ES, p.EN), err == nil && slices.Equal(with.Words(), v.Faults)})
	}
	return v
}

// clock returns a time, without the date if it is today.
func (b *Broker) clock(at time.Time) string {
	at, today := at.Local(), b.now().Local()
	if at.Format(time.DateOnly) == today.Format(time.DateOnly) {
		return at.Format(time.TimeOnly)
	}
	return at.Format(time.DateTime)
}

// folio returns a remote_id with its digits in groups of three, as people read it out.
func folio(id int64) string {
	if id == 0 {
		return ""
	}
	s := strconv.FormatInt(id, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "\u00a0" + s[i:]
	}
	return s
}

// lang returns es unless the visitor prefers English.
func lang(r *http.Request) string {
	matcher := language.NewMatcher([]language.Tag{language.Spanish, language.English})
	_, i := language.MatchStrings(matcher, r.URL.Query().Get("lang"), r.Header.Get("Accept-Language"))
	return []string{"es", "en"}[i]
}
