package config_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"leadrelay/internal/config"
	"leadrelay/internal/lead"
)

const whole = `# all that a file can say
addr: 127.0.0.1:80
operator_addr: :9091
url: https://Casas.co/leads/
operator_url: https://ops.casas.co
operator_token: "t0ken-of-the-0perator"
database: /var/lib/leadrelay/leads.db
trusted_proxies: [10.0.0.0/8, fd00::/8]
security_contact: [seguridad@casas.co, https://casas.co/seguridad]
log_level: warn
limit_address: off
limit_site: 100/h
drain: 10s
smtp: smtps://leads:p%40ss@mail.casas.co?from=leads@casas.co

easybroker:
  api_key: shared-k3y
  country_code: CO
  url: https://api.stagingeb.com/v1
  api: partner
  remote_id: s
  send_source: false
  use_partner_code: true

courier:
  timeout: 20s
  settle: 10m
  schedule:
    - 1s
    - 1m
  deadline: 72h
  rate: 2.5
  concurrency: 2
  probe: 1m
retention: {discarded: off, confirmed: 365d}
alerts:
  to: "ntfy://:t0k3n@ntfy.casas.co/relay generic+https://casas.co/hook"
  heartbeat: https://hc-ping.com/s3cr3t
  locale: en
  reconcile: off
  held: 2m
  drift: off
  store: {after: 1m, free: 2GB}
  silence: 24h

sites:
  casas:
    source: casas.co
    name: Casas de la Costa
    color: "#0e6657"
    privacy_url: https://casas.co/privacidad?v=2
    spam_threshold: off
    message_template: |
      {message}

      Página: {page_url}
      "Zona": {zona}
    captcha: turnstile
    captcha_site_key: 0x4AAA
    captcha_secret: c4ptcha
    mail: {to: [ventas@casas.co, luz@casas.co], when: waiting, after: 20m}
    origins:
      - https://casas.co
      - "https://*.casas.co"
    thanks_url: /gracias
    locale: auto
    require: [property_id, email|phone]
    fields: {your-name: name, "correo del cliente": email}
  agencia-2:
    source: Agencia Número 2
    easybroker:
      api_key: 0wn-k3y
      country_code: MX
      url: http://localhost:7777
      api: account
      remote_id: ms
      send_source: true
      use_partner_code: false
`

func TestTheFileSaysEverything(t *testing.T) {
	c, err := loadFile(whole)
	require.NoError(t, err)
	require.Equal(t, "127.0.0.1:80", c.Addr)
	require.Equal(t, ":9091", c.OperatorAddr)
	require.Equal(t, "t0ken-of-the-0perator", c.OperatorToken.Reveal())
	require.Equal(t, config.Database("/var/lib/leadrelay/leads.db"), c.Database)
	require.Len(t, c.TrustedProxies, 2)
	require.Equal(t, "warn", c.LogLevel.String())
	require.True(t, c.LimitAddress.Off())
	require.Equal(t, config.Limit{N: 100, Per: time.Hour}, c.LimitSite)
	require.Equal(t, 10*time.Second, c.Drain)
	require.Equal(t, config.Courier{
		Timeout: 20 * time.Second, MaxListLag: 10 * time.Minute, Schedule: []time.Duration{time.Second, time.Minute},
		Deadline: 72 * time.Hour, Rate: 2.5, Concurrency: 2, Probe: time.Minute,
	}, c.Courier)

	require.Len(t, c.Sites, 2)
	own, shared := c.Sites[0], c.Sites[1]
	require.Equal(t, "agencia-2", own.ID, "sorted by id")
	require.Equal(t, "Agencia Número 2", own.Source)
	require.Equal(t, "0wn-k3y", own.EasyBroker.Key.Reveal())
	require.Equal(t, "MX", own.EasyBroker.Country)
	require.Equal(t, "http://localhost:7777", own.EasyBroker.URL)
	require.Equal(t, lead.Milliseconds, own.Tick)
	require.True(t, own.SendSource)
	require.Equal(t, lead.DefaultRules(), own.Rules)

	require.Equal(t, "casas", shared.ID)
	require.Equal(t, []string{"Casas de la Costa", "#0e6657", "https://casas.co/privacidad?v=2"}, []string{shared.Name, shared.Color, shared.Privacy})
	require.Equal(t, "shared-k3y", shared.EasyBroker.Key.Reveal())
	require.Equal(t, "CO", shared.EasyBroker.Country)
	require.Equal(t, "https://api.stagingeb.com/v1", shared.EasyBroker.URL)
	require.Equal(t, lead.Seconds, shared.Tick)
	require.Equal(t, "{message}\n\nPágina: {page_url}\n\"Zona\": {zona}", shared.Template.String())
	require.Zero(t, own.Template)
	require.False(t, shared.SendSource)
	require.True(t, shared.EasyBroker.UsePartnerCode)
	require.False(t, own.EasyBroker.UsePartnerCode)
	require.Equal(t, []string{"https://casas.co", "https://*.casas.co"}, shared.Origins.List())
	require.Equal(t, "/gracias", shared.ThanksURL)
	require.Equal(t, lead.Rules{Require: [][]lead.Field{{lead.PropertyID}, {lead.Email, lead.Phone}}}, shared.Rules)
	require.Equal(t, map[string]string{"your-name": "name", "correo del cliente": "email"}, shared.Fields)
}

