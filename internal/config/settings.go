package config

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"leadrelay/internal/captcha"
	"leadrelay/internal/easybroker"
	"leadrelay/internal/lead"
	"leadrelay/internal/secret"
	"leadrelay/internal/site"
	"leadrelay/internal/smtp"
	"leadrelay/internal/spam"
)

// setting is one row of the table of settings. The loader, the check for unknown keys,
// print and the README's table are built of it, so a default stands here alone.
type setting struct {
	env   string // the variable; empty if only the file has the setting
	key   string // the key in the file; empty if only a variable has the setting
	def   string // the default, as in a variable
	about string
	field
}

// fileVariable is the variable with the name of the file.
const fileVariable = "LEADRELAY_CONFIG"

// The sections of the file. Settings of perSite are below each site. Settings of broker
// are at the top, for all sites, or below a site, for that one.
const (
	broker    = "easybroker."
	courier   = "courier."
	retention = "retention."
	alerts    = "alerts."
	perSite   = "sites."
)

var settings = []setting{
	{fileVariable, "", "", "a YAML file with more settings and sites", field{}},
	{"LEADRELAY_ADDR", "addr", ":8080", "the public door",
		scalarField(parseHostPort, func(t target) *string { return &t.conf.Addr })},
	{"LEADRELAY_OPERATOR_ADDR", "operator_addr", "127.0.0.1:9090", "console, operator API and metrics",
		scalarField(parseHostPort, func(t target) *string { return &t.conf.OperatorAddr })},
	{"LEADRELAY_URL", "url", "", "where the public door is on the web, such as `https://leads.casas.mx` or `https://casas.mx/leads`: every address that we give is built from it; without it, from the request's `Host`",
		scalarField(site.ParseAddress, func(t target) *site.Address { return &t.conf.URL })},
	{"LEADRELAY_OPERATOR_URL", "operator_url", "", "where people reach the console, without a path; the operator's door answers for its host, that of `LEADRELAY_OPERATOR_ADDR` and `localhost`, and no other",
		scalarField(site.ParseRootAddress, func(t target) *site.Address { return &t.conf.OperatorURL })},
	{"LEADRELAY_OPERATOR_TOKEN", "operator_token", "", "opens the operator's door: at least 20 characters; without one, the first start makes it",
		secretFieldOf(parseOperatorToken, func(t target) *secret.Text { return &t.conf.OperatorToken })},
	{"LEADRELAY_DATABASE", "database", string(DefaultDatabase), "path of a SQLite file, or `postgres://user:password@host/name`, which several relays may share",
		secretFieldOf(parseDatabase, func(t target) *Database { return &t.conf.Database })},
	{"LEADRELAY_DATABASE_CONNECTIONS", "database_connections", "20", "connections that one relay has to PostgreSQL, at most",
		scalarField(parseConnections, func(t target) *int { return &t.conf.Connections })},
	{"LEADRELAY_TRUSTED_PROXIES", "trusted_proxies", "", "networks (CIDR) of the proxies in front, separated by commas",
		listField(0, parseNetwork, func(t target) *[]netip.Prefix { return &t.conf.TrustedProxies })},
	{"LEADRELAY_SECURITY_CONTACT", "security_contact", "", "whom to tell of a hole in the relay, separated by commas: e-mail addresses, or pages; `/.well-known/security.txt` has them",
		listField(0, parseContact, func(t target) *[]string { return &t.conf.Contacts })},
	{"LEADRELAY_LOG_LEVEL", "log_level", "info", "`trace`, `debug`, `info`, `warn` or `error`",
		scalarField(parseLevel, func(t target) *zerolog.Level { return &t.conf.LogLevel })},
	{"LEADRELAY_LIMIT_ADDRESS", "limit_address", "60/m", "posts from one address (IPv6: one /64; a /56 has four times as many, a /48 sixteen times), or `off`",
		scalarField(parseLimit, func(t target) *Limit { return &t.conf.LimitAddress })},
	{"LEADRELAY_LIMIT_SITE", "limit_site", "300/m", "inquiries that one site sends on; more are kept and held for a person to look at; or `off`",
		scalarField(parseLimit, func(t target) *Limit { return &t.conf.LimitSite })},
	{"LEADRELAY_DRAIN", "drain", "5s", "after SIGTERM, inquiries are taken for this long at most: see [stopping](#stopping-and-exit-codes)",
		scalarField(parseDuration, func(t target) *time.Duration { return &t.conf.Drain })},
	{"LEADRELAY_SMTP", "smtp", "", "the server that mails leads: `smtp://user:password@host:587?from=leads@casas.mx`, or `smtps://`; see [leads by mail](#leads-by-mail)",
		secretFieldOf(parseServer, func(t target) *smtp.Server { return &t.conf.SMTP })},

	{"LEADRELAY_COURIER_TIMEOUT", courier + "timeout", "15s", "one attempt, from dial to the end of the answer",
		scalarField(parsePositiveDuration, func(t target) *time.Duration { return &t.conf.Courier.Timeout })},
	{"LEADRELAY_COURIER_SETTLE", courier + "settle", "5m", "how long EasyBroker's list may lag behind",
		scalarField(parsePositiveDuration, func(t target) *time.Duration { return &t.conf.Courier.MaxListLag })},
	{"LEADRELAY_COURIER_SCHEDULE", courier + "schedule", "5s,30s,2m,10m,30m,1h,2h,4h", "waits before a lead that EasyBroker surely does not have is sent again; the last one repeats",
		listField(1, parsePositiveDuration, func(t target) *[]time.Duration { return &t.conf.Courier.Schedule })},
	{"LEADRELAY_COURIER_DEADLINE", courier + "deadline", "168h", "a lead not delivered by then is `failed`",
		scalarField(parsePositiveDuration, func(t target) *time.Duration { return &t.conf.Courier.Deadline })},
	{"LEADRELAY_COURIER_RATE", courier + "rate", "10", "calls per second per credential, look-ups included",
		scalarField(parseRate, func(t target) *float64 { return &t.conf.Courier.Rate })},
	{"LEADRELAY_COURIER_CONCURRENCY", courier + "concurrency", "4", "attempts at once per credential",
		scalarField(parseCount, func(t target) *int { return &t.conf.Courier.Concurrency })},
	{"LEADRELAY_COURIER_PROBE", courier + "probe", "30s", "how often a held credential, or a broker that is down, is tried",
		scalarField(parsePositiveDuration, func(t target) *time.Duration { return &t.conf.Courier.Probe })},

	{"LEADRELAY_RETENTION_QUARANTINED", retention + "quarantined", "90d", "a quarantined lead is erased that long after it came, or `off`",
		scalarField(parsePeriod, func(t target) *Period { return &t.conf.Retention.Quarantined })},
	{"LEADRELAY_RETENTION_DISCARDED", retention + "discarded", "30d", "a discarded lead is erased that long after it was discarded, or `off`",
		scalarField(parsePeriod, func(t target) *Period { return &t.conf.Retention.Discarded })},
	{"LEADRELAY_RETENTION_CONFIRMED", retention + "confirmed", "off", "a confirmed lead is erased that long after EasyBroker's list had it; a reconciliation does not know it any more",
		scalarField(parsePeriod, func(t target) *Period { return &t.conf.Retention.Confirmed })},
	{"LEADRELAY_RETENTION_BLOCKED", retention + "blocked", "180d", "what a blocked person wrote is erased that long after it was blocked; there is no `off`",
		scalarField(parseBound, func(t target) *Period { return &t.conf.Retention.Blocked })},

	{"LEADRELAY_ALERTS", alerts + "to", "", "where people are told of trouble, separated by commas or spaces: `smtp://`, `ntfy://`, `slack://`, `telegram://`, `teams://`, `generic+https://`; see [being told](#being-told)",
		secretFieldOf(parseChannels, func(t target) *Channels { return &t.conf.Alerts.To })},
	{"LEADRELAY_ALERTS_HEARTBEAT", alerts + "heartbeat", "", "address that is asked every minute while all is well inside, for somebody who notices that it is not",
		secretFieldOf(parseHeartbeat, func(t target) *secret.Text { return &t.conf.Alerts.Heartbeat })},
	{"", alerts + "locale", "es", "of the messages: `es` or `en`",
		scalarField(parseOneOf("es", "en"), func(t target) *string { return &t.conf.Alerts.Locale })},
	{"", alerts + "reconcile", "03:30", "when leads are compared with EasyBroker's list each day, in the zone of the process, or `off`",
		scalarField(parseDailyTime, func(t target) *DailyTime { return &t.conf.Alerts.Reconcile })},
	{"", alerts + "held", "1m", "how long EasyBroker must refuse a key before somebody is told, or `off`",
		scalarField(parseAfter, func(t target) *AlertAfter { return &t.conf.Alerts.Held })},
	{"", alerts + "down", "10m", "how long EasyBroker must not answer, or `off`",
		scalarField(parseAfter, func(t target) *AlertAfter { return &t.conf.Alerts.Down })},
	{"", alerts + "paused", "on", "a site is paused, or `off`",
		scalarField(parseOnOff, func(t target) *AlertAfter { return &t.conf.Alerts.Paused })},
	{"", alerts + "late", "15m", "how long a lead must wait that nothing of the above keeps waiting, or `off`",
		scalarField(parseAfter, func(t target) *AlertAfter { return &t.conf.Alerts.Late })},
	{"", alerts + "doubtful", "1h", "how long a doubt must last, or `off`",
		scalarField(parseAfter, func(t target) *AlertAfter { return &t.conf.Alerts.Doubtful })},
	{"", alerts + "failed", "on", "a lead waits for a person, or `off`",
		scalarField(parseOnOff, func(t target) *AlertAfter { return &t.conf.Alerts.Failed })},
	{"", alerts + "missing", "on", "EasyBroker took a lead and does not list it, or `off`",
		scalarField(parseOnOff, func(t target) *AlertAfter { return &t.conf.Alerts.Missing })},
	{"", alerts + "twice", "on", "EasyBroker lists a lead twice, or `off`",
		scalarField(parseOnOff, func(t target) *AlertAfter { return &t.conf.Alerts.Twice })},
	{"", alerts + "store", "30s", "how long nothing can be written, or `{after: 30s, free: 500MB}` with how much of the disk must be free (`10%`, too); without that, both; or `off`",
		storeField(func(t target) *StoreAlert { return &t.conf.Alerts.Store })},
	{"", alerts + "refused", "on", "a site refuses posts because of its settings: an origin that is not listed, a site that there is not, or fields that are missing, or `off`",
		scalarField(parseOnOff, func(t target) *AlertAfter { return &t.conf.Alerts.Refused })},
	{"", alerts + "silence", "on", "a site gets no inquiries for so long that it happens by chance once in a year; or for a time such as `24h`; or `off`",
		scalarField(parseOnOrAfter, func(t target) *AlertAfter { return &t.conf.Alerts.Silence })},
	{"", alerts + "flood", "on", "a site gets twenty times its usual inquiries, and at least 200 in an hour, or `off`",
		scalarField(parseOnOff, func(t target) *AlertAfter { return &t.conf.Alerts.Flood })},
	{"", alerts + "clock", "on", "the clock was set by more than 10 s, or is off EasyBroker's by more than a minute, or `off`",
		scalarField(parseOnOff, func(t target) *AlertAfter { return &t.conf.Alerts.Clock })},
	{"", alerts + "hook", "on", "a webhook or a mailbox is switched off: it answered that it is gone, or took nothing for three days, or `off`",
		scalarField(parseOnOff, func(t target) *AlertAfter { return &t.conf.Alerts.Hook })},
	{"", alerts + "drift", "on", "a comparison with EasyBroker's list has found something, or `off`",
		scalarField(parseOnOff, func(t target) *AlertAfter { return &t.conf.Alerts.Drift })},

	{"LEADRELAY_SOURCE", perSite + "source", "", "what EasyBroker is told as the source, such as `casas.mx`; required, or sites in the file",
		scalarField(parseLine, func(t target) *string { return &t.site.Source })},
	{"LEADRELAY_ORIGINS", perSite + "origins", "", "origins that browsers may post from, separated by commas; `https://*.casas.mx` is any subdomain",
		combinedField(0, parseOrigins, site.Origins.List, func(t target) *site.Origins { return &t.site.Origins })},
	{"LEADRELAY_THANKS_URL", perSite + "thanks_url", "", "where a plain form goes after an inquiry; without one, our own page",
		scalarField(parseThanksURL, func(t target) *string { return &t.site.ThanksURL })},
	{"LEADRELAY_LOCALE", perSite + "locale", "es", "`es`, `en`, or `auto` (by Accept-Language)",
		scalarField(parseOneOf("es", "en", "auto"), func(t target) *string { return &t.site.Locale })},
	{"", perSite + "require", "property_id,email,message", "what an inquiry must have; `email|phone` is either",
		combinedField(1, parseRules, rulesText, func(t target) *lead.Rules { return &t.site.Rules })},
	{"", perSite + "fields", "", "the form's names of our fields: `{your-name: name}`", fieldMap()},
	{"", perSite + "name", "", "what the hosted pages call the site; without it, as `source`",
		scalarField(parseLine, func(t target) *string { return &t.site.Name })},
	{"", perSite + "color", "", "of their buttons and links, such as `#0e6657`; made readable on light and dark pages",
		scalarField(parseColor, func(t target) *string { return &t.site.Color })},
	{"LEADRELAY_PRIVACY_URL", perSite + "privacy_url", "", "the agency's privacy notice; the hosted form links it, and the lead keeps what was agreed to, word for word, with that address",
		scalarField(parsePageURL, func(t target) *string { return &t.site.Privacy })},
	{"", perSite + "privacy_text", "", "the simplified notice in front of that link, at most 300 characters, such as `Casas SA usa tus datos para responderte. Al enviar aceptas el`; without it, *Al enviar aceptas el*",
		scalarField(parsePrivacyText, func(t target) *string { return &t.site.PrivacyText })},
	{"", perSite + "spam_threshold", strconv.Itoa(spam.DefaultThreshold), "the score from which a lead is quarantined, or `off`; 100 is one sure sign, or two moderate ones",
		scalarField(parseThreshold, func(t target) *int { return &t.site.SpamThreshold })},
	{"", perSite + "message_template", "", "how EasyBroker's message reads: `{message}` once, and the names of other fields in braces, such as `{page_url}`, `{utm_source}` or the form's own; a line of which no field came in is left out; `{{` is a brace",
		templateField(func(t target) *lead.Template { return &t.site.Template })},
	{"", perSite + "captcha", "", "whose captcha its forms have: `turnstile`, `hcaptcha` or `recaptcha`; without a good token an inquiry is kept and scored",
		scalarField(parseOneOf(captcha.Providers()...), func(t target) *captcha.Provider { return &t.site.Captcha })},
	{"", perSite + "captcha_site_key", "", "what the widget shows it with; `leadrelay snippet` writes it into the tag",
		scalarField(parseLine, func(t target) *string { return &t.site.CaptchaSiteKey })},
	{"", perSite + "captcha_secret", "", "the secret for asking about its tokens",
		secretField(func(t target) *secret.Text { return &t.site.CaptchaSecret })},
	{"", perSite + "test_secret", "", "makes an inquiry with `_test` a test, as the operator's token does: at least 20 characters; see [testing the whole way](#testing-the-whole-way)",
		secretFieldOf(parseTestSecret, func(t target) *secret.Text { return &t.site.TestSecret })},
	{"", perSite + "webhooks", "", "who else is told of its leads: a list of `{url, secret_file, events, allow_private}`; see [webhooks](#webhooks)", webhooksField()},
	{"", perSite + "mail", "", "who of the agency gets its leads by mail: `{to: [ventas@casas.mx], when: received}`, or `when: waiting, after: 15m`; see [leads by mail](#leads-by-mail)", mailField()},

	{"EASYBROKER_API_KEY", broker + "api_key", "", "the key; required where a site has none of its own",
		secretField(func(t target) *secret.Text { return &t.site.EasyBroker.Key })},
	{"EASYBROKER_COUNTRY_CODE", broker + "country_code", "MX", "the country of the account",
		scalarField(parseCountry, func(t target) *string { return &t.site.EasyBroker.Country })},
	{"EASYBROKER_URL", broker + "url", easybroker.DefaultURL, "root of the API: https, or http on this machine",
		scalarField(parseAPIRoot, func(t target) *string { return &t.site.EasyBroker.URL })},
	{"EASYBROKER_API", broker + "api", string(easybroker.Partner), "`partner` or `account`",
		scalarField(parseOneOf(easybroker.Partner, easybroker.Plain), func(t target) *easybroker.API { return &t.site.EasyBroker.API })},
	{"EASYBROKER_REMOTE_ID", broker + "remote_id", string(lead.Milliseconds), "what remote ids count: `ms`, or `s` where they must fit in 32 bits",
		scalarField(parseOneOf(lead.Milliseconds, lead.Seconds), func(t target) *lead.Tick { return &t.site.Tick })},
	{"EASYBROKER_SEND_SOURCE", broker + "send_source", "true", "`false` leaves `source` out",
		scalarField(parseBool, func(t target) *bool { return &t.site.SendSource })},
	{"EASYBROKER_USE_PARTNER_CODE", broker + "use_partner_code", "false", "`true` asks, as a partner, for the organizations that were connected by a partner code",
		scalarField(parseBool, func(t target) *bool { return &t.site.EasyBroker.UsePartnerCode })},
}

