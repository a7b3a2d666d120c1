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
	cut  bool // may be cut if the terminal is too narrow

	// isOptional reports whether the column can be left out there, because its cells are
	// not informative. It is nil if the column is never left out.
	isOptional func(cells []string) bool
}

// table prints rows page by page. On a terminal it makes them fit. Elsewhere it prints
// all of them.
type table struct {
	out     io.Writer
	width   int // of the terminal; zero means unlimited
	columns []column
	head    string // of the last page
}

func (t *table) page(rows [][]string) error {
	columns := slices.Clone(t.columns)
	if t.width > 0 {
		columns, rows = fitColumns(columns, rows, t.width)
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

// gap is how many spaces are between columns, and minCutWidth the minimum width of a
// column that is cut.
const gap, minCutWidth = 2, 8

// fitColumns leaves out optional columns and cuts the longest ones, until the rows are
// no wider than the terminal or cannot be made narrower.
func fitColumns(columns []column, rows [][]string, width int) ([]column, [][]string) {
	rows = slices.Clone(rows)
	for i := len(columns) - 1; i >= 0 && totalWidth(widths(columns, rows)) > width; i-- {
		cells := make([]string, len(rows))
		for j, row := range rows {
			cells[j] = row[i]
		}
		if len(rows) == 0 || columns[i].isOptional == nil || !columns[i].isOptional(cells) {
			continue
		}
		columns = slices.Delete(columns, i, i+1)
		for j, row := range rows {
			rows[j] = slices.Delete(slices.Clone(row), i, i+1)
		}
	}
	wide := widths(columns, rows)
	for totalWidth(wide) > width {
		longest := -1
		for i, c := range columns {
			if c.cut && wide[i] > minCutWidth && (longest < 0 || wide[i] > wide[longest]) {
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

func totalWidth(widths []int) int {
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
