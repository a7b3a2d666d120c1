package intake_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/intake"
	"leadrelay/internal/lead"
	"leadrelay/internal/store"
)

// counter is a relay with the real store.
type counter struct {
	http.Handler
	store    *store.Store
	mu       sync.Mutex
	accepted int
}

func newCounter(t *testing.T, keep func(*store.Store) intake.Keeper) *counter {
	t.Helper()
	s, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "leads.db"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	c := &counter{store: s}
	c.Handler = intake.New(sites(t), keep(s), intake.Options{Accepted: func(string) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.accepted++
	}})
	return c
}

func atOnce(s *store.Store) intake.Keeper { return s }

// post posts to a site. Headers come in pairs.
func (c *counter) post(path, contentType, body string, headers ...string) *httptest.ResponseRecorder {
	return ask(c, http.MethodPost, path, body, append([]string{"Content-Type", contentType}, headers...)...)
}

func (c *counter) leads(t *testing.T) int {
	t.Helper()
	leads, _, err := c.store.List(t.Context(), lead.Filter{Limit: 1000})
	require.NoError(t, err)
	require.Equal(t, len(leads), c.accepted, "the courier is woken once for each")
	return len(leads)
}

// other is wholeJSON with its members in another order, and with more that makes no
// difference.
const other = `{"message":"Hola","phone":"55 1234 5678","email":"ANA@casas.mx","name":" Ana ","utm_source":"x","page_url":"https://casas.mx/2","property_id":"EB-AB1234"}`

