package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/go-chi/chi/v5"
	"github.com/stretchr/testify/require"

	"leadrelay/internal/console"
	"leadrelay/internal/e2e/relaytest"
	"leadrelay/internal/lead"
)

// description is what the operator's door says of both doors.
type description struct {
	*openapi3.T
	seen map[string]bool // method, path and status of every answer that was as described
}

// describe reads the description as anybody gets it.
func (d *doors) describe() *description {
	d.t.Helper()
	_, resp, text := d.send(operatorName, question{line: "GET " + console.OpenAPIPath})
	require.Equal(d.t, http.StatusOK, resp.StatusCode)
	doc, err := openapi3.NewLoader().LoadFromData(text)
	require.NoError(d.t, err)
	return &description{doc, map[string]bool{}}
}

func TestTheDescriptionIsOpenAPI(t *testing.T) {
	doc := openDoors(t, relaytest.Settings(t, "127.0.0.1:1")).describe()
	require.Regexp(t, `^3\.1\.`, doc.OpenAPI)
	require.NoError(t, doc.Validate(t.Context()))
	var states []any
	for _, s := range lead.States() {
		states = append(states, string(s))
	}
	require.Equal(t, states, doc.Components.Schemas["State"].Value.Enum)
}

// What a router takes is described, and what is described a router takes. The
// style sheets and scripts of our pages are not: their addresses change with
// their contents, and nobody but the pages asks for them.
func TestEveryRouteIsDescribed(t *testing.T) {
	d := openDoors(t, relaytest.Settings(t, "127.0.0.1:1"))
	for door, handler := range d.handlers {
		var taken []string
		require.NoError(t, chi.Walk(handler, func(method, route string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
			if !strings.HasPrefix(route, "/assets/") && !strings.HasSuffix(route, "/theme.css") {
				taken = append(taken, method+" "+route)
			}
			return nil
		}))
		var described []string
		for path, item := range d.doc.Paths.Map() {
			if !slices.Contains(doorsOf(item), door) {
				continue
			}
			for method := range item.Operations() {
				if described = append(described, method+" "+path); method == http.MethodGet {
					described = append(described, http.MethodHead+" "+path)
				}
			}
		}
		require.ElementsMatch(t, taken, described, door)
	}
}

// doorsOf are the doors where the path is.
func doorsOf(item *openapi3.PathItem) (doors []string) {
	for _, s := range item.Servers {
		doors = append(doors, s.Description)
	}
	return doors
}

var inBraces = regexp.MustCompile(`\{([a-z_]+)\}`)

// route finds what the description has on a request.
func (d *description) route(req *http.Request) (*routers.Route, map[string]string, error) {
	for path, item := range d.Paths.Map() {
		match := regexp.MustCompile("^" + inBraces.ReplaceAllString(path, "([^/]+)") + "$").FindStringSubmatch(req.URL.Path)
		operation := item.GetOperation(req.Method)
		if match == nil || operation == nil {
			continue
		}
		params := map[string]string{}
		for i, name := range inBraces.FindAllStringSubmatch(path, -1) {
			params[name[1]] = match[i+1]
		}
		return &routers.Route{Spec: d.T, Path: path, PathItem: item, Method: req.Method, Operation: operation}, params, nil
	}
	return nil, nil, fmt.Errorf("%s %s is not described", req.Method, req.URL.Path)
}

// check wants the answer as it is described, and a request that was taken too.
func (d *description) check(req *http.Request, resp *http.Response, body []byte) error {
	route, params, err := d.route(req)
	if err != nil {
		return err
	}
	in := &openapi3filter.RequestValidationInput{
		Request: req, PathParams: params, Route: route,
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc},
	}
	if resp.StatusCode < http.StatusBadRequest {
		if err := checkRequest(in); err != nil {
			return err
		}
	}
	if err := openapi3filter.ValidateResponse(req.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: in, Status: resp.StatusCode, Header: resp.Header,
		Body: io.NopCloser(bytes.NewReader(body)), Options: &openapi3filter.Options{IncludeResponseStatus: true},
	}); err != nil {
		return err
	}
	if content := route.Operation.Responses.Status(resp.StatusCode).Value.Content; len(content) == 0 && len(body) > 0 {
		return errors.New("a body is not described")
	}
	d.seen[fmt.Sprintf("%s %s %d", route.Method, route.Path, resp.StatusCode)] = true
	return nil
}

