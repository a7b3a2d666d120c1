package doctor

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/config"
	"leadrelay/internal/easybroker"
	"leadrelay/internal/lead"
	"leadrelay/internal/store"
)

// lister is an EasyBroker whose list is empty.
type lister struct {
	err   error
	ahead time.Duration // of its clock
	asked int
}

func (l *lister) List(context.Context, easybroker.Account, easybroker.Query) (easybroker.Page, error) {
	l.asked++
	return easybroker.Page{Date: time.Now().Add(l.ahead).Truncate(time.Second)}, l.err
}

// relay answers as both doors of a relay do, unless answer does.
func relay(t *testing.T, answer http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if answer != nil {
			done := httptest.NewRecorder()
			if answer(done, r); done.Code != http.StatusTeapot {
				for name, values := range done.Header() {
					w.Header()[name] = values
				}
				w.WriteHeader(done.Code)
				_, _ = w.Write(done.Body.Bytes())
				return
			}
		}
		switch {
		case r.Method == http.MethodOptions:
			w.Header().Set("Access-Control-Allow-Origin", r.Header.Get("Origin"))
			w.WriteHeader(http.StatusNoContent)
		case r.URL.Path == "/widget.js":
			w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
		case r.URL.Path == "/healthz":
			_, _ = w.Write([]byte("ok\n"))
		case r.URL.Path == "/readyz":
			_, _ = w.Write([]byte(`{"ready":true,"store":"ok","draining":false,"credentials":[{"sites":["default"],"state":"working"}]}`))
		}
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// at answers one path, or one method, and leaves the others alone.
func at(where string, answer http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != where && r.Method != where {
			w.WriteHeader(http.StatusTeapot)
			return
		}
		answer(w, r)
	}
}

func text(s string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(s)) }
}

// healthy is a doctor who finds nothing.
func healthy(t *testing.T, answer http.HandlerFunc) (Doctor, *lister) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "leadrelay.db")
	cfg, err := config.Load(map[string]string{
		"EASYBROKER_API_KEY": "key-of-the-tests", "LEADRELAY_SOURCE": "casas.mx", "LEADRELAY_ORIGINS": "https://casas.mx,https://*.casas.mx",
		"LEADRELAY_DATABASE": path, "LEADRELAY_URL": "http://127.0.0.1:1", "LEADRELAY_OPERATOR_TOKEN": "0123456789abcdef0123456789abcdef",
	}, config.Open)
	require.NoError(t, err)
	s, err := store.Open(t.Context(), path)
	require.NoError(t, err)
	require.NoError(t, s.Close())
	address := relay(t, answer)
	broker := &lister{}
	d := Doctor{Settings: cfg, EasyBroker: broker, Public: address, Operator: address, Client: http.DefaultClient}
	d.Settings.URL.Origin = address
	d.Settings.Warnings = nil
	return d, broker
}

// troubles are the findings that are not fine. The disk is that of the machine.
func troubles(all []Finding) (some []Finding) {
	for _, f := range all {
		if f.Level != Fine && !strings.HasPrefix(f.About, "folder ") && !strings.HasPrefix(f.About, "disk of ") {
			some = append(some, f)
		}
	}
	return some
}

func TestAHealthyRelay(t *testing.T) {
	d, broker := healthy(t, nil)
	all := d.Examine(t.Context())
	require.Empty(t, troubles(all))
	require.GreaterOrEqual(t, len(all), 10, "all was looked at")
	require.Equal(t, 1, broker.asked)
	files, err := os.ReadDir(filepath.Dir(string(d.Settings.Database)))
	require.NoError(t, err)
	for _, f := range files {
		require.NotContains(t, f.Name(), "doctor")
		require.NotRegexp(t, `-(wal|shm)$`, f.Name(), "a database that nobody has open stays so")
	}
}

