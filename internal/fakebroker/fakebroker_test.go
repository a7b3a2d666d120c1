package fakebroker_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"leadrelay/internal/easybroker"
	"leadrelay/internal/fakebroker"
	"leadrelay/internal/secret"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bench is a broker, a client of it and a clock that only tests move.
type bench struct {
	*fakebroker.Broker
	t       *testing.T
	client  *easybroker.Client
	partner easybroker.Account
	account easybroker.Account
	now     time.Time
}

func newBench(t *testing.T, f fakebroker.Faults) *bench {
	t.Helper()
	b := &bench{t: t, now: time.Date(2026, 3, 1, 12, 0, 0, 123e6, time.UTC)}
	b.Broker = fakebroker.New(fakebroker.Options{PartnerKeys: []string{"good"}, AccountKeys: []string{"plain"}, Faults: f, Clock: func() time.Time { return b.now }})
	url, stop, err := b.Start()
	require.NoError(t, err)
	t.Cleanup(stop)
	b.client = easybroker.New(easybroker.Options{Timeout: 400 * time.Millisecond})
	t.Cleanup(b.client.CloseIdle)
	b.partner = easybroker.Account{URL: url, Key: secret.New("good"), Country: "MX", API: easybroker.Partner}
	b.account = b.partner
	b.account.Key, b.account.API = secret.New("plain"), easybroker.Plain
	return b
}

func inquiry(id int64) easybroker.ContactRequest {
	return easybroker.ContactRequest{
		PropertyID: "EB-XXXX01", Name: "Ana", Email: "ana@ejemplo.mx", Phone: "5559090909",
		Message: "Me interesa", Source: "casas.mx", RemoteID: id,
	}
}

func (b *bench) post(id int64) error {
	_, err := b.client.Create(b.t.Context(), b.partner, inquiry(id))
	return err
}

// list reads every page and returns the remote ids in the list's order.
func (b *bench) list(q easybroker.Query) []int64 {
	b.t.Helper()
	ids := []int64{}
	for q.Page = 1; ; q.Page++ {
		page, err := b.client.List(b.t.Context(), b.partner, q)
		require.NoError(b.t, err)
		for _, l := range page.Content {
			ids = append(ids, l.RemoteID)
		}
		if !page.More {
			return ids
		}
	}
}

// ending returns how the client classifies an error.
func ending(err error) string {
	var (
		notSent    *easybroker.NotSentError
		unanswered *easybroker.UnansweredError
		unreadable *easybroker.UnreadableError
		status     *easybroker.StatusError
	)
	switch {
	case err == nil:
		return "taken"
	case errors.As(err, &notSent):
		return "not sent"
	case errors.As(err, &unanswered):
		return "unanswered"
	case errors.As(err, &unreadable):
		return "unreadable"
	case errors.As(err, &status):
		return fmt.Sprint(status.Status)
	}
	return err.Error()
}

func TestAHealthyBrokerKeepsAndListsWhatItIsSent(t *testing.T) {
	b := newBench(t, fakebroker.Faults{})
	require.NoError(t, b.post(1516))
	page, err := b.client.List(t.Context(), b.partner, easybroker.Query{})
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), page.Date, time.Minute)
	page.Date = time.Time{}
	require.Equal(t, easybroker.Page{Total: 1, Content: []easybroker.Listed{{
		RemoteID: 1516, PropertyID: "EB-XXXX01", Name: "Ana", Email: "ana@ejemplo.mx", Phone: "5559090909",
		Message: "Me interesa", Status: "processed", HappenedAt: b.now,
	}}}, page)

	_, err = b.client.Create(t.Context(), b.account, inquiry(0))
	require.NoError(t, err)
	page, err = b.client.List(t.Context(), b.account, easybroker.Query{})
	require.NoError(t, err)
	require.Len(t, page.Content, 1, "the account's list is its own")
	require.Equal(t, "casas.mx", page.Content[0].Source)
	require.Zero(t, page.Content[0].RemoteID)

	book := b.Book()
	require.Len(t, book, 2)
	require.Equal(t, []string{"partner", "account"}, []string{book[0].API, book[1].API})
	require.Equal(t, int64(1516), book[0].RemoteID)
}