func checkRequest(in *openapi3filter.RequestValidationInput) (err error) {
	if in.Request.Body, err = in.Request.GetBody(); err != nil { // it was sent
		return err
	}
	for name := range in.GetQueryParams() {
		if in.Route.Operation.Parameters.GetByInAndName(openapi3.ParameterInQuery, name) == nil {
			return fmt.Errorf("the parameter %s is not described", name)
		}
	}
	return openapi3filter.ValidateRequest(context.Background(), in)
}

// unseen are the answers that are described and that nobody got.
func (d *description) unseen() (all []string) {
	for path, item := range d.Paths.Map() {
		for method, operation := range item.Operations() {
			for status := range operation.Responses.Map() {
				if one := method + " " + path + " " + status; !d.seen[one] {
					all = append(all, one)
				}
			}
		}
	}
	slices.Sort(all)
	return all
}

// A description is worth nothing unless it refuses something.
func TestTheDescriptionRefuses(t *testing.T) {
	doc := openDoors(t, relaytest.Settings(t, "127.0.0.1:1")).doc
	const whole = `{"ok":true,"remote_id":7,"next":"https://casas.mx/","message":"Gracias"}`
	const report = `{"since":"2026-11-24T12:00:00Z","read_at":"2026-11-24T12:00:00Z","ours":0,"listed":0,"only_here":[],"only_there":[],"twice":[],"differing":[],"confirmed":0,"unreadable":[]}`
	tests := map[string]struct {
		line   string
		sent   string
		status int
		kind   string
		body   string
		want   string // empty: it is as described
	}{
		"an answer as described":          {"POST /f", `{}`, 202, "application/json", whole, ""},
		"a member more":                   {"POST /f", `{}`, 202, "application/json", strings.Replace(whole, "{", `{"id":1,`, 1), ""},
		"a member less":                   {"POST /f", `{}`, 202, "application/json", strings.Replace(whole, "message", "text", 1), "message"},
		"a number beyond 53 bits":         {"POST /f", `{}`, 202, "application/json", strings.Replace(whole, "7", "9007199254740992", 1), "remote_id"},
		"a number that is text":           {"POST /f", `{}`, 202, "application/json", strings.Replace(whole, "7", `"7"`, 1), "remote_id"},
		"another status":                  {"POST /f", `{}`, 201, "application/json", whole, "status is not supported"},
		"another type":                    {"POST /f", `{}`, 202, "text/html", whole, "Content-Type"},
		"a body where there is none":      {"POST /f", `{}`, 303, "text/html", "Moved", "a body is not described"},
		"a problem without a code":        {"GET /f", "", 404, "application/problem+json", `{"type":"urn:leadrelay:problem:x","title":"x","status":404,"detail":"x","request_id":"x"}`, "code"},
		"a report":                        {"POST /api/v1/reconciliations", `{}`, 200, "application/json", report, ""},
		"a time that is none":             {"POST /api/v1/reconciliations", `{}`, 200, "application/json", strings.Replace(report, "T12", " 12", 1), "since"},
		"a request with an unknown word":  {"POST /api/v1/reconciliations", `{"until":null}`, 200, "application/json", report, "until"},
		"a parameter that nobody knows":   {"GET /api/v1/leads?order=up", "", 200, "application/json", `{"leads":[],"next_cursor":null}`, "order"},
		"a parameter beyond its bounds":   {"GET /api/v1/leads?limit=501", "", 200, "application/json", `{"leads":[],"next_cursor":null}`, "limit"},
		"an address that nobody knows":    {"GET /api/v2/leads", "", 200, "application/json", `{}`, "not described"},
		"a refusal that names no scheme":  {"GET /metrics", "", 401, "application/problem+json", `{}`, "WWW-Authenticate"},
		"a failure that says no time":     {"GET /api/v1/leads", "", 503, "application/problem+json", `{}`, "Retry-After"},
		"a method that the path has not":  {"PATCH /f", "", 200, "application/json", `{}`, "not described"},
		"a lead in a state of its own":    {"POST /api/v1/replays", `{"site":"casas"}`, 200, "application/json", `{"dry_run":false,"counts":{},"replays":[{"remote_id":7,"site":"casas","state":"lost","verdict":"sent"}]}`, "state"},
		"a lead without its own attempts": {"GET /api/v1/leads/7", "", 200, "application/json", `{}`, "attempts"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			req := question{line: tt.line, body: tt.sent}.request(t, "http://127.0.0.1:1")
			header := http.Header{"X-Request-Id": {"x"}, "Content-Type": {tt.kind}, "Location": {"/"}}
			err := doc.check(req, &http.Response{StatusCode: tt.status, Header: header}, []byte(tt.body))
			if tt.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tt.want)
		})
	}
}
