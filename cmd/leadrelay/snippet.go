package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"leadrelay/internal/config"
	"leadrelay/internal/lead"
	"leadrelay/internal/site"
	"leadrelay/web"
)

type snippetCmd struct {
	Site     string `arg:"" optional:"" help:"The site's id; only needed where there are several, and none of them is called default."`
	URL      string `help:"Where the relay's public door is on the web. Without it, what LEADRELAY_URL says."`
	Property string `default:"EB-AB1234" help:"The property that the page is about."`
	JSON     bool   `help:"Print JSON."`
}

// snippet has the tags for a page. Pinned is for the script of this release alone.
type snippet struct {
	HTML      string `json:"html"`
	Pinned    string `json:"pinned"`
	Integrity string `json:"integrity"`
}

// Validate implements kong's check of the command line. The address is one that
// LEADRELAY_URL may have: a tag with any other loads no script.
func (c snippetCmd) Validate() error {
	if c.URL == "" {
		return nil
	}
	if _, err := site.ParseAddress(c.URL); err != nil {
		return fmt.Errorf("--url %w", err)
	}
	return nil
}

// Run prints the tag of the widget for a site, with the attributes that the site's
// settings need.
func (c snippetCmd) Run(p *program) error {
	cfg, err := p.operatorConfig()
	if err != nil {
		return err
	}
	chosen, err := c.choose(cfg.Sites)
	if err != nil {
		return err
	}
	if c.URL = cmp.Or(c.URL, cfg.URL.String()); c.URL == "" {
		c.URL = "https://leads.example"
		_, _ = fmt.Fprintln(p.stderr, "leadrelay: https://leads.example stands for your relay's address: say it with --url, or set LEADRELAY_URL")
	}
	s := c.snippet(chosen)
	if c.JSON {
		out := json.NewEncoder(p.stdout)
		out.SetEscapeHTML(false) // because it is HTML
		return out.Encode(s)
	}
	p.printf("%s\n\n<!-- or, where the page names the script's hash; print it again after an upgrade: -->\n%s\n", s.HTML, s.Pinned)
	return nil
}

// choose returns the site that is meant. Without a name it is the only site, or the one
// called default.
func (c snippetCmd) choose(sites []config.Site) (config.Site, error) {
	if c.Site == "" && len(sites) == 1 {
		return sites[0], nil
	}
	ids := make([]string, len(sites))
	for i, s := range sites {
		if ids[i] = s.ID; s.ID == cmp.Or(c.Site, site.Default) {
			return s, nil
		}
	}
	switch {
	case len(ids) == 0:
		return config.Site{}, errors.New("the settings have no site: set LEADRELAY_SOURCE, or LEADRELAY_CONFIG to the relay's file")
	case c.Site == "":
		return config.Site{}, fmt.Errorf("say which site: %s", strings.Join(ids, ", "))
	}
	return config.Site{}, fmt.Errorf("no site has the id %q; there are: %s", c.Site, strings.Join(ids, ", "))
}

func (c snippetCmd) snippet(s config.Site) snippet {
	tag := snippetOf(s)
	tag.Relay, tag.PropertyID = c.URL, c.Property
	return snippet{HTML: tag.Tag(), Pinned: tag.PinnedTag(), Integrity: web.WidgetIntegrity()}
}

// required returns the fields that a form of the site must have, in the form that the
// widget parses: "message email|phone". The widget has the property anyway.
func required(rules lead.Rules) string {
	var names []string
	for _, f := range lead.Fields() {
		if f != lead.PropertyID && rules.Requires(f) {
			names = append(names, string(f))
		}
	}
	for _, either := range rules.Require {
		if len(either) > 1 && !slices.Contains(either, lead.PropertyID) {
			names = append(names, strings.Join(fieldNames(either), "|"))
		}
	}
	return strings.Join(names, " ")
}

func fieldNames(fields []lead.Field) (all []string) {
	for _, f := range fields {
		all = append(all, string(f))
	}
	return all
}

// snippetOf returns the widget's tag with the attributes that the site's settings need.
func snippetOf(s config.Site) web.Snippet {
	tag := web.Snippet{PrivacyURL: s.Privacy, PrivacyText: s.PrivacyText}
	if s.ID != site.Default {
		tag.Site = s.ID
	}
	if names := required(s.Rules); names != "email message" {
		tag.Require = names
	}
	if s.CaptchaSiteKey != "" {
		tag.Captcha, tag.CaptchaKey = string(s.Captcha), s.CaptchaSiteKey
	}
	return tag
}