// Each row is one trouble, with how the client classifies the answer to a contact
// request, and whether the broker kept the request.
func TestEachTroubleOfAContactRequest(t *testing.T) {
	tests := map[string]struct {
		faults fakebroker.Faults
		want   string
		kept   int
	}{
		"none":                         {fakebroker.Faults{}, "taken", 1},
		"hang before keeping":          {trouble(fakebroker.Trouble{Do: "hang"}), "unanswered", 0},
		"hang after keeping":           {trouble(fakebroker.Trouble{Do: "hang", After: true}), "unanswered", 1},
		"reset before keeping":         {trouble(fakebroker.Trouble{Do: "reset"}), "unanswered", 0},
		"reset after keeping":          {trouble(fakebroker.Trouble{Do: "reset", After: true}), "unanswered", 1},
		"500 before keeping":           {trouble(fakebroker.Trouble{Do: "status"}), "500", 0},
		"500 after keeping":            {trouble(fakebroker.Trouble{Do: "status", After: true}), "500", 1},
		"any other status":             {trouble(fakebroker.Trouble{Do: "status", Status: 418, After: true}), "418", 1},
		"a body of one's own":          {trouble(fakebroker.Trouble{Do: "status", Status: 200, Body: "{}"}), "taken", 0},
		"401":                          {trouble(fakebroker.Trouble{Do: "status", Status: 401}), "401", 0},
		"403":                          {trouble(fakebroker.Trouble{Do: "status", Status: 403}), "403", 0},
		"429":                          {trouble(fakebroker.Trouble{Do: "status", Status: 429}), "429", 0},
		"a redirect":                   {trouble(fakebroker.Trouble{Do: "redirect"}), "302", 0},
		"a redirect of another kind":   {trouble(fakebroker.Trouble{Do: "redirect", Status: 307, Location: "/x"}), "307", 0},
		"a huge body":                  {trouble(fakebroker.Trouble{Do: "huge", After: true}), "unreadable", 1},
		"slower than the client waits": {trouble(fakebroker.Trouble{Delay: fakebroker.Duration(time.Hour)}), "unanswered", 1},
		"only for lists":               {trouble(fakebroker.Trouble{On: "GET", Do: "reset"}), "taken", 1},
		"never by chance":              {trouble(fakebroker.Trouble{Chance: 1e-300, Do: "reset"}), "taken", 1},
		"a good answer of 201":         {fakebroker.Faults{Answer: "201"}, "taken", 1},
		"an empty good answer":         {fakebroker.Faults{Answer: "empty"}, "unreadable", 1},
		"a good answer of 204":         {fakebroker.Faults{Answer: "204"}, "unreadable", 1},
		"a good answer in HTML":        {fakebroker.Faults{Answer: "html"}, "unreadable", 1},
		"a good answer that is broken": {fakebroker.Faults{Answer: "broken"}, "unreadable", 1},
		"an error in a good answer":    {fakebroker.Faults{Answer: "error"}, "unreadable", 1},
		"an unknown property":          {fakebroker.Faults{Properties: []string{"EB-1"}}, "404", 0},
		"a known property":             {fakebroker.Faults{Properties: []string{"EB-XXXX01"}}, "taken", 1},
		"a field that is too long":     {fakebroker.Faults{MaxLength: map[string]int{"message": 10}}, "422", 0},
		"a field that just fits":       {fakebroker.Faults{MaxLength: map[string]int{"message": 11}}, "taken", 1},
		"a country that is not active": {fakebroker.Faults{Countries: []string{"AR"}}, "403", 0},
		"a remote_id that is too high": {fakebroker.Faults{MaxRemoteID: 6}, "422", 0},
		"the highest remote_id":        {fakebroker.Faults{MaxRemoteID: 7}, "taken", 1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, tt.faults)
			require.Equal(t, tt.want, ending(b.post(7)))
			b.Close() // ends what still waits
			require.Eventually(t, func() bool { return len(b.Book()) == tt.kept }, 5*time.Second, time.Millisecond)
		})
	}
}

