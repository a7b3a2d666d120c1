package tracing

import (
	"cmp"
	"crypto/x509"
	"errors"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/net/http/httpguts"
)

// settings are what OpenTelemetry's variables say of the exporter.
// Source: opentelemetry.io/docs/specs/otel/protocol/exporter.
type settings struct {
	url     *url.URL
	header  http.Header
	timeout time.Duration  // of a batch, with all that is tried
	roots   *x509.CertPool // nil for the system's
}

// settingsOf returns nil if the environment asks for no traces. It logs what is wrong there
// and can be done without, and quotes no header, because most of those are secret.
func settingsOf(env map[string]string, log zerolog.Logger) (*settings, error) {
	variable := func(name string) string {
		return cmp.Or(strings.TrimSpace(env["OTEL_EXPORTER_OTLP_TRACES_"+name]), strings.TrimSpace(env["OTEL_EXPORTER_OTLP_"+name]))
	}
	exporters := env["OTEL_TRACES_EXPORTER"]
	isOff := strings.EqualFold(env["OTEL_SDK_DISABLED"], "true") || exporters != "" && !strings.Contains(exporters, "otlp")
	if isOff || variable("ENDPOINT") == "" {
		return nil, nil
	}
	s := &settings{header: headers(variable("HEADERS"), log), timeout: 10 * time.Second}
	var err error
	if s.url, err = endpoint(env); err != nil {
		return nil, err
	}
	if protocol := variable("PROTOCOL"); protocol != "" && protocol != "http/json" {
		log.Warn().Str("protocol", protocol).
			Msg("OTEL_EXPORTER_OTLP_PROTOCOL is not heeded: traces are sent as JSON over HTTP, which collectors take at port 4318")
	}
	if given := variable("TIMEOUT"); given != "" {
		if ms, err := strconv.Atoi(given); err == nil && ms > 0 {
			s.timeout = time.Duration(ms) * time.Millisecond
		} else {
			log.Warn().Dur("timeout", s.timeout).Msg("OTEL_EXPORTER_OTLP_TIMEOUT must be milliseconds")
		}
	}
	if file := variable("CERTIFICATE"); file != "" {
		pem, err := os.ReadFile(file)
		if s.roots = x509.NewCertPool(); err != nil || !s.roots.AppendCertsFromPEM(pem) {
			return nil, errors.New("OTEL_EXPORTER_OTLP_CERTIFICATE is no file with a certificate in PEM")
		}
	}
	return s, nil
}

// endpoint returns where traces are posted. What is for traces alone is used as it is; the
// other is a base, with or without a slash at its end.
func endpoint(env map[string]string) (*url.URL, error) {
	name := "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
	given := strings.TrimSpace(env[name])
	isBase := given == ""
	if isBase {
		name = "OTEL_EXPORTER_OTLP_ENDPOINT"
		given = strings.TrimSpace(env[name])
	}
	u, err := url.Parse(given)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return nil, errors.New(name + " must be an address with http:// or https://, such as http://localhost:4318")
	}
	if u.Path = cmp.Or(u.Path, "/"); isBase {
		u = u.JoinPath("v1", "traces")
	}
	return u, nil
}

// headers reads "name=value,name=value". Values are percent-encoded, and those that are
// written as they are, such as "Basic dTpw==", are taken, too.
func headers(list string, log zerolog.Logger) http.Header {
	all := http.Header{}
	for pair := range strings.SplitSeq(list, ",") {
		if strings.TrimSpace(pair) == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		if decoded, err := url.PathUnescape(value); err == nil {
			value = decoded
		}
		if !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value) {
			log.Warn().Msg("OTEL_EXPORTER_OTLP_HEADERS must be name=value,name=value: one of them is left out")
			continue
		}
		all.Set(name, value)
	}
	return all
}
