package config_test

import (
	"cmp"
	"fmt"
	"io/fs"
	"maps"
	"net/netip"
	"os"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"leadrelay/internal/config"
	"leadrelay/internal/easybroker"
	"leadrelay/internal/lead"
	"leadrelay/internal/secret"
)

type vars map[string]string

// enough are the settings that serve requires.
func enough(more vars) vars {
	all := vars{"LEADRELAY_SOURCE": "casas.mx", "EASYBROKER_API_KEY": "k3y"}
	maps.Copy(all, more)
	return all
}

// load loads from a disk with the files and the unit's folder.
func load(env vars, files map[string]string) (config.Config, error) {
	disk := fstest.MapFS{"var/lib/leadrelay": {Mode: fs.ModeDir | 0o700}}
	for name, text := range files {
		disk[name] = &fstest.MapFile{Data: []byte(text), Mode: 0o600}
	}
	c, err := config.Load(env, func(name string) (fs.File, error) { return disk.Open(cmp.Or(strings.TrimPrefix(name, "/"), ".")) })
	c.Warnings = withoutOrigins(c.Warnings)
	return c, err
}

// withoutOrigins removes the warnings about sites without origins. Few sites here have
// any.
func withoutOrigins(warnings []string) (others []string) {
	for _, w := range warnings {
		if !strings.Contains(w, "lists no origins") {
			others = append(others, w)
		}
	}
	return others
}

// loadFile loads relay.yaml with an environment that has only its name.
func loadFile(text string) (config.Config, error) {
	return load(vars{"LEADRELAY_CONFIG": "relay.yaml"}, map[string]string{"relay.yaml": text})
}

// complaints returns the lines of an error, or none for nil.
func complaints(err error) []string {
	if err == nil {
		return nil
	}
	return strings.Split(err.Error(), "\n")
}

func TestDefaultsAreThoseOfTheReference(t *testing.T) {
	c, err := load(enough(nil), nil)
	require.NoError(t, err)
	require.Empty(t, c.Warnings)
	require.Len(t, c.Sites, 1)
	s := c.Sites[0]
	require.Equal(t, "default", s.ID)
	require.Equal(t, "casas.mx", s.Source)
	require.Equal(t, "es", s.Locale)
	require.Equal(t, lead.DefaultRules(), s.Rules)
	require.Equal(t, lead.Milliseconds, s.Tick)
	require.Empty(t, s.Origins.List())
	require.Empty(t, s.ThanksURL)
	require.Empty(t, s.Fields)
	require.True(t, s.SendSource)
	require.Equal(t, easybroker.Account{
		URL: easybroker.DefaultURL, Key: secret.New("k3y"), Country: "MX", API: easybroker.Partner,
	}, s.EasyBroker)

	said := map[lead.AlertKind]string{}
	for kind, after := range c.Alerts.Kinds() {
		said[kind] = after.String()
	}
	require.Equal(t, map[lead.AlertKind]string{
		"held": "1m", "down": "10m", "paused": "on", "late": "15m", "doubtful": "1h", "failed": "on", "missing": "on", "twice": "on",
		"store": "30s", "refused": "on", "silence": "on", "flood": "on", "drift": "on", "hook": "on", "clock": "on",
	}, said)
	require.Equal(t, []any{int64(500_000_000), int64(10), "03:30", "es", "", ""},
		[]any{c.Alerts.Store.Bytes, c.Alerts.Store.Percent, c.Alerts.Reconcile.String(), c.Alerts.Locale, c.Alerts.To.String(), c.Alerts.Heartbeat.Reveal()})

	c.Sites, c.Alerts = nil, config.Alerts{}
	require.Equal(t, config.Config{
		Addr: ":8080", OperatorAddr: "127.0.0.1:9090", Database: "leadrelay.db", Connections: 20, LogLevel: zerolog.InfoLevel,
		Retention:    config.Retention{Quarantined: config.Period(90 * 24 * time.Hour), Discarded: config.Period(30 * 24 * time.Hour), Blocked: config.Period(180 * 24 * time.Hour)},
		LimitAddress: config.Limit{N: 60, Per: time.Minute}, LimitSite: config.Limit{N: 300, Per: time.Minute},
		Drain: 5 * time.Second,
		Courier: config.Courier{
			Timeout: 15 * time.Second, MaxListLag: 5 * time.Minute, Deadline: 168 * time.Hour,
			Schedule: []time.Duration{
				5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute,
				30 * time.Minute, time.Hour, 2 * time.Hour, 4 * time.Hour,
			},
			Rate: 10, Concurrency: 4, Probe: 30 * time.Second,
		},
	}, c)
}

