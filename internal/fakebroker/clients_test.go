package fakebroker_test

import (
	"encoding/json"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/easybroker"
	"leadrelay/internal/fakebroker"
	"leadrelay/internal/secret"
)

// The requests here are those that public clients make:
//   - gem: easybroker/easybroker_gem 1.1.1, lib/easy_broker/api_client.rb and
//     paginated_response.rb
//   - php: Rosendito/easybroker-final-internship-test, EasyBrokerService.php and
//     routes/web.php
//   - ts: PipedreamHQ/pipedream, components/easybroker, and a site's own function
//     that leaves out no blank field
//   - py: a script that reads leads by urllib and isoformat, and one that takes
//     next_page for a number
//   - go: what net/url and time write

const partnerPath, accountPath = "/v1/integration_partners/contact_requests", "/v1/contact_requests"

// twoHalves is a broker with a key for each half.
func twoHalves(f fakebroker.Faults) *fakebroker.Broker {
	return fakebroker.New(fakebroker.Options{PartnerKeys: []string{"partner-key"}, AccountKeys: []string{"account-key"}, Faults: f})
}

func TestAKeyOpensOneHalf(t *testing.T) {
	const invalid = `{"error":"Your API key is invalid"}`
	for name, test := range map[string]struct {
		path, key string
		status    int
	}{
		"a partner's key on the partners' path":    {partnerPath, "partner-key", 200},
		"a partner's key on an account's path":     {accountPath, "partner-key", 401},
		"an account's key on an account's path":    {accountPath, "account-key", 200},
		"an account's key on the partners' path":   {partnerPath, "account-key", 401},
		"a key that nobody has, as a partner's":    {partnerPath, "no-key", 401},
		"a key that nobody has, as an account's":   {accountPath, "no-key", 401},
		"the words of the command line in the key": {partnerPath, "partner:partner-key", 401},
	} {
		t.Run(name, func(t *testing.T) {
			b := twoHalves(fakebroker.Faults{})
			w := call(b, "GET", test.path, "", "X-Authorization: "+test.key)
			require.Equal(t, test.status, w.Code)
			if test.status == 401 {
				require.JSONEq(t, invalid, w.Body.String())
				post := call(b, "POST", test.path, `{"property_id":"EB-1","email":"a@b.mx","message":"m","source":"s"}`, "X-Authorization: "+test.key)
				require.Equal(t, 401, post.Code)
				require.Empty(t, b.Book())
			}
		})
	}
}

func TestWithoutKeysEveryKeyIsAPartners(t *testing.T) {
	b := fakebroker.New(fakebroker.Options{})
	require.Equal(t, 200, call(b, "GET", partnerPath, "").Code)
	require.Equal(t, 401, call(b, "GET", accountPath, "").Code)
	b = fakebroker.New(fakebroker.Options{AccountKeys: []string{"k"}})
	require.Equal(t, 401, call(b, "GET", partnerPath, "").Code)
	require.Equal(t, 200, call(b, "GET", accountPath, "").Code)
}

// The gem sends the country that it is configured with on every path. Without one it
// sends none, and its own test expects 401.
func TestTheGemsCountryCode(t *testing.T) {
	for country, want := range map[string]int{"MX": 200, "AR": 200, "": 401, "mx": 401, "Mx": 401, "MEX": 401, "M": 401, "52": 401, "MX ": 401, "ÑÑ": 401} {
		t.Run(country, func(t *testing.T) {
			b := twoHalves(fakebroker.Faults{})
			require.Equal(t, want, call(b, "GET", partnerPath, "", "X-Authorization: partner-key", "Country-Code: "+country).Code)
			require.Equal(t, 200, call(b, "GET", accountPath, "", "X-Authorization: account-key", "Country-Code: "+country).Code, "an account has its country already")
		})
	}
}