func trouble(list ...fakebroker.Trouble) fakebroker.Faults {
	return fakebroker.Faults{Trouble: list}
}

func TestAResetIsAReset(t *testing.T) {
	b := newBench(t, trouble(fakebroker.Trouble{Do: "reset"}))
	require.ErrorIs(t, b.post(1), syscall.ECONNRESET)
}

func TestTroubleComesWhenItIsMeantTo(t *testing.T) {
	down := fakebroker.Trouble{Do: "status", Status: 503}
	with := func(change func(*fakebroker.Trouble)) fakebroker.Trouble {
		out := down
		change(&out)
		return out
	}
	tests := map[string]struct {
		faults fakebroker.Faults
		want   string
		left   int
	}{
		"until changed":        {trouble(down), "503 503 503 503 503 503", 1},
		"for the next two":     {trouble(with(func(t *fakebroker.Trouble) { t.Next = 2 })), "503 503 taken taken taken taken", 0},
		"every third":          {trouble(with(func(t *fakebroker.Trouble) { t.Every = 3 })), "taken taken 503 taken taken 503", 1},
		"every third, once":    {trouble(with(func(t *fakebroker.Trouble) { t.Every, t.Next = 3, 1 })), "taken taken 503 taken taken taken", 0},
		"one after another":    {trouble(fakebroker.Trouble{Next: 1, Do: "status", Status: 401}, with(func(t *fakebroker.Trouble) { t.Next = 1 })), "401 503 taken taken taken taken", 0},
		"by chance, with dice": {fakebroker.Faults{Seed: 3, Trouble: []fakebroker.Trouble{with(func(t *fakebroker.Trouble) { t.Chance = .5 })}}, "", 1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, tt.faults)
			run := func() string {
				var got []string
				for i := range 6 {
					got = append(got, ending(b.post(int64(i+1))))
				}
				return strings.Join(got, " ")
			}
			first := run()
			if tt.want != "" {
				require.Equal(t, tt.want, first)
			}
			require.Len(t, b.Faults().Trouble, tt.left)
			if tt.want == "" {
				require.Contains(t, first, "503")
				require.Contains(t, first, "taken")
				b.Misbehave(tt.faults)
				require.Equal(t, first, run(), "the same seed throws the same dice")
			}
		})
	}
}

func TestTheRateLimit(t *testing.T) {
	for word, want := range map[string]time.Duration{"none": 0, "seconds": 2 * time.Second, "date": 2 * time.Second, "absurd": 15 * time.Minute} {
		t.Run(word, func(t *testing.T) {
			b := newBench(t, fakebroker.Faults{RatePerSecond: 2, RetryAfter: word})
			b.now = time.Now().Truncate(time.Second) // the answer's Date is the server's own
			require.NoError(t, b.post(1))
			require.Len(t, b.list(easybroker.Query{}), 1)
			var se *easybroker.StatusError
			require.ErrorAs(t, b.post(2), &se)
			require.Equal(t, 429, se.Status)
			require.InDelta(t, want, se.RetryAfter, float64(time.Second))
			b.now = b.now.Add(time.Second)
			require.NoError(t, b.post(2))
		})
	}
}

func TestSomeoneWhoHasNoKeyGetsNothing(t *testing.T) {
	b := newBench(t, fakebroker.Faults{})
	b.partner.Key = secret.New("bad")
	var se *easybroker.StatusError
	require.ErrorAs(t, b.post(1), &se)
	require.Equal(t, 401, se.Status)
	require.Equal(t, "Your API key is invalid", se.Reason)
	require.Empty(t, b.Book())
}