func TestEveryVariableIsRead(t *testing.T) {
	c, err := load(vars{
		"EASYBROKER_API_KEY": " k3y\n", "EASYBROKER_COUNTRY_CODE": "CO", "EASYBROKER_URL": "http://127.0.0.1:7777/v1/",
		"EASYBROKER_API": "account", "EASYBROKER_REMOTE_ID": "s", "EASYBROKER_SEND_SOURCE": "false",
		"EASYBROKER_USE_PARTNER_CODE": "true", "LEADRELAY_ADDR": "127.0.0.1:1", "LEADRELAY_OPERATOR_ADDR": "[::1]:2", "LEADRELAY_OPERATOR_TOKEN": "t0ken-of-the-0perator",
		"LEADRELAY_URL": "https://leads.casas.co/", "LEADRELAY_OPERATOR_URL": "https://ops.casas.co:8443",
		"LEADRELAY_DATABASE": "kept.db", "LEADRELAY_SOURCE": "casas.co", "LEADRELAY_ORIGINS": "https://casas.co, https://*.casas.co,",
		"LEADRELAY_THANKS_URL": "https://casas.co/gracias", "LEADRELAY_LOCALE": "auto",
		"LEADRELAY_TRUSTED_PROXIES": "10.1.2.3/8,fd00::/8", "LEADRELAY_SECURITY_CONTACT": "mailto:seguridad@casas.co, https://casas.co/seguridad", "LEADRELAY_LOG_LEVEL": "debug",
		"LEADRELAY_LIMIT_ADDRESS": "off", "LEADRELAY_LIMIT_SITE": "5/s", "LEADRELAY_DRAIN": "0",
		"LEADRELAY_COURIER_TIMEOUT": "1s", "LEADRELAY_COURIER_SETTLE": "2m", "LEADRELAY_COURIER_SCHEDULE": "1s, 2s",
		"LEADRELAY_COURIER_DEADLINE": "24h", "LEADRELAY_COURIER_RATE": "0.5", "LEADRELAY_COURIER_CONCURRENCY": "1",
		"LEADRELAY_COURIER_PROBE": "1m", "LEADRELAY_SMTP": "smtp://leads:s3cret@mail.casas.co?from=leads@casas.co",
	}, nil)
	require.NoError(t, err)
	require.Equal(t, "leads@casas.co", c.SMTP.From)
	s := c.Sites[0]
	require.Equal(t, easybroker.Account{
		URL: "http://127.0.0.1:7777/v1", Key: secret.New("k3y"), Country: "CO", API: easybroker.Plain, UsePartnerCode: true,
	}, s.EasyBroker)
	require.Equal(t, lead.Seconds, s.Tick)
	require.False(t, s.SendSource)
	require.Equal(t, "https://casas.co/gracias", s.ThanksURL)
	require.Equal(t, "auto", s.Locale)
	require.True(t, s.Origins.Allow("https://www.casas.co"))
	require.True(t, s.Origins.Allow("https://casas.co"))

	require.Equal(t, "127.0.0.1:1", c.Addr)
	require.Equal(t, "[::1]:2", c.OperatorAddr)
	require.Equal(t, "https://leads.casas.co", c.URL.String())
	require.Equal(t, "https://ops.casas.co:8443", c.OperatorURL.String())
	require.Equal(t, "t0ken-of-the-0perator", c.OperatorToken.Reveal())
	require.Equal(t, "kept.db", string(c.Database))
	require.Equal(t, []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}, c.TrustedProxies)
	require.Equal(t, []string{"mailto:seguridad@casas.co", "https://casas.co/seguridad"}, c.Contacts)
	require.Equal(t, zerolog.DebugLevel, c.LogLevel)
	require.True(t, c.LimitAddress.Off())
	require.Equal(t, config.Limit{N: 5, Per: time.Second}, c.LimitSite)
	require.Zero(t, c.Drain)
	require.Equal(t, config.Courier{
		Timeout: time.Second, MaxListLag: 2 * time.Minute, Schedule: []time.Duration{time.Second, 2 * time.Second},
		Deadline: 24 * time.Hour, Rate: 0.5, Concurrency: 1, Probe: time.Minute,
	}, c.Courier)
}