func TestWhatClientsSendToAnAccount(t *testing.T) {
	for name, test := range map[string]struct {
		body string
		want int
	}{
		"the request that was recorded on staging":       {`{"name":"Test","phone":"123456789","email":"test@test.com","property_id":"EB-C0156","message":"Test message","source":"mydomain.com"}`, 200},
		"php: a general inquiry":                         {`{"name":"test","email":"main@ejemplo.mx","message":"AAA","source":"https://casas.mx"}`, 200},
		"ts: a general inquiry by phone":                 {`{"source":"casas.mx","name":"Ana","phone":"5559090909","message":"Busco casa"}`, 200},
		"ts: a property and a name":                      {`{"source":"casas.mx","property_id":"EB-1","name":"Ana"}`, 200},
		"ts: a property and an e-mail":                   {`{"source":"casas.mx","property_id":"EB-1","email":"a@b.mx"}`, 200},
		"ts: a property and a phone":                     {`{"source":"casas.mx","property_id":"EB-1","phone":"5559090909"}`, 200},
		"ts: blank fields that are sent all the same":    {`{"name":"Ana","email":"a@b.mx","phone":"","message":"","source":"casas.mx","property_id":"EB-1"}`, 200},
		"ts: the same without a property":                {`{"name":"Ana","email":"a@b.mx","phone":"","message":"","source":"casas.mx"}`, 422},
		"py: None for what nobody typed":                 {`{"name":"Ana","email":null,"phone":"5559090909","message":"m","source":"casas.mx","property_id":null}`, 200},
		"ts: a general inquiry without a name":           {`{"source":"casas.mx","email":"a@b.mx","message":"m"}`, 422},
		"ts: a general inquiry without e-mail and phone": {`{"source":"casas.mx","name":"Ana","message":"m"}`, 422},
		"ts: a general inquiry without a message":        {`{"source":"casas.mx","name":"Ana","email":"a@b.mx"}`, 422},
		"ts: a property and nobody":                      {`{"source":"casas.mx","property_id":"EB-1","message":"m"}`, 422},
		"py: no source":                                  {`{"name":"Ana","email":"a@b.mx","message":"m","property_id":"EB-1"}`, 422},
	} {
		t.Run(name, func(t *testing.T) {
			b := twoHalves(fakebroker.Faults{Properties: []string{"EB-1", "EB-C0156"}})
			w := call(b, "POST", accountPath, test.body, "X-Authorization: account-key")
			require.Equal(t, test.want, w.Code, w.Body)
			require.Len(t, b.Book(), map[int]int{200: 1, 422: 0}[test.want])
		})
	}
}

// A partner's inquiry needs a property, as EasyBroker's page of it says.
func TestAPartnerHasNoGeneralInquiry(t *testing.T) {
	w := call(twoHalves(fakebroker.Faults{}), "POST", partnerPath, `{"name":"Ana","email":"a@b.mx","message":"m","remote_id":1}`, "X-Authorization: partner-key")
	require.JSONEq(t, `{"errors":["property_id can't be blank"]}`, w.Body.String())
}

func TestAGeneralInquiryIsListedWithoutAProperty(t *testing.T) {
	b := newBench(t, fakebroker.Faults{})
	_, err := b.client.Create(t.Context(), b.account, easybroker.ContactRequest{Name: "Ana", Email: "ana@ejemplo.mx", Message: "Busco casa", Source: "casas.mx"})
	require.NoError(t, err)
	_, err = b.client.Create(t.Context(), b.account, easybroker.ContactRequest{PropertyID: "EB-1", Name: "Luz", Source: "casas.mx"})
	require.NoError(t, err)
	raw := call(b.Broker, "GET", accountPath, "", "X-Authorization: plain").Body.String()
	require.Contains(t, raw, `"property_id":null,"message":"Busco casa"`)
	require.Contains(t, raw, `"property_id":"EB-1","message":null`)
	page, err := b.client.List(t.Context(), b.account, easybroker.Query{})
	require.NoError(t, err)
	require.Equal(t, []string{"EB-1", ""}, []string{page.Content[0].PropertyID, page.Content[1].PropertyID})
}

