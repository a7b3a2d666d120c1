package console

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/go-chi/chi/v5"

	"leadrelay/internal/access"
	"leadrelay/internal/lead"
	"leadrelay/internal/problem"
)

// TokenStore is the part of the store with the tokens of people and programs.
type TokenStore interface {
	AddToken(ctx context.Context, t access.Token, digest access.Digest) error
	Tokens(ctx context.Context) ([]access.Token, error)
	RevokeToken(ctx context.Context, t access.Token) error
}

// Token is a token in the API. What is to be sent is shown once, when it is made.
type Token struct {
	Name      string      `json:"name"`
	Role      access.Role `json:"role"`
	Sites     []string    `json:"sites"` // null for all
	CreatedBy string      `json:"created_by"`
	CreatedAt *time.Time  `json:"created_at"`
	ExpiresAt *time.Time  `json:"expires_at"`
	UsedOn    *string     `json:"used_on"` // the last day
}

// TokenMade is a token that was made just now.
type TokenMade struct {
	Token

	Secret string `json:"token"`
}

func viewToken(t access.Token) Token {
	v := Token{
		Name: t.Name, Role: t.Role, Sites: t.Sites, CreatedBy: t.CreatedBy, CreatedAt: timeOrNull(t.CreatedAt), ExpiresAt: timeOrNull(t.ExpiresAt),
	}
	if !t.UsedOn.IsZero() {
		v.UsedOn = new(t.UsedOn.UTC().Format(time.DateOnly))
	}
	return v
}

// Tokens implements [TokenStore]: those that see no more than whoever asks.
func (s sight) Tokens(ctx context.Context) ([]access.Token, error) {
	by, err := access.Check(ctx, access.Own)
	if err != nil {
		return nil, err
	}
	all, err := s.all.Tokens(ctx)
	return slices.DeleteFunc(all, func(t access.Token) bool { return !by.SeesAll(t.Sites) }), err
}

// MakeToken makes a token that sees no more than whoever asks. secret is what is to be sent.
func (s sight) MakeToken(ctx context.Context, name string, role access.Role, sites []string, expires time.Time) (t access.Token, secret string, err error) {
	by, err := access.Check(ctx, access.Own)
	if err != nil {
		return t, "", err
	}
	now, err := s.all.Now(ctx)
	if err != nil {
		return t, "", err
	}
	if t, secret, err = access.New(by, name, role, sites, now, expires); err != nil {
		return t, "", err
	}
	return t, secret, s.all.AddToken(ctx, t, access.Sum(secret))
}

// RevokeToken revokes the token of that name.
func (s sight) RevokeToken(ctx context.Context, name string) (access.Token, error) {
	all, err := s.Tokens(ctx)
	if err != nil {
		return access.Token{}, err
	}
	i := slices.IndexFunc(all, func(t access.Token) bool { return t.Name == name })
	if i < 0 {
		return access.Token{}, lead.ErrNotFound
	}
	return all[i], s.all.RevokeToken(ctx, all[i])
}

func (a api) listTokens(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), queryTimeout)
	defer cancel()
	all, err := a.store.Tokens(ctx)
	if err != nil {
		return storeProblem(ctx, err)
	}
	views := make([]Token, len(all))
	for i, t := range all {
		views[i] = viewToken(t)
	}
	return writeJSON(w, map[string][]Token{"tokens": views})
}

func (a api) makeToken(w http.ResponseWriter, r *http.Request) error {
	var name, role string
	var sites []string
	var expires time.Time
	err := readBody(w, r, jsonFields{
		"name": parseText(func(s string) { name = s }), "role": parseText(func(s string) { role = s }),
		"sites":      func(value json.RawMessage) lead.Code { return a.parseSites(value, &sites) },
		"expires_at": parseFuture(&expires, a.courier.Now()),
	})
	if err != nil {
		return err
	}
	made, secret, err := a.store.MakeToken(r.Context(), name, access.Role(role), sites, expires)
	if err != nil {
		return tokenProblem(r, err)
	}
	return writeJSON(w, TokenMade{viewToken(made), secret})
}

// parseSites parses sites of the settings, of which there is at least one. null is all.
func (a api) parseSites(value json.RawMessage, to *[]string) lead.Code {
	if json.Unmarshal(value, to) != nil || *to != nil && len(*to) == 0 {
		return codeInvalid
	}
	for _, site := range *to {
		if _, ok := a.rules[site]; !ok {
			return codeInvalid
		}
	}
	return ""
}

// parseFuture parses a time of RFC 3339 that is to come. null is no time.
func parseFuture(to *time.Time, now time.Time) func(json.RawMessage) lead.Code {
	return func(value json.RawMessage) lead.Code {
		var s string
		if json.Unmarshal(value, &s) != nil || s != "" && (!parseTime(s, to) || !to.After(now)) {
			return codeInvalid
		}
		return ""
	}
}

// tokenProblem returns the problem of a token that was not made or not revoked.
func tokenProblem(r *http.Request, err error) error {
	wrong := func(field lead.Field, code lead.Code) error {
		return invalid(r, &lead.InvalidError{Fields: []lead.FieldError{{Field: field, Code: code}}})
	}
	if code := nameCode(err); code != "" {
		return wrong("name", code)
	}
	switch {
	case errors.Is(err, access.ErrRole):
		return wrong("role", codeInvalid)
	case errors.Is(err, access.ErrBeyond):
		e := problem.New(problem.Forbidden, err)
		e.Variant = "beyond"
		return e
	case errors.Is(err, lead.ErrNotFound):
		return problem.New(problem.NotFound, err)
	}
	return storeProblem(r.Context(), err)
}

// nameCode returns what is wrong with a new token's name, if that is it.
func nameCode(err error) lead.Code {
	switch {
	case errors.Is(err, access.ErrName):
		return "TOKEN_NAME"
	case errors.Is(err, access.ErrTaken):
		return "TOKEN_TAKEN"
	case errors.Is(err, access.ErrFull):
		return "TOKENS_FULL"
	}
	return ""
}

func (a api) revokeToken(w http.ResponseWriter, r *http.Request) error {
	if err := readBody(w, r, nil); err != nil {
		return err
	}
	t, err := a.store.RevokeToken(r.Context(), chi.URLParam(r, "name"))
	if err != nil {
		return tokenProblem(r, err)
	}
	return writeJSON(w, viewToken(t))
}
