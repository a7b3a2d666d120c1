package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Place is where a setting is written: a variable, or a line of the file.
type Place struct {
	Name         string // the variable, or the file
	Line, Column int    // zero for a variable
}

// String returns the place as compilers write it, so that editors can jump to it.
func (p Place) String() string {
	if p.Line == 0 {
		return p.Name
	}
	return fmt.Sprintf("%s:%d:%d", p.Name, p.Line, p.Column)
}

// Problem is one problem in the settings. Its text is one line, so that it can be logged,
// and contains no value of a setting but the path of a file that cannot be read.
type Problem struct {
	Place Place
	Text  string

	// Missing means that something is absent that serve alone requires: a setting, or the
	// database's folder.
	Missing bool
}

func (p *Problem) Error() string { return p.Place.String() + ": " + p.Text }

// Errors are all problems: those of the environment first, then those of the file from
// top to bottom.
type Errors struct{ Problems []*Problem }

// Error returns one line per problem.
func (e *Errors) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap lets [errors.As] find each [*Problem].
func (e *Errors) Unwrap() []error {
	all := make([]error, len(e.Problems))
	for i, p := range e.Problems {
		all[i] = p
	}
	return all
}

// OnlyMissing reports whether the only problems are absent things that serve requires. Commands that need only the database can use the [Config] nevertheless.
func (e *Errors) OnlyMissing() bool {
	return !slices.ContainsFunc(e.Problems, func(p *Problem) bool { return !p.Missing })
}

// problems collects problems. The same one may be added again, because a value that
// several sites share is read once for each.
type problems struct {
	list []*Problem
	seen map[Problem]bool
}

func (p *problems) add(at Place, format string, args ...any) {
	p.addOnce(Problem{Place: at, Text: fmt.Sprintf(format, args...)})
}

func (p *problems) addOnce(x Problem) {
	if p.seen[x] {
		return
	}
	if p.seen == nil {
		p.seen = map[Problem]bool{}
	}
	p.seen[x] = true
	p.list = append(p.list, &x)
}

func (p *problems) err() error {
	if len(p.list) == 0 {
		return nil
	}
	slices.SortStableFunc(p.list, func(a, b *Problem) int {
		return cmp.Or(cmp.Compare(a.Place.Line, b.Place.Line), cmp.Compare(a.Place.Column, b.Place.Column))
	})
	return &Errors{Problems: p.list}
}