// Headers must be ASCII.
func TestAThankYouPageMayHaveAnyLetters(t *testing.T) {
	for written, want := range map[string]string{
		"https://cañada.mx/gracias/año": "https://xn--caada-pta.mx/gracias/a%C3%B1o",
		"/página?sí=1":                  "/p%C3%A1gina?s%C3%AD=1",
		"https://casas.mx/a%C3%B1o":     "https://casas.mx/a%C3%B1o",
	} {
		c, err := load(enough(vars{"LEADRELAY_THANKS_URL": written}), nil)
		require.NoError(t, err, written)
		require.Equal(t, want, c.Sites[0].ThanksURL)
	}
	for _, written := range []string{"https://\uff43asas.mx/gracias", "/página\u2215x", "https://casas。mx/"} {
		_, err := load(enough(vars{"LEADRELAY_THANKS_URL": written}), nil)
		require.ErrorContains(t, err, "LEADRELAY_THANKS_URL", written)
	}
}

func TestADatabaseShowsWithoutItsPassword(t *testing.T) {
	for text, want := range map[string]string{
		"leads.db":                           "leads.db",
		"/var/lib/100%/leads.db":             "/var/lib/100%/leads.db",
		"postgres://db/leads":                "postgres://db/leads",
		"postgres://ana@db/leads":            "postgres://ana@db/leads",
		"postgres://ana:p%40ss@db/leads?x=1": "postgres://ana:•••@db/leads?x=1",
		"postgresql://ana:p@db/leads":        "postgresql://ana:•••@db/leads",
		"postgres:///leads?host=/run/pg":     "postgres:///leads?host=/run/pg",

		"postgres://ana:p@db1:5432,db2:5433/leads?target_session_attrs=read-write": "postgres://ana:•••@db1:5432,db2:5433/leads?target_session_attrs=read-write",
	} {
		c, err := load(enough(vars{"LEADRELAY_DATABASE": text, "LEADRELAY_OPERATOR_TOKEN": "token-of-the-operator"}), nil)
		if strings.Contains(text, "://") {
			require.NoError(t, err, text)
		}
		require.Equal(t, text, string(c.Database))
		require.Equal(t, want, c.Database.String())
	}
	require.Equal(t, "•••", config.Database("postgres://u:p%@db").String(), "not even when it was never checked")
}