// Each client writes the same instant in its own way. It is 2026-03-01 12:00:00.5 UTC,
// rounded down to a second or a day if the client does that, as it is in the URL.
func TestDatesAsTheClientsWriteThem(t *testing.T) {
	at := func(text string) time.Time {
		v, err := time.Parse(time.RFC3339, text)
		require.NoError(t, err)
		return v
	}
	noon := at("2026-03-01T12:00:00Z")
	for name, test := range map[string]struct {
		query  string
		want   time.Time
		strict bool // this one is understood by the strict, too
	}{
		"ts: toISOString":                        {"2026-03-01T12:00:00.500Z", noon.Add(time.Second / 2), true},
		"go: RFC 3339 by net/url":                {url.QueryEscape("2026-03-01T06:00:00-06:00"), noon, true},
		"go: RFC 3339 ahead of UTC, by net/url":  {url.QueryEscape("2026-03-01T14:00:00+02:00"), noon, true},
		"py: isoformat by urlencode":             {"2026-03-01T12%3A00%3A00.500%2B00%3A00", noon.Add(time.Second / 2), true},
		"py: isoformat put into the address":     {"2026-03-01T12:00:00.500+00:00", noon.Add(time.Second / 2), false},
		"py: isoformat without a zone":           {"2026-03-01T12:00:00.500000", noon.Add(time.Second / 2), false},
		"py: str of a datetime":                  {"2026-03-01+12%3A00%3A00.500000%2B00%3A00", noon.Add(time.Second / 2), false},
		"py: the same, put into the address":     {"2026-03-01%2012:00:00+00:00", noon, false},
		"php: Y-m-d":                             {"2026-03-01", at("2026-03-01T00:00:00Z"), false},
		"php: Y-m-d H:i:s by http_build_query":   {"2026-03-01+12%3A00%3A00", noon, false},
		"php: Y-m-d H:i":                         {"2026-03-01+12%3A00", noon, false},
		"php: DATE_ISO8601":                      {"2026-03-01T06%3A00%3A00-0600", noon, false},
		"php: DATE_ISO8601 put into the address": {"2026-03-01T14:00:00+0200", noon, false},
		"gem: Time#to_s in UTC":                  {"2026-03-01%2012%3A00%3A00%20UTC", noon, false},
		"gem: Time#to_s in Mexico":               {"2026-03-01%2006%3A00%3A00%20-0600", noon, false},
		"gem: Time#to_s at +0000":                {"2026-03-01%2012%3A00%3A00%20%2B0000", noon, false},
		"gem: the same with its + as it is":      {"2026-03-01%2012:00:00%20+0000", noon, false},
		"gem: DateTime#to_s":                     {"2026-03-01T12%3A00%3A00%2B00%3A00", noon, true},
	} {
		t.Run(name, func(t *testing.T) {
			for _, bound := range []struct {
				name string
				off  time.Duration
			}{{"happened_after", 0}, {"happened_after", time.Nanosecond}, {"happened_before", 0}, {"happened_before", -time.Nanosecond}} {
				now := test.want.Add(-bound.off)
				b := fakebroker.New(fakebroker.Options{AccountKeys: []string{"k"}, Clock: func() time.Time { return now }})
				require.Equal(t, 200, call(b, "POST", accountPath, `{"property_id":"EB-1","name":"Ana","source":"s"}`).Code)
				w := call(b, "GET", accountPath+"?"+bound.name+"="+test.query, "")
				require.Equal(t, 200, w.Code, w.Body)
				total := 1
				if bound.off != 0 { // what is a nanosecond outside is outside
					total = 0
				}
				require.Equal(t, total, listed(t, w).Pagination.Total, "%s %v", bound.name, bound.off)
			}
			strict := fakebroker.New(fakebroker.Options{AccountKeys: []string{"k"}, Faults: fakebroker.Faults{Dates: "strict"}})
			want := 400
			if test.strict {
				want = 200
			}
			require.Equal(t, want, call(strict, "GET", accountPath+"?happened_after="+test.query, "").Code)
		})
	}
}

