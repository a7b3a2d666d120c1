package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"unicode/utf8"
)

// column is one of a table.
type column struct {
	name string
	cut  bool // may be cut where the terminal is too narrow

	// spare reports whether the column can be left out there, since its cells
	// say nothing; nil: never.
	spare func(cells []string) bool
}

func allEmpty(cells []string) bool {
	return !slices.ContainsFunc(cells, func(s string) bool { return s != "" })
}

func allSame(cells []string) bool {
	return !slices.ContainsFunc(cells, func(s string) bool { return s != cells[0] })
}

// table prints rows page by page. On a terminal it fits them in; whatever else
// reads them gets all of it.
type table struct {
	out     io.Writer
	width   int // of the terminal; zero: no bound
	columns []column
	head    string // what the last page had above its rows
}

func (t *table) page(rows [][]string) error {
	columns := slices.Clone(t.columns)
	if t.width > 0 {
		columns, rows = fit(columns, rows, t.width)
	}
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.name
	}
	lines := tabwriter.NewWriter(t.out, 0, 0, gap, ' ', 0)
	if head := strings.Join(names, "\t"); head != t.head {
		t.head = head
		_, _ = fmt.Fprintln(lines, head)
	}
	for _, row := range rows {
		_, _ = fmt.Fprintln(lines, strings.Join(row, "\t"))
	}
	return lines.Flush()
}

// gap is how many blanks are between columns, and narrowest what is left of one
// that is cut.
const gap, narrowest = 2, 8

// fit leaves out what says nothing and cuts what is longest until the rows are as
// wide as the terminal, or no shorter way is left.
func fit(columns []column, rows [][]string, width int) ([]column, [][]string) {
	rows = slices.Clone(rows)
	for i := len(columns) - 1; i >= 0 && total(widths(columns, rows)) > width; i-- {
		cells := make([]string, len(rows))
		for j, row := range rows {
			cells[j] = row[i]
		}
		if len(rows) == 0 || columns[i].spare == nil || !columns[i].spare(cells) {
			continue
		}
		columns = slices.Delete(columns, i, i+1)
		for j, row := range rows {
			rows[j] = slices.Delete(slices.Clone(row), i, i+1)
		}
	}
	wide := widths(columns, rows)
	for total(wide) > width {
		longest := -1
		for i, c := range columns {
			if c.cut && wide[i] > narrowest && (longest < 0 || wide[i] > wide[longest]) {
				longest = i
			}
		}
		if longest < 0 {
			break
		}
		wide[longest]--
	}
	for j, row := range rows {
		rows[j] = slices.Clone(row)
		for i := range row {
			rows[j][i] = shorten(row[i], wide[i])
		}
	}
	return columns, rows
}

func widths(columns []column, rows [][]string) []int {
	all := make([]int, len(columns))
	for i, c := range columns {
		all[i] = utf8.RuneCountInString(c.name)
		for _, row := range rows {
			all[i] = max(all[i], utf8.RuneCountInString(row[i]))
		}
	}
	return all
}

func total(widths []int) int {
	sum := gap * (len(widths) - 1)
	for _, w := range widths {
		sum += w
	}
	return sum
}

func shorten(s string, width int) string {
	if utf8.RuneCountInString(s) <= width {
		return s
	}
	return string([]rune(s)[:width-1]) + "…"
}
