package fakebroker_test

import (
	"bufio"
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/fakebroker"
	"leadrelay/internal/fakebroker/fault"
)

func TestFaultsAreReadStrictly(t *testing.T) {
	tests := map[string]struct {
		text string
		want string // part of the error; empty: none
	}{
		"nothing":               {`{}`, ""},
		"much":                  {`{"list_lag":"5m","answer":"broken","trouble":[{"on":"POST","next":2,"do":"hang","after":true}]}`, ""},
		"hours":                 {`{"list_lag":"2h","clock_skew":"-1h30m"}`, ""},
		"for ever":              {`{"list_lag":"forever"}`, ""},
		"a list that lies":      {`{"pagination":"no_next_page","dates":"strict","unknown_parameters":"refuse"}`, ""},
		"an unknown lie":        {`{"pagination":"none"}`, `pagination is "none", not one of usual, no_next_page, low_total`},
		"dates of no kind":      {`{"dates":"any"}`, `dates is "any", not one of usual, strict`},
		"parameters of no kind": {`{"unknown_parameters":"422"}`, `unknown_parameters is "422", not one of ignore, refuse`},
		"an unknown name": {`{"lag":"5m"}`, `faults: unknown field "lag"; the fields are answer, clock_skew, countries, dates, list_lag, list_lag_calls, max_length, ` +
			`max_remote_id, merge, move_pages, order, pagination, properties, rate_per_second, remote_id_as, repeat, require, retry_after, seed, status, ` +
			`swallow_every, swallow_properties, trouble, unknown_parameters, window, zone`},
		"an unknown inner name": {`{"trouble":[{"when":"now"}]}`, `faults: trouble: unknown field "when"; ` +
			`the fields are after, body, chance, delay, do, every, location, next, on, status`},
		"an unknown field of a person's":  {`{"require":["emial"]}`, `require is "emial", not one of property_id, name, email, phone, message, source`},
		"an unknown field with a length":  {`{"max_length":{"nmae":3}}`, `max_length is "nmae", not one of property_id`},
		"a number as a text":              {`{"swallow_every":"2"}`, `faults: swallow_every cannot be a JSON string`},
		"a number of a trouble as a text": {`{"trouble":[{"next":"2"}]}`, `faults: trouble: next cannot be a JSON string`},
		"a list":                          {`[]`, `faults: this cannot be a JSON array`},
		"the name of a preset":            {`slow`, `faults: not a JSON object such as {"list_lag":"30s"}`},
		"an unknown word":                 {`{"repeat":"maybe"}`, `repeat is "maybe", not one of double, ignore`},
		"an unknown deed":                 {`{"trouble":[{"do":"dance"}]}`, `do is "dance"`},
		"a duration of a number":          {`{"list_lag":5}`, "list_lag"},
		"no duration":                     {`{"list_lag":"soon"}`, `"soon" is no duration`},
		"below zero":                      {`{"swallow_every":-1}`, "below zero"},
		"too likely":                      {`{"trouble":[{"chance":2}]}`, "out of range"},
		"a status of one":                 {`{"trouble":[{"status":1}]}`, "status 1"},
		"a zone by name":                  {`{"zone":"America/Mexico_City"}`, `zone "America/Mexico_City"`},
		"two values":                      {`{}{}`, "behind"},
		"not JSON":                        {`slow`, "invalid"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			b := fakebroker.New(fakebroker.Options{})
			w := call(b, "PUT", "/_control/faults", tt.text)
			if tt.want == "" {
				require.Equal(t, 200, w.Code)
				require.JSONEq(t, tt.text, w.Body.String(), "what goes in comes out")
				require.JSONEq(t, tt.text, call(b, "GET", "/_control/faults", "").Body.String())
				return
			}
			require.Equal(t, 422, w.Code)
			var got struct{ Error string }
			require.NoError(t, json.Unmarshal(w.Body.Bytes(), &got))
			require.Contains(t, got.Error, tt.want)
			require.Zero(t, b.Faults(), "nothing changed")
		})
	}
}

func TestTheReadmeHasEveryFault(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	_, err = fault.Parse(fault.Faults{}, []byte(`{"x":1}`))
	_, names, _ := strings.Cut(err.Error(), "the fields are ")
	require.NotEmpty(t, names)
	for name := range strings.SplitSeq(names, ", ") {
		require.Contains(t, string(readme), "`"+name+"`")
	}
}

func TestWrongFaultsInCodeAreAPanic(t *testing.T) {
	require.Panics(t, func() { fakebroker.New(fakebroker.Options{Faults: fakebroker.Faults{Order: "up"}}) })
}

