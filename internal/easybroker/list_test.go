package easybroker_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/easybroker"
)

// partnerList is the page's own example, with a harmless address.
const partnerList = `{"pagination":{"limit":20,"page":1,"total":1,"next_page":null},
 "content":[{"name":"John Smith","phone":"5559090909","email":"john@ejemplo.mx","property_id":"EB-XXXX01","message":"Hi",
   "happened_at":"2020-03-01T23:26:53.402Z","remote_id":"117589189","status":"processed"}]}`

func listWith(nextPage, item string) string {
	return `{"pagination":{"limit":20,"page":1,"total":41,"next_page":` + nextPage + `},"content":[` + item + `]}`
}

func TestAListIsReadInEveryShapeThatWasSeen(t *testing.T) {
	at := time.Date(2020, 3, 1, 23, 26, 53, 402e6, time.UTC)
	tests := map[string]struct {
		body  string
		want  easybroker.Listed
		more  bool
		total int
	}{
		"the page's example": {partnerList, easybroker.Listed{
			RemoteID: 117589189, PropertyID: "EB-XXXX01", Name: "John Smith", Email: "john@ejemplo.mx",
			Phone: "5559090909", Message: "Hi", Status: "processed", HappenedAt: at,
		}, false, 1},
		"an account's, with another offset": {
			listWith(`"https://api.easybroker.com/v1/contact_requests?page=2"`, `{"id":1,"contact_id":2,"name":null,"source":"casas.mx","happened_at":"2020-03-01T17:26:53.402-06:00"}`),
			easybroker.Listed{Source: "casas.mx", HappenedAt: at}, true, 41,
		},
		"numbers where strings were expected":         {listWith("2", `{"remote_id":1516,"phone":5559090909}`), easybroker.Listed{RemoteID: 1516, Phone: "5559090909"}, true, 41},
		"the largest remote_id":                       {listWith(`""`, `{"remote_id":"9007199254740991"}`), easybroker.Listed{RemoteID: 1<<53 - 1}, false, 41},
		"a remote_id that is a name":                  {listWith("null", `{"remote_id":"web-7"}`), easybroker.Listed{}, false, 41},
		"a remote_id that cannot be ours":             {listWith("null", `{"remote_id":99999999999999999999}`), easybroker.Listed{}, false, 41},
		"a remote_id of null":                         {listWith("null", `{"remote_id":null,"happened_at":null}`), easybroker.Listed{}, false, 41},
		"an offset without a colon":                   {listWith("null", `{"happened_at":"2020-03-01T17:26:53.402-0600"}`), easybroker.Listed{HappenedAt: at}, false, 41},
		"a time with blanks":                          {listWith("null", `{"happened_at":"2020-03-01 17:26:53.402 -0600"}`), easybroker.Listed{HappenedAt: at}, false, 41},
		"a field that nobody knows":                   {listWith("null", `{"new":{"a":[1]}}`), easybroker.Listed{}, false, 41},
		"a time with blanks in UTC":                   {listWith("null", `{"happened_at":"2020-03-01 23:26:53.402 UTC"}`), easybroker.Listed{HappenedAt: at}, false, 41},
		"a total that is a string":                    {strings.Replace(listWith("null", "{}"), "41", `"41"`, 1), easybroker.Listed{}, false, 41},
		"two next pages, of which the last one holds": {strings.Replace(listWith("null", "{}"), `"next_page":null`, `"next_page":null,"next_page":"x"`, 1), easybroker.Listed{}, true, 41},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			page, err := easybroker.ReadPage([]byte(tt.body))
			require.NoError(t, err)
			require.Equal(t, tt.more, page.More)
			require.Equal(t, tt.total, page.Total)
			require.Len(t, page.Content, 1)
			require.True(t, page.Content[0].HappenedAt.Equal(tt.want.HappenedAt))
			page.Content[0].HappenedAt = tt.want.HappenedAt
			require.Equal(t, tt.want, page.Content[0])
		})
	}
}

