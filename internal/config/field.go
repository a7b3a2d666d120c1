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

// dots is what [secret.Text] shows.
const dots = "•••"

// value is what a variable or the file says of one setting, not yet judged.
type value struct {
	place  Place
	kind   kind
	items  []item
	isFile bool // the text is the name of the file that holds the secret
}

type kind int

const (
	scalar  kind = iota // one item
	list                // any number of items
	mapping             // any number of items with names
)

// item is one text.
type item struct {
	place      Place
	name, text string
}

func textAt(at Place, text string) value {
	return value{place: at, kind: scalar, items: []item{{place: at, text: strings.TrimSpace(text)}}}
}

// split takes a scalar as the list that a variable holds: a,b,c.
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

// target is where values go: the process's settings, or one site's.
type target struct {
	conf *Config
	site *Site
}

// field reads a setting into its place, and shows it as the file would say it.
type field struct {
	read   func(*loader, target, value)
	show   func(target) value
	secret bool
}

// one is a setting of one text.
func one[T any](parse func(string) (T, error), at func(target) *T) field {
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
		show: func(t target) value { return textAt(Place{}, text(*at(t))) },
	}
}

// many is a setting of several texts, at least as many as least.
func many[T any](least int, parse func(string) (T, error), at func(target) *[]T) field {
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
	return whole(least, all, func(list []T) []string {
		texts := make([]string, len(list))
		for i, x := range list {
			texts[i] = text(x)
		}
		return texts
	}, at)
}

// whole is a setting of several texts that make one value. It parses each
// alone first, to know the place of every wrong one.
func whole[T any](least int, parse func([]string) (T, error), texts func(T) []string, at func(target) *T) field {
	return field{
		read: func(l *loader, t target, v value) {
			if v.kind == mapping {
				l.add(v.place, "wants a list")
				return
			}
			items := v.split()
			if len(items) < least {
				l.add(v.place, "is empty; leave it out for the default")
				return
			}
			all := make([]string, len(items))
			for i, x := range items {
				all[i] = x.text
				if _, err := parse(all[i : i+1]); err != nil {
					l.add(x.place, "%s%v", nth(v, i), err)
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

// nth names an entry whose place is not its own.
func nth(v value, i int) string {
	if v.kind == list {
		return ""
	}
	return fmt.Sprintf("entry %d ", i+1)
}

// hidden is a secret, written down or in a file of its own.
func hidden(at func(target) *secret.Text) field { return hiddenAs(key, at) }

// hiddenAs is hidden for a secret that is more than a key.
func hiddenAs(read func(string) (secret.Text, error), at func(target) *secret.Text) field {
	f := one(read, at)
	plain := f.read
	f.secret = true
	f.read = func(l *loader, t target, v value) {
		if v.isFile && v.kind == scalar {
			data, ok := l.secretFile(v.items[0])
			if !ok {
				return
			}
			v = textAt(v.place, data)
		}
		plain(l, t, v)
	}
	return f
}

// template is a text whose braces YAML takes for a mapping unless it is quoted.
func template(at func(target) *lead.Template) field {
	f := one(lead.ParseTemplate, at)
	plain := f.read
	f.read = func(l *loader, t target, v value) {
		if v.kind == mapping {
			l.add(v.place, "wants a text; put it in quotation marks, or on lines of its own below a |")
			return
		}
		plain(l, t, v)
	}
	return f
}

// fieldNames is the map from a form's names to ours.
func fieldNames() field {
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

// text writes a value as its parser reads it; a secret shows as dots.
func text(v any) string {
	if d, ok := v.(time.Duration); ok {
		return durationText(d)
	}
	return fmt.Sprint(v)
}