func TestARepeatGetsTheSameAnswer(t *testing.T) {
	const key = "Idempotency-Key"
	changed := strings.Replace(wholeJSON, "Hola", "Otra cosa", 1)
	withID := func(body, id string) string { return strings.Replace(body, "{", `{"_submission_id":"`+id+`",`, 1) }
	written := func(at, id, body string) string {
		return withID(strings.Replace(body, "{", `{"client_submitted_at":"`+at+`",`, 1), id)
	}
	another := strings.NewReplacer("ana@", "eva@", "5512345678", "5587654321", `"Ana"`, `"Eva"`).Replace(wholeJSON)
	noPhone := strings.NewReplacer("ana@", "eva@", "5512345678", "").Replace(wholeJSON)
	const nine, ten = "2026-11-24T09:00:00-06:00", "2026-11-24T10:00:00-06:00"
	tests := map[string]struct {
		first, second         string // bodies
		firstHead, secondHead []string
		status                int
		leads                 int
		replayed              string // the header of the second answer
	}{
		"the same key and body":                        {wholeJSON, wholeJSON, []string{key, "k"}, []string{key, "k"}, 202, 1, "true"},
		"the key in a field":                           {withID(wholeJSON, "k"), withID(wholeJSON, "k"), nil, nil, 202, 1, "true"},
		"the key in a field, then in a header":         {withID(wholeJSON, "k"), wholeJSON, nil, []string{key, "k"}, 202, 1, ""},
		"a header counts more than a field":            {withID(wholeJSON, "k"), withID(changed, "k"), nil, []string{key, "l"}, 202, 2, ""},
		"the same key, another body":                   {wholeJSON, changed, []string{key, "k"}, []string{key, "k"}, 422, 1, ""},
		"the same in another order":                    {wholeJSON, other, []string{key, "k"}, []string{key, "k"}, 202, 1, "true"},
		"a double click":                               {wholeJSON, wholeJSON, nil, nil, 202, 1, ""},
		"the same, typed another way":                  {wholeJSON, other, nil, nil, 202, 1, ""},
		"another message":                              {wholeJSON, changed, nil, nil, 202, 2, ""},
		"another property":                             {wholeJSON, strings.Replace(wholeJSON, "1234", "1235", 1), nil, nil, 202, 2, ""},
		"another person":                               {wholeJSON, strings.Replace(wholeJSON, "ana@", "eva@", 1), nil, nil, 202, 2, ""},
		"a name that was put right":                    {wholeJSON, strings.Replace(wholeJSON, `"Ana"`, `"Ana Luz"`, 1), nil, nil, 202, 2, ""},
		"another person with the same hidden id":       {withID(wholeJSON, "k"), withID(another, "k"), nil, nil, 202, 2, ""},
		"another person who left no phone":             {withID(wholeJSON, "k"), withID(noPhone, "k"), nil, nil, 202, 2, ""},
		"another e-mail, the same phone":               {withID(wholeJSON, "k"), withID(strings.Replace(wholeJSON, "ana@", "eva@", 1), "k"), nil, nil, 202, 2, ""},
		"another phone, the same e-mail":               {withID(wholeJSON, "k"), withID(strings.Replace(wholeJSON, "5512345678", "5587654321", 1), "k"), nil, nil, 202, 2, ""},
		"another person under the same header":         {wholeJSON, another, []string{key, "k"}, []string{key, "k"}, 422, 1, ""},
		"another person, the header in a field before": {withID(wholeJSON, "k"), another, nil, []string{key, "k"}, 202, 2, ""},
		"another person, the field in a header before": {wholeJSON, withID(another, "k"), []string{key, "k"}, nil, 202, 2, ""},
		"a delivery id and other words":                {wholeJSON, changed, []string{"webhook-id", "k"}, []string{"webhook-id", "k"}, 202, 2, ""},
		"a delivery id and another person":             {wholeJSON, another, []string{"svix-id", "k"}, []string{"svix-id", "k"}, 202, 2, ""},
		"a delivery id beside a hidden id":             {withID(wholeJSON, "k"), withID(changed, "k"), []string{"webhook-id", "1"}, []string{"webhook-id", "2"}, 202, 2, ""},
		"a proxy's request id":                         {wholeJSON, changed, []string{"X-Request-Id", "k"}, []string{"X-Request-Id", "k"}, 202, 2, ""},
		"a blank key is none":                          {wholeJSON, changed, []string{key, ""}, []string{key, ""}, 202, 2, ""},
		"the same after hours offline":                 {written(nine, "k", wholeJSON), written(nine, "k", wholeJSON), nil, nil, 202, 1, "true"},
		"with the time of another try":                 {written(nine, "k", wholeJSON), written(ten, "k", wholeJSON), nil, nil, 202, 1, "true"},
		"an edit under the same key":                   {written(nine, "k", wholeJSON), written(ten, "k", changed), nil, nil, 202, 2, ""},
		"an edit under a key of its own":               {written(nine, "k", wholeJSON), written(ten, "l", changed), nil, nil, 202, 2, ""},
		"a key of any length and letters works":        {wholeJSON, wholeJSON, []string{key, strings.Repeat("ñ\"\\", 1000)}, []string{key, strings.Repeat("ñ\"\\", 1000)}, 202, 1, "true"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := newCounter(t, atOnce)
			first := c.post("/f/casas", jsonType, tt.first, tt.firstHead...)
			require.Equal(t, 202, first.Code)
			require.Empty(t, first.Header().Get("Idempotency-Replayed"))
			second := c.post("/f/casas", jsonType, tt.second, tt.secondHead...)
			require.Equal(t, tt.status, second.Code)
			require.Equal(t, tt.leads, c.leads(t))
			if isRepeat := tt.status == 202 && tt.leads == 1; isRepeat {
				require.Equal(t, first.Body.String(), second.Body.String(), "byte for byte")
			}
			require.Equal(t, tt.replayed, second.Header().Get("Idempotency-Replayed"))
			if tt.status == 422 {
				require.Equal(t, "key_reused", readProblem(t, second).Code)
			}
		})
	}
}

func TestAKeyBelongsToItsSite(t *testing.T) {
	c := newCounter(t, atOnce)
	for _, path := range []string{"/f/casas", "/f/homes"} {
		require.Equal(t, 202, c.post(path, jsonType, wholeJSON, "Idempotency-Key", "k").Code)
	}
	require.Equal(t, 2, c.leads(t))
	for _, path := range []string{"/f", "/f/default"} { // two addresses of one site
		require.Equal(t, 202, c.post(path, jsonType, wholeJSON, "Idempotency-Key", "k").Code)
	}
	require.Equal(t, 3, c.leads(t))
}

