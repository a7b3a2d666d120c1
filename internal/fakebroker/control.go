package fakebroker

import (
	"encoding/json"
	"io"
	"net/http"

	"leadrelay/internal/fakebroker/fault"
)

// controlRoutes adds the routes for programs. PUT replaces the faults, and PATCH changes
// those in its body.
func (b *Broker) controlRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET /_control/faults", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, b.Faults())
	})
	mux.HandleFunc("PUT /_control/faults", func(w http.ResponseWriter, r *http.Request) {
		b.setFaults(w, r, Faults{})
	})
	mux.HandleFunc("PATCH /_control/faults", func(w http.ResponseWriter, r *http.Request) {
		b.setFaults(w, r, b.Faults())
	})
	mux.HandleFunc("GET /_control/book", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, b.report())
	})
	mux.HandleFunc("DELETE /_control/book", func(w http.ResponseWriter, _ *http.Request) {
		b.Forget()
		w.WriteHeader(http.StatusNoContent)
	})
}

func (b *Broker) setFaults(w http.ResponseWriter, r *http.Request, base Faults) {
	const maxBytes = 64 << 10
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBytes))
	if err != nil {
		writeJSON(w, http.StatusRequestEntityTooLarge, map[string]string{"error": "faults: too large"})
		return
	}
	f, err := fault.Parse(base, data)
	if err != nil {
		writeJSON(w, http.StatusUnprocessableEntity, map[string]string{"error": err.Error()})
		return
	}
	b.Misbehave(f)
	writeJSON(w, http.StatusOK, b.Faults())
}

// report is the book as GET /_control/book shows it.
type report struct {
	Kept  []Kept        `json:"kept"`
	Times map[int64]int `json:"times"` // entries of each remote_id: anything but 1 is a fault
}

func (b *Broker) report() report {
	b.mu.Lock()
	defer b.mu.Unlock()
	return report{Kept: b.book.All(), Times: b.book.Times()}
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	_ = e.Encode(v)
}