func TestWhereBothSpeakTheEnvironmentWins(t *testing.T) {
	const file = `
addr: :1
easybroker: {api_key: file-k3y, country_code: CO}
sites:
  default: {source: file.mx, locale: en, easybroker: {api_key: default-k3y}}
  other: {source: other.mx}
  own: {source: own.mx, easybroker: {api_key: 0wn-k3y, country_code: PE}}
`
	c, err := load(vars{
		"LEADRELAY_CONFIG": "relay.yaml", "LEADRELAY_ADDR": ":2", "LEADRELAY_SOURCE": "env.mx",
		"EASYBROKER_API_KEY": "env-k3y", "LEADRELAY_LIMIT_SITE": "1/s",
	}, map[string]string{"relay.yaml": file})
	require.NoError(t, err)
	require.Equal(t, ":2", c.Addr)
	require.Equal(t, config.Limit{N: 1, Per: time.Second}, c.LimitSite)

	env, other, own := c.Sites[0], c.Sites[1], c.Sites[2]
	require.Equal(t, "env.mx", env.Source)
	require.Equal(t, "en", env.Locale, "the environment is silent here")
	require.Equal(t, "env-k3y", env.EasyBroker.Key.Reveal(), "it describes the site default")
	require.Equal(t, "other.mx", other.Source)
	require.Equal(t, "es", other.Locale)
	require.Equal(t, "env-k3y", other.EasyBroker.Key.Reveal())
	require.Equal(t, "CO", other.EasyBroker.Country)
	require.Equal(t, "0wn-k3y", own.EasyBroker.Key.Reveal(), "what a site says of itself stands")
	require.Equal(t, "PE", own.EasyBroker.Country)
}

func TestTheEnvironmentWinsOverASecretsFile(t *testing.T) {
	c, err := load(vars{"LEADRELAY_CONFIG": "relay.yaml", "EASYBROKER_API_KEY": "env-k3y"},
		map[string]string{"relay.yaml": "easybroker: {api_key_file: /only/in/production}\nsites: {a: {source: a.mx}}"})
	require.NoError(t, err)
	require.Equal(t, "env-k3y", c.Sites[0].EasyBroker.Key.Reveal())
}

func TestTheKeyMayBeMissingWhenEverySiteHasItsOwn(t *testing.T) {
	_, err := loadFile("sites: {a: {source: a.mx, easybroker: {api_key: k}}, b: {source: b.mx, easybroker: {api_key: k}}}")
	require.NoError(t, err)
	_, err = loadFile("sites:\n  a: {source: a.mx, easybroker: {api_key: k}}\n  b: {source: b.mx}\n")
	require.Equal(t, []string{
		"relay.yaml:3:3: this site wants a key: easybroker: api_key or api_key_file, here or for all sites, or EASYBROKER_API_KEY",
	}, complaints(err))
}

