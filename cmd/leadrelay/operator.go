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
	"strconv"
	"strings"
	"time"

	"leadrelay/internal/console"
)

// operator talks to the operator's door of a running relay.
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

// list turns pages until there were as many leads as wanted, and holds one at a
// time. The cursor is where the list goes on, null at its end.
func (o operator) list(ctx context.Context, query url.Values, limit int, do func([]console.Lead) error) (cursor *string, err error) {
	for {
		const most = 500
		query.Set("limit", strconv.Itoa(min(most, limit)))
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

// wait is how long an answer may take, and what is told meanwhile to whoever
// waits for it.
type wait struct {
	patience time.Duration
	told     string
}

// usually is for most answers, and atLength for those that want EasyBroker's
// lists.
var (
	usually  = wait{30 * time.Second, "waiting for the relay"}
	atLength = wait{20 * time.Minute, "reading EasyBroker's list at the courier's pace (LEADRELAY_COURIER_RATE)"}
)

func (o operator) get(ctx context.Context, path string, into any) error {
	return o.call(ctx, http.MethodGet, path, nil, into, usually)
}

// call sends the body, if there is one, and reads the answer.
func (o operator) call(ctx context.Context, method, path string, body, into any, w wait) error {
	defer o.progress.tell(w.told)()
	ctx, cancel := context.WithTimeout(ctx, w.patience)
	defer cancel()
	var sent bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&sent).Encode(body); err != nil {
			return err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, o.root+path, &sent)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+o.token)
	req.Header.Set("Accept-Language", "en")
	resp, err := (&http.Client{Transport: &http.Transport{}}).Do(req)
	if err != nil {
		return o.unanswered(err, w)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return o.refusal(resp)
	}
	err = json.NewDecoder(resp.Body).Decode(into)
	if wrong := new(json.SyntaxError); errors.As(err, &wrong) {
		return o.stranger(resp)
	}
	if err != nil {
		return o.unanswered(err, w)
	}
	return nil
}

// unanswered says why there is no answer.
func (o operator) unanswered(err error, w wait) error {
	if failed, ok := errors.AsType[*url.Error](err); ok {
		err = failed.Err // its own text would repeat the query
	}
	switch {
	case errors.Is(err, context.Canceled):
		return errors.New("interrupted; what the relay has begun it may still finish")
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("the relay at %s has not answered within %s", o.root, w.patience)
	}
	return fmt.Errorf("is the relay running? operator's door %s (LEADRELAY_OPERATOR_ADDR): %w", o.root, err)
}

// stranger is an answer that no relay gives.
func (o operator) stranger(resp *http.Response) error {
	return fmt.Errorf("what answers at %s is no relay's operator's door (%s): set LEADRELAY_OPERATOR_ADDR to where that is", o.root, resp.Status)
}

// refusedError is what the relay does not do, in its words.
type refusedError struct {
	status int
	text   string
}

func (e *refusedError) Error() string { return e.text }

// aboutLead reports whether the lead is why, and not the relay or the token.
func (e *refusedError) aboutLead() bool {
	return e.status == http.StatusNotFound || e.status == http.StatusConflict || e.status == http.StatusUnprocessableEntity
}

// refusal reads a problem document.
func (o operator) refusal(resp *http.Response) error {
	var doc struct {
		Title, Detail string
		Errors        []struct{ Field, Message string }
	}
	const most = 64 << 10
	if err := json.NewDecoder(io.LimitReader(resp.Body, most)).Decode(&doc); err != nil || doc.Title == "" {
		return o.stranger(resp)
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
