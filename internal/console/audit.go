package console

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"leadrelay/internal/access"
	"leadrelay/internal/lead"
	"leadrelay/internal/locale"
	"leadrelay/internal/problem"
	"leadrelay/web"
)

// AuditStore is the part of the store that knows who did what.
type AuditStore interface {
	Note(ctx context.Context, e access.Entry) error
	Audit(ctx context.Context, f access.EntryFilter) (entries []access.Entry, below int64, more bool, err error)
}

// Note notes what whoever asks does, where the store does not do so by itself.
func (s sight) Note(ctx context.Context, e access.Entry) error {
	by, err := access.Check(ctx, access.See)
	if err != nil {
		return err
	}
	if e.Sites == nil {
		e.Sites = by.Sites
	}
	return s.all.Note(ctx, e)
}

// note notes what a person does to find out what is wrong. It may be the database, so this
// must not fail: then the log knows.
func (p *Pages) note(ctx context.Context, e access.Entry) {
	const patience = 2 * time.Second
	in, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := p.store.Note(in, e); err != nil {
		zerolog.Ctx(ctx).UpdateContext(func(c zerolog.Context) zerolog.Context { return c.Str("not_in_audit", e.What) })
	}
}

// Audit returns what was done to their sites alone.
func (s sight) Audit(ctx context.Context, f access.EntryFilter) ([]access.Entry, int64, bool, error) {
	by, err := access.Check(ctx, access.See)
	if err != nil {
		return nil, 0, false, err
	}
	if by.Sites != nil {
		f.Sees = by.SeesAll
	}
	return s.all.Audit(ctx, f)
}

// AuditEntry is what somebody did, in the API.
type AuditEntry struct {
	At        *time.Time      `json:"at"`
	Who       string          `json:"who"`
	From      *string         `json:"from"`
	What      string          `json:"what"`
	Sites     []string        `json:"sites"` // null for all
	RemoteIDs []lead.RemoteID `json:"remote_ids"`
	Leads     int             `json:"leads"`
	Job       *int64          `json:"job"`
	About     *string         `json:"about"`
}

func viewEntry(e access.Entry) AuditEntry {
	return AuditEntry{
		At: timeOrNull(e.At), Who: e.Who, From: orNull(e.From), What: e.What, Sites: e.Sites,
		RemoteIDs: append([]lead.RemoteID{}, e.RemoteIDs...), Leads: e.Leads, Job: orNull(e.Job), About: orNull(e.About),
	}
}

var auditParameters = []string{"after", "before", "cursor", "limit", "remote_id", "what", "who"}

func setAuditParameter(f *access.EntryFilter, name, value string) bool {
	var err error
	switch {
	case value == "":
	case name == "who":
		f.Who = value
	case name == "what":
		f.What = value
		return slices.Contains(access.Deeds(), value)
	case name == "after":
		return parseTime(value, &f.After)
	case name == "before":
		return parseTime(value, &f.Before)
	case name == "remote_id":
		f.RemoteID, err = lead.ParseRemoteID(value)
	case name == "cursor":
		f.Below, err = strconv.ParseInt(value, 10, 64)
		return err == nil && f.Below > 0
	case name == "limit":
		f.Limit, err = strconv.Atoi(value)
		return err == nil && f.Limit >= 1 && f.Limit <= maxLimit
	default:
		return false
	}
	return err == nil
}

// entries returns a page of what was done.
func (a api) entries(ctx context.Context, f access.EntryFilter) ([]access.Entry, int64, bool, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	all, below, more, err := a.store.Audit(ctx, f)
	if err != nil {
		return nil, 0, false, storeProblem(ctx, err)
	}
	return all, below, more, nil
}

func (a api) audit(w http.ResponseWriter, r *http.Request) error {
	f := access.EntryFilter{Limit: defaultLimit}
	if err := parseQuery(r, auditParameters, func(name, value string) bool { return setAuditParameter(&f, name, value) }); err != nil {
		return err
	}
	all, below, more, err := a.entries(r.Context(), f)
	if err != nil {
		return err
	}
	next := json.RawMessage("null")
	if more {
		next = json.RawMessage(`"` + strconv.FormatInt(below, 10) + `"`)
	}
	writeList(w, "entries", len(all), func(i int) any { return viewEntry(all[i]) }, "next_cursor", next)
	return nil
}

// auditLines answers all that was done, one entry to a line.
func (a api) auditLines(w http.ResponseWriter, r *http.Request) error {
	return a.auditFile(w, r, "application/x-ndjson", "audit.ndjson", func(out io.Writer) func([]access.Entry) {
		each := json.NewEncoder(out)
		return func(page []access.Entry) {
			for _, e := range page {
				_ = each.Encode(viewEntry(e)) // whoever flushes sees an error
			}
		}
	})
}

var auditColumns = []string{"at", "who", "from", "what", "sites", "remote_ids", "leads", "job", "about"}

// auditTable answers all that was done as a table for a spreadsheet, which runs none of it.
func (a api) auditTable(w http.ResponseWriter, r *http.Request) error {
	return a.auditFile(w, r, "text/csv; charset=utf-8", "audit.csv", func(out io.Writer) func([]access.Entry) {
		_, _ = io.WriteString(out, "\ufeff") // as of leads.csv
		rows := csv.NewWriter(out)
		_ = rows.Write(auditColumns)
		return func(page []access.Entry) {
			for _, e := range page {
				_ = rows.Write(auditRow(viewEntry(e)))
			}
			rows.Flush()
		}
	})
}

