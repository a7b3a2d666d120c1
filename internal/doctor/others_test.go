package doctor

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/alerts/channel"
	"leadrelay/internal/config"
	"leadrelay/internal/lead"
	"leadrelay/internal/smtp"
	"leadrelay/internal/smtp/smtptest"
)

func mailServer(t *testing.T, address string, isHere bool) smtp.Server {
	t.Helper()
	u, err := url.Parse(address)
	require.NoError(t, err)
	s, err := smtp.Parse(u, isHere)
	require.NoError(t, err)
	return s
}

// The mail server is broken in one way after the other, and no mail is sent.
func TestTheMailServer(t *testing.T) {
	office, err := smtptest.Listen("127.0.0.1:0", nil)
	require.NoError(t, err)
	defer office.Close()
	office.Demand("leads", "s3cret")
	secure := httptest.NewTLSServer(nil)
	defer secure.Close()
	for name, test := range map[string]struct {
		address      string
		isHere       bool
		says, remedy string
	}{
		"all is well":             {"smtp://leads:s3cret@" + office.Addr + "?from=leads@casas.mx", true, "it lets the relay in", ""},
		"a wrong password":        {"smtp://leads:s3cret2@" + office.Addr + "?from=leads@casas.mx", true, "does not let the relay in (535)", "user and password"},
		"no STARTTLS":             {"smtp://leads:s3cret@" + office.Addr + "?from=leads@casas.mx", false, "no STARTTLS", "465"},
		"nobody there":            {"smtp://leads:s3cret@127.0.0.1:1?from=leads@casas.mx", true, "it cannot be reached", "port 25"},
		"a name that is none":     {"smtp://leads:s3cret@mail.invalid?from=leads@casas.mx", false, "its name cannot be looked up", "the name"},
		"a certificate of nobody": {"smtps://leads:s3cret@" + secure.Listener.Addr().String() + "?from=leads@casas.mx", true, "its certificate is not good", "renew"},
		"TLS where there is none": {"smtps://leads:s3cret@" + office.Addr + "?from=leads@casas.mx", true, "it does not answer as it should", "the port"},
	} {
		t.Run(name, func(t *testing.T) {
			d := Doctor{Settings: config.Config{SMTP: mailServer(t, test.address, test.isHere)}}
			found := d.mailServer(t.Context())
			require.Len(t, found, 1)
			require.Contains(t, found[0].Says, test.says)
			require.Contains(t, found[0].Remedy, test.remedy)
			require.Equal(t, test.remedy == "", found[0].Level == Fine)
			require.NotContains(t, found[0].About+found[0].Says+found[0].Remedy, "s3cret")
		})
	}
	require.Empty(t, office.Taken())
	require.Empty(t, Doctor{}.mailServer(t.Context()), "nobody mails anything")
}

// Each channel is broken in one way after the other, and nobody is told anything.
func TestTheChannels(t *testing.T) {
	office, err := smtptest.Listen("127.0.0.1:0", nil)
	require.NoError(t, err)
	defer office.Close()
	office.Demand("relay", "s3cret")
	posts := atomic.Int32{}
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodHead || r.URL.Path != "/" {
			posts.Add(1)
		}
		http.NotFound(w, r) // at its root there is nothing
	}))
	defer service.Close()
	secure := httptest.NewTLSServer(nil)
	defer secure.Close()
	deaf, err := net.Listen("tcp", "127.0.0.1:0") // it takes a connection and never answers
	require.NoError(t, err)
	defer func() { _ = deaf.Close() }()
	here := service.Listener.Addr().String()
	for name, test := range map[string]struct{ address, says, remedy string }{
		"all is well":             {"generic+http://" + here + "/s3cret", "it can be reached", ""},
		"all is well by mail":     {"smtp://relay:s3cret@" + office.Addr + "/?from=relay@casas.mx&to=luz@casas.mx", "it can be reached", ""},
		"a wrong password":        {"smtp://relay:s3cret2@" + office.Addr + "/?from=relay@casas.mx&to=luz@casas.mx", "does not let the relay in", "user and password"},
		"nobody there":            {"ntfy://:s3cret@127.0.0.1:1/s3cret?scheme=http", "it cannot be reached", "its service runs"},
		"a name that is none":     {"ntfy://ntfy.invalid/s3cret", "its name cannot be looked up", "name server"},
		"a certificate of nobody": {"generic+https://" + secure.Listener.Addr().String() + "/s3cret", "its certificate is not good", "certificate"},
		"it hangs":                {"generic+http://" + deaf.Addr().String() + "/s3cret", "no answer in time", "firewall"},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			c, err := channel.Parse(test.address)
			require.NoError(t, err)
			found := Doctor{Settings: config.Config{Alerts: config.Alerts{To: config.Channels{c}}}}.channels(ctx)
			require.Len(t, found, 1)
			require.Contains(t, found[0].Says, test.says)
			require.Contains(t, found[0].Remedy, test.remedy)
			require.Equal(t, test.remedy == "", found[0].Level == Fine)
			require.NotContains(t, found[0].About+found[0].Says+found[0].Remedy, "s3cret")
		})
	}
	require.Zero(t, posts.Load())
	require.Empty(t, office.Taken())
}

