// Package tracingtest is a collector for tests. It keeps what it is sent, and takes nothing
// but OTLP/JSON to the letter.
package tracingtest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Span is a span as it was sent.
type Span struct {
	TraceID, ID, ParentID string
	Name                  string
	Kind, Status          int
	Flags                 uint32
	Start, End            time.Time
	Attributes            map[string]any // string, bool or int64
	Links                 []string       // the ids of spans
	Resource              map[string]any
}

// Request is what a span came in.
type Request struct {
	Path   string
	Header http.Header
	Body   string
}

// Collector is a handler. Its zero value is ready for use.
type Collector struct {
	mu       sync.Mutex
	spans    []Span
	requests []Request
	wrong    error
	answer   func(w http.ResponseWriter, r *http.Request) bool
}

// Answer has f answer each request from now on. The collector takes the request, and answers
// itself, if f returns false. If f is nil, it always does.
func (c *Collector) Answer(f func(w http.ResponseWriter, r *http.Request) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answer = f
}

// Spans returns the spans that it has taken, by their start.
func (c *Collector) Spans() []Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.SortedStableFunc(slices.Values(c.spans), func(a, b Span) int { return a.Start.Compare(b.Start) })
}

// Named returns the spans of a name, by their start.
func (c *Collector) Named(name string) []Span {
	return slices.DeleteFunc(c.Spans(), func(s Span) bool { return s.Name != name })
}

// Requests returns all requests, whatever they were answered.
func (c *Collector) Requests() []Request {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.requests)
}

// Err returns what was wrong in what it was sent.
func (c *Collector) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.wrong
}

func (c *Collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	c.mu.Lock()
	c.requests = append(c.requests, Request{r.URL.Path, r.Header.Clone(), string(body)})
	answer := c.answer
	c.mu.Unlock()
	if answer != nil && answer(w, r) {
		return
	}
	var spans []Span
	if err == nil {
		spans, err = parse(r, body)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil {
		err = c.keep(spans)
	}
	if err != nil {
		c.wrong = errors.Join(c.wrong, err)
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, `{"partialSuccess":{}}`) // as OpenTelemetry's collector does
}

// keep keeps the spans, unless it has one of them.
func (c *Collector) keep(spans []Span) error {
	for _, s := range spans {
		if slices.ContainsFunc(c.spans, func(had Span) bool { return had.ID == s.ID }) {
			return fmt.Errorf("span %s came twice", s.ID)
		}
		c.spans = append(c.spans, s)
	}
	return nil
}

// The messages of OTLP, as strictly as Go reads JSON: what is a string there must be one.
type (
	request struct {
		ResourceSpans []struct {
			Resource struct {
				Attributes []pair `json:"attributes"`
			} `json:"resource"`
			ScopeSpans []struct {
				Scope struct {
					Name    string `json:"name"`
					Version string `json:"version"`
				} `json:"scope"`
				Spans []span `json:"spans"`
			} `json:"scopeSpans"`
			SchemaURL string `json:"schemaUrl"`
		} `json:"resourceSpans"`
	}
	span struct {
		reference
		ParentID   string      `json:"parentSpanId"`
		Name       string      `json:"name"`
		Kind       int         `json:"kind"`
		Start      string      `json:"startTimeUnixNano"`
		End        string      `json:"endTimeUnixNano"`
		Attributes []pair      `json:"attributes"`
		Links      []reference `json:"links"`
		Status     struct {
			Code int `json:"code"`
		} `json:"status"`
	}
	reference struct {
		TraceID string `json:"traceId"`
		ID      string `json:"spanId"`
		Flags   uint32 `json:"flags"`
	}
	pair struct {
		Key   string                     `json:"key"`
		Value map[string]json.RawMessage `json:"value"`
	}
)

func parse(r *http.Request, body []byte) ([]Span, error) {
	switch {
	case r.Method != http.MethodPost:
		return nil, fmt.Errorf("the method is %s", r.Method)
	case r.Header.Get("Content-Type") != "application/json":
		return nil, fmt.Errorf("the type is %q", r.Header.Get("Content-Type"))
	case bytes.Contains(body, []byte("null")):
		return nil, errors.New("there is a null")
	}
	var in request
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&in); err != nil {
		return nil, err
	}
	var all []Span
	for _, of := range in.ResourceSpans {
		resource, err := attributes(of.Resource.Attributes)
		if err != nil {
			return nil, err
		}
		for _, scope := range of.ScopeSpans {
			for _, s := range scope.Spans {
				one, err := s.span()
				if err != nil {
					return nil, fmt.Errorf("span %q: %w", s.Name, err)
				}
				one.Resource = resource
				all = append(all, one)
			}
		}
	}
	if len(all) == 0 {
		return nil, errors.New("there is no span")
	}
	return all, nil
}

func (s *span) span() (Span, error) {
	one := Span{TraceID: s.TraceID, ID: s.ID, ParentID: s.ParentID, Name: s.Name, Kind: s.Kind, Status: s.Status.Code, Flags: s.Flags}
	var wrong [4]error
	one.Start, wrong[0] = nanoseconds(s.Start)
	one.End, wrong[1] = nanoseconds(s.End)
	one.Attributes, wrong[2] = attributes(s.Attributes)
	for _, l := range s.Links {
		one.Links = append(one.Links, l.ID)
		wrong[3] = cmp.Or(wrong[3], l.check())
	}
	wrong[3] = cmp.Or(wrong[3], s.check())
	switch err := errors.Join(wrong[:]...); {
	case err != nil:
		return one, err
	case s.ParentID != "" && !spanID.MatchString(s.ParentID):
		return one, errors.New("the parent is no id")
	case s.Name == "", s.Kind < 1, s.Kind > 5, s.Status.Code < 0, s.Status.Code > 2:
		return one, errors.New("the name, the kind or the status is none")
	case one.End.Before(one.Start):
		return one, errors.New("it ends before it has begun")
	}
	return one, nil
}

var (
	traceID = regexp.MustCompile(`^[0-9a-f]{32}$`)
	spanID  = regexp.MustCompile(`^[0-9a-f]{16}$`)
)

func (r reference) check() error {
	if !traceID.MatchString(r.TraceID) || !spanID.MatchString(r.ID) {
		return errors.New("an id is not hexadecimal, or not of its length")
	}
	return nil
}

func nanoseconds(text string) (time.Time, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err == nil && n <= 0 {
		err = errors.New("a time is none")
	}
	return time.Unix(0, n), err
}

func attributes(pairs []pair) (map[string]any, error) {
	all := map[string]any{}
	for _, p := range pairs {
		if _, ok := all[p.Key]; ok || p.Key == "" || len(p.Value) != 1 {
			return nil, fmt.Errorf("attribute %q", p.Key)
		}
		for kind, raw := range p.Value {
			var err error
			if all[p.Key], err = value(kind, raw); err != nil {
				return nil, fmt.Errorf("attribute %q: %w", p.Key, err)
			}
		}
	}
	return all, nil
}

func value(kind string, raw json.RawMessage) (any, error) {
	var text string
	switch kind {
	case "stringValue":
		err := json.Unmarshal(raw, &text)
		return text, err
	case "boolValue":
		var is bool
		err := json.Unmarshal(raw, &is)
		return is, err
	case "intValue": // a string
		if err := json.Unmarshal(raw, &text); err != nil {
			return nil, err
		}
		return strconv.ParseInt(text, 10, 64)
	}
	return nil, fmt.Errorf("nobody sends a %s", kind)
}
