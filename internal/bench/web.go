package main

import (
	"context"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
)

//go:embed property.html
var property string

// web measures the widget on a property page with a column for it, seen on a
// slow phone: first by somebody who was never there, who then goes on to
// another property.
func (b *bench) web(ctx context.Context) error {
	r, err := newRelay(ctx)
	if err != nil {
		return err
	}
	defer r.close()
	if err := r.open(ctx, b.binary, filepath.Join(b.dir, "web.db")); err != nil {
		return err
	}
	script := "http://" + r.public + "/widget.js"
	if err := b.addSizes(ctx, script); err != nil {
		return err
	}
	page := template.Must(template.New("").Parse(property))
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _ = page.Execute(w, script) }))
	defer site.Close()
	browser, stop, err := openBrowser(ctx)
	if err != nil {
		return err
	}
	defer stop()
	var slow, fast []visit
	for range b.scale.visits {
		onPhone, err := see(browser, site.URL, script, phone)
		if err != nil {
			return err
		}
		here, err := see(browser, site.URL, script, 1)
		if err != nil {
			return err
		}
		slow, fast = append(slow, onPhone), append(fast, here)
	}
	b.addLooks("first page", slow, fast, func(v visit) look { return v.first })
	b.addLooks("next page", slow, fast, func(v visit) look { return v.next })
	return nil
}

// addSizes adds what a browser loads.
func (b *bench) addSizes(ctx context.Context, script string) error {
	const kB = 1000
	plain, err := sizeOf(ctx, script, "identity")
	if err != nil {
		return err
	}
	zipped, err := sizeOf(ctx, script, "gzip")
	b.table.add("widget.js", plain/kB, "kB")
	b.table.atMost(8, "widget.js, gzipped", zipped/kB, "kB")
	return err
}

func sizeOf(ctx context.Context, address, encoding string) (float64, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return 0, err
	}
	request.Header.Set("Accept-Encoding", encoding)
	answer, err := new(http.Client).Do(request)
	if err != nil {
		return 0, err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("%s: %s", address, answer.Status)
	}
	n, err := io.Copy(io.Discard, answer.Body)
	return float64(n), err
}

// addLooks adds what a phone's visitor gets to see, and what the script takes
// of a phone's processor: as many times more than it takes here. A browser that
// plays a slow one also burns the time in which a script only waits.
func (b *bench) addLooks(name string, slow, fast []visit, which func(visit) look) {
	of := func(all []visit, figure func(look) float64) []float64 {
		var values []float64
		for _, v := range all {
			values = append(values, figure(which(v)))
		}
		return values
	}
	t := &b.table
	t.add(name+": painted", median(of(slow, func(l look) float64 { return l.Painted })), "ms")
	t.add(name+": the form is ready", median(of(slow, func(l look) float64 { return l.Ready })), "ms")
	t.atMost(20, name+": main thread busy with widget.js", phone*median(of(fast, func(l look) float64 { return l.busy })), "ms")
	t.add("  the longest of it at a stretch", phone*median(of(fast, func(l look) float64 { return l.longest })), "ms")
	t.atMost(0, name+": layout shift, at worst", slices.Max(of(slow, func(l look) float64 { return l.Shift })), "score")
}
