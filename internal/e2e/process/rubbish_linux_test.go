package process

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/e2e/relaytest"
)

// Posts that are no inquiries cost their senders and nobody else, with the
// limits that a relay has when nobody sets any: of those who ask meanwhile, each
// from an address of its own, none is turned away or quarantined. The relay has other
// addresses of this machine in front of it, as it has the world's.
func TestRubbishCostsItsSenders(t *testing.T) {
	relaytest.Beside(t)
	rubbish, each, during := 400, 100*time.Millisecond, 4*time.Second
	if relaytest.InFull() {
		rubbish, each, during = 80, time.Second, 20*time.Second
	}
	env := relaytest.Settings(t, "127.0.0.1:1")
	delete(env, "LEADRELAY_LIMIT_ADDRESS")
	delete(env, "LEADRELAY_LIMIT_SITE")
	p := relaytest.Start(t, env, "serve").Started()
	var all sync.WaitGroup
	var refused, good atomic.Int64
	pour := func(pause time.Duration, post func(i int)) {
		all.Go(func() {
			next := time.NewTicker(pause)
			defer next.Stop()
			for i := range int(during / pause) {
				all.Go(func() { post(i) })
				<-next.C
			}
		})
	}
	pour(time.Second/time.Duration(rubbish), func(i int) {
		if postFrom(fmt.Sprintf("127.1.%d.%d", i/250, 1+i%250), p.Public, "x=1") == http.StatusUnprocessableEntity {
			refused.Add(1)
		}
	})
	pour(each, func(i int) {
		form := strings.Replace(relaytest.Form(fmt.Sprint("EB-", i)), "ana%40", fmt.Sprint("ana", i, "%40"), 1)
		if postFrom(fmt.Sprintf("127.2.%d.1", i), p.Public, form) == http.StatusAccepted {
			good.Add(1)
		}
	})
	all.Wait()
	require.EqualValues(t, during/each, good.Load())
	require.Greater(t, refused.Load(), int64(300), "more than the site's limit")
	p.Ask("/api/v1/leads?state=quarantined", func(r io.Reader) {
		var list struct{ Leads []json.RawMessage }
		require.NoError(t, json.NewDecoder(r).Decode(&list))
		require.Empty(t, list.Leads)
	})
	p.End(os.Interrupt, 0)
}

// postFrom posts a form from an address of this machine and returns the status,
// or zero when there is none.
func postFrom(address, to, form string) (status int) {
	from := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
	client := &http.Client{Timeout: relaytest.Patience, Transport: &http.Transport{DisableKeepAlives: true, DialContext: from.DialContext}}
	req, err := http.NewRequest(http.MethodPost, "http://"+to+"/f", strings.NewReader(form))
	if err != nil {
		return 0
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		return 0
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	return resp.StatusCode
}
