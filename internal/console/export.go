package console

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"leadrelay/internal/access"
	"leadrelay/internal/lead"
	"leadrelay/internal/problem"
)

// exports writes all leads that a filter selects, a page at a time. Between the pages it
// holds neither a connection to the database nor a transaction, so a client may read as
// slowly as the door lets it.
type exports struct {
	leads   Leads
	stillIn func(context.Context) bool // asked between the pages: a token may be revoked
	note    func(context.Context, access.Entry) error
	slots   chan struct{} // a token for each export, which has a page in memory
}

func newExports(leads Leads, stillIn func(context.Context) bool, note func(context.Context, access.Entry) error) exports {
	return exports{leads, stillIn, note, make(chan struct{}, maxPages)}
}

// exportPage is how many leads are in memory at most, and exportPause how long it may take
// to read them, and the client to receive a piece of the answer.
const (
	exportPage  = 500
	exportPause = 30 * time.Second
)

// csv answers a table for a spreadsheet.
func (e exports) csv(w http.ResponseWriter, r *http.Request) error {
	return e.write(w, r, "text/csv; charset=utf-8", "leads.csv", func(out io.Writer) func([]lead.Lead) error {
		// Without the mark, Excel takes UTF-8 for something else.
		_, _ = io.WriteString(out, "\ufeff")
		rows := csv.NewWriter(out)
		_ = rows.Write(columnNames())
		return func(page []lead.Lead) error {
			for _, l := range page {
				_ = rows.Write(csvRow(exported(l)))
			}
			rows.Flush()
			return rows.Error()
		}
	})
}

// ExportedLead is a lead in a file, with what its visitor has agreed to.
type ExportedLead struct {
	Lead

	Consent *string `json:"consent"` // word for word
	Notice  *string `json:"notice"`  // the address of the privacy notice
	PageURL *string `json:"page_url"`
}

func exported(l lead.Lead) ExportedLead {
	c := l.Consent()
	return ExportedLead{Lead: view(l), Consent: orNull(c.Text), Notice: orNull(c.Notice), PageURL: orNull(l.Context["page_url"])}
}

// ndjson answers leads as in the API, one to a line, with what their visitors agreed to.
func (e exports) ndjson(w http.ResponseWriter, r *http.Request) error {
	return e.write(w, r, "application/x-ndjson", "leads.ndjson", func(out io.Writer) func([]lead.Lead) error {
		each := json.NewEncoder(out)
		return func(page []lead.Lead) error {
			for _, l := range page {
				if err := each.Encode(exported(l)); err != nil {
					return err
				}
			}
			return nil
		}
	})
}

// write writes the leads. If that fails when the answer has begun, it is cut off, so
// that the client sees that it is incomplete.
func (e exports) write(w http.ResponseWriter, r *http.Request, contentType, name string, begin func(io.Writer) func([]lead.Lead) error) error {
	f, err := parseExport(r)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), queryTimeout)
	defer cancel()
	free, err := acquire(ctx, e.slots)
	if err != nil {
		return err
	}
	defer free()
	page, more, err := e.page(r.Context(), f)
	if err != nil {
		return err
	}
	if r.Method != http.MethodHead {
		if err := e.note(r.Context(), access.Entry{What: access.DidExport, Sites: sitesOrAll(f.Site), About: name}); err != nil {
			return storeProblem(ctx, err)
		}
	}
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
	if r.Method == http.MethodHead {
		return nil
	}
	const piece = 32 << 10
	out := bufio.NewWriterSize(patientWriter{w, http.NewResponseController(w)}, piece)
	writePage := begin(out)
	for {
		if writePage(page) != nil || out.Flush() != nil {
			return nil // the client has gone
		}
		if !more {
			return nil
		}
		if !e.stillIn(r.Context()) {
			panic(http.ErrAbortHandler)
		}
		f.Below = page[len(page)-1].RemoteID
		if page, more, err = e.page(r.Context(), f); err != nil {
			problem.From(err).Log(r.Context())
			panic(http.ErrAbortHandler)
		}
	}
}

// patientWriter lets a client take its time for each piece of an answer. The door bounds
// the time of a whole answer otherwise.
type patientWriter struct {
	http.ResponseWriter
	control *http.ResponseController
}

// Write implements [io.Writer].
func (p patientWriter) Write(b []byte) (int, error) {
	_ = p.control.SetWriteDeadline(time.Now().Add(exportPause)) // a recorder of a test has none
	return p.ResponseWriter.Write(b)
}