func TestASettingOfNoSiteIsAnError(t *testing.T) {
	_, err := load(vars{"LEADRELAY_CONFIG": "relay.yaml", "LEADRELAY_ORIGINS": "https://a.mx", "EASYBROKER_API_KEY": "k3y"},
		map[string]string{"relay.yaml": "sites: {a: {source: a.mx}}"})
	require.Equal(t, []string{
		"LEADRELAY_ORIGINS: describes the site default, which LEADRELAY_SOURCE makes; set that too",
	}, complaints(err))
}

func TestAWrongLineIsNamed(t *testing.T) {
	const siteKeys = "source, origins, thanks_url, locale, require, fields, name, color, privacy_url, privacy_text, spam_threshold, message_template, captcha, captcha_site_key, captcha_secret, test_secret, webhooks, mail, easybroker"
	const noEntry = "wants entries of [property_id name email phone message], or several of them as email|phone"
	tests := map[string]struct {
		file string // %s is where a site with all it needs stands
		want []string
	}{
		"an unknown key of a site":          {"sites:\n  a:\n    source: a.mx\n    origin: x\n", []string{`4:5: unknown key "origin" (did you mean origins?); known here: ` + siteKeys}},
		"a captcha without its secret":      {"sites: {a: {source: a.mx, captcha: turnstile}}", []string{`1:9: the site a wants captcha and captcha_secret (or captcha_secret_file) together`}},
		"a site key of no captcha":          {"sites: {a: {source: a.mx, captcha_site_key: k}}", []string{`1:9: the site a has a captcha_site_key, but no captcha`}},
		"mail without a server":             {"sites: {a: {source: a.mx, mail: {to: [v@a.mx]}}}", []string{`1:27: mail goes through a server; set LEADRELAY_SMTP, or smtp at the top of the file`}},
		"mail to nobody":                    {"smtp: smtp://h?from=a@b.mx\nsites: {a: {source: a.mx, mail: {when: received}}}", []string{`2:27: wants {to: [ventas@casas.mx], when: waiting, after: 15m}`}},
		"mail to a name":                    {"smtp: smtp://h?from=a@b.mx\nsites: {a: {source: a.mx, mail: {to: 'Ana <v@a.mx>'}}}", []string{`2:38: wants the address of a mailbox, such as ventas@casas.mx`}},
		"mail to somebody twice":            {"smtp: smtp://h?from=a@b.mx\nsites: {a: {source: a.mx, mail: {to: [v@a.mx, V@a.mx]}}}", []string{`2:47: is there twice`}},
		"mail at once and later":            {"smtp: smtp://h?from=a@b.mx\nsites: {a: {source: a.mx, mail: {to: v@a.mx, after: 1m, by: x}}}", []string{`2:53: is for when: waiting`, `2:61: unknown key "by"; known here: to, when, after`}},
		"mail whenever":                     {"smtp: smtp://h?from=a@b.mx\nsites: {a: {source: a.mx, mail: {to: v@a.mx, when: never}}}", []string{`2:52: wants one of [received waiting]`}},
		"a server of nobody":                {"smtp: https://h?from=a@b.mx\nsites: {a: {source: a.mx}}", []string{`1:7: wants smtp://user:password@host:587?from=address, or smtps://; signs in a password are written as %40`}},
		"a captcha of nobody":               {"sites: {a: {source: a.mx, captcha: x, captcha_secret: y}}", []string{`1:36: wants one of [turnstile hcaptcha recaptcha]`}},
		"a score that is none":              {"sites: {a: {source: a.mx, spam_threshold: -1}}", []string{`1:43: wants a score up to 1000, or off`}},
		"a template without the message":    {"sites:\n  a:\n    source: a.mx\n    message_template: |\n      Página: {page_url}\n", []string{"4:5: wants {message} exactly once: it is where the visitor's own words stand"}},
		"a template with a brace open":      {"sites:\n  a:\n    source: a.mx\n    message_template: '{message} {page_url'", []string{"4:23: has a { that is no field's name in braces, such as {page_url}; a brace itself is written {{"}},
		"a list of templates":               {"sites: {a: {source: a.mx, message_template: ['{message}']}}", []string{"1:27: wants one value, not several"}},
		"a template without quotes":         {"sites:\n  a:\n    source: a.mx\n    message_template: {message}", []string{"4:5: wants a text; put it in quotation marks, or on lines of its own below a |", "4:24: has no value; take the key out for the default"}},
		"a site's word at the top":          {"source: a.mx\nsites: {a: {source: a.mx}}", []string{`1:1: unknown key "source"; known here: addr, operator_addr, url, operator_url, operator_token, database, database_connections, trusted_proxies, security_contact, log_level, limit_address, limit_site, drain, smtp, easybroker, courier, retention, alerts, sites`}},
		"an unknown key of the courier":     {"sites: {a: {source: a.mx}}\ncourier: {timeuot: 1s}", []string{`2:11: unknown key "timeuot" (did you mean timeout?); known here: timeout, settle, schedule, deadline, rate, concurrency, probe`}},
		"a courier inside a site":           {"sites: {a: {source: a.mx, courier: {rate: 1}}}", []string{`1:27: unknown key "courier"; known here: ` + siteKeys}},
		"a path instead of a section":       {"courier.rate: 1\nsites: {a: {source: a.mx}}", []string{`1:1: unknown key "courier.rate"; known here: addr, operator_addr, url, operator_url, operator_token, database, database_connections, trusted_proxies, security_contact, log_level, limit_address, limit_site, drain, smtp, easybroker, courier, retention, alerts, sites`}},
		"a key given twice":                 {"sites: {a: {source: a.mx}}\ndrain: 1s\ndrain: 2s", []string{"3:1: is a duplicate of line 2"}},
		"a site given twice":                {"sites:\n  a: {source: a.mx}\n  b: {source: b.mx}\n  a: {source: c.mx}", []string{"4:3: is a duplicate of line 2"}},
		"a secret and its file":             {"sites:\n  a:\n    source: a.mx\n    easybroker:\n      api_key: k3y\n      api_key_file: key", []string{"6:7: the secret and its file are both set; keep one"}},
		"a list where one value belongs":    {"sites: {a: {source: a.mx}}\naddr: [x]", []string{"2:1: wants one value, not several"}},
		"a mapping where a list belongs":    {"sites: {a: {source: a.mx, origins: {b: c}}}", []string{"1:27: wants a list"}},
		"a mapping inside a list":           {"sites: {a: {source: a.mx, origins: [{b: c}]}}", []string{"1:27: wants plain values inside"}},
		"a text where sites belong":         {"sites: a.mx", []string{"1:1: wants a mapping: lines of key: value", "LEADRELAY_SOURCE: is required, or sites in the file"}},
		"a text where a site belongs":       {"sites: {a: a.mx}", []string{"1:9: wants a mapping: lines of key: value", "1:9: this site wants a source"}},
		"a list for a file":                 {"- a", []string{"1:1: wants a mapping: lines of key: value", "LEADRELAY_SOURCE: is required, or sites in the file"}},
		"a number without a unit":           {"sites: {a: {source: a.mx}}\ncourier:\n  schedule: [1s, 5]", []string{"3:18: has no unit; write 15s, 5m or 168h"}},
		"an empty schedule":                 {"sites: {a: {source: a.mx}}\ncourier:\n  schedule: []", []string{"3:3: is empty; leave it out for the default"}},
		"a key without a value":             {"sites: {a: {source: a.mx}}\naddr:\ndrain: ''", []string{"2:1: has no value; take the key out for the default", "3:8: has no value; take the key out for the default"}},
		"a wrong entry of a list":           {"sites:\n  a:\n    source: a.mx\n    origins:\n    - https://a.mx\n    - https://a.mx/x\n    - null", []string{"6:7: wants an origin: https://host or https://*.host, with a port where it has one and nothing behind it, or what an app sends, such as capacitor://localhost", "4:5: has no value; take the key out for the default"}},
		"a word that require has not":       {"sites:\n  a:\n    source: a.mx\n    require: [email, e-mail|phone, source]", []string{"4:22: " + noEntry, "4:36: " + noEntry}},
		"a require of nothing":              {"sites:\n  a:\n    source: a.mx\n    require: []", []string{"4:5: is empty; leave it out for the default"}},
		"a field that is not ours":          {"sites:\n  a:\n    source: a.mx\n    fields: {nombre: nmae, correo: email}", []string{"4:22: wants the form's name and one of [property_id name email phone message first_name last_name]"}},
		"a list of fields":                  {"sites: {a: {source: a.mx, fields: [name]}}", []string{"1:27: wants a mapping, such as {your-name: name}"}},
		"a form's field given twice":        {"sites: {a: {source: a.mx, fields: {n: name, n: email}}}", []string{"1:45: is a duplicate of line 1"}},
		"an anchor and its alias":           {"sites:\n  a: &a {source: a.mx}\n  b: *a", []string{"2:6: anchors and aliases are not read here; easybroker: at the top is for all sites", "3:6: anchors and aliases are not read here; easybroker: at the top is for all sites", "3:3: this site wants a source"}},
		"a tag":                             {"sites: {a: {source: a.mx}}\naddr: !!str :80", []string{"2:7: tags are not read here"}},
		"a merge key":                       {"sites: {a: {source: a.mx}}\n<<: {addr: :80}", []string{"2:1: wants a plain key"}},
		"an id with a capital letter":       {"sites: {A: {source: a.mx}}", []string{"1:9: a site's id has lower-case letters, digits and dashes, at most 63, and begins with no dash"}},
		"an id that begins with a dash":     {"sites: {-a: {source: a.mx}}", []string{"1:9: a site's id has lower-case letters, digits and dashes, at most 63, and begins with no dash"}},
		"an id of 64 letters":               {"sites: {" + strings.Repeat("a", 64) + ": {source: a.mx}}", []string{"1:9: a site's id has lower-case letters, digits and dashes, at most 63, and begins with no dash"}},
		"a second document":                 {"sites: {a: {source: a.mx}}\n---\naddr: :80", []string{"3:5: one document, without directives, is all that is read"}},
		"a bracket left open":               {"sites: {a: {source: a.mx}}\ncourier: {schedule: [1s", []string{"2:21: not YAML: sequence end token ']' not found"}},
		"Latin-1":                           {"sites: {a: {source: a\xf1o.mx}}", []string{"relay.yaml: is not UTF-8 text"}},
		"a thousand brackets":               {strings.Repeat("[", 1000), []string{"1:21: is nested too deeply"}},
		"a thousand lists on one line":      {strings.Repeat("- ", 1000), []string{"1:41: is nested too deeply"}},
		"more keys than anybody needs":      {strings.Repeat("a: b\n", 10_001), []string{"10001:2: has too many entries"}},
		"a secret behind a block's sign":    {"sites: {a: {source: a.mx}}\noperator_token: |canary\n", []string{"2:17: not YAML: invalid header option"}},
		"a secret with its colon missing":   {"sites: {a: {source: a.mx, easybroker: api_key=k}}", []string{"1:27: wants a mapping: lines of key: value"}},
		"a test secret that can be guessed": {"sites: {a: {source: a.mx, test_secret: s3cret}}", []string{`1:40: has fewer than 20 characters; make one with: openssl rand -hex 20`}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := load(vars{"LEADRELAY_CONFIG": "relay.yaml", "EASYBROKER_API_KEY": "k3y"}, map[string]string{"relay.yaml": test.file})
			want := make([]string, len(test.want))
			for i, line := range test.want {
				want[i] = line
				if line[0] <= '9' {
					want[i] = "relay.yaml:" + line
				}
			}
			require.ElementsMatch(t, want, complaints(err))
		})
	}
}