func TestPatchKeepsTheRestAndPutDoesNot(t *testing.T) {
	b := fakebroker.New(fakebroker.Options{Faults: fakebroker.Faults{Order: "asc", Properties: []string{"EB-1", "EB-2"}}})
	held := b.Faults()
	require.Equal(t, 200, call(b, "PATCH", "/_control/faults", `{"answer":"204","properties":["EB-3"]}`).Code)
	require.Equal(t, fakebroker.Faults{Order: "asc", Answer: "204", Properties: []string{"EB-3"}}, b.Faults())
	require.Equal(t, []string{"EB-1", "EB-2"}, held.Properties, "nobody else's copy changed")
	require.Equal(t, 200, call(b, "PUT", "/_control/faults", `{"answer":"204"}`).Code)
	require.Equal(t, fakebroker.Faults{Answer: "204"}, b.Faults())

	// Lists are replaced, too, and nothing of their old elements stays.
	require.Equal(t, 200, call(b, "PUT", "/_control/faults", `{"trouble":[{"on":"POST","do":"hang","after":true}]}`).Code)
	require.Equal(t, 200, call(b, "PATCH", "/_control/faults", `{"trouble":[{"do":"reset"}]}`).Code)
	require.Equal(t, fakebroker.Faults{Trouble: []fakebroker.Trouble{{Do: "reset"}}}, b.Faults())
	require.Equal(t, 413, call(b, "PUT", "/_control/faults", strings.Repeat(" ", 64<<10+1)).Code)
}

func TestTheBookTellsHowOften(t *testing.T) {
	b := newBench(t, fakebroker.Faults{})
	for _, id := range []int64{7, 8, 7} {
		require.NoError(t, b.post(id))
	}
	var got struct {
		Kept  []fakebroker.Kept
		Times map[int64]int
	}
	require.NoError(t, json.Unmarshal(call(b.Broker, "GET", "/_control/book", "").Body.Bytes(), &got))
	require.Equal(t, map[int64]int{7: 2, 8: 1}, got.Times)
	require.Len(t, got.Kept, 3)
	require.Equal(t, "Me interesa", got.Kept[0].Message)
	require.Equal(t, 204, call(b.Broker, "DELETE", "/_control/book", "").Code)
	require.Empty(t, b.Book())
}

func TestAStrangersPageCannotUseTheControls(t *testing.T) {
	b := fakebroker.New(fakebroker.Options{})
	form := "Content-Type: application/x-www-form-urlencoded"
	for name, header := range map[string]string{"another site": "Sec-Fetch-Site: cross-site", "another origin": "Origin: https://evil.example"} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, 403, call(b, "POST", "/", "preset=down", form, header).Code)
			require.Equal(t, 403, call(b, "PUT", "/_control/faults", `{"order":"asc"}`, header).Code)
			require.Equal(t, 403, call(b, "DELETE", "/_control/book", "", header).Code)
			require.Zero(t, b.Faults())
		})
	}
	require.Equal(t, 303, call(b, "POST", "/?lang=en", "preset=down", form, "Sec-Fetch-Site: same-origin").Code)
	require.NotZero(t, b.Faults())
}

func TestEachPresetOfThePage(t *testing.T) {
	want := map[string]string{"healthy": "taken", "slow": "unanswered", "down": "503", "hang": "unanswered", "401": "401", "429": "429", "no_next_page": "taken", "low_total": "taken"}
	require.Len(t, fault.Presets(), len(want))
	for _, p := range fault.Presets() {
		t.Run(p.Name, func(t *testing.T) {
			t.Parallel()
			f, err := fakebroker.Faults{Order: "asc"}.WithPreset(p.Name)
			require.NoError(t, err)
			b := newBench(t, f)
			require.Equal(t, want[p.Name], ending(b.post(1)))
			b.Close()
		})
	}
	_, err := fakebroker.Faults{}.WithPreset("party")
	require.EqualError(t, err, `faults: there is no preset "party"; there are healthy, slow, down, hang, 401, 429, no_next_page, low_total`)
	b := fakebroker.New(fakebroker.Options{})
	require.Equal(t, 422, call(b, "POST", "/", "preset=party", "Content-Type: application/x-www-form-urlencoded").Code)
}

