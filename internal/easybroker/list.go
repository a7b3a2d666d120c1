package easybroker

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Query narrows a list. Zero fields are left out.
//
// Names: page, ref. The limit is 20 when left out; the most for an account is
// 50, and larger ones are capped in silence (ref).
type Query struct {
	After, Before time.Time // of happened_at; whether the ends belong to it is not known
	PropertyID    string
	Page, Limit   int // pages count from 1
}

// encode writes times in UTC and whole seconds, widening the window rather
// than narrowing it.
func (q Query) encode() string {
	v := url.Values{}
	if !q.After.IsZero() {
		v.Set("happened_after", q.After.UTC().Format(time.RFC3339))
	}
	if !q.Before.IsZero() {
		v.Set("happened_before", q.Before.Add(time.Second-1).UTC().Format(time.RFC3339))
	}
	if q.PropertyID != "" {
		v.Set("property_id", q.PropertyID)
	}
	if q.Page > 0 {
		v.Set("page", strconv.Itoa(q.Page))
	}
	if q.Limit > 0 {
		v.Set("limit", strconv.Itoa(q.Limit))
	}
	return v.Encode()
}

// Listed is one contact request as EasyBroker's list gives it back.
//
// The partners' list has remote_id (as a string) and status, and no source
// (page); the account's list has source and neither of the others (ref).
type Listed struct {
	RemoteID                                                int64 // 0 when the list has none, or one that cannot be ours
	PropertyID, Name, Email, Phone, Message, Source, Status string
	HappenedAt                                              time.Time // zero when the list has none
}

// Page is one page of a list. What it says of the others need not be so: whether
// Total and More can contradict each other, or the items, is not known.
type Page struct {
	Content []Listed
	Total   int  // of the items on all pages
	More    bool // there is a next page
	// Date is EasyBroker's clock when it answered, to the second; zero when it
	// did not say.
	Date time.Time
}

// List reads one page. The list lags behind: what was created may be missing
// for seconds or minutes (inova). Its order is newest first by experience
// alone (inova), so rely on none.
func (c *Client) List(ctx context.Context, a Account, q Query) (Page, error) {
	var page Page
	got, err := c.do(ctx, a, request{method: http.MethodGet, query: q.encode(), cap: listCap, take: func(body io.Reader) (err error) {
		page, err = readPage(body)
		return err
	}})
	switch {
	case err != nil:
		return Page{}, err
	case got.status >= http.StatusMultipleChoices:
		return Page{}, refusal(a, got)
	case got.status != http.StatusOK:
		return Page{}, got.unreadable("it is not 200")
	case got.flaw != "":
		return Page{}, got.unreadable(got.flaw)
	}
	page.Date, _ = http.ParseTime(got.header.Get("Date")) // zero is what it says then
	return page, nil
}

// pagination is what a page says of all pages. Source: page, ref, rec.
type pagination struct {
	Total    *number  `json:"total"`
	NextPage nextPage `json:"next_page"`
}

type item struct {
	RemoteID   remoteID `json:"remote_id"`
	PropertyID text     `json:"property_id"`
	Name       text     `json:"name"`
	Email      text     `json:"email"`
	Phone      text     `json:"phone"`
	Message    text     `json:"message"`
	Source     text     `json:"source"`
	Status     text     `json:"status"`
	HappenedAt moment   `json:"happened_at"`
}

// mostItems is ten times the most that a page has for an account (ref), and a
// page has two members. One of 4 MiB may hold a million items of nothing, and
// each of them costs memory and time. mostOfOne is how many bytes an item or a
// member may have: the longest message that we send has 60 kB as escapes, and
// what is decoded takes three times as much for the moment. mostText is what the
// texts of all items have: twice as much as those of fifty can.
const (
	mostItems   = 500
	mostMembers = 100
	mostOfOne   = 128 << 10
	mostText    = 2 << 20
)

// Neither quotes anything, since a list is full of visitors' data.
var (
	errShape = errors.New("the list has a shape that is not known")
	errMany  = errors.New("the page holds far more than was asked for")
)

// readPage reads the whole page or nothing: half a list would make a lead
// that is there look absent. It reads item by item, and stops where there are
// too many.
func readPage(body io.Reader) (Page, error) {
	d := newPageReader(body)
	var pages *pagination
	var out Page
	err := d.eachMember(func(name string) error {
		switch {
		case strings.EqualFold(name, "pagination"):
			return d.Decode(&pages)
		case strings.EqualFold(name, "content") && out.Content != nil:
			return errShape // of two lists nobody knows which is meant
		case strings.EqualFold(name, "content"):
			var err error
			out.Content, err = d.readItems()
			return err
		}
		return d.Decode(new(json.RawMessage))
	})
	switch {
	case errors.Is(err, errMany):
		return Page{}, errMany
	case err != nil || pages == nil || pages.Total == nil || !pages.NextPage.given || out.Content == nil:
		return Page{}, errShape
	}
	out.Total, out.More = int(*pages.Total), pages.NextPage.more
	return out, nil
}