func TestAWrongVariableIsNamed(t *testing.T) {
	tests := map[string]struct {
		env  vars
		want string
	}{
		"a door without a scheme":               {vars{"LEADRELAY_URL": "leads.casas.mx"}, "LEADRELAY_URL: wants an address such as https://leads.casas.mx, with neither user nor query"},
		"a console below a path":                {vars{"LEADRELAY_OPERATOR_URL": "https://casas.mx/ops"}, "LEADRELAY_OPERATOR_URL: wants no path: the console is at the root of its host"},
		"an address without a port":             {vars{"LEADRELAY_ADDR": "8080"}, "LEADRELAY_ADDR: wants host:port, such as :8080 or 127.0.0.1:9090"},
		"a port that no machine has":            {vars{"LEADRELAY_OPERATOR_ADDR": ":70000"}, "LEADRELAY_OPERATOR_ADDR: wants host:port, such as :8080 or 127.0.0.1:9090"},
		"the example's key":                     {vars{"EASYBROKER_API_KEY": "ChangeMe"}, "EASYBROKER_API_KEY: still is the example's; put your own"},
		"the README's dots for a key":           {vars{"EASYBROKER_API_KEY": "…"}, "EASYBROKER_API_KEY: still is the example's; put your own"},
		"a key with a blank inside":             {vars{"EASYBROKER_API_KEY": "k3y k3y"}, "EASYBROKER_API_KEY: has blanks inside"},
		"a key with a letter of no header":      {vars{"EASYBROKER_API_KEY": "llavé"}, "EASYBROKER_API_KEY: has characters that no key has, perhaps invisible ones; copy it anew"},
		"the dots that print shows":             {vars{"EASYBROKER_API_KEY": "•••"}, "EASYBROKER_API_KEY: ••• stands for a secret that was hidden; put the secret itself, or the name of its file"},
		"a token that can be guessed":           {vars{"LEADRELAY_OPERATOR_TOKEN": "password"}, "LEADRELAY_OPERATOR_TOKEN: has fewer than 20 characters; leave it out, and the first start makes a good one"},
		"the example's token":                   {vars{"LEADRELAY_OPERATOR_TOKEN": "changeme"}, "LEADRELAY_OPERATOR_TOKEN: still is the example's; put your own"},
		"a secret given twice":                  {vars{"EASYBROKER_API_KEY_FILE": "key"}, "EASYBROKER_API_KEY_FILE: and EASYBROKER_API_KEY are both set; keep one"},
		"a secret's file that is not there":     {vars{"LEADRELAY_OPERATOR_TOKEN_FILE": "nowhere"}, "LEADRELAY_OPERATOR_TOKEN_FILE: cannot read the file: file does not exist"},
		"a country in lower case":               {vars{"EASYBROKER_COUNTRY_CODE": "mx"}, "EASYBROKER_COUNTRY_CODE: wants two upper-case letters, such as MX"},
		"a country of three letters":            {vars{"EASYBROKER_COUNTRY_CODE": "MEX"}, "EASYBROKER_COUNTRY_CODE: wants two upper-case letters, such as MX"},
		"an API that is not theirs":             {vars{"EASYBROKER_API": "Partner"}, "EASYBROKER_API: wants one of [partner account]"},
		"a tick that is not ours":               {vars{"EASYBROKER_REMOTE_ID": "us"}, "EASYBROKER_REMOTE_ID: wants one of [ms s]"},
		"a yes that is no truth":                {vars{"EASYBROKER_SEND_SOURCE": "yes"}, "EASYBROKER_SEND_SOURCE: wants true or false"},
		"a code instead of a truth":             {vars{"EASYBROKER_USE_PARTNER_CODE": "CASAS1"}, "EASYBROKER_USE_PARTNER_CODE: wants true or false"},
		"plain http to another machine":         {vars{"EASYBROKER_URL": "http://api.easybroker.com/v1"}, "EASYBROKER_URL: wants https; http is for this machine only"},
		"http to a look-alike of this machine":  {vars{"EASYBROKER_URL": "http://localhost.evil.mx"}, "EASYBROKER_URL: wants https; http is for this machine only"},
		"a URL with a user":                     {vars{"EASYBROKER_URL": "https://u:p@api.easybroker.com/v1"}, "EASYBROKER_URL: holds a user or a password; the key has its own setting"},
		"a URL with a query":                    {vars{"EASYBROKER_URL": "https://api.easybroker.com/v1?"}, "EASYBROKER_URL: wants no query and no fragment"},
		"a URL with a fragment":                 {vars{"EASYBROKER_URL": "https://api.easybroker.com/v1#x"}, "EASYBROKER_URL: wants no query and no fragment"},
		"a URL that climbs":                     {vars{"EASYBROKER_URL": "https://api.easybroker.com/v1/../v2"}, "EASYBROKER_URL: wants no .. in its path"},
		"a URL that climbs in disguise":         {vars{"EASYBROKER_URL": "https://api.easybroker.com/v1/%2e%2e/v2"}, "EASYBROKER_URL: wants no .. in its path"},
		"a URL without a host":                  {vars{"EASYBROKER_URL": "https:///v1"}, "EASYBROKER_URL: wants an address such as https://api.easybroker.com/v1"},
		"a URL of another scheme":               {vars{"EASYBROKER_URL": "ftp://127.0.0.1/v1"}, "EASYBROKER_URL: wants https; http is for this machine only"},
		"a source of two lines":                 {vars{"LEADRELAY_SOURCE": "casas.mx\r\nX-Evil: 1"}, "LEADRELAY_SOURCE: wants one line of text, without control characters"},
		"the second of two origins":             {vars{"LEADRELAY_ORIGINS": "https://casas.mx,casas.mx"}, "LEADRELAY_ORIGINS: entry 2 wants an origin: https://host or https://*.host, with a port where it has one and nothing behind it, or what an app sends, such as capacitor://localhost"},
		"a thank-you page without a scheme":     {vars{"LEADRELAY_THANKS_URL": "casas.mx/gracias"}, "LEADRELAY_THANKS_URL: wants an address such as https://casas.mx/gracias, or a path such as /gracias"},
		"a thank-you page that runs":            {vars{"LEADRELAY_THANKS_URL": "javascript:alert(1)"}, "LEADRELAY_THANKS_URL: wants an address such as https://casas.mx/gracias, or a path such as /gracias"},
		"a thank-you path that is another host": {vars{"LEADRELAY_THANKS_URL": "//evil.mx"}, "LEADRELAY_THANKS_URL: wants an address such as https://casas.mx/gracias, or a path such as /gracias"},
		"a language that we do not speak":       {vars{"LEADRELAY_LOCALE": "fr"}, "LEADRELAY_LOCALE: wants one of [es en auto]"},
		"origins without commas":                {vars{"LEADRELAY_ORIGINS": "https://casas.mx https://www.casas.mx"}, "LEADRELAY_ORIGINS: entry 1 wants one origin; separate several by commas"},
		"a proxy without its length":            {vars{"LEADRELAY_TRUSTED_PROXIES": "10.0.0.1"}, "LEADRELAY_TRUSTED_PROXIES: entry 1 wants a network such as 10.0.0.0/8 or fd00::/8; one address is 192.0.2.1/32"},
		"a contact that is no address":          {vars{"LEADRELAY_SECURITY_CONTACT": "Ana"}, "LEADRELAY_SECURITY_CONTACT: entry 1 wants an e-mail address such as seguridad@casas.mx, or a page such as https://casas.mx/seguridad"},
		"a contact's page without TLS":          {vars{"LEADRELAY_SECURITY_CONTACT": "a@casas.mx,http://casas.mx/seguridad"}, "LEADRELAY_SECURITY_CONTACT: entry 2 wants an e-mail address such as seguridad@casas.mx, or a page such as https://casas.mx/seguridad"},
		"a contact of two lines":                {vars{"LEADRELAY_SECURITY_CONTACT": "https://casas.mx/\nExpires: 1970-01-01T00:00:00Z"}, "LEADRELAY_SECURITY_CONTACT: entry 1 wants an e-mail address such as seguridad@casas.mx, or a page such as https://casas.mx/seguridad"},
		"a level that zerolog alone knows":      {vars{"LEADRELAY_LOG_LEVEL": "1"}, "LEADRELAY_LOG_LEVEL: wants one of [trace debug info warn error]"},
		"a limit of none":                       {vars{"LEADRELAY_LIMIT_ADDRESS": "0/m"}, "LEADRELAY_LIMIT_ADDRESS: wants a count per s, m or h, such as 60/m, or off"},
		"a limit without a unit":                {vars{"LEADRELAY_LIMIT_SITE": "60"}, "LEADRELAY_LIMIT_SITE: wants a count per s, m or h, such as 60/m, or off"},
		"a duration without a unit":             {vars{"LEADRELAY_DRAIN": "5"}, "LEADRELAY_DRAIN: has no unit; write 15s, 5m or 168h"},
		"a retention without days":              {vars{"LEADRELAY_RETENTION_DISCARDED": "720h"}, "LEADRELAY_RETENTION_DISCARDED: wants days, such as 90d, from 1d to 3660d, or off"},
		"blocked for ever":                      {vars{"LEADRELAY_RETENTION_BLOCKED": "off"}, "LEADRELAY_RETENTION_BLOCKED: wants days, such as 90d, from 1d to 3660d"},
		"a retention of nothing":                {vars{"LEADRELAY_RETENTION_QUARANTINED": "0d"}, "LEADRELAY_RETENTION_QUARANTINED: wants days, such as 90d, from 1d to 3660d, or off"},
		"a duration in words":                   {vars{"LEADRELAY_DRAIN": "soon"}, "LEADRELAY_DRAIN: wants a duration such as 15s, 5m or 168h"},
		"a duration below zero":                 {vars{"LEADRELAY_DRAIN": "-1s"}, "LEADRELAY_DRAIN: is below zero"},
		"a duration that overflows sums":        {vars{"LEADRELAY_COURIER_SETTLE": "2000000h"}, "LEADRELAY_COURIER_SETTLE: is longer than a year"},
		"a time-out of nothing":                 {vars{"LEADRELAY_COURIER_TIMEOUT": "0s"}, "LEADRELAY_COURIER_TIMEOUT: must be longer than nothing"},
		"a schedule of commas":                  {vars{"LEADRELAY_COURIER_SCHEDULE": ",,"}, "LEADRELAY_COURIER_SCHEDULE: is empty; leave it out for the default"},
		"the second wait of a schedule":         {vars{"LEADRELAY_COURIER_SCHEDULE": "5s,30"}, "LEADRELAY_COURIER_SCHEDULE: entry 2 has no unit; write 15s, 5m or 168h"},
		"a rate of nothing":                     {vars{"LEADRELAY_COURIER_RATE": "0"}, "LEADRELAY_COURIER_RATE: wants a number above zero, such as 10 or 0.5"},
		"a rate that is no number":              {vars{"LEADRELAY_COURIER_RATE": "NaN"}, "LEADRELAY_COURIER_RATE: wants a number above zero, such as 10 or 0.5"},
		"a rate without an end":                 {vars{"LEADRELAY_COURIER_RATE": "Inf"}, "LEADRELAY_COURIER_RATE: wants a number above zero, such as 10 or 0.5"},
		"nobody to carry":                       {vars{"LEADRELAY_COURIER_CONCURRENCY": "0"}, "LEADRELAY_COURIER_CONCURRENCY: wants a whole number from 1 to 32767"},
		"too few connections":                   {vars{"LEADRELAY_DATABASE_CONNECTIONS": "4"}, "LEADRELAY_DATABASE_CONNECTIONS: wants a whole number from 5 to 32767"},
		"a database of another make":            {vars{"LEADRELAY_DATABASE": "mysql://u:p@db/leads"}, "LEADRELAY_DATABASE: wants the path of a SQLite file, or postgres://user:password@host/name"},
		"a database in keywords":                {vars{"LEADRELAY_DATABASE": "host=db password=p"}, "LEADRELAY_DATABASE: wants the path of a SQLite file, or postgres://user:password@host/name"},
		"a database's password in the query":    {vars{"LEADRELAY_DATABASE": "postgres://db/leads?password=p"}, "LEADRELAY_DATABASE: wants the password in front of the host: postgres://user:password@host/name"},
		"a database's password not escaped":     {vars{"LEADRELAY_DATABASE": "postgres://u:p%@db/leads"}, "LEADRELAY_DATABASE: is no valid postgres://user:password@host/name; signs in the password are written as %40"},
		"a file that is not there":              {vars{"LEADRELAY_CONFIG": "nowhere.yaml"}, "LEADRELAY_CONFIG: cannot read the file: file does not exist"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := load(enough(test.env), map[string]string{"key": "k3y"})
			require.Equal(t, []string{test.want}, complaints(err))
		})
	}
}

