package intake_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"leadrelay/internal/intake"
	"leadrelay/internal/lead"
	"leadrelay/internal/tracing"
)

type nowhere struct{}

func (nowhere) Keep(context.Context, lead.Submission) (lead.Kept, error) {
	return lead.Kept{RemoteID: 1}, nil
}

// BenchmarkSubmit measures intake alone: the keeper stores nothing.
func BenchmarkSubmit(b *testing.B) {
	handler := intake.New(sites(b), nowhere{}, intake.Options{})
	accent := strings.Replace(wholeJSON, "Hola", "¿Sigue disponible?\\nMe gustaría visitarla el sábado.", 1)
	for name, c := range map[string]struct{ contentType, accept, body string }{
		"form":      {formType, "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", wholeForm},
		"JSON":      {jsonType, "application/json", wholeJSON},
		"Spanish":   {jsonType, "application/json", accent},
		"multipart": {multiType, "*/*", wholeParts()},
	} {
		b.Run(name, func(b *testing.B) {
			header := http.Header{"Content-Type": {c.contentType}, "Accept": {c.accept}, "Origin": {"https://casas.mx"}}
			b.ReportAllocs()
			for b.Loop() {
				r := httptest.NewRequest(http.MethodPost, "/f/casas", strings.NewReader(c.body))
				r.Header = header
				w := httptest.NewRecorder()
				handler.ServeHTTP(w, r)
				if w.Code != 202 && w.Code != 303 {
					b.Fatal(w.Code, w.Body)
				}
			}
		})
	}
	b.Run("traced", func(b *testing.B) {
		collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))
		defer collector.Close()
		tracer := tracing.New(map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": collector.URL}, "test", zerolog.Nop())
		defer tracer.Close()
		handler := intake.New(sites(b), nowhere{}, intake.Options{
			Trace: func(parent lead.Trace, route, siteID string) intake.Trace { return tracer.Post(parent, route, siteID) },
		})
		b.ReportAllocs()
		for b.Loop() {
			if w := ask(handler, http.MethodPost, "/f/casas", wholeForm, "Content-Type", formType, "Origin", "https://casas.mx"); w.Code != 303 {
				b.Fatal(w.Code, w.Body)
			}
		}
	})
	b.Run("the request and recorder alone", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_ = httptest.NewRequest(http.MethodPost, "/f/casas", strings.NewReader(wholeForm))
			_ = httptest.NewRecorder()
		}
	})
}

// A form is filled in for each who asks, with whatever link and headers.
func BenchmarkShowForm(b *testing.B) {
	for name, link := range map[string]func(i int) string{
		"same link":  func(int) string { return "/f/casas?property_id=EB-1" },
		"other link": func(i int) string { return "/f/casas?property_id=EB-" + strconv.Itoa(i) },
		"long link":  func(i int) string { return "/f/casas?" + strings.Repeat("&"+strconv.Itoa(i), 2000) },
	} {
		b.Run(name, func(b *testing.B) {
			d := newRelay(b)
			handler := intake.New(sites(b), d.keeper, intake.Options{})
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if w := ask(handler, http.MethodGet, link(i), ""); w.Code != http.StatusOK {
					b.Fatal(w.Code)
				}
			}
		})
	}
}
