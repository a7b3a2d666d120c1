package console

import (
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"leadrelay/internal/lead"
	"leadrelay/internal/locale"
	"leadrelay/internal/problem"
)

const (
	defaultLimit = 50
	maxLimit     = 500
)

var errQuery = errors.New("the query has a broken escape or a semicolon")

// parseFilter parses the query of a list. The error names everything that is wrong.
// An unknown parameter is an error, because ignoring it could list more than what was
// meant.
func parseFilter(r *http.Request) (lead.Filter, error) {
	f := lead.Filter{Limit: defaultLimit}
	err := parseQuery(r, slices.Sorted(maps.Keys(parameters)), func(name, value string) bool { return setParameter(&f, name, value) })
	if err != nil {
		return lead.Filter{}, err
	}
	return f, nil
}

// parseQuery sets the parameters of the query, each of which has one of the names. The
// error names everything that is wrong.
func parseQuery(r *http.Request, names []string, set func(name, value string) (ok bool)) error {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return problem.New(problem.BadQuery, errQuery) // err would quote it
	}
	e := problem.New(problem.BadQuery, nil)
	lang := locale.Match(r.Header.Get("Accept-Language"))
	for _, name := range slices.Sorted(maps.Keys(query)) {
		values := query[name]
		if !slices.Contains(names, name) {
			e.Fields = append(e.Fields, unknownField(lang, name, names))
		} else if len(values) > 1 || !set(name, values[0]) {
			e.Fields = append(e.Fields, wrongField(lang, lead.FieldError{Field: lead.Field(name), Code: codeInvalid}))
		}
	}
	if len(e.Fields) > 0 {
		return e
	}
	return nil
}

// withoutQuery refuses any query, because ignoring one could do more than what was
// meant: ?dry_run=true at the address of the replays would send leads.
func withoutQuery(h problem.HandlerFunc) problem.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		query, err := url.ParseQuery(r.URL.RawQuery)
		if err != nil {
			return problem.New(problem.BadQuery, errQuery)
		}
		if len(query) == 0 {
			return h(w, r)
		}
		e, why := problem.New(problem.BadQuery, nil), nameForABody
		if slices.Contains(readMethods, r.Method) {
			why = noNames
		}
		for _, name := range slices.Sorted(maps.Keys(query)) {
			e.Fields = append(e.Fields, refusedName(locale.Match(r.Header.Get("Accept-Language")), name, why))
		}
		return e
	}
}

// setParameter sets a parameter of the filter. It reports false if the parameter is
// unknown or its value is wrong. An empty value is ignored.
func setParameter(f *lead.Filter, name, value string) (ok bool) {
	parse, ok := parameters[name]
	return ok && (value == "" || parse(f, value))
}

var parameters = map[string]func(f *lead.Filter, value string) (ok bool){
	"site":        func(f *lead.Filter, s string) bool { f.Site = s; return true },
	"property_id": func(f *lead.Filter, s string) bool { f.PropertyID = s; return true },
	// What visitors wrote was cleaned in the same way. A text that is empty after that
	// is an error: it must not select all leads.
	"q":      func(f *lead.Filter, s string) bool { f.Text = lead.Line(s); return lead.IsSearchable(f.Text) },
	"notice": func(f *lead.Filter, s string) bool { f.Notice = lead.Line(s); return f.Notice != "" },
	"state": func(f *lead.Filter, s string) bool {
		f.State = lead.State(s)
		return slices.Contains(lead.States(), f.State)
	},
	"after":  func(f *lead.Filter, s string) bool { return parseTime(s, &f.After) },
	"before": func(f *lead.Filter, s string) bool { return parseTime(s, &f.Before) },
	"cursor": func(f *lead.Filter, s string) (ok bool) {
		var err error
		f.Below, err = lead.ParseRemoteID(s)
		return err == nil
	},
	"limit": func(f *lead.Filter, s string) (ok bool) {
		var err error
		f.Limit, err = strconv.Atoi(s)
		return err == nil && f.Limit >= 1 && f.Limit <= maxLimit
	},
}

// parseTime refuses the zero time, which would be no bound at all.
func parseTime(s string, to *time.Time) bool {
	t, err := time.Parse(time.RFC3339, s)
	*to = t
	return err == nil && !t.IsZero()
}
