package fault

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Preset is a fault with a name. It has texts in Spanish and English for a button and for
// what it does.
type Preset struct{ Name, ES, EN, DoesES, DoesEN string }

// Presets returns the most useful faults, the healthy state first.
func Presets() []Preset {
	return []Preset{
		{Name: "healthy", ES: "Funciona", EN: "Healthy"},
		{"slow", "Lento, 5 s", "Slow, 5 s", "Tarda cinco segundos en responder.", "It takes five seconds to answer."},
		{"down", "Caído, 503", "Down, 503", "Responde a todo que está fuera de servicio.", "It says that it is out of service, whatever it is asked."},
		{"hang", "Guarda y no responde", "Keeps, then hangs", "Guarda el mensaje y no responde: leadrelay no puede saber si llegó.", "It keeps the message and does not answer: leadrelay cannot know whether it arrived."},
		{"401", "Clave rechazada, 401", "Key refused, 401", "Rechaza la clave de leadrelay.", "It refuses leadrelay's key."},
		{"429", "Demasiadas llamadas, 429", "Too many calls, 429", "Dice que son demasiadas llamadas.", "It says that there are too many calls."},
		{NoNextPage, "Lista sin página siguiente", "List without a next page", "Su lista acaba en la primera página, aunque haya más.", "Its list ends with the first page, though there is more."},
		{LowTotal, "Lista con total de menos", "List with too low a total", "Su lista dice que hay menos de lo que hay.", "Its list says that there is less than there is."},
	}
}

func presetNames() []string {
	var names []string
	for _, p := range Presets() {
		names = append(names, p.Name)
	}
	return names
}

// WithPreset returns f with the preset instead of any other one. "healthy" removes all
// faults.
func (f Faults) WithPreset(name string) (Faults, error) {
	const slow = 5 * time.Second
	f.Trouble, f.Pagination = nil, ""
	switch name {
	case "healthy":
		return Faults{}, nil
	case NoNextPage, LowTotal:
		f.Pagination = name
		return f, nil
	}
	trouble, ok := map[string]Trouble{
		"slow": {Delay: Duration(slow)},
		"down": {Do: "status", Status: http.StatusServiceUnavailable},
		"hang": {On: http.MethodPost, Do: "hang", After: true},
		"401":  {Do: "status", Status: http.StatusUnauthorized},
		"429":  {Do: "status", Status: http.StatusTooManyRequests},
	}[name]
	if !ok {
		return Faults{}, fmt.Errorf("faults: there is no preset %q; there are %s", name, strings.Join(presetNames(), ", "))
	}
	f.Trouble = []Trouble{trouble}
	return f, nil
}

// Words returns the current faults as the control route names them.
func (f Faults) Words() []string {
	var lines []string
	rest := f
	rest.Trouble = nil
	for _, t := range f.Trouble {
		lines = append(lines, compact(t))
	}
	if line := compact(rest); line != "" {
		lines = append(lines, strings.Split(line, ", ")...)
	}
	return lines
}

// compact returns a struct's JSON without braces and quotes.
func compact(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return strings.NewReplacer("{", "", "}", "", `"`, "", ":", " ", ",", ", ").Replace(string(data))
}

// RetryAfterHeader returns the header for 429 and 503.
func (f Faults) RetryAfterHeader(now time.Time) string {
	const wait = 2 * time.Second
	switch f.RetryAfter {
	case "seconds":
		return strconv.Itoa(int(wait / time.Second))
	case "date":
		return now.Add(wait).UTC().Format(http.TimeFormat)
	case "absurd":
		return "31536000"
	}
	return ""
}