// call sends a request that the client never sends straight to the handler.
func call(b *fakebroker.Broker, method, target, body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(context.Background(), method, target, strings.NewReader(body))
	for _, h := range append([]string{"X-Authorization: k", "Country-Code: MX", "Content-Type: application/json"}, header...) {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	b.Handler().ServeHTTP(w, r)
	return w
}

func TestWhatTheAPIRefuses(t *testing.T) {
	const partner, account = "/v1/integration_partners/contact_requests", "/v1/contact_requests"
	tests := map[string]struct {
		method, target, body, header string
		status                       int
		want                         string
	}{
		"no country":            {"GET", partner, "", "Country-Code: ", 401, `{"error":"Your API key is invalid"}`},
		"no key":                {"GET", account, "", "X-Authorization: ", 401, `{"error":"Your API key is invalid"}`},
		"another method":        {"PUT", partner, "", "", 404, `{"error":"Not found"}`},
		"another path":          {"GET", "/v1/properties", "", "", 404, `{"error":"Not found"}`},
		"a form":                {"POST", partner, "a=b", "Content-Type: application/x-www-form-urlencoded", 400, `{"error":"The content type must be application/json"}`},
		"not JSON":              {"POST", partner, "{", "", 400, `{"error":"The body is not a JSON object"}`},
		"null":                  {"POST", partner, "null", "", 400, `{"error":"The body is not a JSON object"}`},
		"too much":              {"POST", partner, strings.Repeat(" ", 1<<20+1), "", 413, `{"error":"Too large"}`},
		"nothing in it":         {"POST", partner, "{}", "", 422, `{"errors":["property_id can't be blank","email or phone can't be blank","message can't be blank","remote_id can't be blank"]}`},
		"a remote_id of text":   {"POST", partner, `{"property_id":"a","email":"a","message":"a","remote_id":"1"}`, "", 422, `{"errors":["remote_id is not a number"]}`},
		"a remote_id of null":   {"POST", partner, `{"property_id":"a","email":"a","message":"a","remote_id":null}`, "", 422, `{"errors":["remote_id is not a number"]}`},
		"a name that is a list": {"POST", partner, `{"property_id":"a","email":"a","message":"a","remote_id":1,"name":[]}`, "", 422, `{"errors":["name must be a string"]}`},
		"an unknown field":      {"POST", partner, `{"page_url":"x"}`, "", 422, `{"error":"Unpermitted parameters: page_url"}`},
		"an account's id":       {"POST", account, `{"remote_id":1}`, "", 422, `{"error":"Unpermitted parameters: remote_id"}`},
		"an account's source":   {"POST", account, `{"property_id":"a","email":"a","message":"a"}`, "", 422, `{"errors":["source can't be blank"]}`},
		"two unknown fields":    {"POST", partner, `{"page_url":"x","b":1,"email":"a"}`, "", 422, `{"error":"Unpermitted parameters: b, page_url"}`},
		"a partner's phone":     {"POST", partner, `{"property_id":"a","message":"a","remote_id":1,"phone":" "}`, "", 422, `{"errors":["email or phone can't be blank"]}`},
		"nobody for a property": {"POST", account, `{"property_id":"a","source":"a"}`, "", 422, `{"errors":["name, email or phone can't be blank"]}`},
		"nothing in general":    {"POST", account, `{}`, "", 422, `{"errors":["name can't be blank without property_id","email or phone can't be blank without property_id","message can't be blank without property_id","source can't be blank"]}`},
		"no way to answer":      {"POST", account, `{"name":"a","message":"a","source":"a"}`, "", 422, `{"errors":["email or phone can't be blank without property_id"]}`},
		"a bad date":            {"GET", partner + "?happened_after=yesterday", "", "", 400, `{"error":"Invalid happened_after"}`},
		"two that are bad":      {"GET", partner + "?happened_after=1&limit=x", "", "", 400, `{"error":"Invalid limit, happened_after"}`},
		"a bad page":            {"GET", partner + "?page=0", "", "", 400, `{"error":"Invalid page"}`},
		"an empty list":         {"GET", partner, "", "", 200, `{"pagination":{"limit":20,"page":1,"total":0,"next_page":null},"content":[]}`},
		"a page too far":        {"GET", partner + "?page=99999", "", "", 200, `{"pagination":{"limit":20,"page":99999,"total":0,"next_page":null},"content":[]}`},
		"a limit that is cut":   {"GET", partner + "?limit=1000", "", "", 200, `{"pagination":{"limit":50,"page":1,"total":0,"next_page":null},"content":[]}`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var headers []string
			if strings.HasPrefix(tt.target, account) {
				headers = append(headers, "X-Authorization: a")
			}
			if tt.header != "" {
				headers = append(headers, tt.header)
			}
			b := fakebroker.New(fakebroker.Options{PartnerKeys: []string{"k"}, AccountKeys: []string{"a"}})
			w := call(b, tt.method, tt.target, tt.body, headers...)
			require.Equal(t, tt.status, w.Code)
			require.JSONEq(t, tt.want, w.Body.String())
			require.Empty(t, b.Book())
		})
	}
}

