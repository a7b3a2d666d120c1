package config

import (
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/rs/zerolog"

	"leadrelay/internal/lead"
	"leadrelay/internal/loopback"
	"leadrelay/internal/secret"
	"leadrelay/internal/site"
)

// The functions in this file parse one text each. Their errors say what is expected and
// never what was given.

// maxDuration keeps sums of durations far from the largest time.Duration.
const maxDuration = 366 * 24 * time.Hour

var (
	countryCode = regexp.MustCompile(`^[A-Z]{2}$`)
	siteID      = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)
)

func parseLine(s string) (string, error) {
	if !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) {
		return "", errors.New("wants one line of text, without control characters")
	}
	return s, nil
}

func parseBool(s string) (bool, error) {
	if s != "true" && s != "false" {
		return false, errors.New("wants true or false")
	}
	return s == "true", nil
}

// parseOneOf returns a parser for a closed set of words.
func parseOneOf[T ~string](words ...T) func(string) (T, error) {
	return func(s string) (T, error) {
		if !slices.Contains(words, T(s)) {
			return "", fmt.Errorf("wants one of %v", words)
		}
		return T(s), nil
	}
}

func parseLevel(s string) (zerolog.Level, error) {
	known := []string{"trace", "debug", "info", "warn", "error"}
	if !slices.Contains(known, s) { // zerolog would also take numbers and ""
		return 0, fmt.Errorf("wants one of %v", known)
	}
	return zerolog.ParseLevel(s)
}

func parseHostPort(s string) (string, error) {
	host, port, err := net.SplitHostPort(s)
	_, portErr := strconv.ParseUint(port, 10, 16)
	if err != nil || portErr != nil || site.HasUnsafeByte(host) {
		return "", errors.New("wants host:port, such as :8080 or 127.0.0.1:9090")
	}
	return s, nil
}

func parseNetwork(s string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return p, errors.New("wants a network such as 10.0.0.0/8 or fd00::/8; one address is 192.0.2.1/32")
	}
	return p.Masked(), nil
}

// parseDuration parses a duration that may be zero.
func parseDuration(s string) (time.Duration, error) {
	if _, err := strconv.ParseFloat(s, 64); err == nil && s != "0" {
		return 0, errors.New("has no unit; write 15s, 5m or 168h")
	}
	d, err := time.ParseDuration(s)
	switch {
	case err != nil:
		return 0, errors.New("wants a duration such as 15s, 5m or 168h")
	case d < 0:
		return 0, errors.New("is below zero")
	case d > maxDuration:
		return 0, errors.New("is longer than a year")
	}
	return d, nil
}

func parsePositiveDuration(s string) (time.Duration, error) {
	d, err := parseDuration(s)
	if err == nil && d == 0 {
		return 0, errors.New("must be longer than nothing")
	}
	return d, err
}

// Period is how long something is kept, in whole days. Zero means forever.
type Period time.Duration

func (p Period) String() string {
	if p == 0 {
		return "off"
	}
	return strconv.FormatInt(int64(p)/int64(day), 10) + "d"
}

const day = 24 * time.Hour

// parsePeriod parses days. Repeats are recognized for one day, so that is the minimum.
func parsePeriod(s string) (Period, error) {
	const maxDays = 3660
	if s == "off" {
		return 0, nil
	}
	number, isDays := strings.CutSuffix(s, "d")
	n, err := strconv.Atoi(number)
	if err != nil || !isDays || n < 1 || n > maxDays {
		return 0, fmt.Errorf("wants days, such as 90d, from 1d to %dd, or off", maxDays)
	}
	return Period(time.Duration(n) * day), nil
}

// parseBound parses days that cannot be off.
func parseBound(s string) (Period, error) {
	p, err := parsePeriod(s)
	if p == 0 {
		return 0, errors.New("wants days, such as 90d, from 1d to 3660d")
	}
	return p, err
}

// parsePrivacyText parses a notice that fits into the lead's context with the address behind it.
func parsePrivacyText(s string) (string, error) {
	const most = 300
	text, err := parseLine(s)
	if err == nil && utf8.RuneCountInString(text) > most {
		err = fmt.Errorf("has more than %d characters; the notice itself, at privacy_url, has room for more", most)
	}
	return text, err
}

func parseLimit(s string) (Limit, error) {
	if s == "off" {
		return Limit{}, nil
	}
	count, unit, _ := strings.Cut(s, "/")
	n, err := strconv.ParseInt(count, 10, 32)
	per := map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour}[unit]
	if err != nil || n < 1 || per == 0 {
		return Limit{}, errors.New("wants a count per s, m or h, such as 60/m, or off")
	}
	return Limit{N: int(n), Per: per}, nil
}

func parseRate(s string) (float64, error) {
	r, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(r) || math.IsInf(r, 0) || r <= 0 {
		return 0, errors.New("wants a number above zero, such as 10 or 0.5")
	}
	return r, nil
}

func parseCount(s string) (int, error) {
	n, err := strconv.ParseInt(s, 10, 16)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("wants a whole number from 1 to %d", math.MaxInt16)
	}
	return int(n), nil
}

// parseConnections parses a number of connections. Those who keep leads, the courier, a
// lease, look-ups and people need one each.
func parseConnections(s string) (int, error) {
	const least = 5
	n, err := parseCount(s)
	if err == nil && n < least {
		err = fmt.Errorf("wants a whole number from %d to %d", least, math.MaxInt16)
	}
	return n, err
}

func parseCountry(s string) (string, error) {
	if !countryCode.MatchString(s) {
		return "", errors.New("wants two upper-case letters, such as MX")
	}
	return s, nil
}

