package torture_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/courier"
	"leadrelay/internal/fakebroker"
	"leadrelay/internal/flood"
	"leadrelay/internal/intake"
	"leadrelay/internal/lead"
	"leadrelay/internal/server"
	relaysite "leadrelay/internal/site"
)

// Sixteen plausible inquiries a second, each within the limits of its
// address, from one who has a /48 or twenty addresses. Those who ask meanwhile
// wait no longer for it, an office of ten included, and none is lost or quarantined.
func TestAPlausibleFlood(t *testing.T) {
	if testing.Short() {
		t.Skip("what races at the door is found by TestAFloodFromManyAddresses of cmd/leadrelay")
	}
	const each = time.Second / 16
	from := []struct {
		name    string
		address func(i int) string
	}{
		{"one /48", func(i int) string { return fmt.Sprintf("[2001:db8:1:%x::1]:1", i%65536) }},
		{"twenty of IPv4", func(i int) string { return fmt.Sprintf("198.18.%d.7:1", i%20) }},
		{"a /24 of IPv4", func(i int) string { return fmt.Sprintf("198.18.1.%d:1", i%256) }},
	}
	for _, f := range from {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				d := newFlooded(t)
				during := 40 * time.Second
				if inFull() {
					during = time.Hour
				}
				good := d.goodVisitors(during)
				for i := range int(during / each) {
					d.post(f.address(i), inquiryOf("robot", i, i%25))
					time.Sleep(each)
				}
				<-good
				d.rest(time.Hour)
				d.mustServeTheGood()
			})
		})
	}
}

// flooded is a bed with a door.
type flooded struct {
	*bed
	door http.Handler
	good map[lead.RemoteID]time.Time // when each was thanked for
}

func newFlooded(t *testing.T) *flooded {
	t.Helper()
	d := &flooded{
		bed:  newBed(t, cell{}, courier.Options{}, fakebroker.Faults{ListLag: fakebroker.Duration(time.Minute), RatePerSecond: 20}),
		good: map[lead.RemoteID]time.Time{},
	}
	gate := flood.New(flood.Options{
		Address: flood.Limit{N: 60, Per: time.Minute}, Site: flood.Limit{N: 300, Per: time.Minute}, Credentials: map[string]string{site: site}, Pace: pace / 2,
	})
	synctest.Wait() // until the relay lives
	l := d.alive()
	d.door = intake.New([]relaysite.Site{{ID: site, Source: "casas.mx", Locale: "es", Rules: lead.DefaultRules(), Tick: lead.Milliseconds}}, l.store, intake.Options{
		Flood: gate, Client: server.Proxies(nil).Client, Accepted: l.courier.Wake,
	})
	return d
}

// goodVisitors asks once in three seconds, each from an address of its own, and
// now and then from an office of ten, all within a minute.
func (d *flooded) goodVisitors(during time.Duration) (done <-chan struct{}) {
	const each, office = 3 * time.Second, 15 * time.Minute
	all := make(chan struct{})
	go func() {
		defer close(all)
		for i := range int(during / each) {
			at := time.Duration(i) * each
			address := fmt.Sprintf("203.0.%d.9:1", i%250)
			if i%2 == 0 {
				address = fmt.Sprintf("[2001:db8:%x::1]:1", 0x1000+i)
			}
			if in := at % office; in >= time.Minute && in < time.Minute+10*each {
				address = fmt.Sprintf("192.0.2.%d:1", at/office)
			}
			w := d.post(address, inquiryOf("ana", i, i%25))
			require.Equal(d, http.StatusAccepted, w.Code, w.Body)
			_, number, _ := strings.Cut(w.Body.String(), `"remote_id":`)
			number, _, _ = strings.Cut(number, ",")
			id, err := strconv.ParseInt(number, 10, 64)
			require.NoError(d, err)
			d.good[lead.RemoteID(id)] = time.Now()
			time.Sleep(each)
		}
	}()
	return all
}

func inquiryOf(name string, i, property int) string {
	return url.Values{
		"property_id": {fmt.Sprint("EB-AA", 1000+property)}, "name": {name}, "email": {fmt.Sprint(name, i, "@ejemplo.mx")},
		"message": {fmt.Sprint("Hola, me interesa esta propiedad. ¿La puedo ver el día ", i, "?")},
	}.Encode()
}

func (d *flooded) post(from, form string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/f/"+site, strings.NewReader(form))
	r.RemoteAddr = netip.MustParseAddrPort(from).String()
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Accept", "application/json")
	w := httptest.NewRecorder()
	d.door.ServeHTTP(w, r)
	return w
}

func (d *flooded) mustServeTheGood() {
	d.Helper()
	arrived := map[lead.RemoteID]time.Time{}
	for _, k := range d.broker.Book() {
		require.NotContains(d, arrived, lead.RemoteID(k.RemoteID), "twice")
		arrived[lead.RemoteID(k.RemoteID)] = k.Arrived
	}
	var waits []time.Duration
	for id, thanked := range d.good {
		require.Contains(d, arrived, id, "not delivered")
		waits = append(waits, arrived[id].Sub(thanked))
	}
	slices.Sort(waits)
	p95, top := waits[len(waits)*95/100], waits[len(waits)-1]
	d.Logf("%d good ones: p50 %v, p95 %v, top %v; %d of all were delivered, %d quarantined", len(waits), waits[len(waits)/2], p95, top, len(arrived), d.count(lead.Quarantined))
	require.LessOrEqual(d, top, 10*time.Second)
}
