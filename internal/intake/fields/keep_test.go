package fields_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"leadrelay/internal/intake/body"
	"leadrelay/internal/intake/fields"
	"leadrelay/internal/lead"
)

// read reads a body like the handler.
func read(t require.TestingT, own map[string]string, contentType, text string) *fields.Draft {
	r := httptest.NewRequest("POST", "/f", strings.NewReader(text))
	posted, leftOut, err := body.Read(httptest.NewRecorder(), r, body.ParseMedia(contentType))
	require.NoError(t, err)
	require.Zero(t, leftOut)
	return fields.NewVocabulary(own).Assign(posted)
}

// Nothing that a visitor typed is dropped without a trace. Each value is in the lead's
// fields, its context or its extra fields, whatever its name, kind and place. The lead
// counts what it has no room for.
func TestNothingTypedIsDropped(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := generator{T: t}
		if rapid.Bool().Draw(t, "as a form") {
			g.requireAllKept(read(t, nil, "application/x-www-form-urlencoded", g.form()))
			return
		}
		text, err := json.Marshal(g.object(1))
		require.NoError(t, err)
		g.requireAllKept(read(t, nil, "application/json", string(text)))
	})
}

// generator makes bodies in which all values differ, and remembers the values.
type generator struct {
	*rapid.T
	values []string
	isLong bool // at least one of them
	isDeep bool // they lie in objects below objects
}

var (
	knownNames = []string{
		"property_id", "propiedad", "clave", "listing_id", "ref", "name", "nombre", "full_name", "first_name", "apellidos", "apellido_materno", "contact_name",
		"email", "correo", "user_email", "confirm_email", "reply_to", "phone", "telefono", "celular", "whatsapp", "lada", "country_code", "tel-619", "message",
		"mensaje", "consulta", "description", "text", "your-message", "utm_source", "page_url", "consent",
	}
	otherNames = []string{"presupuesto", "zona", "username", "ambiguous", "sanitized", "x", "Ñandú", "first", "a.b", "f0", "state", "id", "key", "type", "title"}
	placeNames = []string{"contact", "data", "lead", "agent", "account", "assignedTo", "payload", "fields", "property", "user", "form", "0", "email", "name", "phone", "emails"}
)

func (g *generator) name() string {
	return rapid.SampledFrom(append(knownNames, otherNames...)).Draw(g.T, "name")
}

func (g *generator) value() string {
	n := len(g.values)
	shapes := []string{"v%dz", "v%dz@x.mx", "55%06d77", "EB-V%dZ", "v%dz "}
	v := fmt.Sprintf(rapid.SampledFrom(shapes).Draw(g.T, "shape"), n)
	// Such as a second message, or what a plug-in says about itself.
	if rapid.IntRange(0, 9).Draw(g.T, "is long") == 0 {
		g.isLong = true
		v += strings.Repeat(rapid.SampledFrom([]string{"Busco casa. ", "¿Sí? ", "<br>", "\"a\": 1, "}).Draw(g.T, "more"), rapid.IntRange(1, 500).Draw(g.T, "times")) + "."
	}
	g.values = append(g.values, strings.TrimSpace(v))
	return v
}

func (g *generator) form() string {
	var b strings.Builder
	for range rapid.IntRange(0, 30).Draw(g.T, "fields") {
		name := g.name()
		for range rapid.IntRange(0, 2).Draw(g.T, "depth") {
			name = rapid.SampledFrom(placeNames).Draw(g.T, "place") + "[" + name + "]"
			name = strings.Replace(name, "[[", "[", 1)
		}
		b.WriteString(url.QueryEscape(name) + "=" + url.QueryEscape(g.value()) + "&")
	}
	return b.String() + "utm_medium=x"
}

func (g *generator) object(depth int) map[string]any {
	all := map[string]any{}
	for range rapid.IntRange(1, 8).Draw(g.T, "members") {
		switch kind := rapid.IntRange(0, 9).Draw(g.T, "kind"); {
		case kind < 6 || depth > 6 || len(g.values) > 60:
			if name := g.name(); all[name] == nil {
				all[name] = g.value()
			}
		case kind < 8 && depth < 7:
			if name := rapid.SampledFrom(placeNames).Draw(g.T, "place"); all[name] == nil {
				g.isDeep = g.isDeep || depth > 3
				all[name] = g.object(depth + 1)
			}
		case kind < 9:
			if name := g.name(); all[name] == nil {
				all[name] = g.list()
			}
		default:
			if all["questions"] == nil && depth < 5 {
				all["questions"] = []any{g.record(), g.record()}
			}
		}
	}
	return all
}