// A day later the key may be used again, and the words of the inquiry still count.
func TestAKeyCountsForADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCounter(t, atOnce)
		changed := strings.Replace(wholeJSON, "Hola", "Otra cosa", 1)
		post := func(body string, headers ...string) *httptest.ResponseRecorder {
			return c.post("/f/casas", jsonType, body, headers...)
		}
		require.Equal(t, 202, post(wholeJSON, "Idempotency-Key", "k").Code)
		time.Sleep(lead.KeyWindow)
		require.Equal(t, 422, post(changed, "Idempotency-Key", "k").Code)
		second := post(wholeJSON)
		time.Sleep(time.Second)
		third := post(wholeJSON, "Idempotency-Key", "k")
		require.Equal(t, second.Body.String(), third.Body.String(), "not the lead of yesterday")
		require.Equal(t, 2, c.leads(t))
	})
}

func TestAFormThatIsSentTwiceLeadsToTheSamePage(t *testing.T) {
	c := newCounter(t, atOnce)
	first, second := c.post("/f/casas", formType, wholeForm), c.post("/f/casas", formType, wholeForm)
	require.Equal(t, 303, first.Code)
	require.Equal(t, 303, second.Code)
	require.Equal(t, first.Header().Get("Location"), second.Header().Get("Location"))
	require.Equal(t, 1, c.leads(t))
}

// An invalid inquiry does not use up its key: the visitor mends it and sends it again.
func TestAKeyIsFreeUntilSomethingIsKept(t *testing.T) {
	c := newCounter(t, atOnce)
	wrong := strings.Replace(wholeJSON, "ana@casas.mx", "ana", 1)
	require.Equal(t, 422, c.post("/f/casas", jsonType, wrong, "Idempotency-Key", "k").Code)
	require.Equal(t, 202, c.post("/f/casas", jsonType, wholeJSON, "Idempotency-Key", "k").Code)
	require.Equal(t, 1, c.leads(t))
}

func TestManyAtOnceWithOneKeyAreOneLead(t *testing.T) {
	c := newCounter(t, atOnce)
	const visitors = 500
	answers := make([]*httptest.ResponseRecorder, visitors)
	var all sync.WaitGroup
	for i := range visitors {
		all.Go(func() { answers[i] = c.post("/f/casas", jsonType, wholeJSON, "Idempotency-Key", "k") })
	}
	all.Wait()
	seen := map[string]int{}
	for _, w := range answers {
		seen[fmt.Sprint(w.Code, " ", w.Header().Get("Idempotency-Replayed"))]++
		if w.Code == http.StatusConflict {
			require.NotEmpty(t, w.Header().Get("Retry-After"))
		}
	}
	require.Equal(t, 1, seen["202 "], seen)
	require.Equal(t, visitors-1, seen["202 true"]+seen["409 "], seen)
	require.Equal(t, 1, c.leads(t))
}

// slow is a keeper that takes a while.
type slow struct {
	intake.Keeper
	while time.Duration
}

func (s slow) Keep(ctx context.Context, sub lead.Submission) (lead.Kept, error) {
	time.Sleep(s.while)
	return s.Keeper.Keep(ctx, sub)
}

func TestTheKeyOfARunningRequest(t *testing.T) {
	for while, want := range map[time.Duration]int{900 * time.Millisecond: 202, 5 * time.Second: 409} {
		t.Run(while.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCounter(t, func(s *store.Store) intake.Keeper { return slow{s, while} })
				var first *httptest.ResponseRecorder
				var running sync.WaitGroup
				running.Go(func() { first = c.post("/f/casas", jsonType, wholeJSON, "Idempotency-Key", "k") })
				synctest.Wait()
				second := c.post("/f/casas", jsonType, wholeJSON, "Idempotency-Key", "k")
				require.Equal(t, want, second.Code)
				free := c.post("/f/casas", jsonType, wholeJSON, "Idempotency-Key", "l")
				require.Equal(t, 202, free.Code, "another key does not wait")
				running.Wait()
				require.Equal(t, 202, first.Code)
				if want == 409 {
					require.Equal(t, "in_progress", readProblem(t, second).Code)
					require.Equal(t, "1", second.Header().Get("Retry-After"))
				}
				require.Equal(t, 1, c.leads(t))
			})
		})
	}
}