// parseKey parses an API key or a token. It is sent in a header, so it must be printable
// ASCII.
func parseKey(s string) (secret.Text, error) {
	switch {
	case s == "":
		return secret.Text{}, errors.New("is empty")
	case strings.EqualFold(s, "changeme"), s == "…", s == "...":
		return secret.Text{}, errors.New("still is the example's; put your own")
	case strings.ContainsFunc(s, unicode.IsSpace):
		return secret.Text{}, errors.New("has blanks inside")
	case strings.Contains(s, secret.Dots):
		return secret.Text{}, errors.New(secret.Dots + " stands for a secret that was hidden; put the secret itself, or the name of its file")
	case strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }):
		return secret.Text{}, errors.New("has characters that no key has, perhaps invisible ones; copy it anew")
	}
	return secret.New(s), nil
}

// MinTokenLength is the minimum length of the operator's token, which must be too long to
// guess.
const MinTokenLength = 20

func parseOperatorToken(s string) (secret.Text, error) {
	t, err := parseKey(s)
	if err == nil && len(s) < MinTokenLength {
		return secret.Text{}, fmt.Errorf("has fewer than %d characters; leave it out, and the first start makes a good one", MinTokenLength)
	}
	return t, err
}

// parseTestSecret parses what makes an inquiry a test.
func parseTestSecret(s string) (secret.Text, error) {
	t, err := parseKey(s)
	if err == nil && len(s) < MinTokenLength {
		return secret.Text{}, fmt.Errorf("has fewer than %d characters; make one with: openssl rand -hex 20", MinTokenLength)
	}
	return t, err
}

// parseAPIRoot parses the URL of an API and removes slashes from its end.
func parseAPIRoot(s string) (string, error) {
	u, err := url.Parse(s)
	switch {
	case err != nil, u.Opaque != "", u.Hostname() == "", site.HasUnsafeByte(s):
		return "", errors.New("wants an address such as https://api.easybroker.com/v1")
	case u.User != nil:
		return "", errors.New("holds a user or a password; the key has its own setting")
	case strings.ContainsAny(s, "?#"):
		return "", errors.New("wants no query and no fragment")
	case slices.Contains(strings.Split(u.Path, "/"), ".."):
		return "", errors.New("wants no .. in its path")
	case u.Scheme != "https" && (u.Scheme != "http" || !loopback.IsHost(u.Hostname())):
		return "", errors.New("wants https; http is for this machine only")
	}
	return strings.TrimRight(s, "/"), nil
}

var colorShape = regexp.MustCompile(`^#[0-9a-fA-F]{6}$`)

func parseColor(s string) (string, error) {
	if !colorShape.MatchString(s) {
		return "", errors.New("wants # and six hexadecimal digits, such as #0e6657")
	}
	return s, nil
}

// parseThreshold parses a score. Zero means off.
func parseThreshold(s string) (int, error) {
	if s == "off" {
		return 0, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 || n > 1000 {
		return 0, errors.New("wants a score up to 1000, or off")
	}
	return n, nil
}

// parsePageURL parses the URL of any page and encodes it like a browser.
func parsePageURL(s string) (string, error) {
	s = site.EncodeLetters(s)
	u, err := url.Parse(s)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Hostname() == "" || u.User != nil || site.HasUnsafeByte(s) {
		return "", errors.New("wants an address such as https://casas.mx/privacidad")
	}
	return s, nil
}

var mailbox = regexp.MustCompile(`^[A-Za-z0-9._+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$`)

// parseContact parses whom to tell of a hole, and returns it as a URI. RFC 9116 wants
// https of a page.
func parseContact(s string) (string, error) {
	if address := strings.TrimPrefix(s, "mailto:"); mailbox.MatchString(address) {
		return "mailto:" + address, nil
	}
	if page, err := parsePageURL(s); err == nil && strings.HasPrefix(page, "https://") {
		return page, nil
	}
	return "", errors.New("wants an e-mail address such as seguridad@casas.mx, or a page such as https://casas.mx/seguridad")
}

// parseThanksURL parses where a visitor goes after an inquiry: the URL of any page, or a
// path on the relay itself.
func parseThanksURL(s string) (string, error) {
	if strings.HasPrefix(s, "/") && new(site.Site).Redirect(s) != "" {
		return site.EncodeLetters(s), nil
	}
	address, err := parsePageURL(s)
	if err != nil {
		return "", errors.New("wants an address such as https://casas.mx/gracias, or a path such as /gracias")
	}
	return address, nil
}

func parseOrigins(list []string) (site.Origins, error) {
	if len(list) == 0 {
		return site.Origins{}, nil
	}
	o, err := site.ParseOrigins(list)
	if err != nil && strings.ContainsAny(strings.Join(list, ""), " ;") {
		return o, errors.New("wants one origin; separate several by commas")
	}
	if err != nil { // its text repeats the entry
		return o, errors.New("wants an origin: https://host or https://*.host, with a port where it has one and nothing behind it, or what an app sends, such as capacitor://localhost")
	}
	return o, nil
}

func parseRules(entries []string) (lead.Rules, error) {
	r, err := lead.ParseRules(entries)
	if err != nil { // its text repeats the entry
		return r, fmt.Errorf("wants entries of %v, or several of them as email|phone", lead.Fields())
	}
	return r, nil
}

func rulesText(r lead.Rules) []string {
	texts := make([]string, len(r.Require))
	for i, either := range r.Require {
		words := make([]string, len(either))
		for j, f := range either {
			words[j] = string(f)
		}
		texts[i] = strings.Join(words, "|")
	}
	return texts
}

// formFields returns what a form's field may be mapped to: a field of ours, or a part
// of the name.
func formFields() []string {
	var words []string
	for _, f := range lead.Fields() {
		words = append(words, string(f))
	}
	return append(words, "first_name", "last_name")
}
