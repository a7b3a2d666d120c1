package fakebroker

import (
	"cmp"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"leadrelay/internal/fakebroker/book"
	"leadrelay/internal/fakebroker/fault"
)

// The list's limits: 20 unless asked, and 50 at most in silence.
const (
	usualLimit = 20
	mostLimit  = 50
	farthest   = 1_000_000 // page
)

// query is a list call that was understood.
type query struct {
	book.Window
	page, limit int
}

// shownItem is one contact request as the list shows it.
type shownItem struct {
	ID         int     `json:"id,omitempty"`
	ContactID  int     `json:"contact_id,omitempty"`
	Name       *string `json:"name"`
	Phone      *string `json:"phone"`
	Email      *string `json:"email"`
	PropertyID *string `json:"property_id"`
	Message    *string `json:"message"`
	Source     string  `json:"source,omitempty"`
	HappenedAt string  `json:"happened_at"`
	RemoteID   any     `json:"remote_id,omitempty"`
	Status     string  `json:"status,omitempty"`
}

type pagination struct {
	Limit    int     `json:"limit"`
	Page     int     `json:"page"`
	Total    int     `json:"total"`
	NextPage *string `json:"next_page"`
}

func (b *Broker) list(r *http.Request, f Faults, half string) *answer {
	q, refused := readQuery(f, r.URL.Query())
	if refused != nil {
		return refused
	}
	q.API = half
	b.mu.Lock()
	found := b.book.Find(f, q.Window, b.now())
	if f.MovePages {
		b.move(found, q.limit)
	}
	b.mu.Unlock()

	start := min((q.page-1)*q.limit, len(found))
	end := min(start+q.limit, len(found))
	content := make([]shownItem, 0, end-start)
	for _, k := range found[start:end] {
		content = append(content, shown(f, k))
	}
	p := pagination{Limit: q.limit, Page: q.page, Total: len(found)}
	if end < len(found) && f.Pagination != fault.NoNextPage {
		p.NextPage = nextPage(r, q.page+1)
	}
	if f.Pagination == fault.LowTotal {
		p.Total = min(p.Total, q.limit)
	}
	return object(http.StatusOK, map[string]any{"pagination": p, "content": content})
}

// readQuery takes what it knows. Clients send search[…] and other parameters
// of other lists here, and Rails, which answers there, leaves unknown ones
// alone unless it is told otherwise.
func readQuery(f Faults, v url.Values) (query, *answer) {
	known := []string{"page", "limit", "happened_after", "happened_before", "property_id"}
	if unknown := unpermitted(maps.Keys(v), known); unknown != "" && f.UnknownParameters == "refuse" {
		return query{}, failure(http.StatusUnprocessableEntity, unknown)
	}
	var wrong []string
	count := func(name string, usual, most int) int {
		if v.Get(name) == "" {
			return usual
		}
		n, err := strconv.Atoi(v.Get(name))
		if err != nil || n < 1 {
			wrong = append(wrong, name)
		}
		return min(n, most)
	}
	when := func(name string) time.Time {
		if v.Get(name) == "" {
			return time.Time{}
		}
		at, err := readTime(f, v.Get(name))
		if err != nil {
			wrong = append(wrong, name)
		}
		return at
	}
	q := query{page: count("page", 1, farthest), limit: count("limit", usualLimit, mostLimit)}
	q.Property, q.After, q.Before = v.Get("property_id"), when("happened_after"), when("happened_before")
	if len(wrong) > 0 {
		return query{}, failure(http.StatusBadRequest, "Invalid "+strings.Join(wrong, ", "))
	}
	return q, nil
}

// looseTime is a date, with a time and a zone or without: as the reference has
// it, as Ruby's Time#to_s and Python's str write it (2026-03-01 12:00:00 UTC,
// … -0600), and with a + that nobody encoded, which arrives as a blank.
var looseTime = regexp.MustCompile(`^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?)(?: ?(?:Z|UTC)| ?([+ -])(\d\d):?(\d\d))?)?$`)

// readTime reads a date as the clients write it. One without a zone is taken
// for UTC; what EasyBroker takes it for is not known.
func readTime(f Faults, text string) (time.Time, error) {
	if at, err := time.Parse(time.RFC3339, text); err == nil || f.Dates == "strict" {
		return at, err
	}
	part := looseTime.FindStringSubmatch(text)
	if part == nil {
		return time.Time{}, errors.New("fakebroker: no date")
	}
	clock, zone := cmp.Or(part[2], "00:00:00"), "Z"
	if len(clock) == len("00:00") {
		clock += ":00"
	}
	if part[3] != "" {
		zone = strings.Replace(part[3], " ", "+", 1) + part[4] + ":" + part[5]
	}
	return time.Parse(time.RFC3339, part[1]+"T"+clock+zone)
}

// move lets the items on both sides of each page's edge trade places in half
// of all calls, so that one reader may meet an item twice and another never.
func (b *Broker) move(found []Kept, limit int) {
	for edge := limit; edge < len(found); edge += limit {
		if b.plan.Coin() {
			found[edge-1], found[edge] = found[edge], found[edge-1]
		}
	}
}

// nextPage is an absolute URL, as EasyBroker's is.
func nextPage(r *http.Request, page int) *string {
	v := r.URL.Query()
	v.Set("page", strconv.Itoa(page))
	next := url.URL{Scheme: "http", Host: r.Host, Path: r.URL.Path, RawQuery: v.Encode()}
	if r.TLS != nil {
		next.Scheme = "https"
	}
	s := next.String()
	return &s
}

// shown gives each half its own fields: the account's has ids and the source,
// the partner's has remote_id and the status.
func shown(f Faults, k Kept) shownItem {
	s := shownItem{
		Name: orNull(k.Name), Phone: orNull(k.Phone), Email: orNull(k.Email),
		PropertyID: orNull(k.PropertyID), Message: orNull(k.Message), HappenedAt: stamp(f, k.HappenedAt),
	}
	if k.API == book.Account {
		s.ID, s.ContactID, s.Source = k.Number, k.Number, k.Source
		return s
	}
	switch f.RemoteIDAs {
	case "number":
		s.RemoteID = k.RemoteID
	case "absent":
	default:
		s.RemoteID = strconv.FormatInt(k.RemoteID, 10)
	}
	switch f.Status {
	case "":
		s.Status = "processed"
	case "absent":
	default:
		s.Status = f.Status
	}
	return s
}

func stamp(f Faults, at time.Time) string {
	in, err := f.Location()
	if err != nil {
		in = time.UTC
	}
	return at.In(in).Format("2006-01-02T15:04:05.000Z07:00")
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
