package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"leadrelay/internal/alerts"
	"leadrelay/internal/config"
	"leadrelay/internal/e2e/relaytest"
	"leadrelay/internal/server"
	"leadrelay/internal/store"
)

// usual is the public door of a relay for two sites behind a proxy, with the
// limits that it has when nobody sets any, and in a time of its own.
type usual struct {
	*testing.T
	door  http.Handler
	store *store.Store
}

func atTheUsualDoor(t *testing.T, then func(d *usual)) {
	t.Helper()
	env := relaytest.SettingsWith(t, "127.0.0.1:1", "sites:\n  casas: {source: casas.mx}\n  lofts: {source: lofts.mx}\n")
	delete(env, "LEADRELAY_LIMIT_ADDRESS")
	delete(env, "LEADRELAY_LIMIT_SITE")
	env["LEADRELAY_TRUSTED_PROXIES"] = "10.0.0.0/8"
	cfg, err := config.Load(env, config.Open)
	require.NoError(t, err)
	synctest.Test(t, func(t *testing.T) {
		r := relay{drain: new(server.Drain)}
		r.store, err = store.Open(t.Context(), string(cfg.Database))
		require.NoError(t, err)
		defer func() { require.NoError(t, r.store.Close()) }()
		metrics := server.NewMetrics("")
		r.courier = newCourier(cfg, r.store, newBroker(cfg), nil, metrics, zerolog.Nop())
		r.refusals = alerts.NewRefusals()
		then(&usual{t, publicDoor(cfg, r, metrics, zerolog.Nop()), r.store})
	})
}

// ask sends what a peer sends; headers come in pairs.
func (d *usual) ask(method, site, peer, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "/f/"+site, strings.NewReader(body))
	r.RemoteAddr = peer
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Accept", "application/json")
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	d.door.ServeHTTP(w, r)
	return w
}

// passes posts an inquiry about a property and reports whether it was taken.
// Who is turned away is told when to come again.
func (d *usual) passes(site, peer string, property int, headers ...string) bool {
	d.Helper()
	w := d.ask(http.MethodPost, site, peer, relaytest.Form(fmt.Sprint("EB-", property)), headers...)
	if w.Code == http.StatusTooManyRequests {
		require.Regexp(d, `^[1-9]\d*$`, w.Header().Get("Retry-After"))
		return false
	}
	require.Equal(d, http.StatusAccepted, w.Code, w.Body)
	return true
}

// kept are the leads of a site by their states.
func (d *usual) kept(site string) map[string]int {
	d.Helper()
	counts, err := d.store.Counts(d.Context())
	require.NoError(d, err)
	found := map[string]int{}
	for _, c := range counts {
		if c.Site == site {
			found[string(c.State)] = c.Leads
		}
	}
	return found
}

// Who posts a thousand times a second gets what anybody gets and is told to
// wait. It costs others nothing, and us less than a processor.
func TestAFloodFromOneAddress(t *testing.T) {
	atTheUsualDoor(t, func(d *usual) {
		const seconds, each = 10, 1000
		passed, spent := 0, processorTime(d.T)
		for second := range seconds {
			for i := range each {
				if d.passes("casas", "198.51.100.7:1", second*each+i) {
					passed++
				}
			}
			require.True(d, d.passes("casas", "198.51.100.8:1", seconds*each+second), "another address")
			require.True(d, d.passes("lofts", "198.51.100.9:1", second), "another site")
			time.Sleep(time.Second)
		}
		spent = processorTime(d.T) - spent
		d.Logf("%v of a processor's %d s", spent, seconds)
		require.Less(d, spent, seconds*time.Second)
		require.Equal(d, 60+seconds-1, passed, "sixty at once, then one a second")
		require.Equal(d, map[string]int{"queued": passed + seconds}, d.kept("casas"))
	})
}