func (e exports) page(ctx context.Context, f lead.Filter) ([]lead.Lead, bool, error) {
	ctx, cancel := context.WithTimeout(ctx, exportPause)
	defer cancel()
	page, more, err := e.leads.List(ctx, f)
	if err != nil {
		return nil, false, storeProblem(ctx, err)
	}
	return page, more, nil
}

// parseExport parses the query of an export, which has no pages.
func parseExport(r *http.Request) (lead.Filter, error) {
	f := lead.Filter{Limit: exportPage}
	names := slices.DeleteFunc(slices.Sorted(maps.Keys(parameters)), func(name string) bool { return name == "limit" || name == "cursor" })
	err := parseQuery(r, names, func(name, value string) bool { return setParameter(&f, name, value) })
	return f, err
}

// exportColumn is a column of the table, by its name in the API.
type exportColumn struct {
	name string
	cell func(l *ExportedLead) string
}

func exportColumns() []exportColumn {
	columns := []exportColumn{
		{"remote_id", func(l *ExportedLead) string { return l.RemoteID.String() }},
		{"received_at", func(l *ExportedLead) string { return csvTime(l.ReceivedAt) }},
		{"site", func(l *ExportedLead) string { return safeCell(l.Site) }},
		{"state", func(l *ExportedLead) string { return string(l.State) }},
		{"reason", func(l *ExportedLead) string { return csvText(l.Reason) }},
	}
	for _, f := range lead.Fields() {
		cell := func(l *ExportedLead) string { return csvText(l.Get(f)) }
		if f == lead.Phone {
			cell = func(l *ExportedLead) string { return csvPhone(l.Phone) }
		}
		columns = append(columns, exportColumn{string(f), cell})
	}
	return append(columns, []exportColumn{
		{"source", func(l *ExportedLead) string { return csvText(l.Source) }},
		{"next_attempt_at", func(l *ExportedLead) string { return csvTime(l.NextAttemptAt) }},
		{"delivered_at", func(l *ExportedLead) string { return csvTime(l.DeliveredAt) }},
		{"confirmed_at", func(l *ExportedLead) string { return csvTime(l.ConfirmedAt) }},
		{"consent", func(l *ExportedLead) string { return csvText(l.Consent) }},
		{"notice", func(l *ExportedLead) string { return csvText(l.Notice) }},
		{"page_url", func(l *ExportedLead) string { return csvText(l.PageURL) }},
	}...)
}

func columnNames() []string {
	var names []string
	for _, c := range exportColumns() {
		names = append(names, c.name)
	}
	return names
}

func csvRow(l ExportedLead) []string {
	var row []string
	for _, c := range exportColumns() {
		row = append(row, c.cell(&l))
	}
	return row
}

func csvTime(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.Format(time.RFC3339)
}

func csvText(s *string) string {
	if s == nil {
		return ""
	}
	return safeCell(*s)
}

// csvPhone returns a phone that can be dialed. In one that begins with a plus sign,
// blanks take the place of signs that a spreadsheet would calculate with.
func csvPhone(s *string) string {
	if s == nil {
		return ""
	}
	blanks := strings.Join(strings.FieldsFunc(*s, func(r rune) bool { return strings.ContainsRune(" -.()/", r) }), " ")
	if isPlainPhone(blanks) {
		return blanks
	}
	return safeCell(*s)
}

// formulaSigns are what a formula begins with, as typed and in full width, which some
// spreadsheets take for the same.
const formulaSigns = "=+-@＝＋－＠"

// safeCell returns a text that no spreadsheet runs. An apostrophe in front of it says
// that it is text. A phone that is a plus sign and digits needs none: it is a number and
// not a formula, and programs dial it. A spreadsheet that separates cells by something
// else than a comma, as many in Europe do, would find cells within a text. So a blank
// keeps each sign apart from what could be such a separator.
func safeCell(s string) string {
	if isPlainPhone(s) {
		return s
	}
	var safe strings.Builder
	mayBegin := false // a cell, in such a spreadsheet
	for i, r := range s {
		isSign := strings.ContainsRune(formulaSigns, r)
		switch {
		case i == 0 && (isSign || strings.ContainsRune("\t\r\n", r)):
			safe.WriteByte('\'')
		case isSign && mayBegin:
			safe.WriteByte(' ')
		}
		safe.WriteRune(r)
		mayBegin = strings.ContainsRune("\t\r\n;,|\"'", r)
	}
	return safe.String()
}

// isPlainPhone reports whether s is a plus sign and digits, with blanks between them.
func isPlainPhone(s string) bool {
	digits, ok := strings.CutPrefix(s, "+")
	return ok && digits != "" && !strings.ContainsFunc(digits, func(r rune) bool { return r != ' ' && (r < '0' || r > '9') })
}