// eachMember reads the one object that there is; read takes each member's value.
func (d *pageReader) eachMember(read func(name string) error) error {
	if err := d.expect('{'); err != nil {
		return err
	}
	for n := 1; d.more(); n++ {
		name, err := d.Token()
		if err != nil {
			return err
		}
		if n > mostMembers {
			return errMany
		}
		if err := read(name.(string)); err != nil {
			return err
		}
	}
	if err := d.expect('}'); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errShape
	}
	return nil
}

func (d *pageReader) readItems() ([]Listed, error) {
	if err := d.expect('['); err != nil {
		return nil, err
	}
	items := []Listed{}
	for text := 0; d.more(); {
		if len(items) == mostItems {
			return nil, errMany
		}
		var it *item
		if err := d.Decode(&it); err != nil || it == nil {
			return nil, cmp.Or(d.body.err, errShape)
		}
		if text += it.size(); text > mostText {
			return nil, errMany
		}
		items = append(items, it.listed())
	}
	return items, d.expect(']')
}

func (d *pageReader) expect(delim json.Delim) error {
	token, err := d.Token()
	if err != nil || token != delim {
		return cmp.Or(d.body.err, errShape)
	}
	return nil
}

// pageReader decodes a page value by value.
type pageReader struct {
	*json.Decoder
	body *portions
}

func newPageReader(body io.Reader) *pageReader {
	p := &portions{from: body, left: mostOfOne}
	return &pageReader{json.NewDecoder(p), p}
}

// more reports whether there is one more item or member, and lets it be read.
func (d *pageReader) more() bool {
	d.body.left = mostOfOne
	return d.More()
}

// portions is a body of which so much is read at a time.
type portions struct {
	from io.Reader
	left int
	err  error // there is more
}

// Read implements [io.Reader].
func (p *portions) Read(b []byte) (int, error) {
	if p.left == 0 {
		p.err = errMany
		return 0, errMany
	}
	n, err := p.from.Read(b[:min(len(b), p.left)])
	p.left -= n
	return n, err
}

func (it *item) listed() Listed {
	return Listed{
		RemoteID: int64(it.RemoteID), PropertyID: string(it.PropertyID),
		Name: string(it.Name), Email: string(it.Email), Phone: string(it.Phone), Message: string(it.Message),
		Source: string(it.Source), Status: string(it.Status), HappenedAt: time.Time(it.HappenedAt),
	}
}

func (it *item) size() (n int) {
	for _, t := range []text{it.PropertyID, it.Name, it.Email, it.Phone, it.Message, it.Source, it.Status} {
		n += len(t)
	}
	return n
}

// scalar returns what a JSON string or number says; ok is false for any other
// value but null, which says nothing.
func scalar(b []byte) (s string, isNull, ok bool) {
	switch c := b[0]; {
	case c == '"':
		err := json.Unmarshal(b, &s)
		return s, false, err == nil
	case c == '-' || c >= '0' && c <= '9':
		return string(b), false, true
	}
	isNull = bytes.Equal(b, []byte("null"))
	return "", isNull, isNull
}

// text takes a string, a number or null.
type text string

// UnmarshalJSON implements [json.Unmarshaler].
func (t *text) UnmarshalJSON(b []byte) error {
	s, _, ok := scalar(b)
	if !ok {
		return errShape
	}
	*t = text(s)
	return nil
}

// number takes a count that is not negative, as a number or a string.
type number int

// UnmarshalJSON implements [json.Unmarshaler].
func (n *number) UnmarshalJSON(b []byte) error {
	s, _, _ := scalar(b)
	v, err := strconv.Atoi(s)
	if err != nil || v < 0 {
		return errShape
	}
	*n = number(v)
	return nil
}

// nextPage is an absolute URL or null (page, rec); clients have also seen
// numbers. It is only asked whether there is one: following it could carry the
// key to another host.
type nextPage struct{ given, more bool }

// UnmarshalJSON implements [json.Unmarshaler].
func (n *nextPage) UnmarshalJSON(b []byte) error {
	s, isNull, ok := scalar(b)
	if !ok {
		return errShape
	}
	*n = nextPage{given: true, more: !isNull && s != ""}
	return nil
}

// remoteID goes out as a number and comes back as a string (page). One that is
// no integer below 2^53 was not made by us and counts as none.
type remoteID int64

// UnmarshalJSON implements [json.Unmarshaler].
func (id *remoteID) UnmarshalJSON(b []byte) error {
	s, _, ok := scalar(b)
	if !ok {
		return errShape
	}
	v, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
	if err != nil || v < 1 || v > maxRemoteID {
		v = 0
	}
	*id = remoteID(v)
	return nil
}

// moment takes any offset: Z with milliseconds (page) and -06:00 (rec) have
// been seen. A time that cannot be read makes the list unreadable, since an
// account's list is matched by it.
type moment time.Time

// UnmarshalJSON implements [json.Unmarshaler].
func (m *moment) UnmarshalJSON(b []byte) error {
	s, isNull, ok := scalar(b)
	if isNull {
		return nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05Z0700", "2006-01-02 15:04:05 Z0700", "2006-01-02 15:04:05 UTC"} {
		at, err := time.Parse(layout, s)
		if err == nil && ok {
			*m = moment(at)
			return nil
		}
	}
	return errShape
}