func TestWhatIsFineInAFile(t *testing.T) {
	tests := map[string]string{
		"a section without anything in it": "courier:\nsites: {a: {source: a.mx}}",
		"comments, and an end":             "# head\n---\nsites: {a: {source: a.mx}} # tail\n...\n",
		"a byte order mark":                "\ufeffsites: {a: {source: a.mx}}",
		"carriage returns":                 "drain: 1s\r\nsites:\r\n  a:\r\n    source: a.mx\r\n",
		"numbers and truths as ids":        "sites: {1: {source: a.mx}, true: {source: b.mx}}",
		"a list as the environment has it": "courier: {schedule: '1s,2s'}\nsites: {a: {source: a.mx, origins: 'https://a.mx, https://b.mx'}}",
		"a template with tabs and more":    "sites:\r\n  a:\r\n    source: a.mx\r\n    message_template: |\r\n      {message}\r\n      \"\ta: \\ # 🏡 {{ ñ\u00ad\U000e0001\r\n\r\n       De: {¿Crédito? 100%}\r\n",
		"a key in a block":                 "operator_token: |\n  t0ken-of-the-0perator\nsites: {a: {source: a.mx}}",
		"origins of none":                  "sites: {a: {source: a.mx, origins: []}}",
		"fields of none":                   "sites: {a: {source: a.mx, fields: {}}}",
		"an id of 63 letters":              "sites: {" + strings.Repeat("a", 63) + ": {source: a.mx}}",
	}
	for name, file := range tests {
		t.Run(name, func(t *testing.T) {
			c, err := load(vars{"LEADRELAY_CONFIG": "relay.yaml", "EASYBROKER_API_KEY": "k3y"}, map[string]string{"relay.yaml": file})
			require.NoError(t, err)
			text := strings.ReplaceAll(strings.ReplaceAll(printed(t, c), `api_key: "•••"`, "api_key: k3y"), `"•••"`, "t0ken-of-the-0perator")
			again, err := loadFile(text)
			require.NoError(t, err)
			require.Equal(t, c, again)
		})
	}
}

