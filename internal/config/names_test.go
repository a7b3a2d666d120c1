package config_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/config"
)

// warned returns the warnings about variables.
func warned(t *testing.T, env vars) []string {
	t.Helper()
	c, err := config.Load(enough(env), fstest.MapFS{"data/x": nil}.Open)
	require.NoError(t, err)
	return c.Warnings
}

func TestAVariableThatNoSettingHasIsToldOf(t *testing.T) {
	fine := vars{"LEADRELAY_ORIGINS": "https://casas.mx"}
	require.Empty(t, warned(t, fine))
	const none, ours = "no setting has this name; ", "ADDR, ALERTS, ALERTS_FILE, ALERTS_HEARTBEAT, ALERTS_HEARTBEAT_FILE, CONFIG, COURIER_CONCURRENCY, COURIER_DEADLINE, COURIER_PROBE, COURIER_RATE, COURIER_SCHEDULE, COURIER_SETTLE, COURIER_TIMEOUT, " +
		"DATABASE, DATABASE_CONNECTIONS, DATABASE_FILE, DRAIN, LIMIT_ADDRESS, LIMIT_SITE, LOCALE, LOG_LEVEL, OPERATOR_ADDR, OPERATOR_TOKEN, OPERATOR_TOKEN_FILE, OPERATOR_URL, ORIGINS, PRIVACY_URL, " +
		"RETENTION_BLOCKED, RETENTION_CONFIRMED, RETENTION_DISCARDED, RETENTION_QUARANTINED, SECURITY_CONTACT, SMTP, SMTP_FILE, SOURCE, THANKS_URL, TRUSTED_PROXIES, URL"
	for name, test := range map[string]struct{ variable, value, warning string }{
		"two letters swapped":        {"LEADRELAY_ADRR", ":80", none + "did you mean LEADRELAY_ADDR?"},
		"a section left out":         {"LEADRELAY_SETTLE", "3m", none + "did you mean LEADRELAY_COURIER_SETTLE?"},
		"an underscore left out":     {"EASYBROKER_APIKEY", "k3y", none + "did you mean EASYBROKER_API_KEY?"},
		"a file's name, mistyped":    {"EASYBROKER_API_KEY_FIEL", "/run/key", none + "did you mean EASYBROKER_API_KEY_FILE?"},
		"a name of another program":  {"LEADRELAY_WORKERS_AT_ONCE", "4", none + "there are, behind LEADRELAY_, " + ours},
		"a port, as others call it":  {"LEADRELAY_PORT", "8080", none + "there are, behind LEADRELAY_, " + ours},
		"a name of the other's":      {"EASYBROKER_PARTNER", "yes", none + "there are, behind EASYBROKER_, API, API_KEY, API_KEY_FILE, COUNTRY_CODE, REMOTE_ID, SEND_SOURCE, URL, USE_PARTNER_CODE"},
		"what only the file has":     {"LEADRELAY_REQUIRE", "email|phone", none + "only the file (LEADRELAY_CONFIG) has sites.<id>.require"},
		"a captcha's, likewise":      {"LEADRELAY_CAPTCHA_SITE_KEY", "k", none + "only the file (LEADRELAY_CONFIG) has sites.<id>.captcha_site_key"},
		"Caddy's":                    {"LEADRELAY_DOMAIN", "leads.casas.mx", "is read by deploy/Caddyfile, and not by the relay"},
		"the compose file's":         {"LEADRELAY_VERSION", "1.2.3", "is read by deploy/compose.yaml, and not by the relay"},
		"what is empty says nothing": {"LEADRELAY_ADRR", " ", ""},
		"a service of Kubernetes":    {"LEADRELAY_SERVICE_HOST", "10.0.0.7", ""},
		"its port by name":           {"LEADRELAY_SERVICE_PORT_HTTP", "80", ""},
		"its address":                {"LEADRELAY_PORT", "tcp://10.0.0.7:80", ""},
		"one port of it":             {"LEADRELAY_PORT_80_TCP_ADDR", "10.0.0.7", ""},
		"somebody else's":            {"LEADRELAYS_ADDR", ":80", ""},
	} {
		t.Run(name, func(t *testing.T) {
			var want []string
			if test.warning != "" {
				want = []string{test.variable + ": " + test.warning}
			}
			require.Equal(t, want, warned(t, vars{"LEADRELAY_ORIGINS": "https://casas.mx", test.variable: test.value}))
		})
	}
}

func TestTheVariablesOfDeployAreKnown(t *testing.T) {
	for _, file := range []string{"Caddyfile", "compose.yaml"} {
		text, err := os.ReadFile("../../deploy/" + file)
		require.NoError(t, err)
		found := regexp.MustCompile(`\$\{?(LEADRELAY_[A-Z_]+)`).FindAllStringSubmatch(string(text), -1)
		require.NotEmpty(t, found)
		for _, name := range found {
			for _, w := range warned(t, vars{"LEADRELAY_ORIGINS": "https://casas.mx", name[1]: "https://casas.mx"}) {
				require.NotContains(t, w, "no setting has this name", file)
			}
		}
	}
}

