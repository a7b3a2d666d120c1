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
	"strconv"
	"strings"
	"time"

	"leadrelay/internal/console"
)

// operator talks to the operator's door of a running relay.
type operator struct {
	root, token string
}

func (p *program) operator() (operator, error) {
	cfg, err := p.operatorConfig()
	if err != nil {
		return operator{}, err
	}
	token, err := readToken(cfg)
	if err != nil {
		return operator{}, err
	}
	return operator{root: "http://" + reachable(cfg.OperatorAddr), token: token.Reveal()}, nil
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

// usually is how long an answer may take, and atLength one that asks EasyBroker
// for its lists.
const (
	usually  = 30 * time.Second
	atLength = 20 * time.Minute
)

func (o operator) get(ctx context.Context, path string, into any) error {
	return o.call(ctx, http.MethodGet, path, nil, into, usually)
}

// call sends the body, if there is one, and reads the answer.
func (o operator) call(ctx context.Context, method, path string, body, into any, patience time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
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
		if failed, ok := errors.AsType[*url.Error](err); ok {
			err = failed.Err // its own text would repeat the query
		}
		return fmt.Errorf("is the relay running? operator's door %s: %w", o.root, err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return refusal(resp)
	}
	return json.NewDecoder(resp.Body).Decode(into)
}

// refusal reads a problem document.
func refusal(resp *http.Response) error {
	var doc struct {
		Title, Detail string
		Errors        []struct{ Field, Message string }
	}
	const most = 64 << 10
	if err := json.NewDecoder(io.LimitReader(resp.Body, most)).Decode(&doc); err != nil || doc.Title == "" {
		return fmt.Errorf("operator's door: %s", resp.Status)
	}
	lines := []string{fmt.Sprintf("%s (%d) %s", doc.Title, resp.StatusCode, doc.Detail)}
	for _, e := range doc.Errors {
		lines = append(lines, e.Field+": "+e.Message)
	}
	return errors.New(strings.Join(lines, "\n"))
}

func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