func TestMoreCanBeRequired(t *testing.T) {
	b := fakebroker.New(fakebroker.Options{Faults: fakebroker.Faults{Require: []string{"email", "phone", "source", "name"}}})
	w := call(b, "POST", "/v1/integration_partners/contact_requests", `{"property_id":"a","message":"m","remote_id":1}`)
	require.JSONEq(t, `{"errors":["name can't be blank","email can't be blank","phone can't be blank","source can't be blank"]}`, w.Body.String())
}

// The time is virtual, so nobody waits for it.
func TestADelayTakesItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := fakebroker.New(fakebroker.Options{Faults: trouble(fakebroker.Trouble{Delay: fakebroker.Duration(5 * time.Second)})})
		begun := time.Now()
		w := call(b, "GET", "/v1/integration_partners/contact_requests", "")
		require.Equal(t, 200, w.Code)
		require.Equal(t, 5*time.Second, time.Since(begun))
	})
}

func TestClosingEndsWhatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := fakebroker.New(fakebroker.Options{Faults: trouble(fakebroker.Trouble{Do: "hang"})})
		time.AfterFunc(time.Hour, b.Close)
		require.PanicsWithError(t, http.ErrAbortHandler.Error(), func() { call(b, "GET", "/v1/contact_requests", "") })
		b.Close() // closing twice is no harm
	})
}

func TestTheBookForgetsTheOldest(t *testing.T) {
	if testing.Short() {
		t.Skip("it has nothing to race with")
	}
	b := fakebroker.New(fakebroker.Options{})
	handler := b.Handler()
	for id := range 100_002 {
		r := httptest.NewRequestWithContext(t.Context(), "POST", "/v1/integration_partners/contact_requests",
			strings.NewReader(fmt.Sprintf(`{"property_id":"a","email":"a","message":"m","remote_id":%d}`, id+1)))
		r.Header = http.Header{"X-Authorization": {"k"}, "Country-Code": {"MX"}, "Content-Type": {"application/json"}}
		handler.ServeHTTP(discard{}, r)
	}
	book := b.Book()
	require.Len(t, book, 100_000)
	require.Equal(t, 3, book[0].Number)
	require.Equal(t, int64(100_002), book[len(book)-1].RemoteID)
}

// discard is a response that nobody reads.
type discard struct{}

func (discard) Header() http.Header         { return http.Header{} }
func (discard) Write(p []byte) (int, error) { return io.Discard.Write(p) }
func (discard) WriteHeader(int)             {}

func TestFaultsChangeWhileCallsRun(t *testing.T) {
	b := newBench(t, fakebroker.Faults{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 60 {
			b.Misbehave(trouble(fakebroker.Trouble{Next: 1 + i%2, Do: "status", Status: 503}))
			_, _ = b.Faults(), b.Book()
		}
		b.Misbehave(fakebroker.Faults{})
	}()
	taken := 0
	for id := range int64(60) {
		if b.post(id+1) == nil {
			taken++
		}
	}
	<-done
	require.Len(t, b.Book(), taken)
}