func TestHalfAListIsNoList(t *testing.T) {
	tests := map[string]string{
		"nothing":                       ``,
		"cut":                           partnerList[:120],
		"an error":                      `{"error":"x"}`,
		"an array":                      `[]`,
		"no pagination":                 `{"content":[]}`,
		"no content":                    `{"pagination":{"total":0,"next_page":null}}`,
		"content of null":               `{"pagination":{"total":0,"next_page":null},"content":null}`,
		"content of an object":          `{"pagination":{"total":0,"next_page":null},"content":{}}`,
		"an item of null":               listWith("null", "null"),
		"an item of a string":           listWith("null", `"x"`),
		"a next_page of an object":      listWith("{}", "{}"),
		"a next_page of a truth":        listWith("true", "{}"),
		"no word of the next page":      `{"pagination":{"total":0},"content":[]}`,
		"no total":                      `{"pagination":{"next_page":null},"content":[]}`,
		"a total below nothing":         `{"pagination":{"total":-1,"next_page":null},"content":[]}`,
		"a total of half a one":         `{"pagination":{"total":0.5,"next_page":null},"content":[]}`,
		"a time that cannot be read":    listWith("null", `{"happened_at":"yesterday"}`),
		"a time whose zone is a guess":  listWith("null", `{"happened_at":"2020-03-01 17:26:53 CST"}`),
		"a time that is a number":       listWith("null", `{"happened_at":1583105213}`),
		"a name that is a list":         listWith("null", `{"name":["a"]}`),
		"a remote_id that is an object": listWith("null", `{"remote_id":{}}`),
		"something behind it":           partnerList + "{}",
		"two contents":                  strings.Replace(listWith("null", "{}"), `"content"`, `"content":[],"content"`, 1),
		"a comma too many":              listWith("null", "{},"),
		"a brace too few":               strings.TrimSuffix(listWith("null", "{}"), "}"),
		"a bracket of the other kind":   strings.Replace(listWith("null", "{}"), "]}", "}}", 1),
		"more items than any page has":  listWith("null", strings.Repeat("{},", 500)+"{}"),
	}
	for name, body := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := easybroker.ReadPage([]byte(body))
			require.Error(t, err)
		})
	}
}

func TestAListCallEndsAsAnyOther(t *testing.T) {
	message := `{"message":"` + strings.Repeat("🏡", 5000) + `"}`
	long := listWith("null", strings.Repeat(message+",", 49)+message)
	tests := map[string]struct {
		answer, want string
	}{
		"the example":               {body(200, strings.ReplaceAll(partnerList, "\n", "")), "taken"},
		"fifty long messages":       {body(200, long), "taken"},
		"more than any list can be": {body(200, strings.Repeat(" ", 4<<20+1)), "unreadable"},
		"cut":                       {"HTTP/1.1 200 OK\nContent-Length: 900\n\n" + partnerList[:100], "unreadable"},
		"a 201":                     {body(201, "{}"), "unreadable"},
		"HTML":                      {body(200, "<html>"), "unreadable"},
		"a 401":                     {body(401, "{}"), "status"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := serve(t, sayAndClose(tt.answer))
			_, err := client(t, easybroker.Options{Timeout: 5 * time.Second}).List(t.Context(), account(server.url), easybroker.Query{})
			require.Equal(t, tt.want, kind(err))
			if err != nil {
				requireSilent(t, err)
			}
		})
	}
}