// ofSite reports whether each site has its own value.
func (s setting) ofSite() bool {
	return strings.HasPrefix(s.key, perSite) || strings.HasPrefix(s.key, broker)
}

// below returns the setting's name within a section.
func (s setting) below(section string) (string, bool) {
	name, ok := strings.CutPrefix(s.key, section)
	return name, ok && name != "" && !strings.Contains(name, ".")
}

// Reference returns all settings as a Markdown table, for deploy/README.md.
func Reference() string {
	var b strings.Builder
	b.WriteString("| variable | in the file | default | |\n|---|---|---|---|\n")
	for _, s := range settings {
		about := s.about
		if s.secret {
			about += " (secret; also as `" + s.alsoAs() + "`)"
		}
		path := s.key
		if rest, ok := strings.CutPrefix(path, perSite); ok {
			path = "sites.<id>." + rest
		}
		row := []string{codeSpan(s.env), codeSpan(path), codeSpan(s.def), strings.ReplaceAll(about, "|", `\|`)}
		fmt.Fprintf(&b, "| %s |\n", strings.Join(row, " | "))
	}
	return b.String()
}

// alsoAs returns the name of the setting with the secret's file.
func (s setting) alsoAs() string {
	if s.env != "" {
		return s.env + "_FILE"
	}
	return strings.TrimPrefix(s.key, perSite) + "_file"
}

func codeSpan(s string) string {
	if s == "" {
		return "–"
	}
	return "`" + s + "`"
}