func auditRow(e AuditEntry) []string {
	folios, job := make([]string, len(e.RemoteIDs)), ""
	for i, id := range e.RemoteIDs {
		folios[i] = id.String()
	}
	if e.Job != nil {
		job = strconv.FormatInt(*e.Job, 10)
	}
	return []string{
		csvTime(e.At), safeCell(e.Who), csvText(e.From), e.What, safeCell(strings.Join(e.Sites, " ")), strings.Join(folios, " "), strconv.Itoa(e.Leads), job, csvText(e.About),
	}
}

// auditFile answers all that was done as a file, a page at a time.
func (a api) auditFile(w http.ResponseWriter, r *http.Request, contentType, name string, begin func(io.Writer) func([]access.Entry)) error {
	f := access.EntryFilter{Limit: exportPage}
	names := slices.DeleteFunc(slices.Clone(auditParameters), func(name string) bool { return name == "limit" || name == "cursor" })
	if err := parseQuery(r, names, func(name, value string) bool { return setAuditParameter(&f, name, value) }); err != nil {
		return err
	}
	page, below, more, err := a.entries(r.Context(), f)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
	if r.Method == http.MethodHead {
		return nil
	}
	out := bufio.NewWriter(patientWriter{w, http.NewResponseController(w)})
	write := begin(out)
	for {
		write(page)
		if out.Flush() != nil || !more {
			return nil // it is through, or the client has gone
		}
		f.Below = below
		if page, below, more, err = a.entries(r.Context(), f); err != nil {
			problem.From(err).Log(r.Context())
			panic(http.ErrAbortHandler)
		}
	}
}

// showAudit lists what was done, newest first.
func (p *Pages) showAudit(w http.ResponseWriter, r *http.Request) error {
	const shown = 50
	query, f := r.URL.Query(), access.EntryFilter{Limit: shown}
	page := web.AuditPage{Frame: p.frame(r, "/audit"), Who: query.Get("who"), What: query.Get("what"), After: query.Get("after"), Before: query.Get("before"), Folio: query.Get("remote_id")}
	for name, values := range query {
		value := orDay(name, values[0])
		if name == "remote_id" {
			value = lead.Digits(value)
		}
		if len(values) > 1 || name == "limit" || !slices.Contains(auditParameters, name) || !setAuditParameter(&f, name, value) {
			page.Wrong = locale.Text(page.Lang, "audit.wrong")
		}
	}
	status := http.StatusOK
	if page.Wrong != "" {
		status = http.StatusBadRequest
	} else if err := p.fillAudit(r, f, query, &page); err != nil {
		return err
	}
	t := wordsFor(r)
	for _, deed := range access.Deeds() {
		page.Deeds = append(page.Deeds, web.Choice{Value: deed, Label: t.text("audit." + deed), IsChosen: deed == page.What})
	}
	return writePage(w, r, status, func(b io.Writer, _ locale.Lang) error { return web.RenderAudit(b, page) })
}

func (p *Pages) fillAudit(r *http.Request, f access.EntryFilter, query url.Values, page *web.AuditPage) error {
	all, below, more, err := p.entries(r.Context(), f)
	if err != nil {
		return err
	}
	t := wordsFor(r)
	for _, e := range all {
		page.Entries = append(page.Entries, t.entry(e))
	}
	if more {
		query.Set("cursor", strconv.FormatInt(below, 10))
		page.Next = "/audit?" + query.Encode()
	}
	query.Del("cursor")
	page.IsFiltered = len(query) > 0
	for name, at := range map[string]time.Time{"after": f.After, "before": f.Before} {
		if !at.IsZero() {
			query.Set(name, at.Format(time.RFC3339))
		}
	}
	for _, kind := range []string{"csv", "ndjson"} {
		u := url.URL{Path: "/audit." + kind, RawQuery: query.Encode()}
		page.Exports = append(page.Exports, web.Link{Text: t.text("export." + kind), URL: web.SafeURL(u.String())})
	}
	return nil
}

// entry tells what somebody did.
func (w words) entry(e access.Entry) web.AuditEntry {
	const named = 3
	v := web.AuditEntry{At: w.when(e.At), Who: e.Who, From: e.From, What: w.text("audit." + e.What)}
	if strings.HasPrefix(v.What, "audit.") { // of another release
		v.What = e.What
	}
	for _, id := range e.RemoteIDs[:min(len(e.RemoteIDs), named)] {
		v.Leads = append(v.Leads, web.Link{Text: web.Folio(int64(id)), URL: web.SafeURL("/leads/" + id.String())})
	}
	if more := e.Leads - len(v.Leads); more > 0 {
		v.About = append(v.About, w.count("audit.leads", more))
	}
	if e.Job != 0 {
		v.About = append(v.About, w.text("job.number", e.Job))
	}
	if e.Sites != nil {
		v.About = append(v.About, strings.Join(e.Sites, ", "))
	}
	if e.About != "" {
		v.About = append(v.About, e.About)
	}
	return v
}