func TestPrintedSettingsLoadAgain(t *testing.T) {
	want, err := loadFile(whole)
	require.NoError(t, err)
	text := printed(t, want)
	require.Equal(t, `addr: "127.0.0.1:80"
operator_addr: ":9091"
url: "https://casas.co/leads"
operator_url: "https://ops.casas.co"
operator_token: "•••"
database: /var/lib/leadrelay/leads.db
database_connections: 20
trusted_proxies: [10.0.0.0/8, "fd00::/8"]
security_contact: ["mailto:seguridad@casas.co", "https://casas.co/seguridad"]
log_level: warn
limit_address: off
limit_site: 100/h
drain: 10s
smtp: "•••"
courier:
  timeout: 20s
  settle: 10m
  schedule: [1s, 1m]
  deadline: 72h
  rate: 2.5
  concurrency: 2
  probe: 1m
retention:
  quarantined: 90d
  discarded: off
  confirmed: 365d
  blocked: 180d
alerts:
  to: "•••"
  heartbeat: "•••"
  locale: en
  reconcile: off
  held: 2m
  down: 10m
  paused: on
  late: 15m
  doubtful: 1h
  failed: on
  missing: on
  twice: on
  store: {after: 1m, free: 2000MB}
  refused: on
  silence: 24h
  flood: on
  clock: on
  hook: on
  drift: off
sites:
  agencia-2:
    source: "Agencia Número 2"
    origins: []
    locale: es
    require: [property_id, email, message]
    spam_threshold: 100
    easybroker:
      api_key: "•••"
      country_code: MX
      url: "http://localhost:7777"
      api: account
      remote_id: ms
      send_source: true
      use_partner_code: false
  casas:
    source: casas.co
    origins: ["https://casas.co", "https://*.casas.co"]
    thanks_url: /gracias
    locale: auto
    require: [property_id, "email|phone"]
    fields: {"correo del cliente": email, your-name: name}
    name: "Casas de la Costa"
    color: "#0e6657"
    privacy_url: "https://casas.co/privacidad?v=2"
    spam_threshold: 0
    message_template: "{message}\n\nPágina: {page_url}\n\"Zona\": {zona}"
    captcha: turnstile
    captcha_site_key: 0x4AAA
    captcha_secret: "•••"
    mail: {to: ["ventas@casas.co", "luz@casas.co"], when: waiting, after: 20m}
    easybroker:
      api_key: "•••"
      country_code: CO
      url: "https://api.stagingeb.com/v1"
      api: partner
      remote_id: s
      send_source: false
      use_partner_code: true
`, text)

	_, err = loadFile(text)
	require.Len(t, complaints(err), 7, "dots are no secret")
	for _, secret := range []string{"t0ken-of-the-0perator", "smtps://leads:p%40ss@mail.casas.co?from=leads@casas.co", "ntfy://:t0k3n@ntfy.casas.co/relay,generic+https://casas.co/hook", "https://hc-ping.com/s3cr3t", "0wn-k3y", "c4ptcha", "shared-k3y"} {
		text = strings.Replace(text, `"•••"`, secret, 1)
	}
	again, err := loadFile(text)
	require.NoError(t, err)
	want.Warnings, again.Warnings = nil, nil // they name lines
	require.Len(t, again.Alerts.To, len(want.Alerts.To))
	want.Alerts.To, again.Alerts.To = nil, nil // functions are not compared
	require.Equal(t, want, again)
}

