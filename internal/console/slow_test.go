package console_test

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/lead"
)

// fed is a client that takes the first piece of an answer, and then nothing.
type fed struct {
	header  http.Header
	isStuck chan struct{}
	free    chan struct{}
}

func (s *fed) Header() http.Header { return s.header }
func (s *fed) WriteHeader(int)     {}
func (s *fed) Write(p []byte) (int, error) {
	s.isStuck <- struct{}{}
	<-s.free
	return len(p), nil
}

// Those who read an export slowly keep no connection to the database from others: there
// are as many of them as there are connections.
func TestSlowReadersOfExportsHoldNoConnection(t *testing.T) {
	const readers = 4
	d := newDesk(t)
	d.keep(0, lead.Inquiry{})
	s := &fed{http.Header{}, make(chan struct{}), make(chan struct{})}
	var reading sync.WaitGroup
	for range readers {
		reading.Go(func() {
			r := httptest.NewRequest(http.MethodGet, "/api/v1/leads.csv", nil)
			r.Header.Set("Authorization", "Bearer "+token)
			d.ServeHTTP(&fed{http.Header{}, s.isStuck, s.free}, r)
		})
	}
	for range readers {
		<-s.isStuck
	}
	require.Len(t, d.list("").Leads, 1)
	close(s.free)
	reading.Wait()
}