// processorTime is what this process has had.
func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	require.NoError(t, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// Thousands who post once each are more than a site sends on. All of it is
// kept, and what is too much is quarantined; a visitor who comes meanwhile is not, and
// another site notices nothing.
func TestAFloodFromManyAddresses(t *testing.T) {
	const most, forAll = 300, 225
	addresses := 1500
	if relaytest.InFull() {
		addresses = 10_000
	}
	from := map[string]func(d *usual, i int) bool{
		"IPv6, each from a /64 of its own": func(d *usual, i int) bool {
			return d.passes("casas", fmt.Sprintf("[2001:db8:%x:%x::1]:1", i/256, i%256), i)
		},
		"IPv4 behind a proxy": func(d *usual, i int) bool {
			return d.passes("casas", "10.0.0.1:1", i, "X-Forwarded-For", fmt.Sprintf("203.0.%d.%d", i/256, i%256))
		},
	}
	for name, post := range from {
		t.Run(name, func(t *testing.T) {
			atTheUsualDoor(t, func(d *usual) {
				passed := 0
				for i := range addresses {
					if post(d, i) {
						passed++
					}
				}
				kept := d.kept("casas")
				require.GreaterOrEqual(d, kept["queued"], forAll)
				require.LessOrEqual(d, kept["queued"], most)
				require.Equal(d, passed, kept["queued"]+kept["quarantined"], "all that were thanked")
				require.Greater(d, passed, addresses*9/10)

				visitor := strings.Replace(relaytest.Form("EB-1"), "ana%40", "eva%40", 1)
				require.Equal(d, http.StatusAccepted, d.ask(http.MethodPost, "casas", "198.51.100.7:1", visitor).Code)
				require.Equal(d, kept["queued"]+1, d.kept("casas")["queued"], "one who has not been here is not quarantined")
				require.True(d, d.passes("lofts", "198.51.100.7:1", 1))
				require.Equal(d, map[string]int{"queued": 1}, d.kept("lofts"))
			})
		})
	}
}

var shownValue = regexp.MustCompile(`name="_shown" value="([^"]+)"`)

// An office, a campus or a carrier may have one address for all its people.
// Two hundred of them an hour are let in and are no robots.
func TestManyPeopleBehindOneAddress(t *testing.T) {
	const address, people, typing = "198.51.100.7:1", 200, 10 * time.Second
	texts := []string{
		"Hola, me interesa esta propiedad. ¿Sigue disponible?", "¿Cuánto es lo menos?", "info", "I would like to visit it on Saturday, is that possible?",
		"Buenas tardes, quisiera agendar una visita para este fin de semana con mi esposa y mis hijos. Gracias.", "ME INTERESA!!! MANDEN FOTOS",
	}
	for atOnce, every := range map[int]time.Duration{1: 18 * time.Second, 20: 6 * time.Minute} {
		t.Run(fmt.Sprint(atOnce, " every ", every), func(t *testing.T) {
			atTheUsualDoor(t, func(d *usual) {
				for first := 0; first < people; first += atOnce {
					var forms []url.Values
					for i := first; i < first+atOnce; i++ {
						shown := shownValue.FindStringSubmatch(d.ask(http.MethodGet, "casas", address, "").Body.String())
						require.NotNil(d, shown)
						forms = append(forms, url.Values{
							"_shown": {shown[1]}, "property_id": {fmt.Sprint("EB-", i%7)}, "name": {"Ana"}, "email": {fmt.Sprintf("ana%d@ejemplo.mx", i)},
							"phone": {fmt.Sprintf("55 1234 %04d", i*37)}, "message": {texts[i%len(texts)]},
						})
					}
					time.Sleep(typing)
					for _, form := range forms {
						require.Equal(d, http.StatusAccepted, d.ask(http.MethodPost, "casas", address, form.Encode()).Code)
					}
					time.Sleep(every - typing)
				}
				require.Equal(d, map[string]int{"queued": people}, d.kept("casas"))
			})
		})
	}
}

// A telephone that has a network again sends at once what waited in it for
// hours. Each is one post of a person, and none is a robot's.
func TestAQueueThatWasOffline(t *testing.T) {
	const address, waiting = "198.51.100.7:1", 10
	atTheUsualDoor(t, func(d *usual) {
		shown := shownValue.FindStringSubmatch(d.ask(http.MethodGet, "casas", address, "").Body.String())
		require.NotNil(d, shown)
		written := time.Now()
		time.Sleep(3 * time.Hour)
		for i := range waiting {
			form := url.Values{
				"_shown": {shown[1]}, "_submission_id": {fmt.Sprint("offline-", i)}, "client_submitted_at": {written.Add(time.Duration(i) * time.Minute).Format(time.RFC3339)},
				"property_id": {fmt.Sprint("EB-", i)}, "email": {"ana@ejemplo.mx"}, "message": {"Hola, me interesa esta propiedad. ¿Sigue disponible?"},
			}
			for range 2 { // the first answer may have got lost
				require.Equal(d, http.StatusAccepted, d.ask(http.MethodPost, "casas", address, form.Encode()).Code)
			}
		}
		require.Equal(d, map[string]int{"queued": waiting}, d.kept("casas"))
	})
}