// If somebody swaps a key and its value, a secret is where a key belongs.
func TestASwappedLinePrintsNoSecret(t *testing.T) {
	for _, file := range []string{
		"easybroker: {s3cretplain: api_key}\nsites: {a: {source: a.mx}}", "s3cretplain: operator_token\nsites: {a: {source: a.mx}}",
		"sites: {a: {source: a.mx, s3cretplain: captcha_secret}}", "s3cretplain: EASYBROKER_API_KEY\nsites: {a: {source: a.mx}}",
		"sites: {a: {source: a.mx, s3cretplain: \"captcha_secret_file\"}}",
	} {
		_, err := loadFile(file)
		require.ErrorContains(t, err, "unknown key; known here")
		require.NotContains(t, err.Error(), "s3cretplain")
	}
}

func printed(t require.TestingT, c config.Config) string {
	var b strings.Builder
	require.NoError(t, c.Print(&b))
	return b.String()
}

func TestAnySettingsPrintAndLoadAgain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.StringMatching(`[-+.0-9a-fxXoe_~:#&*!|>%@\[\]{}, "'\\]{1,12}`), rapid.SampledFrom(
			[]string{"null", "NULL", "true", "no", "~", "<<", "0x10", "0o17", "1_000", "1e3", "010", ".inf", "- a", "a: b", "a #b", "\u0085x", "x\u2028y", "'", `"`, "---", "2026-01-01"}))
		millis := rapid.Int64Range(1, int64(366*24*time.Hour/time.Millisecond))
		wait := func() string { return (time.Duration(millis.Draw(t, "wait")) * time.Millisecond).String() }
		want, err := load(enough(vars{
			"LEADRELAY_SOURCE":   text.Draw(t, "source"),
			"LEADRELAY_DATABASE": text.Draw(t, "database"), "LEADRELAY_DRAIN": wait(),
			"LEADRELAY_COURIER_SCHEDULE": wait() + "," + wait(),
			"LEADRELAY_COURIER_RATE":     fmt.Sprint(rapid.Float64Range(1e-9, 1e30).Draw(t, "rate")),
			"LEADRELAY_LIMIT_SITE":       fmt.Sprintf("%d/%s", rapid.IntRange(1, 1<<30).Draw(t, "n"), rapid.SampledFrom([]string{"s", "m", "h"}).Draw(t, "per")),
		}), nil)
		if err != nil {
			return // not every text is a source or a database
		}
		again, err := loadFile(strings.ReplaceAll(printed(t, want), `"•••"`, "k3y"))
		require.NoError(t, err)
		want.Warnings, again.Warnings = nil, nil // they name lines
		require.Equal(t, want, again)
	})
}

