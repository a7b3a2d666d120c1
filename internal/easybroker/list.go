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
// Names: page, ref. The limit is 20 if it is left out. For an account it is 50 at
// most, and larger ones are reduced without a word (ref).
type Query struct {
	After, Before time.Time // of happened_at; we do not know whether the ends belong to it
	PropertyID    string
	Page, Limit   int // pages count from 1
}

// encode returns the query string. It rounds times to whole seconds so that the
// window grows rather than shrinks.
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

// Listed is one contact request as EasyBroker lists it.
//
// The partners' list has remote_id (as a string) and status, and no source (page).
// The account's list has source and neither of the others (ref).
type Listed struct {
	RemoteID                                                int64 // zero if the list has none, or one that cannot be ours
	PropertyID, Name, Email, Phone, Message, Source, Status string
	HappenedAt                                              time.Time // zero if the list has none
}

// Page is one page of a list. What it says about the other pages may be wrong: we
// do not know whether Total and More can contradict each other, or the items.
type Page struct {
	Content []Listed
	Total   int  // of the items on all pages
	More    bool // there is a next page
	// Date is EasyBroker's clock when it answered, to the second. It is zero if the
	// answer had none.
	Date time.Time
}

// List reads one page. The list lags behind: what was created may be missing for
// seconds or minutes (inova). Its order was always newest first (inova), but no
// document says so, so the caller relies on none.
func (c *Client) List(ctx context.Context, a Account, q Query) (Page, error) {
	var page Page
	got, err := c.do(ctx, a, request{method: http.MethodGet, query: q.encode(), max: maxList, decode: func(body io.Reader) (err error) {
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
	page.Date, _ = http.ParseTime(got.header.Get("Date")) // zero if it has no Date
	return page, nil
}

// pagination is what a page says about all pages. Source: page, ref, rec.
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

// A page of 4 MiB may have a million empty items, and each of them costs memory
// and time.
const (
	// maxItems is ten times what a page for an account has at most (ref).
	maxItems = 500
	// maxMembers limits a page's members. It should have two.
	maxMembers = 100
	// maxValue is how many bytes an item or a member may have. The longest message
	// that we send has 60 kB with escapes, and decoding it takes three times as much
	// for a moment.
	maxValue = 128 << 10
	// maxText limits the texts of all items together. Fifty of the longest leads that
	// there are have 800 kB.
	maxText = 1 << 20
)

// These errors quote nothing, because a list is full of visitors' data.
var (
	errShape    = errors.New("the list has a shape that is not known")
	errTooLarge = errors.New("the page holds far more than was asked for")
)

// readPage reads the whole page or returns an error: with half a list, a lead that
// is there would look absent. It reads item by item, and stops if there are too
// many.
func readPage(body io.Reader) (Page, error) {
	d := newPageReader(body)
	var pages *pagination
	var out Page
	err := d.eachMember(func(name string) error {
		switch {
		case strings.EqualFold(name, "pagination"):
			return d.Decode(&pages)
		case strings.EqualFold(name, "content") && out.Content != nil:
			return errShape // nobody knows which of two lists is meant
		case strings.EqualFold(name, "content"):
			var err error
			out.Content, err = d.readItems()
			return err
		}
		return d.Decode(new(json.RawMessage))
	})
	switch {
	case errors.Is(err, errTooLarge):
		return Page{}, errTooLarge
	case err != nil || pages == nil || pages.Total == nil || !pages.NextPage.given || out.Content == nil:
		return Page{}, errShape
	}
	out.Total, out.More = int(*pages.Total), pages.NextPage.more
	return out, nil
}

// eachMember reads the body's only object. It calls read for each member, which
// reads the member's value.
func (d *pageReader) eachMember(read func(name string) error) error {
	if err := d.expect('{'); err != nil {
		return err
	}
	for n := 1; d.more(); n++ {
		name, err := d.Token()
		if err != nil {
			return err
		}
		if n > maxMembers {
			return errTooLarge
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
		if len(items) == maxItems {
			return nil, errTooLarge
		}
		var it *item
		if err := d.Decode(&it); err != nil || it == nil {
			return nil, cmp.Or(d.body.err, errShape)
		}
		if text += it.size(); text > maxText {
			return nil, errTooLarge
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
	body *portion
}

func newPageReader(body io.Reader) *pageReader {
	p := &portion{from: body, left: maxValue}
	return &pageReader{json.NewDecoder(p), p}
}

// more reports whether there is one more item or member, and allows it to be read.
func (d *pageReader) more() bool {
	d.body.left = maxValue
	return d.More()
}

// portion is a body of which one value may be read at a time.
type portion struct {
	from io.Reader
	left int   // bytes that the value may still have
	err  error // set if the value has more
}

// Read implements [io.Reader].
func (p *portion) Read(b []byte) (int, error) {
	if p.left == 0 {
		p.err = errTooLarge
		return 0, errTooLarge
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

// scalar returns the text of a JSON string or number. For null it returns an empty
// text. For any other value ok is false.
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

// text is a string, a number or null.
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

// number is a count that is not negative, as a number or a string.
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

// nextPage is an absolute URL or null (page, rec). Clients have also seen numbers.
// We only look whether there is one: to follow it could send the key to another
// host.
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

// remoteID is sent as a number and comes back as a string (page). One that is not
// an integer below 2^53 is not ours and counts as none.
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

// moment is a time with any offset: Z with milliseconds (page) and -06:00 (rec)
// have been seen. A time that cannot be read makes the list unreadable, because we
// need it to find a lead in an account's list.
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