func TestTheHooks(t *testing.T) {
	secure, plain := httptest.NewTLSServer(nil), httptest.NewServer(nil)
	defer secure.Close()
	defer plain.Close()
	for name, test := range map[string]struct{ url, says, remedy string }{
		"all is well":             {plain.URL + "/s3cret", "it can be reached", ""},
		"nobody there":            {"http://127.0.0.1:1/s3cret", "it cannot be reached", "take the webhook out"},
		"a name that is none":     {"https://crm.invalid/s3cret", "its name cannot be looked up", "the receiver runs"},
		"a certificate of nobody": {secure.URL + "/s3cret", "its certificate is not good", "renew"},
		"no TLS":                  {"https://" + plain.Listener.Addr().String() + "/s3cret", "does not answer as it should", "the receiver runs"},
		"a private network":       {"https://10.0.0.7/s3cret", "private network", "allow_private"},
	} {
		t.Run(name, func(t *testing.T) {
			d := Doctor{Settings: config.Config{Sites: []config.Site{{Webhooks: []config.Webhook{{URL: test.url}}}}}}
			found := d.hooks(t.Context())
			require.Len(t, found, 1)
			require.Contains(t, found[0].Says, test.says)
			require.Contains(t, found[0].Remedy, test.remedy)
			require.Equal(t, test.remedy == "", found[0].Level == Fine)
			require.NotContains(t, found[0].About+found[0].Says+found[0].Remedy, "s3cret")
		})
	}
	require.Equal(t, Warning, hookFinding("", time.Now().Add(time.Hour), nil).Level)
	require.Equal(t, Fine, hookFinding("", time.Now().Add(30*24*time.Hour), nil).Level)
}

// A test inquiry shows whom the relay takes for the visitor, behind a proxy with TLS.
func TestTheVisitorsAddress(t *testing.T) {
	for name, test := range map[string]struct{ client, peer, says, remedy string }{
		"as it is":               {"127.0.0.1", "10.0.0.2", "sees it behind the proxy", ""},
		"behind a NAT":           {"198.51.100.4", "10.0.0.2", "sees 198.51.100.4", ""},
		"the proxy's":            {"10.0.0.2", "10.0.0.2", "takes the proxy (10.0.0.2) for the visitor", "LEADRELAY_TRUSTED_PROXIES to 10.0.0.2/32"},
		"whatever somebody says": {forged, "10.0.0.2", "can claim any address", "not append"},
	} {
		t.Run(name, func(t *testing.T) {
			proxy := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("X-Forwarded-For") != forged || r.FormValue("_test") != "token" {
					http.NotFound(w, r)
					return
				}
				w.WriteHeader(http.StatusAccepted)
				_, _ = w.Write([]byte(`{"ok":true,"test":true,"remote_id":7,"client":"` + test.client + `","peer":"` + test.peer + `"}`))
			}))
			defer proxy.Close()
			d := Doctor{Client: proxy.Client(), Inquiry: &Inquiry{Site: "casas", Token: "token", Told: func(context.Context, lead.RemoteID) ([]Told, error) { return nil, nil }}}
			d.Settings.URL.Origin = proxy.URL
			found := d.inquiry(t.Context())
			require.Len(t, found, 2)
			require.Contains(t, found[1].Says, test.says)
			require.Contains(t, found[1].Remedy, test.remedy)
			require.Equal(t, test.remedy == "", found[1].Level == Fine)
		})
	}
}

// What becomes of a test inquiry is told, and none is sent to a relay that might take it for
// one in earnest.
func TestATestInquiry(t *testing.T) {
	posts := 0
	answer := `{"ok":true,"test":true,"remote_id":7}`
	status := http.StatusAccepted
	relay := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		posts++
		w.WriteHeader(status)
		_, _ = w.Write([]byte(answer))
	}))
	defer relay.Close()
	var told []Told
	var refused error
	d := Doctor{Client: relay.Client(), Public: relay.URL, Inquiry: &Inquiry{Site: "casas", Token: "t0ken", Told: func(context.Context, lead.RemoteID) ([]Told, error) { return told, refused }}}
	d.Settings.URL.Origin = "http://leads.casas.mx"

	refused = errors.New("the token is another's")
	found := d.inquiry(t.Context())
	require.Len(t, found, 1)
	require.Contains(t, found[0].Says, "it is not sent: the token is another's")
	require.Zero(t, posts)
	refused = nil

	told = []Told{{Kind: "hook", State: lead.DeliveryTaken}, {Kind: lead.KindMail, State: lead.DeliveryGivenUp, Status: 550}, {Kind: "hook", State: lead.DeliveryGivenUp}}
	found = d.inquiry(t.Context())
	require.Len(t, found, 4, "the token goes over no network in the open")
	require.Equal(t, []Level{Fine, Fine, Trouble, Trouble}, []Level{found[0].Level, found[1].Level, found[2].Level, found[3].Level})
	require.Contains(t, found[2].Says, "a mailbox did not take it (550)")
	require.Contains(t, found[2].Remedy, "LEADRELAY_SMTP")
	require.Contains(t, found[3].Says, "a webhook has not taken it")

	for want, got := range map[string]struct {
		status int
		body   string
	}{
		"another relay":    {202, `{"ok":true,"remote_id":7}`},
		"there is no such": {404, `{"detail":"no"}`},
		"503 Service":      {503, `{"detail":"the disk is full"}`},
	} {
		status, answer = got.status, got.body
		found = d.inquiry(t.Context())
		require.Len(t, found, 1)
		require.Equal(t, Trouble, found[0].Level)
		require.Contains(t, found[0].Says, want)
		require.NotContains(t, found[0].Says+found[0].Remedy, "t0ken")
	}
	relay.Close()
	require.Contains(t, d.inquiry(t.Context())[0].Says, "it cannot be posted")
}