// Each variable, key and file gets a canary, in its own place and in every wrong
// place.
func TestNoSecretIsEverShown(t *testing.T) {
	const canary = "k3ycanary"
	show := func(c config.Config, err error) {
		body, jsonErr := json.Marshal(c)
		require.NoError(t, jsonErr)
		for _, text := range []string{
			fmt.Sprint(err), fmt.Sprintf("%+v", err), printed(t, c), string(body),
			fmt.Sprintf("%v %+v %#v", c, c, c), strings.Join(c.Warnings, " "),
		} {
			require.NotContains(t, text, canary)
		}
	}
	right := enough(vars{
		"EASYBROKER_API_KEY": canary, "LEADRELAY_OPERATOR_TOKEN": canary + "-of-the-operator",
		"LEADRELAY_DATABASE": "postgres://user:" + canary + "@db:5432/leads?sslmode=disable",
	})
	c, err := load(right, nil)
	require.NoError(t, err)
	require.Contains(t, printed(t, c), `database: "postgres://user:•••@db:5432/leads?sslmode=disable"`)
	show(c, err)

	for row := range strings.SplitSeq(config.Reference(), "\n") {
		name, _, _ := strings.Cut(strings.TrimPrefix(row, "| `"), "`")
		switch name {
		case "LEADRELAY_SOURCE", "LEADRELAY_DATABASE": // any text is a name or a path, and shows
			continue
		}
		for _, text := range []string{canary, "x " + canary, "https://u:" + canary + "@host", "%zz" + canary, canary + "\x00"} {
			show(load(enough(vars{name: text}), nil))
			show(load(vars{"LEADRELAY_SOURCE": "x", name + "_FILE": text}, nil))
		}
	}
	for _, file := range []string{
		"operator_token: " + canary + ": x", "operator_token: |" + canary, "operator_token: \"" + canary, "operator_token: !" + canary + " x",
		"operator_token: &" + canary + " x", "operator_token: *" + canary, "operator_token: [" + canary, "operator_token: {" + canary + "}",
		"operator_token:" + canary, "{operator_token:" + canary + "}", "operator_token=" + canary, canary, "%" + canary + "\n---\na: b",
		"operator_token: \"\\q" + canary + "\"", "operator_token: x\n  " + canary + ": y", "sites:\n  easybroker: api_key:" + canary,
		"operator_token: {a: " + canary + "}", "operator_token: ['" + canary + "']", "addr: '" + canary + "'\nsites: {a: {fields: {a: " + canary + "}}}",
		"operator_token: " + canary + "\noperator_token: " + canary, "database: 'postgres://u:" + canary + "@db%zz'", "operator_token: >" + canary,
		"operator_token: '" + canary + "' x", "operator_token:\n\t" + canary, "operator_token: @" + canary, "easybroker:\n- api_key: " + canary,
	} {
		show(load(enough(vars{"LEADRELAY_CONFIG": "relay.yaml"}), map[string]string{"relay.yaml": file}))
	}
}