func (g *generator) list() (all []any) {
	for range rapid.IntRange(0, 3).Draw(g.T, "elements") {
		all = append(all, g.value())
	}
	return all
}

// record makes a split field. The name in it is its name and not a value.
func (g *generator) record() map[string]any {
	calledIn := rapid.SampledFrom([]string{"name", "label", "title", "key"}).Draw(g.T, "called in")
	valueIn := rapid.SampledFrom([]string{"value", "values", "answer"}).Draw(g.T, "value in")
	var value any = g.value()
	if valueIn == "values" {
		value = []any{value}
	}
	return map[string]any{calledIn: g.name(), valueIn: value}
}

func (g *generator) requireAllKept(d *fields.Draft) {
	l, err := lead.New(d.Inquiry("casas"), "casas.mx", lead.Rules{}, time.Time{})
	if err != nil { // the visitor is told what is wrong, and has everything that was typed
		l.Inquiry = d.Inquiry("casas")
	}
	var kept strings.Builder
	for _, f := range lead.Fields() {
		kept.WriteString(l.Get(f) + "\n")
	}
	for _, v := range l.Context {
		kept.WriteString(v + "\n" + textsOf(v))
	}
	for _, p := range l.Extra {
		kept.WriteString(p.Name + "\n" + p.Value + "\n" + textsOf(p.Value))
	}
	gone := 0
	for _, v := range g.values {
		if !strings.Contains(kept.String(), v) {
			gone++
		}
	}
	if g.isDeep { // one field that lies too deep may hold several values
		gone = min(gone, 1)
	}
	require.LessOrEqual(g, gone, l.LeftOut)
	if !g.isLong {
		require.Zero(g, gone)
	}
}

// FuzzAssign posts any form: it is read in bounded time, and all values are kept.
func FuzzAssign(f *testing.F) {
	f.Add("nombre=Ana&correo=a@x.mx&mensaje=Hola", "")
	f.Add("a[b][c]=1&a[b][value]=2&a.b=3&[x]=4&x[]=5&value=6&a[0][name]=email&a[0][value]=z", `{"q1":{"first":"A"},"x":[{"b":"c"}]}`)
	f.Add("contacts[0][name]=A&contacts[1][name]=B&contacts[0][email]=a@x.mx&ctl00$b$c=1", `{"a":1}`)
	f.Fuzz(func(t *testing.T, form, inner string) {
		text := form + "&rawRequest=" + url.QueryEscape(inner)
		r := httptest.NewRequest("POST", "/f", bytes.NewReader([]byte(text)))
		posted, _, err := body.Read(httptest.NewRecorder(), r, body.ParseMedia("application/x-www-form-urlencoded"))
		if err != nil {
			return
		}
		begun := time.Now()
		d := fields.NewVocabulary(nil).Assign(posted)
		require.Less(t, time.Since(begun), time.Second)
		q := d.Inquiry("casas")
		require.LessOrEqual(t, len(q.Extra), lead.MaxExtra)
		for _, f := range lead.Fields() {
			if e := d.Of(f); e.Value != "" {
				require.NotEmpty(t, e.Again)
			}
		}
	})
}

// form returns a form of one field.
func form(name, value string) string { return url.QueryEscape(name) + "=" + url.QueryEscape(value) }

// textsOf returns the texts in a value that lay too deep and is kept as JSON, where <
// may be \u003c.
func textsOf(value string) string {
	var list any
	if json.Unmarshal([]byte(value), &list) != nil {
		return ""
	}
	var all strings.Builder
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case string:
			all.WriteString(v + "\n")
		case []any:
			for _, one := range v {
				walk(one)
			}
		case map[string]any:
			for _, one := range v {
				walk(one)
			}
		}
	}
	walk(list)
	return all.String()
}