// A webhook may be sent again after the ten minutes for which words count.
// documenso/documenso#3204 and zenml-io/zenml#5215 ask for the first.
func TestADeliveryThatComesAgainIsOneLead(t *testing.T) {
	const agent = "User-Agent"
	tests := map[string]struct {
		first, second []string
		leads         int
	}{
		"Standard Webhooks":               {[]string{"webhook-id", "msg_2Lk0Example", "webhook-timestamp", "1795834000"}, []string{"webhook-id", "msg_2Lk0Example", "webhook-timestamp", "1795834660"}, 1},
		"Svix":                            {[]string{"svix-id", "msg_1"}, []string{"svix-id", "msg_1"}, 1},
		"Shopify":                         {[]string{"X-Shopify-Event-Id", "e", "X-Shopify-Webhook-Id", "1"}, []string{"X-Shopify-Event-Id", "e", "X-Shopify-Webhook-Id", "2"}, 1},
		"WooCommerce":                     {[]string{"X-WC-Webhook-Delivery-ID", "7", "X-WC-Webhook-ID", "1"}, []string{"X-WC-Webhook-Delivery-ID", "7", "X-WC-Webhook-ID", "1"}, 1},
		"a form builder of WordPress":     {[]string{"X-DSGo-Delivery", "6f1c", agent, "DesignSetGo/2.10.0"}, []string{"X-DSGo-Delivery", "6f1c", agent, "DesignSetGo/2.10.0"}, 1},
		"Chatwoot":                        {[]string{"X-Chatwoot-Delivery", "1"}, []string{"X-Chatwoot-Delivery", "1"}, 1},
		"Documenso":                       {[]string{"X-Documenso-Delivery-Id", "1"}, []string{"X-Documenso-Delivery-Id", "1"}, 1},
		"PandaDoc":                        {[]string{"X-PandaDoc-Webhook-Event-Id", "1"}, []string{"X-PandaDoc-Webhook-Event-Id", "1"}, 1},
		"Contentful":                      {[]string{"X-Contentful-Idempotency-Key", "1"}, []string{"X-Contentful-Idempotency-Key", "1"}, 1},
		"Hookdeck":                        {[]string{"X-Hookdeck-EventID", "evt_1", "X-Hookdeck-Attempt-Count", "1"}, []string{"X-Hookdeck-EventID", "evt_1", "X-Hookdeck-Attempt-Count", "2"}, 1},
		"Hookdeck, when its sender tries": {[]string{"svix-id", "msg_1", "X-Hookdeck-EventID", "evt_1"}, []string{"svix-id", "msg_1", "X-Hookdeck-EventID", "evt_2"}, 1},
		"another delivery":                {[]string{"webhook-id", "msg_1"}, []string{"webhook-id", "msg_2"}, 2},
		"the same id of another sender":   {[]string{"webhook-id", "1"}, []string{"X-DSGo-Delivery", "1"}, 2},
		"a blank id":                      {[]string{"webhook-id", ""}, []string{"webhook-id", ""}, 2},
		"a request id that is kept":       {[]string{"X-Request-Id", "1"}, []string{"X-Request-Id", "1"}, 1},
		"a proxy's request id":            {[]string{"X-Request-Id", "1"}, []string{"X-Request-Id", "2"}, 2},
		"beside a sender's own":           {[]string{"webhook-id", "1", "X-Request-Id", "1"}, []string{"webhook-id", "1", "X-Request-Id", "2"}, 1},
		"a browser's header":              {[]string{"webhook-id", "1", "Origin", "https://casas.mx"}, []string{"webhook-id", "1", "Origin", "https://casas.mx"}, 2},
		"a browser's without an origin":   {[]string{"webhook-id", "1", "Sec-Fetch-Mode", "navigate"}, []string{"webhook-id", "1", "Sec-Fetch-Mode", "navigate"}, 2},
		"the subscription's id":           {[]string{"X-Claap-Webhook-Id", "1"}, []string{"X-Claap-Webhook-Id", "1"}, 2},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCounter(t, atOnce)
				first := c.post("/f/casas", jsonType, wholeJSON, tt.first...)
				time.Sleep(11 * time.Minute)
				second := c.post("/f/casas", jsonType, wholeJSON, tt.second...)
				require.Equal(t, []int{202, 202}, []int{first.Code, second.Code})
				require.Equal(t, tt.leads, c.leads(t))
				if tt.leads == 1 {
					require.Equal(t, first.Body.String(), second.Body.String())
					require.Equal(t, "true", second.Header().Get("Idempotency-Replayed"))
				}
			})
		})
	}
}

func TestADeliveryCountsForADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCounter(t, atOnce)
		for _, after := range []time.Duration{0, lead.KeyWindow, time.Millisecond} {
			time.Sleep(after)
			require.Equal(t, 202, c.post("/f/casas", jsonType, wholeJSON, "webhook-id", "msg_1").Code)
		}
		require.Equal(t, 2, c.leads(t))
	})
}

// A page may be cached with its hidden id. Each of its visitors has an inquiry, and each
// of these is one lead even if it comes twice.
func TestACachedPageGivesEachVisitorAnInquiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCounter(t, atOnce)
		post := func(email, phone, message string) *httptest.ResponseRecorder {
			return c.post("/f/casas", formType, encoded("_submission_id", "cached", "property_id", "EB-1", "email", email, "phone", phone, "message", message))
		}
		visitors := [][2]string{{"ana@casas.mx", "5512345678"}, {"eva@casas.mx", "5587654321"}, {"luz@casas.mx", ""}, {"sol@casas.mx", ""}}
		for _, visitor := range visitors {
			require.Equal(t, 303, post(visitor[0], visitor[1], "Hola").Code)
		}
		time.Sleep(time.Hour) // the words no longer count
		for _, visitor := range visitors {
			again := post(visitor[0], visitor[1], "Hola")
			require.Equal(t, 303, again.Code)
			require.Equal(t, "true", again.Header().Get("Idempotency-Replayed"), visitor[0])
			require.Equal(t, 303, post(visitor[0], visitor[1], "Otra cosa").Code, "the same person asks something else")
		}
		require.Equal(t, 2*len(visitors), c.leads(t))
	})
}

// Visitors of a cached page do not wait for each other.
func TestACachedPagesVisitorsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCounter(t, func(s *store.Store) intake.Keeper { return slow{s, 5 * time.Second} })
		var all sync.WaitGroup
		for i := range 20 {
			all.Go(func() {
				w := c.post("/f/casas", formType, encoded("_submission_id", "cached", "property_id", "EB-1", "email", fmt.Sprintf("ana%d@casas.mx", i), "message", "Hola"))
				require.Equal(t, 303, w.Code)
			})
		}
		all.Wait()
		require.Equal(t, 20, c.leads(t))
	})
}

// What a visitor types otherwise the second time is another inquiry, or is kept
// with the first: whatever was acknowledged is there to read.
func TestARepeatTypedDifferentlyIsOnDisk(t *testing.T) {
	with := func(phone, email string) string {
		return strings.NewReplacer("5512345678", phone, "ana@casas.mx", email).Replace(wholeJSON)
	}
	tests := map[string]struct {
		first, second string
		leads         int
	}{
		"words for a phone":          {with("llamar con Ana", "ana@casas.mx"), with("WhatsApp con Beto, oficina", "ana@casas.mx"), 2},
		"words around the digits":    {with("5512345678", "ana@casas.mx"), with("5512345678, con Beto", "ana@casas.mx"), 1},
		"an extension for a word":    {with("55 12 ext. 3", "ana@casas.mx"), with("5512 oficina 3", "ana@casas.mx"), 1},
		"the case of the local part": {with("5512345678", "ana@casas.mx"), with("5512345678", "Ana@casas.mx"), 1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := newCounter(t, atOnce)
			require.Equal(t, 202, c.post("/f/casas", jsonType, tt.first).Code)
			require.Equal(t, 202, c.post("/f/casas", jsonType, tt.second).Code)
			leads, _, err := c.store.List(t.Context(), lead.Filter{Limit: 10})
			require.NoError(t, err)
			require.Len(t, leads, tt.leads)
			var kept []string
			for _, l := range leads {
				kept = append(kept, l.Phone, l.Email)
				for _, p := range l.Extra {
					kept = append(kept, p.Value)
				}
			}
			for _, body := range []string{tt.first, tt.second} {
				var posted lead.Inquiry
				require.NoError(t, json.Unmarshal([]byte(body), &posted))
				require.Contains(t, kept, posted.Phone)
				require.Contains(t, kept, posted.Email)
			}
		})
	}
}
