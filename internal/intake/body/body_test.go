package body

import (
	"io"
	"net/http/httptest"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// A client may announce a large body and send none. A thousand of these at once cost
// only as much memory as they have sent.
func TestAnAnnouncedBodyCostsNothingYet(t *testing.T) {
	const clients, each = 1000, 16 << 10
	var reading sync.WaitGroup
	bodies := make([]*io.PipeWriter, clients)
	before := heap()
	for i := range clients {
		r := httptest.NewRequest("POST", "/f", nil)
		r.ContentLength = maxBody
		r.Body, bodies[i] = io.Pipe()
		reading.Go(func() { _, _, _ = Read(httptest.NewRecorder(), r, Media{kind: urlEncodedBody}) })
	}
	for _, b := range bodies {
		_, err := b.Write([]byte("a")) // the read has begun
		require.NoError(t, err)
	}
	grown := heap() - before
	for _, b := range bodies {
		require.NoError(t, b.Close())
	}
	reading.Wait()
	require.Less(t, grown, int64(clients*each))
}

// heap returns the memory in use, without garbage.
func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
