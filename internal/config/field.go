package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"leadrelay/internal/lead"
	"leadrelay/internal/secret"
)

// value is what a variable or the file has for one setting, before it is parsed.
type value struct {
	place  Place
	kind   kind
	items  []item
	isFile bool // the text is the name of a file with the secret

	leaveOut bool // an empty list is not printed
}

type kind int

const (
	scalar  kind = iota // one item
	list                // any number of items
	mapping             // any number of items with names
)

// item is one text of a value.
type item struct {
	place      Place
	name, text string
	inner      *value // instead of the text, if the setting has values inside values
}

func scalarAt(at Place, text string) value {
	return value{place: at, kind: scalar, items: []item{{place: at, text: strings.TrimSpace(text)}}}
}

// split returns the items of a list. A scalar is a list as in a variable: a,b,c.
func (v value) split() []item {
	if v.kind != scalar {
		return v.items
	}
	var items []item
	for part := range strings.SplitSeq(v.items[0].text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			items = append(items, item{place: v.items[0].place, text: part})
		}
	}
	return items
}

// target is what values are stored in: the settings of the process, or of one site.
type target struct {
	conf *Config
	site *Site
}

// field parses a setting into a target, and returns the setting's value as in a file.
type field struct {
	read   func(*loader, target, value)
	show   func(target) value
	secret bool
	deep   bool // there may be values inside its values
}

// scalarField is a setting with one value.
func scalarField[T any](parse func(string) (T, error), at func(target) *T) field {
	return field{
		read: func(l *loader, t target, v value) {
			if v.kind != scalar {
				l.add(v.place, "wants one value, not several")
				return
			}
			x, err := parse(v.items[0].text)
			if err != nil {
				l.add(v.items[0].place, "%v", err)
				return
			}
			*at(t) = x
		},
		show: func(t target) value { return scalarAt(Place{}, format(*at(t))) },
	}
}

// listField is a setting with a list of at least minItems values.
func listField[T any](minItems int, parse func(string) (T, error), at func(target) *[]T) field {
	all := func(texts []string) ([]T, error) {
		var list []T
		for _, s := range texts {
			x, err := parse(s)
			if err != nil {
				return nil, err
			}
			list = append(list, x)
		}
		return list, nil
	}
	return combinedField(minItems, all, func(list []T) []string {
		texts := make([]string, len(list))
		for i, x := range list {
			texts[i] = format(x)
		}
		return texts
	}, at)
}

// combinedField is a setting whose texts are parsed into one value. Each text is also
// parsed alone, so that every wrong one is reported at its place.
func combinedField[T any](minItems int, parse func([]string) (T, error), texts func(T) []string, at func(target) *T) field {
	return field{
		read: func(l *loader, t target, v value) {
			if v.kind == mapping {
				l.add(v.place, "wants a list")
				return
			}
			items := v.split()
			if len(items) < minItems {
				l.add(v.place, "is empty; leave it out for the default")
				return
			}
			all := make([]string, len(items))
			for i, x := range items {
				all[i] = x.text
				if _, err := parse(all[i : i+1]); err != nil {
					l.add(x.place, "%s%v", entryPrefix(v, i), err)
				}
			}
			if x, err := parse(all); err == nil {
				*at(t) = x
			}
		},
		show: func(t target) value {
			v := value{kind: list}
			for _, s := range texts(*at(t)) {
				v.items = append(v.items, item{text: s})
			}
			return v
		},
	}
}

// entryPrefix names an entry that has no place of its own.
func entryPrefix(v value, i int) string {
	if v.kind == list {
		return ""
	}
	return fmt.Sprintf("entry %d ", i+1)
}

// secretField is a secret, given as a value or in a file of its own.
func secretField(at func(target) *secret.Text) field { return secretFieldOf(parseKey, at) }

// secretFieldOf is secretField with another parser.
func secretFieldOf[T any](parse func(string) (T, error), at func(target) *T) field {
	f := scalarField(parse, at)
	read := f.read
	f.secret = true
	f.read = func(l *loader, t target, v value) {
		if v.isFile && v.kind == scalar {
			data, ok := l.readSecretFile(v.items[0])
			if !ok {
				return
			}
			v = scalarAt(v.place, data)
		}
		read(l, t, v)
	}
	return f
}

// templateField is a text with braces. Without quotes, YAML takes it for a mapping.
func templateField(at func(target) *lead.Template) field {
	f := scalarField(lead.ParseTemplate, at)
	read := f.read
	f.read = func(l *loader, t target, v value) {
		if v.kind == mapping {
			l.add(v.place, "wants a text; put it in quotation marks, or on lines of its own below a |")
			return
		}
		read(l, t, v)
	}
	return f
}

// fieldMap is the setting that maps a form's names to ours.
func fieldMap() field {
	return field{
		read: func(l *loader, t target, v value) {
			if v.kind != mapping {
				l.add(v.place, "wants a mapping, such as {your-name: name}")
				return
			}
			if len(v.items) > 0 {
				t.site.Fields = map[string]string{}
			}
			for _, x := range v.items {
				if !slices.Contains(formFields(), x.text) || x.name == "" {
					l.add(x.place, "wants the form's name and one of %v", formFields())
					continue
				}
				t.site.Fields[x.name] = x.text
			}
		},
		show: func(t target) value {
			v := value{kind: mapping}
			for _, name := range slices.Sorted(maps.Keys(t.site.Fields)) {
				v.items = append(v.items, item{name: name, text: t.site.Fields[name]})
			}
			return v
		},
	}
}

// format returns a value in the form that its parser accepts. A secret becomes dots.
func format(v any) string {
	if d, ok := v.(time.Duration); ok {
		return durationText(d)
	}
	return fmt.Sprint(v)
}

// durationText returns d without zero units: 168h instead of 168h0m0s.
func durationText(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