// A button ends the fault of the button before. Faults that were set by other means stay.
func TestOnePresetAtATime(t *testing.T) {
	b := fakebroker.New(fakebroker.Options{Faults: fakebroker.Faults{Order: "asc"}})
	press := func(name string) {
		require.Equal(t, 303, call(b, "POST", "/", "preset="+name, "Content-Type: application/x-www-form-urlencoded").Code)
		if name != "healthy" {
			require.Equal(t, "asc", b.Faults().Order)
		}
		page := call(b, "GET", "/?lang=en", "").Body.String()
		require.Equal(t, 1, strings.Count(page, `aria-pressed="true"`))
		require.Contains(t, page, `value="`+name+`" aria-pressed="true"`)
	}
	press("no_next_page")
	require.Equal(t, "no_next_page", b.Faults().Pagination)
	press("low_total")
	require.Equal(t, "low_total", b.Faults().Pagination)
	press("down")
	require.Empty(t, b.Faults().Pagination)
	press("low_total")
	require.Empty(t, b.Faults().Trouble)
	press("healthy")
	require.Zero(t, b.Faults())
}

func TestThePageShowsWhatArrived(t *testing.T) {
	b := newBench(t, fakebroker.Faults{})
	empty := call(b.Broker, "GET", "http://127.0.0.1:9999/", "").Body.String()
	require.Contains(t, empty, "Todavía no llega nada.")
	require.Contains(t, empty, "EASYBROKER_URL=http://127.0.0.1:9999/v1")

	cr := inquiry(28252880123)
	cr.Name, cr.Message = `<script>alert("x")</script>`, "¿Sigue disponible?"
	for range 2 {
		_, err := b.client.Create(t.Context(), b.partner, cr)
		require.NoError(t, err)
	}
	b.Misbehave(fakebroker.Faults{ListLag: fakebroker.Duration(time.Minute), Trouble: []fakebroker.Trouble{{Do: "status", Status: 503}}})
	w := call(b.Broker, "GET", "/?lang=en", "")
	page := w.Body.String()
	b.Misbehave(fakebroker.Faults{Trouble: []fakebroker.Trouble{{Do: "status", Status: 503}}})
	require.Contains(t, call(b.Broker, "GET", "/?lang=es", "").Body.String(), "Responde a todo que está fuera de servicio.")
	require.NotContains(t, call(b.Broker, "GET", "/?lang=es", "").Body.String(), "do status")
	for _, want := range []string{"28\u00a0252\u00a0880\u00a0123", "EB-XXXX01", "ana@ejemplo.mx", "5559090909", "¿Sigue disponible?", "casas.mx", "repeated", "It fails on purpose", "list_lag 1m", "do status, status 503"} {
		require.Contains(t, page, want)
	}
	require.NotContains(t, page, "<script>alert")
	require.NotContains(t, page, "<style")
	require.NotContains(t, page, "style=")
	require.Contains(t, page, `value="down" aria-pressed="true"`)
	csp := w.Header().Get("Content-Security-Policy")
	require.Contains(t, csp, "default-src 'none'")
	require.NotContains(t, csp, "unsafe")
	for _, file := range []string{"tokens.css", "page.css", "page.js"} {
		require.Contains(t, page, "/_static/"+file)
		require.Equal(t, 200, call(b.Broker, "GET", "/_static/"+file, "").Code)
	}
	require.Equal(t, 404, call(b.Broker, "GET", "/nowhere", "").Code)
}

func TestThePageSpeaksTheVisitorsLanguage(t *testing.T) {
	b := fakebroker.New(fakebroker.Options{})
	for name, tt := range map[string]struct{ target, accept, want string }{
		"Spanish by itself":          {"/", "", "es"},
		"English by the browser":     {"/", "en-GB,en;q=0.9", "en"},
		"Mexican Spanish":            {"/", "es-MX,en;q=0.9", "es"},
		"the address is stronger":    {"/?lang=es", "en", "es"},
		"a language that it has not": {"/?lang=fr", "", "es"},
	} {
		t.Run(name, func(t *testing.T) {
			require.Contains(t, call(b, "GET", tt.target, "", "Accept-Language: "+tt.accept).Body.String(), `<html lang="`+tt.want+`">`)
		})
	}
}

func TestAWatchingPageHearsOfEveryChange(t *testing.T) {
	b := newBench(t, fakebroker.Faults{})
	r, err := http.NewRequestWithContext(t.Context(), "GET", strings.TrimSuffix(b.partner.URL, "/v1")+"/_events", nil)
	require.NoError(t, err)
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(r)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	require.Equal(t, "text/event-stream", resp.Header.Get("Content-Type"))
	lines := bufio.NewScanner(resp.Body)
	next := func() string {
		for lines.Scan() {
			if lines.Text() != "" {
				return lines.Text()
			}
		}
		return "end"
	}
	require.Equal(t, ": hello", next())
	require.NoError(t, b.post(1))
	require.Equal(t, "data: changed", next())
	b.Close()
	require.Equal(t, "end", next())
}
