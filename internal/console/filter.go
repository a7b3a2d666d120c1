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
	usualLimit = 50
	mostLimit  = 500
)

var errQuery = errors.New("the query has a broken escape or a semicolon")

// readFilter reads the query of a list. The error names all that is wrong with
// it: a parameter that were passed over would make a list longer than meant.
func readFilter(r *http.Request) (lead.Filter, error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return lead.Filter{}, problem.New(problem.BadQuery, errQuery) // err would quote it
	}
	f := lead.Filter{Limit: usualLimit}
	e := problem.New(problem.BadQuery, nil)
	lang := locale.Match(r.Header.Get("Accept-Language"))
	for _, name := range slices.Sorted(maps.Keys(query)) {
		values, code := query[name], wrongMember
		if _, ok := parameters[name]; !ok {
			code = unknownMember
		}
		if len(values) > 1 || !set(&f, name, values[0]) {
			e.Fields = append(e.Fields, wrongField(lang, lead.FieldError{Field: lead.Field(lead.Line(name)), Code: code}))
		}
	}
	if len(e.Fields) > 0 {
		return lead.Filter{}, e
	}
	return f, nil
}

// set reports whether there is such a parameter and its value fits. An empty
// value asks for nothing.
func set(f *lead.Filter, name, value string) (ok bool) {
	read, ok := parameters[name]
	return ok && (value == "" || read(f, value))
}

var parameters = map[string]func(f *lead.Filter, value string) (ok bool){
	"site":        func(f *lead.Filter, s string) bool { f.Site = s; return true },
	"property_id": func(f *lead.Filter, s string) bool { f.PropertyID = s; return true },
	// What visitors wrote was cleaned in the same way when it was kept. Of what is
	// then empty nobody knows what it asks for, and it must not be for all.
	"q": func(f *lead.Filter, s string) bool { f.Text = lead.Line(s); return lead.IsSearchable(f.Text) },
	"state": func(f *lead.Filter, s string) bool {
		f.State = lead.State(s)
		return slices.Contains(lead.States(), f.State)
	},
	"after":  func(f *lead.Filter, s string) bool { return readTime(s, &f.After) },
	"before": func(f *lead.Filter, s string) bool { return readTime(s, &f.Before) },
	"cursor": func(f *lead.Filter, s string) (ok bool) {
		var err error
		f.Below, err = lead.ParseRemoteID(s)
		return err == nil
	},
	"limit": func(f *lead.Filter, s string) (ok bool) {
		var err error
		f.Limit, err = strconv.Atoi(s)
		return err == nil && f.Limit >= 1 && f.Limit <= mostLimit
	},
}

// readTime takes no zero time, which would be no bound at all.
func readTime(s string, to *time.Time) bool {
	t, err := time.Parse(time.RFC3339, s)
	*to = t
	return err == nil && !t.IsZero()
}