func TestDurationsPrintAsPeopleWriteThem(t *testing.T) {
	for _, text := range []string{"15s", "5m", "168h", "1m30s", "1h30m", "1h0m5s", "500ms", "10s", "10m", "100h", "1h1m1s"} {
		c, err := load(enough(vars{"LEADRELAY_COURIER_PROBE": text}), nil)
		require.NoError(t, err)
		require.Contains(t, printed(t, c), "probe: "+text+"\n")
	}
}

func TestABigFileIsReadInTime(t *testing.T) {
	var b bytes.Buffer
	b.WriteString("easybroker: {api_key: k3y}\nsites:\n")
	for i := range 5000 {
		fmt.Fprintf(&b, "  site%d:\n    source: casas.mx\n    origins: [https://a.mx, 'https://*.b.mx']\n", i)
	}
	begun := time.Now()
	c, err := loadFile(b.String())
	require.NoError(t, err)
	require.Len(t, c.Sites, 5000)
	require.Less(t, time.Since(begun), 20*time.Second)

	_, err = loadFile(strings.Repeat("#", 1<<20+1))
	require.Equal(t, []string{"LEADRELAY_CONFIG: cannot read the file: it has more than 1 MiB"}, complaints(err))
}

func FuzzFile(f *testing.F) {
	for _, seed := range []string{
		whole, "", "a", "- a", "a: &a [*a, *a]\nb: [*a, *a]", "? a\n: b", "<<: *x", "a: |2-\n  x", "{a: {b: [c, {d: }]}}",
		"%YAML 1.2\n---\n...", "a:\n\tb", "\xff", "\ufeffa: b", "sites: {: {: }}", "sites:\n  ~: ~\n  ? [a]\n  : b",
		"fields: {a: {b: c}}", strings.Repeat("[", 100), strings.Repeat("- ", 100), "!!binary x: !!set {a, b}", "\"\\u", "'", "a: >\n\n\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		begun := time.Now()
		c, err := loadFile(text)
		require.Less(t, time.Since(begun), 10*time.Second)
		if err == nil {
			require.NotEmpty(t, c.Sites)
		}
		for _, line := range complaints(err) {
			require.Regexp(t, `^(relay\.yaml(:\d+:\d+)?|LEADRELAY_\w+|EASYBROKER_\w+): .+$`, line)
		}
	})
}