func TestWhatCannotWorkIsToldBeforehand(t *testing.T) {
	for name, test := range map[string]struct {
		env  vars
		want string
	}{
		"no page may post": {vars{},
			"LEADRELAY_ORIGINS: the site default lists no origins, so what browsers post is refused (403); list its own, such as https://casas.mx, unless only a server posts"},
		"a source that is an address": {vars{"LEADRELAY_ORIGINS": "https://casas.mx", "LEADRELAY_SOURCE": "https://casas.mx"},
			"LEADRELAY_SOURCE: EasyBroker shows the source as it is; give the site's name, such as casas.mx, without https://"},
		"an address of EasyBroker without its path": {vars{"LEADRELAY_ORIGINS": "https://casas.mx", "EASYBROKER_URL": "http://127.0.0.1:8001/"},
			"EASYBROKER_URL: has no path, and EasyBroker's API is below one; write /v1 behind it, as in https://api.easybroker.com/v1"},
		"quotes that no shell has taken off": {vars{"LEADRELAY_ORIGINS": "https://casas.mx", "LEADRELAY_SOURCE": `"casas.mx"`},
			"LEADRELAY_SOURCE: the quotes around it are part of the value; take them off where it is set"},
		"a comment that no shell has taken off": {vars{"LEADRELAY_ORIGINS": "https://casas.mx", "LEADRELAY_SOURCE": "casas.mx # ours"},
			"LEADRELAY_SOURCE: the comment behind # is part of the value; give it a line of its own"},
		"a folder that is": {vars{"LEADRELAY_ORIGINS": "https://casas.mx", "LEADRELAY_DATABASE": "data/x.db"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var want []string
			if test.want != "" {
				want = []string{test.want}
			}
			require.Equal(t, want, warned(t, test.env))
		})
	}
}

// The relay does not start without the database's folder. What asks a relay elsewhere goes
// on with the rest of the settings.
func TestAFolderThatIsNotThereIsAnError(t *testing.T) {
	_, err := load(enough(vars{"LEADRELAY_DATABASE": "nowhere/x.db"}), nil)
	require.Equal(t, []string{"LEADRELAY_DATABASE: the database's folder is not there, and the relay makes none; make it first, as the user that the relay runs as"}, complaints(err))
	var all *config.Errors
	require.ErrorAs(t, err, &all)
	require.True(t, all.OnlyMissing())
}

// All relays on a server have the same token. A command that asks one of them says what it
// misses by itself.
func TestAServerWantsAToken(t *testing.T) {
	const missing = "LEADRELAY_OPERATOR_TOKEN: is required with PostgreSQL, since all relays on a database have the same"
	env := enough(vars{"LEADRELAY_DATABASE": "postgres://db/leads"})
	_, err := load(env, nil)
	require.Equal(t, []string{missing}, complaints(err))
	var all *config.Errors
	require.ErrorAs(t, err, &all)
	require.True(t, all.OnlyMissing())

	env["LEADRELAY_OPERATOR_TOKEN"] = "short"
	_, err = load(env, nil)
	require.Len(t, complaints(err), 1, "it is not missing")
	env["LEADRELAY_OPERATOR_TOKEN"] = "token-of-the-operator"
	_, err = load(env, nil)
	require.NoError(t, err)
}

// An address may be kept in a file of its own, since it may have a password. A file of
// settings that others can read is warned of for a password, not for a path.
func TestADatabaseMayBeASecret(t *testing.T) {
	const address = "postgres://ana:p@db/leads"
	files := map[string]string{"database": address + "\n"}
	c, err := load(enough(vars{"LEADRELAY_DATABASE_FILE": "database", "LEADRELAY_OPERATOR_TOKEN": "token-of-the-operator"}), files)
	require.NoError(t, err)
	require.Equal(t, config.Database(address), c.Database)

	const rest = "\neasybroker: {api_key_file: key}\nsites: {a: {source: a.mx, origins: [https://a.mx]}}\noperator_token_file: token\n"
	for database, holdsSecret := range map[string]bool{"leads.db": false, "postgres://db/leads": false, "postgres://ana@db/leads": false, address: true} {
		disk := fstest.MapFS{
			"relay.yaml": {Data: []byte("database: " + database + rest), Mode: 0o644},
			"key":        {Data: []byte("k3y"), Mode: 0o600},
			"token":      {Data: []byte("token-of-the-operator"), Mode: 0o600},
		}
		c, err := config.Load(vars{"LEADRELAY_CONFIG": "relay.yaml"}, disk.Open)
		require.NoError(t, err, database)
		warned := strings.Contains(strings.Join(c.Warnings, "\n"), "the file holds a secret")
		require.Equal(t, holdsSecret, warned, database)
	}
}