func TestAllThatIsWrongIsShownAtOnce(t *testing.T) {
	c, err := load(
		vars{"LEADRELAY_ADDR": "x", "EASYBROKER_COUNTRY_CODE": "mx", "LEADRELAY_CONFIG": "relay.yaml"},
		map[string]string{"relay.yaml": "drain: 5\nadr: :80\nsites:\n  Casas:\n    locale: fr\n"},
	)
	require.Equal(t, []string{
		"LEADRELAY_ADDR: wants host:port, such as :8080 or 127.0.0.1:9090",
		"EASYBROKER_COUNTRY_CODE: wants two upper-case letters, such as MX",
		"relay.yaml:1:8: has no unit; write 15s, 5m or 168h",
		`relay.yaml:2:1: unknown key "adr"; known here: addr, operator_addr, url, operator_url, operator_token, database, database_connections, trusted_proxies, ` +
			"security_contact, log_level, limit_address, limit_site, drain, smtp, easybroker, courier, retention, alerts, sites",
		"relay.yaml:4:3: a site's id has lower-case letters, digits and dashes, at most 63, and begins with no dash",
		"relay.yaml:4:3: this site wants a source",
		"relay.yaml:4:3: this site wants a key: easybroker: api_key or api_key_file, here or for all sites, or EASYBROKER_API_KEY",
		"relay.yaml:5:13: wants one of [es en auto]",
	}, complaints(err))
	require.Equal(t, "127.0.0.1:9090", c.OperatorAddr, "what is right comes along")

	var all *config.Errors
	require.ErrorAs(t, err, &all)
	require.Equal(t, config.Place{Name: "relay.yaml", Line: 1, Column: 8}, all.Problems[2].Place)
	require.False(t, all.OnlyMissing())
	var one *config.Problem
	require.ErrorAs(t, err, &one)
}

