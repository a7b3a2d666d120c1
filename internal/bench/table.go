package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"text/tabwriter"
	"time"
)

// figure is one line of the table.
type figure struct {
	Name   string   `json:"name"`
	Value  float64  `json:"value"`
	Unit   string   `json:"unit"` // empty: a ratio
	Least  *float64 `json:"least,omitempty"`
	Most   *float64 `json:"most,omitempty"`
	Missed bool     `json:"missed"`
}

// table is all that was measured.
type table struct {
	Machine machine  `json:"machine"`
	Figures []figure `json:"figures"`
}

// machine is what the figures depend on.
type machine struct {
	Cores     int     `json:"cores"`
	System    string  `json:"system"`
	Go        string  `json:"go"`
	Fdatasync float64 `json:"fdatasync_ms"` // median of writing 4 KiB to the disk
}

func (t *table) add(name string, value float64, unit string) {
	t.Figures = append(t.Figures, figure{Name: name, Value: value, Unit: unit})
}

// atLeast adds a ratio with a target.
func (t *table) atLeast(least float64, name string, value float64) {
	t.Figures = append(t.Figures, figure{Name: name, Value: value, Least: &least, Missed: value < least})
}

// atMost adds a figure with a target.
func (t *table) atMost(most float64, name string, value float64, unit string) {
	t.Figures = append(t.Figures, figure{Name: name, Value: value, Unit: unit, Most: &most, Missed: value > most})
}

func (t *table) missed() (n int) {
	for _, f := range t.Figures {
		if f.Missed {
			n++
		}
	}
	return n
}

func (t *table) print(out io.Writer, asJSON bool) error {
	if asJSON {
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		return e.Encode(t)
	}
	m := t.Machine
	_, _ = fmt.Fprintf(out, "%d cores, %s, %s, fdatasync of 4 KiB %s ms\n\n", m.Cores, m.System, m.Go, number(m.Fdatasync))
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, f := range t.Figures {
		unit := f.Unit
		if unit == "" {
			unit = "×"
		}
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", f.Name, number(f.Value), unit, f.verdict())
	}
	return w.Flush()
}

func (f figure) verdict() string {
	var text string
	switch {
	case f.Least != nil:
		text = fmt.Sprintf("≥ %g", *f.Least)
	case f.Most != nil:
		text = fmt.Sprintf("≤ %g", *f.Most)
	default:
		return ""
	}
	if f.Missed {
		return text + "  MISSED"
	}
	return text + "  ok"
}

// number rounds to three digits: there is no more truth in a measurement.
func number(v float64) string {
	if v == 0 || math.Abs(v) >= 100 {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return strconv.FormatFloat(v, 'f', max(0, 2-int(math.Floor(math.Log10(math.Abs(v))))), 64)
}

// describe tells the machine, and how long its disk takes.
func describe(dir string) (machine, error) {
	disk, err := timeDisk(filepath.Join(dir, "disk"))
	return machine{
		Cores: runtime.GOMAXPROCS(0), System: runtime.GOOS + "/" + runtime.GOARCH, Go: runtime.Version(), Fdatasync: disk,
	}, err
}

// timeDisk is the median time in which 4 KiB of a file reach the disk.
func timeDisk(path string) (float64, error) {
	const page, times = 4096, 200
	if err := os.WriteFile(path, make([]byte, page*times), 0o600); err != nil {
		return 0, err
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return 0, err
	}
	defer func() { _ = f.Close() }()
	var took []float64
	for i := range times {
		begun := time.Now()
		if _, err := f.WriteAt([]byte{1}, int64(i*page)); err != nil {
			return 0, err
		}
		if err := datasync(f); err != nil {
			return 0, err
		}
		took = append(took, milliseconds(time.Since(begun)))
	}
	return median(took), os.Remove(path)
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func median(values []float64) float64 { return quantile(values, 0.5) }

// quantile sorts a copy of the values.
func quantile(values []float64, q float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}