func TestWhatIsNoDateIsRefused(t *testing.T) {
	b := fakebroker.New(fakebroker.Options{})
	for _, text := range []string{
		"yesterday", "1772366400", "2026-3-1", "01/03/2026", "2026-02-30", "2026-03-01T25:00:00", "2026-03-01T12:00:60",
		"2026-03-01 12:00:00 CST", "2026-03-01 12:00:00 -06", "2026-03-01Z", "2026-03-01T12:00:00 UTC+1", "2026-03-01T12", "2026-03-01T12:00:00+99:00",
	} {
		for _, name := range []string{"happened_after", "happened_before"} {
			w := call(b, "GET", partnerPath+"?"+name+"="+url.QueryEscape(text), "")
			require.Equal(t, 400, w.Code, text)
			require.JSONEq(t, `{"error":"Invalid `+name+`"}`, w.Body.String())
		}
	}
}

type list struct {
	Pagination struct {
		Total    int
		NextPage *string `json:"next_page"`
	}
	Content []struct {
		RemoteID string `json:"remote_id"`
	}
}

func listed(t *testing.T, w *httptest.ResponseRecorder) list {
	t.Helper()
	var l list
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &l))
	return l
}

// The gem adds a search to the query of every list. Other clients add parameters of
// another list.
func TestAnUnknownParameterIsIgnored(t *testing.T) {
	const query = "?search%5Bstatuses%5D%5B%5D=published&sort=desc&limit=1"
	b := fakebroker.New(fakebroker.Options{})
	for _, id := range []string{"1", "2"} {
		require.Equal(t, 200, call(b, "POST", partnerPath, `{"property_id":"EB-1","email":"a@b.mx","message":"m","remote_id":`+id+`}`).Code)
	}
	w := call(b, "GET", partnerPath+query, "")
	require.Equal(t, 200, w.Code)
	require.Equal(t, 2, listed(t, w).Pagination.Total)
	require.Len(t, listed(t, w).Content, 1, "what is known counts")

	b.Misbehave(fakebroker.Faults{UnknownParameters: "refuse"})
	w = call(b, "GET", partnerPath+query, "")
	require.Equal(t, 422, w.Code)
	require.JSONEq(t, `{"error":"Unpermitted parameters: search[statuses][], sort"}`, w.Body.String())
}

// The gem reads the next page while page × limit is below the total. The others read
// it while there is a next_page. If the two disagree, one kind of client misses items
// without noticing.
func TestPagesThatContradictTheTotal(t *testing.T) {
	for name, test := range map[string]struct {
		faults        fakebroker.Faults
		gem, byNext   int
		total, length int // of the first page
		hasNext       bool
	}{
		"as usual":                         {fakebroker.Faults{}, 5, 5, 5, 2, true},
		"there is no next page":            {fakebroker.Faults{Pagination: "no_next_page"}, 5, 2, 5, 2, false},
		"the total is no more than a page": {fakebroker.Faults{Pagination: "low_total"}, 2, 5, 2, 2, true},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, test.faults)
			for id := range int64(5) {
				require.NoError(t, b.post(id+1))
			}
			page := func(n int) easybroker.Page {
				p, err := b.client.List(t.Context(), b.partner, easybroker.Query{Page: n, Limit: 2})
				require.NoError(t, err)
				return p
			}
			first := page(1)
			require.Equal(t, test.total, first.Total)
			require.Len(t, first.Content, test.length)
			require.Equal(t, test.hasNext, first.More)
			gem, byNext := 0, 0
			for n, more := 1, true; more; n++ {
				p := page(n)
				gem, more = gem+len(p.Content), n*2 < p.Total
			}
			for n, more := 1, true; more; n++ {
				p := page(n)
				byNext, more = byNext+len(p.Content), p.More
			}
			require.Equal(t, test.gem, gem)
			require.Equal(t, test.byNext, byNext)
		})
	}
}