func TestASyntaxErrorDoesNotHideTheEnvironment(t *testing.T) {
	_, err := load(
		vars{"LEADRELAY_ADDR": "x", "LEADRELAY_CONFIG": "relay.yaml"},
		map[string]string{"relay.yaml": "drain: 5s\nsites:\n\tcasas: {}\n"},
	)
	require.Equal(t, []string{
		"LEADRELAY_ADDR: wants host:port, such as :8080 or 127.0.0.1:9090",
		"relay.yaml:3:1: a tab; YAML indents with spaces",
	}, complaints(err), "and nobody knows which sites are missing")
}

func TestWithoutASiteOrAKeySomethingIsMissing(t *testing.T) {
	tests := map[string]struct {
		env  vars
		want []string
	}{
		"nothing at all":  {nil, []string{"LEADRELAY_SOURCE: is required, or sites in the file", "EASYBROKER_API_KEY: is required"}},
		"blanks only":     {vars{"LEADRELAY_SOURCE": "  "}, []string{"LEADRELAY_SOURCE: is required, or sites in the file", "EASYBROKER_API_KEY: is required"}},
		"no key":          {vars{"LEADRELAY_SOURCE": "casas.mx"}, []string{"EASYBROKER_API_KEY: is required"}},
		"origins of none": {vars{"LEADRELAY_ORIGINS": "https://casas.mx"}, []string{"LEADRELAY_SOURCE: is required, or sites in the file", "EASYBROKER_API_KEY: is required"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c, err := load(test.env, nil)
			require.Equal(t, test.want, complaints(err))
			var all *config.Errors
			require.ErrorAs(t, err, &all)
			require.True(t, all.OnlyMissing(), "leads list needs the database only")
			require.Equal(t, config.Database("leadrelay.db"), c.Database)
		})
	}
}