// Each thing that can break is broken here, and what doctor says names the way out.
func TestWhatIsBrokenIsNamed(t *testing.T) {
	for name, test := range map[string]struct {
		answer       http.HandlerFunc
		spoil        func(t *testing.T, d *Doctor, l *lister)
		level        Level
		says, remedy string
	}{
		"a setting is wrong": {spoil: func(_ *testing.T, d *Doctor, _ *lister) {
			_, d.Problems = config.Load(map[string]string{"EASYBROKER_API_KEY": "key-of-the-tests", "LEADRELAY_SOURCE": "casas.mx", "LEADRELAY_DRAIN": "soon"}, config.Open)
		}, level: Trouble, says: "LEADRELAY_DRAIN", remedy: "the relay does not start"},
		"a setting is doubtful": {spoil: func(_ *testing.T, d *Doctor, _ *lister) {
			d.Settings.Warnings = []string{"the site has no privacy notice"}
		}, level: Warning, says: "no privacy notice", remedy: "deploy/README.md"},

		"there is no database": {spoil: func(t *testing.T, d *Doctor, _ *lister) {
			t.Helper()
			require.NoError(t, os.Remove(string(d.Settings.Database)))
		}, level: Warning, says: "it is not there", remedy: "leadrelay restore"},
		"the database is damaged": {spoil: func(t *testing.T, d *Doctor, _ *lister) {
			t.Helper()
			require.NoError(t, os.WriteFile(string(d.Settings.Database), make([]byte, 9000), 0o600))
		}, level: Trouble, says: "damaged", remedy: "A damaged disk"},
		"others may read the database": {spoil: func(t *testing.T, d *Doctor, _ *lister) {
			t.Helper()
			require.NoError(t, os.Chmod(string(d.Settings.Database), 0o640))
		}, level: Trouble, says: "mode 0640", remedy: "chmod 600"},

		"no relay runs": {spoil: func(_ *testing.T, d *Doctor, _ *lister) { d.Operator = "http://127.0.0.1:1" },
			level: Trouble, says: "none answers", remedy: "journalctl"},
		"something else runs there": {answer: at("/readyz", text("It works!")), level: Trouble, says: "no relay", remedy: "LEADRELAY_OPERATOR_ADDR"},
		"nothing can be written": {answer: at("/readyz", text(`{"ready":false,"store":"the disk is full"}`)),
			level: Trouble, says: "takes no inquiries: the disk is full", remedy: "the relay's log"},
		"it stops": {answer: at("/readyz", text(`{"ready":false,"store":"ok","draining":true}`)), level: Warning, says: "about to stop", remedy: "again"},
		"somebody's transaction stays open": {answer: at("/readyz", text(`{"ready":true,"store":"ok","vacuum_held_back_seconds":700}`)),
			level: Warning, says: "open for 11m40s, keeps PostgreSQL from cleaning up", remedy: "pg_terminate_backend"},
		"an alert is open": {spoil: func(_ *testing.T, d *Doctor, _ *lister) {
			d.Alerts = func(context.Context) ([]Alert, []lead.Quiet, error) {
				return []Alert{{lead.AlertHeld, time.Now(), "told already", ""}, {lead.AlertSilence, time.Now(), "“casas” gets no inquiries any more", "Send an inquiry"}}, nil, nil
			}
		}, level: Trouble, says: "gets no inquiries any more", remedy: "Send an inquiry"},
		"a site is quiet": {spoil: func(_ *testing.T, d *Doctor, _ *lister) {
			d.Alerts = func(context.Context) ([]Alert, []lead.Quiet, error) {
				return nil, []lead.Quiet{{Site: "casas", Since: time.Now(), TimesAYear: 17}}, nil
			}
		}, level: Warning, says: "such a silence happens about 17 times a year by chance", remedy: "doctor --site casas"},
		"a key is held": {answer: at("/readyz", text(`{"ready":true,"store":"ok","credentials":[{"sites":["casas"],"state":"held","reason":"EasyBroker refuses the key (401)","since":"2026-11-29T02:10:00Z"}]}`)),
			level: Trouble, says: "held since 2026-11-2", remedy: "EASYBROKER_API_KEY"},
		"EasyBroker is down": {answer: at("/readyz", text(`{"ready":true,"store":"ok","credentials":[{"sites":["casas"],"state":"down","reason":"easybroker: status 500"}]}`)),
			level: Trouble, says: "down since", remedy: "goes out by itself"},
		"a site is paused": {answer: at("/readyz", text(`{"ready":true,"store":"ok","credentials":[{"sites":["casas"],"state":"paused","reason":"404"}]}`)),
			level: Trouble, says: "paused since", remedy: "--state failed"},

		"the key is refused": {spoil: func(_ *testing.T, _ *Doctor, l *lister) { l.err = &easybroker.StatusError{Status: 401} },
			level: Trouble, says: "EasyBroker refuses the key (401)", remedy: "EASYBROKER_API_KEY"},
		"EasyBroker asks for a pause": {spoil: func(_ *testing.T, _ *Doctor, l *lister) { l.err = &easybroker.StatusError{Status: 429} },
			level: Trouble, says: "429", remedy: "LEADRELAY_COURIER_RATE"},
		"the address is another's": {spoil: func(_ *testing.T, _ *Doctor, l *lister) { l.err = &easybroker.StatusError{Status: 404, NotJSON: true} },
			level: Trouble, says: "404", remedy: "EASYBROKER_URL"},
		"EasyBroker cannot be reached": {spoil: func(_ *testing.T, _ *Doctor, l *lister) {
			l.err = &easybroker.NotSentError{Err: errors.New("no such host")}
		}, level: Trouble, says: "no such host", remedy: "name server"},
		"EasyBroker fails": {spoil: func(_ *testing.T, _ *Doctor, l *lister) { l.err = &easybroker.StatusError{Status: 500} },
			level: Trouble, says: "500", remedy: "until it does"},
		"our clock is late": {spoil: func(_ *testing.T, _ *Doctor, l *lister) { l.ahead = time.Hour }, level: Trouble, says: "behind https://api.easybroker.com", remedy: "NTP"},
		"our clock is early": {spoil: func(_ *testing.T, _ *Doctor, l *lister) { l.ahead = -2 * time.Minute },
			level: Trouble, says: "ahead of https://api.easybroker.com", remedy: "NTP"},

		"the public door cannot be reached": {spoil: func(_ *testing.T, d *Doctor, _ *lister) { d.Settings.URL.Origin = "http://127.0.0.1:1" },
			level: Trouble, says: "cannot be reached", remedy: "the proxy in front"},
		"the proxy leads elsewhere":    {answer: at("/healthz", text("<h1>Welcome to nginx!</h1>")), level: Trouble, says: "somebody else answers", remedy: "LEADRELAY_ADDR"},
		"the proxy redirects":          {answer: at("/healthz", http.RedirectHandler("/", http.StatusFound).ServeHTTP), level: Trouble, says: "302", remedy: "LEADRELAY_ADDR"},
		"the widget is another page":   {answer: at("/widget.js", text("<h1>Casas</h1>")), level: Trouble, says: "no script", remedy: "the proxy"},
		"the proxy answers preflights": {answer: at(http.MethodOptions, http.NotFound), level: Trouble, says: "not allowed to post", remedy: "OPTIONS"},
		"the proxy adds a header of CORS": {answer: at(http.MethodOptions, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Add("Access-Control-Allow-Origin", r.Header.Get("Origin"))
			w.Header().Add("Access-Control-Allow-Origin", "*")
		}), level: Trouble, says: "2 headers Access-Control-Allow-Origin", remedy: "the proxy's configuration"},
	} {
		t.Run(name, func(t *testing.T) {
			d, broker := healthy(t, test.answer)
			if test.spoil != nil {
				test.spoil(t, &d, broker)
			}
			found := troubles(d.Examine(t.Context()))
			require.Len(t, found, 1, "%+v", found)
			require.Equal(t, test.level, found[0].Level)
			require.Contains(t, found[0].Says, test.says)
			require.Contains(t, found[0].Remedy, test.remedy)
			require.NotContains(t, found[0].Says+found[0].Remedy+found[0].About, "key-of-the-tests")
			require.Equal(t, test.level == Trouble, HasTrouble(found))
		})
	}
}

