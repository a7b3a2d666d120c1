package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"leadrelay/internal/console"
	"leadrelay/internal/lead"
)

// operator calls the operator's door of a running relay.
type operator struct {
	root, token string
	from        string // where the token was found
	progress    progress
}

func (p *program) operator() (operator, error) {
	cfg, err := p.operatorConfig()
	if err != nil {
		return operator{}, err
	}
	token, from, err := findToken(cfg, p.env)
	if err != nil {
		return operator{}, err
	}
	return operator{root: "http://" + reachable(cfg.OperatorAddr), token: token.Reveal(), from: from, progress: p.progress()}, nil
}

// list calls do with pages of at most limit leads in all, one page at a time. The
// cursor is where the list goes on, or nil at its end.
func (o operator) list(ctx context.Context, query url.Values, limit int, do func([]console.Lead) error) (cursor *string, err error) {
	for {
		const maxPage = 500
		query.Set("limit", strconv.Itoa(min(maxPage, limit)))
		var page console.Page
		if err := o.get(ctx, "/api/v1/leads?"+query.Encode(), &page); err != nil {
			return nil, err
		}
		if err := do(page.Leads); err != nil {
			return nil, err
		}
		if limit -= len(page.Leads); page.NextCursor == nil || limit <= 0 {
			return page.NextCursor, nil
		}
		query.Set("cursor", *page.NextCursor)
	}
}

// checkSite returns an error that names the sites if there is none of this name, nor a
// lead of one. An empty name is all of them.
func (o operator) checkSite(ctx context.Context, site string) error {
	var all console.SiteList
	if site == "" || o.get(ctx, "/api/v1/sites", &all) != nil {
		return nil
	}
	var sites []string
	for _, one := range all.Sites {
		sites = append(sites, one.Site)
	}
	if slices.Contains(sites, site) {
		return nil
	}
	var stats console.StatsAnswer
	const longest = 3659 * 24 * time.Hour
	query := url.Values{"site": {site}, "after": {time.Now().Add(-longest).Format(time.RFC3339)}}
	if err := o.get(ctx, "/api/v1/stats?"+query.Encode(), &stats); err != nil || len(stats.Buckets) > 0 {
		return err
	}
	slices.Sort(sites)
	return fmt.Errorf("there is no site %s, nor a lead of one; there is %s", lead.Line(site), strings.Join(slices.Compact(sites), ", "))
}

// callKind is how long a call may take, and what we print meanwhile.
type callKind struct {
	timeout time.Duration
	message string
}

// normalCall is for most calls, and longCall for those that read EasyBroker's lists.
var (
	normalCall = callKind{30 * time.Second, "waiting for the relay"}
	longCall   = callKind{20 * time.Minute, "reading EasyBroker's list at the courier's pace (LEADRELAY_COURIER_RATE)"}
)

func (o operator) get(ctx context.Context, path string, into any) error {
	return o.call(ctx, http.MethodGet, path, nil, into, normalCall)
}

// call sends a request, with the body unless it is nil, and decodes the answer.
func (o operator) call(ctx context.Context, method, path string, body, into any, w callKind) error {
	defer o.progress.start(w.message)()
	ctx, cancel := context.WithTimeout(ctx, w.timeout)
	defer cancel()
	resp, err := o.send(ctx, method, path, body)
	if err != nil {
		return o.callError(err, w)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return o.readProblem(resp)
	}
	err = json.NewDecoder(resp.Body).Decode(into)
	if wrong := new(json.SyntaxError); errors.As(err, &wrong) {
		return o.notRelayError(resp)
	}
	if err != nil {
		return o.callError(err, w)
	}
	return nil
}

// send sends a request, with the body unless it is nil. The headers are names and values
// in turn; those without a value are left out.
func (o operator) send(ctx context.Context, method, path string, body any, headers ...string) (*http.Response, error) {
	var sent bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&sent).Encode(body); err != nil {
			return nil, err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, o.root+path, &sent)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+o.token)
	req.Header.Set("Accept-Language", "en")
	for pair := range slices.Chunk(headers, 2) {
		if pair[1] != "" {
			req.Header.Set(pair[0], pair[1])
		}
	}
	return (&http.Client{Transport: &http.Transport{}}).Do(req)
}

// callError returns why there is no answer.
func (o operator) callError(err error, w callKind) error {
	if failed, ok := errors.AsType[*url.Error](err); ok {
		err = failed.Err // its own text contains the query
	}
	switch {
	case errors.Is(err, context.Canceled):
		return errors.New("interrupted; what the relay has begun it may still finish")
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("the relay at %s has not answered within %s", o.root, w.timeout)
	}
	return fmt.Errorf("is the relay running? operator's door %s (LEADRELAY_OPERATOR_ADDR): %w", o.root, err)
}

// notRelayError is the error if the answer is not a relay's.
func (o operator) notRelayError(resp *http.Response) error {
	return fmt.Errorf("what answers at %s is no relay's operator's door (%s): set LEADRELAY_OPERATOR_ADDR to where that is", o.root, resp.Status)
}

// refusedError is the problem that the relay answered.
type refusedError struct {
	status int
	text   string
}

func (e *refusedError) Error() string { return e.text }

// aboutLead reports whether the problem is about the lead, not the relay or the token.
func (e *refusedError) aboutLead() bool {
	return e.status == http.StatusNotFound || e.status == http.StatusConflict || e.status == http.StatusUnprocessableEntity
}

// readProblem decodes a problem document.
func (o operator) readProblem(resp *http.Response) error {
	var doc struct {
		Title, Detail string
		Errors        []struct{ Field, Message string }
	}
	const maxBytes = 64 << 10
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxBytes)).Decode(&doc); err != nil || doc.Title == "" {
		return o.notRelayError(resp)
	}
	lines := []string{fmt.Sprintf("%s (%d). %s", doc.Title, resp.StatusCode, doc.Detail)}
	if resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusTooManyRequests {
		remedy := "correct it, or unset it: then the token beside LEADRELAY_DATABASE is used"
		if filepath.IsAbs(o.from) {
			remedy = "set LEADRELAY_DATABASE to that relay's database, beside which its token lies, or LEADRELAY_OPERATOR_TOKEN to the token itself"
		}
		lines = []string{fmt.Sprintf("%s (%d): the relay at %s does not take the one from %s", doc.Title, resp.StatusCode, o.root, o.from), remedy}
	}
	for _, e := range doc.Errors {
		lines = append(lines, e.Field+": "+e.Message)
	}
	return &refusedError{resp.StatusCode, strings.Join(lines, "\n")}
}

func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
