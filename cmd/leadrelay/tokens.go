package main

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"leadrelay/internal/console"
)

type tokenCmd struct {
	Create tokenCreateCmd `cmd:"" help:"Make a token and print it. It is shown this once, and only its digest is kept."`
	List   tokenListCmd   `cmd:"" help:"List the tokens, with what each may do and when it was last used."`
	Revoke tokenRevokeCmd `cmd:"" help:"Revoke a token: it opens nothing any more, and its sessions of the console end."`
}

type tokenCreateCmd struct {
	Name    string   `arg:"" help:"What the list and the audit call it: 1 to 40 of a-z, 0-9, dots, hyphens and low lines."`
	Role    string   `required:"" enum:"viewer,operator,owner" help:"What it may do. viewer: look. operator: all but tokens, people and settings. owner: all."`
	Site    []string `help:"Only this site; may be repeated. Without it, all sites."`
	Expires string   `help:"When it ends: how long, as 90d, or a time as 2027-03-31. Without it, never."`
	JSON    bool     `name:"json" help:"Print JSON."`
}

// Validate implements kong's check of the command line.
func (c tokenCreateCmd) Validate() error {
	_, err := c.end()
	return err
}

// end returns when the token ends, or nil.
func (c tokenCreateCmd) end() (*string, error) {
	if c.Expires == "" {
		return nil, nil //nolint:nilnil // it does not end
	}
	end, err := parseEnd("--expires", c.Expires, time.Now())
	return new(end.UTC().Format(time.RFC3339)), err
}

// Run makes the token and prints it alone, so that it can be put into a file.
func (c tokenCreateCmd) Run(p *program) error {
	end, err := c.end()
	if err != nil {
		return err
	}
	op, err := p.operator()
	if err != nil {
		return err
	}
	body := map[string]any{"name": c.Name, "role": c.Role, "expires_at": end}
	if len(c.Site) > 0 {
		body["sites"] = c.Site
	}
	var made console.TokenMade
	if err := op.call(p.ctx, http.MethodPost, "/api/v1/tokens", body, &made, normalCall); err != nil {
		return err
	}
	if c.JSON {
		return printJSON(p.stdout, made)
	}
	p.printf("%s\n", made.Secret)
	return nil
}

type tokenListCmd struct {
	JSON bool `name:"json" help:"Print JSON."`
}

// Run prints a table, or JSON.
func (c tokenListCmd) Run(p *program) error {
	op, err := p.operator()
	if err != nil {
		return err
	}
	var all struct {
		Tokens []console.Token `json:"tokens"`
	}
	if err := op.get(p.ctx, "/api/v1/tokens", &all); err != nil {
		return err
	}
	if c.JSON {
		return printJSON(p.stdout, all)
	}
	zone := time.Now().Format("MST")
	width, _ := terminalWidth(p.stdout)
	t := &table{out: p.stdout, width: width, columns: []column{
		{name: "NAME"}, {name: "ROLE"}, {name: "SITES", cut: true}, {name: "CREATED (" + zone + ")"}, {name: "BY"}, {name: "EXPIRES"}, {name: "LAST USED"},
	}}
	rows := make([][]string, len(all.Tokens))
	for i, one := range all.Tokens {
		sites, used := "all", "never"
		if one.Sites != nil {
			sites = strings.Join(one.Sites, " ")
		}
		if one.UsedOn != nil {
			used = *one.UsedOn
		}
		rows[i] = []string{one.Name, string(one.Role), sites, formatMinute(one.CreatedAt, zone), one.CreatedBy, formatMinute(one.ExpiresAt, zone), used}
	}
	return t.page(rows)
}

type tokenRevokeCmd struct {
	Name string `arg:"" help:"The token's name in the list."`
}

// Run revokes the token.
func (c tokenRevokeCmd) Run(p *program) error {
	op, err := p.operator()
	if err != nil {
		return err
	}
	var gone console.Token
	if err := op.call(p.ctx, http.MethodPost, "/api/v1/tokens/"+url.PathEscape(c.Name)+"/revoke", nil, &gone, normalCall); err != nil {
		return err
	}
	p.printf("revoked: %s\n", gone.Name)
	return nil
}