// If the list fits on one page, total and next_page cannot disagree.
func TestAShortListIsRightWhateverIsWrongWithPages(t *testing.T) {
	for _, word := range []string{"no_next_page", "low_total"} {
		b := newBench(t, fakebroker.Faults{Pagination: word})
		require.NoError(t, b.post(1))
		page, err := b.client.List(t.Context(), b.partner, easybroker.Query{})
		require.NoError(t, err)
		require.Equal(t, 1, page.Total)
		require.False(t, page.More)
	}
}

// The gem sends Use-Partner-Code: true with every call when it is told to (1.0.4).
func TestUsePartnerCodeReachesTheBroker(t *testing.T) {
	b := newBench(t, fakebroker.Faults{})
	require.NoError(t, b.post(1))
	b.partner.UsePartnerCode = true
	require.NoError(t, b.post(2))
	b.account.UsePartnerCode = true
	_, err := b.client.Create(t.Context(), b.account, inquiry(0))
	require.NoError(t, err)
	var with []bool
	for _, k := range b.Book() {
		with = append(with, k.UsePartnerCode)
	}
	require.Equal(t, []bool{false, true, false}, with, "an account has no partner's code")
}

// leadrelay itself is a client, too.
func TestAWrongHalfDeliversNothing(t *testing.T) {
	b := newBench(t, fakebroker.Faults{})
	wrong := b.partner
	wrong.API = easybroker.Plain
	_, err := b.client.Create(t.Context(), wrong, inquiry(0))
	require.Equal(t, "401", ending(err))
	wrong = b.account
	wrong.API = easybroker.Partner
	_, err = b.client.Create(t.Context(), wrong, inquiry(1))
	require.Equal(t, "401", ending(err))
	b.partner.Key = secret.New("plain")
	require.Equal(t, "401", ending(b.post(2)))
	require.Empty(t, b.Book())
}

// The broker refuses what `config check` warns of: a contact request needs at least one
// field of each list.
func TestNeedsAreWhatIsRefused(t *testing.T) {
	for _, api := range []easybroker.API{easybroker.Partner, easybroker.Plain} {
		for _, withProperty := range []bool{true, false} {
			for i, need := range api.Needs(withProperty) {
				requireStatus(t, 422, api, withProperty, i, "")
				for _, only := range need {
					requireStatus(t, 200, api, withProperty, i, only)
				}
			}
		}
	}
}

// requireStatus sends the first field of each list, except that of one list it sends
// another field, or none.
func requireStatus(t *testing.T, status int, api easybroker.API, withProperty bool, but int, only string) {
	t.Helper()
	values := map[string]any{"property_id": "EB-1", "name": "Ana", "email": "a@b.mx", "phone": "5559090909", "message": "m", "source": "s", "remote_id": 1}
	path, key, names := accountPath, "account-key", []string{"source"}
	if api == easybroker.Partner {
		path, key, names = partnerPath, "partner-key", []string{"remote_id"}
	} else if withProperty {
		names = append(names, "property_id")
	}
	for i, need := range api.Needs(withProperty) {
		if i != but {
			names = append(names, need[0])
		} else if only != "" {
			names = append(names, only)
		}
	}
	fields := map[string]any{}
	for _, name := range names {
		fields[name] = values[name]
	}
	body, err := json.Marshal(fields)
	require.NoError(t, err)
	require.Equal(t, status, call(twoHalves(fakebroker.Faults{}), "POST", path, string(body), "X-Authorization: "+key).Code, "%s %s", path, body)
}