// These pages are as large as a page may be, and full of what costs a parser most.
// None of them costs much more than its own size, and one with far too many items
// is not read to its end.
func TestAHostileListCostsLittle(t *testing.T) {
	const size = 4<<20 - 200
	fill := func(s string) string { return strings.Repeat(s, size/len(s)) }
	hostile := map[string]struct {
		body func() string
		many bool
	}{
		"a million of nothing":             {func() string { return listWith("null", fill("{},")+"{}") }, true},
		"items of long texts":              {func() string { return listWith("null", fill(`{"message":"`+strings.Repeat("ñ", 8000)+`"},`)+"{}") }, true},
		"an item of a million members":     {func() string { return listWith("null", "{"+fill(`"":0,`)+`"":0}`) }, true},
		"an item that says one thing over": {func() string { return listWith("null", "{"+fill(`"name":"",`)+`"name":""}`) }, true},
		"a member of a million lists":      {func() string { return `{"x":[` + fill("[],") + "[]]," + listWith("null", "")[1:] }, true},
		"a million members":                {func() string { return "{" + fill(`"":{},`) + listWith("null", "")[1:] }, true},
		"a pagination of a million": {func() string {
			return strings.Replace(listWith("null", ""), `{"limit"`, "{"+fill(`"a":0,`)+`"limit"`, 1)
		}, true},
		"a message of escapes":      {func() string { return listWith("null", `{"message":"`+fill(`\u00f1`)+`"}`) }, true},
		"a message of broken bytes": {func() string { return listWith("null", `{"message":"`+fill("\xff")+`"}`) }, true},
	}
	for name, tt := range hostile {
		t.Run(name, func(t *testing.T) {
			page := tt.body()
			require.LessOrEqual(t, len(page), 4<<20)
			server := serve(t, func(conn net.Conn, _ int) bool {
				_, _ = fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", len(page))
				_, _ = io.WriteString(conn, page)
				return false
			})
			c := client(t, easybroker.Options{Timeout: 30 * time.Second})
			peak := peakOf(t, func() {
				_, err := c.List(t.Context(), account(server.url), easybroker.Query{Limit: 50})
				if tt.many {
					require.ErrorContains(t, err, "far more than was asked for")
				} else {
					require.NoError(t, err)
				}
			})
			t.Logf("%d MB at most, the server's among them", peak>>20)
			require.Less(t, peak, uint64(64<<20))
		})
	}
}

// peakOf returns the process's peak memory while f runs, under the relay's memory
// limit.
func peakOf(t *testing.T, f func()) (most uint64) {
	t.Helper()
	percent, limit := debug.SetGCPercent(200), debug.SetMemoryLimit(37<<20)
	defer func() { debug.SetGCPercent(percent); debug.SetMemoryLimit(limit) }()
	runtime.GC()
	over, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		heap := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
		for {
			metrics.Read(heap)
			most = max(most, heap[0].Value.Uint64())
			select {
			case <-over:
				return
			case <-time.After(time.Millisecond):
			}
		}
	}()
	f()
	close(over)
	<-done
	return most
}

func TestAQueryNeverNarrowsTheWindow(t *testing.T) {
	mexico := time.FixedZone("", -6*3600)
	server := serve(t, say(body(200, strings.ReplaceAll(partnerList, "\n", ""))))
	c := client(t, easybroker.Options{})
	_, err := c.List(t.Context(), account(server.url), easybroker.Query{
		After:  time.Date(2026, 1, 2, 3, 4, 5, 999e6, mexico),
		Before: time.Date(2026, 1, 2, 3, 4, 5, 1, mexico),
		Page:   2, Limit: 50, PropertyID: "EB&1 +",
	})
	require.NoError(t, err)
	_, err = c.List(t.Context(), account(server.url), easybroker.Query{})
	require.NoError(t, err)

	requests := server.requests()
	require.Equal(t, "GET", requests[0].method)
	require.Empty(t, requests[0].body)
	path, query, _ := strings.Cut(requests[0].uri, "?")
	require.Equal(t, "/v1/integration_partners/contact_requests", path)
	values, err := url.ParseQuery(query)
	require.NoError(t, err)
	require.Equal(t, url.Values{
		"happened_after": {"2026-01-02T09:04:05Z"}, "happened_before": {"2026-01-02T09:04:06Z"},
		"page": {"2"}, "limit": {"50"}, "property_id": {"EB&1 +"},
	}, values)
	require.Equal(t, "/v1/integration_partners/contact_requests", requests[1].uri)
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	tests := map[string]struct {
		value, date string
		want        time.Duration
	}{
		"none":                                 {"", "", 0},
		"seconds":                              {"7", "", 7 * time.Second},
		"blanks around":                        {" 7 ", "", 7 * time.Second},
		"below nothing":                        {"-7", "", 0},
		"a week":                               {"604800", "", 15 * time.Minute},
		"more than a number holds":             {strings.Repeat("9", 40), "", 0},
		"half a second":                        {"0.5", "", 0},
		"words":                                {"soon", "", 0},
		"a date":                               {now.Add(time.Minute).Format(http.TimeFormat), "", time.Minute},
		"a date that is over":                  {now.Add(-time.Minute).Format(http.TimeFormat), "", 0},
		"a date in a year":                     {now.AddDate(1, 0, 0).Format(http.TimeFormat), "", 15 * time.Minute},
		"a date by a clock that is an hour on": {now.Add(time.Hour + time.Minute).Format(http.TimeFormat), now.Add(time.Hour).Format(http.TimeFormat), time.Minute},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			h := http.Header{"Retry-After": {tt.value}}
			if tt.date != "" {
				h.Set("Date", tt.date)
			}
			require.Equal(t, tt.want, easybroker.RetryAfter(h, now))
		})
	}
}

