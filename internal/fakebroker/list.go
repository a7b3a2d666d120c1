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

// The limits of the list. A higher limit counts as 50, without an error.
const (
	defaultLimit = 20
	maxLimit     = 50
	maxPage      = 1_000_000 // page
)

// query is a parsed list call.
type query struct {
	book.Window
	page, limit int
}

// item is a contact request in the list.
type item struct {
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
	q, refused := parseQuery(f, r.URL.Query())
	if refused != nil {
		return refused
	}
	q.API = half
	b.mu.Lock()
	found := b.book.Find(f, q.Window, b.now())
	if f.MovePages {
		b.movePages(found, q.limit)
	}
	b.mu.Unlock()

	start := min((q.page-1)*q.limit, len(found))
	end := min(start+q.limit, len(found))
	content := make([]item, 0, end-start)
	for _, k := range found[start:end] {
		content = append(content, listItem(f, k))
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

// parseQuery parses the known parameters. Clients also send search[…] and parameters of
// other lists. EasyBroker is written in Rails, which by default ignores unknown ones.
func parseQuery(f Faults, v url.Values) (query, *answer) {
	known := []string{"page", "limit", "happened_after", "happened_before", "property_id"}
	if unknown := unknownNames(maps.Keys(v), known); unknown != "" && f.UnknownParameters == "refuse" {
		return query{}, failure(http.StatusUnprocessableEntity, unknown)
	}
	var wrong []string
	count := func(name string, usual, limit int) int {
		if v.Get(name) == "" {
			return usual
		}
		n, err := strconv.Atoi(v.Get(name))
		if err != nil || n < 1 {
			wrong = append(wrong, name)
		}
		return min(n, limit)
	}
	when := func(name string) time.Time {
		if v.Get(name) == "" {
			return time.Time{}
		}
		at, err := parseTime(f, v.Get(name))
		if err != nil {
			wrong = append(wrong, name)
		}
		return at
	}
	q := query{page: count("page", 1, maxPage), limit: count("limit", defaultLimit, maxLimit)}
	q.Property, q.After, q.Before = v.Get("property_id"), when("happened_after"), when("happened_before")
	if len(wrong) > 0 {
		return query{}, failure(http.StatusBadRequest, "Invalid "+strings.Join(wrong, ", "))
	}
	return q, nil
}

// looseTime matches a date, with or without a time and a zone: as in the reference, as
// Ruby's Time#to_s and Python's str write it (2026-03-01 12:00:00 UTC, … -0600), and with
// an unencoded +, which arrives as a space.
var looseTime = regexp.MustCompile(`^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?)(?: ?(?:Z|UTC)| ?([+ -])(\d\d):?(\d\d))?)?$`)

// parseTime parses a date as clients write it. A date without a zone is in UTC. We do not
// know what EasyBroker does with it.
func parseTime(f Faults, text string) (time.Time, error) {
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

// movePages swaps the items on both sides of each page's edge in half of all calls, so
// that a reader may see one item twice and another never.
func (b *Broker) movePages(found []Kept, limit int) {
	for edge := limit; edge < len(found); edge += limit {
		if b.plan.Coin() {
			found[edge-1], found[edge] = found[edge], found[edge-1]
		}
	}
}

// nextPage returns the absolute URL of a page, like EasyBroker.
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

// listItem returns an item with the fields of its half: the account's has ids and the
// source, the partner's has remote_id and the status.
func listItem(f Faults, k Kept) item {
	s := item{
		Name: orNull(k.Name), Phone: orNull(k.Phone), Email: orNull(k.Email),
		PropertyID: orNull(k.PropertyID), Message: orNull(k.Message), HappenedAt: formatTime(f, k.HappenedAt),
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

func formatTime(f Faults, at time.Time) string {
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