func TestSecretsComeFromFiles(t *testing.T) {
	env := vars{
		"LEADRELAY_SOURCE": "casas.mx", "EASYBROKER_API_KEY_FILE": "key", "LEADRELAY_OPERATOR_TOKEN_FILE": "token",
		"LEADRELAY_CONFIG": "relay.yaml",
	}
	c, err := load(env, map[string]string{
		"key": "k3y \r\n", "token": "t0ken-of-the-0perator\n", "other": "0ther\n",
		"relay.yaml": "sites: {b: {source: b.mx, easybroker: {api_key_file: other}}, c: {source: c.mx}}",
	})
	require.NoError(t, err)
	require.Empty(t, c.Warnings)
	require.Equal(t, "t0ken-of-the-0perator", c.OperatorToken.Reveal())
	require.Equal(t, "0ther", c.Sites[0].EasyBroker.Key.Reveal())
	require.Equal(t, "k3y", c.Sites[1].EasyBroker.Key.Reveal())
	require.Equal(t, "k3y", c.Sites[2].EasyBroker.Key.Reveal())

	for text, want := range map[string]string{
		"":                           "is empty",
		" \n":                        "is empty",
		"k3y\nk3y\n":                 "has blanks inside",
		"changeme\n":                 "still is the example's; put your own",
		"\ufeffk3y":                  "has characters that no key has, perhaps invisible ones; copy it anew",
		strings.Repeat("k", 1<<20+1): "cannot read the file: it has more than 1 MiB",
	} {
		delete(env, "LEADRELAY_CONFIG")
		_, err := load(env, map[string]string{"key": text, "token": "t0ken-of-the-0perator"})
		require.Equal(t, []string{"EASYBROKER_API_KEY_FILE: " + want}, complaints(err))
	}
}

func TestASecretThatOthersCanReadIsAWarning(t *testing.T) {
	disk := fstest.MapFS{
		"key":        {Data: []byte("k3y"), Mode: 0o644},
		"relay.yaml": {Data: []byte("operator_token: t0ken-of-the-0perator\nsites: {a: {source: a.mx}, b: {source: b.mx}}"), Mode: 0o640},
	}
	env := vars{"EASYBROKER_API_KEY_FILE": "key", "LEADRELAY_CONFIG": "relay.yaml"}
	c, err := config.Load(env, disk.Open)
	require.NoError(t, err)
	require.Equal(t, []string{
		"LEADRELAY_CONFIG: the file holds a secret, and others on this machine can read it; chmod 600 it",
		"EASYBROKER_API_KEY_FILE: others on this machine can read the file; chmod 600 it",
	}, withoutOrigins(c.Warnings))
}