func TestAComplaintNamesTheRemoteID(t *testing.T) {
	for body, want := range map[string]bool{
		`{"error":"remote_id has already been taken"}`:                                   true,
		`{"errors":["Remote has already been taken"]}`:                                   true,
		`{"errors":["Remote ID ya está en uso"]}`:                                        true,
		`{"errors":{"remote_id":["has already been taken"]}}`:                            true,
		`{"errors":{"remoteId":["has already been taken"]}}`:                             true,
		`{"errors":{"remote":["has already been taken"]}}`:                               true,
		`{"error":"Validation failed: Email is invalid, Remote has already been taken"}`: true,
		`{"error":"La validación falló: Remote ya está en uso"}`:                         true,
		`{"error":"Unpermitted parameters: remote_id"}`:                                  true,
		`{"errors":["Message \"trabajo remote\" is too short"]}`:                         false,
		`{"errors":{"message":["is remote work possible? is not allowed"]}}`:             false,
		`{"errors":["Property must exist"]}`:                                             false,
		`{"errors":["Email is remotely wrong"]}`:                                         false,
		`{"message":"remote_id"}`:                                                        false,
		`<html>remote_id</html>`:                                                         false,
		`{"errors":{"remote_id":[]}}`:                                                    false,
		`{"errors":[{"field":"remote_id","message":"taken"}]}`:                           true,
	} {
		_, names := easybroker.Complaint([]byte(body))
		require.Equal(t, want, names, body)
	}
}

func TestAStrangersTextIsMadeHarmless(t *testing.T) {
	require.Equal(t, "uno dos[31mtres", easybroker.Readable("uno\ndos\x1b[31m\x00\u202etres"))
	cut := easybroker.Readable(strings.Repeat("ñ", 600) + "x")
	require.Len(t, cut, 1024)
	cut = easybroker.Readable("x" + strings.Repeat("ñ", 600))
	require.Len(t, cut, 1023)
	require.True(t, utf8.ValidString(cut))
}

func FuzzAnswer(f *testing.F) {
	for _, s := range []string{
		`{"status":"successful"}`, ``, `{`, `[]`, `null`, `<html>`, `{"error":"x"}`, `{"errors":["a\u0000b",{"remote_id":[1,null,true]}]}`,
		`{"errors":{}}`, `{"error":1e400}`, "{\"error\":\"\xff\"}", strings.Repeat("[", 12000),
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		text, names := easybroker.Complaint(body)
		require.False(t, names && text == "")
		if text != "" {
			require.NotEmpty(t, easybroker.Doubt(200, body), "a complaint must not count as taken")
		}
		reason := easybroker.Readable(text)
		require.True(t, utf8.ValidString(reason))
		require.LessOrEqual(t, len(reason), 1024)
		require.NotContains(t, reason, "\n")
		require.NotEmpty(t, easybroker.Doubt(204, body))
	})
}

func FuzzList(f *testing.F) {
	for _, s := range []string{
		partnerList, listWith("2", `{"remote_id":1}`), listWith(`"x"`, ""), `{"pagination":null}`, ``,
		listWith("null", `{"happened_at":"2020-03-01T17:26:53.402-06:00"},{}`), listWith("null", "null"),
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		page, err := easybroker.ReadPage(body)
		if err != nil {
			require.Empty(t, page.Content, "half a list came back with the error")
			return
		}
		require.NotNil(t, page.Content)
		require.GreaterOrEqual(t, page.Total, 0)
		for _, l := range page.Content {
			require.GreaterOrEqual(t, l.RemoteID, int64(0))
			require.Less(t, l.RemoteID, int64(1<<53))
			require.True(t, utf8.ValidString(fmt.Sprint(l)))
		}
	})
}