func TestTheDisk(t *testing.T) {
	require.Equal(t, Fine, roomOf("/data", 60e9, 100e9).Level)
	require.Equal(t, Trouble, roomOf("/data", 9e9, 100e9).Level)
	require.Equal(t, Trouble, roomOf("/data", 400e6, 1e9).Level)
	require.Equal(t, Trouble, room(filepath.Join(t.TempDir(), "nowhere")).Level)
	require.Equal(t, Fine, speedOf("/data", time.Millisecond).Level)
	slow := speedOf("/data", 80*time.Millisecond)
	require.Equal(t, Warning, slow.Level)
	require.Contains(t, slow.Says, "it takes 80ms to write 4 KiB for good, and each inquiry waits for that")
	require.Equal(t, "Put the database on a local disk, not on a network's.", slow.Remedy)
	require.Equal(t, Warning, speed(filepath.Join(t.TempDir(), "nowhere")).Level)
}

func TestASchema(t *testing.T) {
	require.Equal(t, Fine, schema("", store.Seen{Schema: 6, Knows: 6}).Level)
	require.Equal(t, Warning, schema("", store.Seen{Schema: 5, Oldest: 5, Knows: 6}).Level)
	require.Equal(t, Fine, schema("", store.Seen{Schema: 7, Oldest: 6, Knows: 6}).Level, "a newer release runs beside this one")
	require.Equal(t, Trouble, schema("", store.Seen{Schema: 7, Oldest: 7, Knows: 6}).Level)
}