func TestAPipeIsReadOnce(t *testing.T) {
	disk, opened := fstest.MapFS{"key": {Data: []byte("k3y-of-twenty-letters"), Mode: 0o600}}, 0
	env := vars{"LEADRELAY_SOURCE": "casas.mx", "EASYBROKER_API_KEY_FILE": "key", "LEADRELAY_OPERATOR_TOKEN_FILE": "key"}
	_, err := config.Load(env, func(name string) (fs.File, error) {
		if name == "key" {
			opened++
		}
		return disk.Open(name)
	})
	require.NoError(t, err)
	require.Equal(t, 1, opened)
}

func TestOpenReadsThisMachine(t *testing.T) {
	_, err := config.Open(t.TempDir() + "/nowhere")
	require.ErrorIs(t, err, fs.ErrNotExist)

	env := enough(vars{"LEADRELAY_CONFIG": t.TempDir()})
	_, err = config.Load(env, config.Open)
	require.Equal(t, []string{"LEADRELAY_CONFIG: cannot read " + env["LEADRELAY_CONFIG"] + ": is a directory"}, complaints(err))
	require.NotErrorIs(t, err, fs.ErrNotExist)
}

// Which file it is says most about why it cannot be read. A key where the path belongs is
// not repeated.
func TestAFileThatCannotBeReadIsNamedIfItIsAPath(t *testing.T) {
	for name, want := range map[string]string{
		"/var/lib/leadrelay/key":     "cannot read /var/lib/leadrelay/key: file does not exist",
		"/var/nowhere/key":           "cannot read /var/nowhere/key: file does not exist",
		"var/lib/leadrelay/key":      "cannot read the file: file does not exist",
		"k3y0f3asyBr0k3r":            "cannot read the file: file does not exist",
		"/k3y0f3asyBr0k3r":           "cannot read the file: file does not exist",
		"/k3y0f3asy/Br0k3r":          "cannot read the file: file does not exist",
		"/var/two\nlines":            "cannot read the file: file does not exist",
		"/var/" + string([]byte{27}): "cannot read the file: file does not exist",
	} {
		env := vars{"LEADRELAY_SOURCE": "casas.mx", "EASYBROKER_API_KEY_FILE": name}
		_, err := load(env, nil)
		require.Equal(t, []string{"EASYBROKER_API_KEY_FILE: " + want}, complaints(err))
	}
	_, err := load(enough(vars{"LEADRELAY_CONFIG": "/var/lib/relay.yaml"}), nil)
	require.Equal(t, []string{"LEADRELAY_CONFIG: cannot read /var/lib/relay.yaml: file does not exist"}, complaints(err))
}

func TestWhoMayNotReadAFileIsSaid(t *testing.T) {
	forbidden := func(name string) (fs.File, error) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
	}
	_, err := config.Load(vars{"LEADRELAY_SOURCE": "casas.mx", "EASYBROKER_API_KEY_FILE": "/etc/leadrelay/key"}, forbidden)
	require.Equal(t, []string{fmt.Sprintf("EASYBROKER_API_KEY_FILE: cannot read /etc/leadrelay/key: permission denied for user %d", os.Geteuid())}, complaints(err))
}

func TestTheReferenceHasEveryVariable(t *testing.T) {
	table := config.Reference()
	for _, row := range []string{
		"| `LEADRELAY_ADDR` | `addr` | `:8080` | the public door |\n",
		"| `LEADRELAY_CONFIG` | – | – |",
		"| `EASYBROKER_API_KEY` | `easybroker.api_key` | – | the key; required where a site has none of its own (secret; also as `EASYBROKER_API_KEY_FILE`) |",
		"| – | `sites.<id>.require` | `property_id,email,message` | what an inquiry must have; `email\\|phone` is either |",
		"| `LEADRELAY_COURIER_DEADLINE` | `courier.deadline` | `168h` |",
	} {
		require.Contains(t, table, row)
	}
	require.Equal(t, 39+31+2, strings.Count(table, "\n"), "the variables of the contract, what only a file has, and the head")
}
