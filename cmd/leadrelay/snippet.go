package main

import (
	"encoding/json"
	"fmt"
	"html"
	"slices"
	"strings"

	"leadrelay/internal/config"
	"leadrelay/internal/lead"
	"leadrelay/internal/site"
	"leadrelay/web"
)

type snippetCmd struct {
	Site     string `arg:"" optional:"" default:"default" help:"The site's id."`
	URL      string `default:"https://leads.example" help:"Where the relay's public door is on the web."`
	Property string `default:"EB-AB1234" help:"The property that the page is about."`
	JSON     bool   `help:"Print JSON."`
}

// snippet is what goes into a page. Pinned names the script of this very
// release, which is gone with the next one.
type snippet struct {
	HTML      string `json:"html"`
	Pinned    string `json:"pinned"`
	Integrity string `json:"integrity"`
}

// Run prints the tag of the widget for a site, with what the site's settings
// ask of its form.
func (c snippetCmd) Run(p *program) error {
	cfg, err := p.operatorConfig()
	if err != nil {
		return err
	}
	i := slices.IndexFunc(cfg.Sites, func(s config.Site) bool { return s.ID == c.Site })
	if i < 0 {
		return fmt.Errorf("no site has the id %q", c.Site)
	}
	s := c.snippet(cfg.Sites[i])
	if c.JSON {
		out := json.NewEncoder(p.stdout)
		out.SetEscapeHTML(false) // it is HTML
		return out.Encode(s)
	}
	p.printf("%s\n\n<!-- or, where the page names the script's hash; print it again after an upgrade: -->\n%s\n", s.HTML, s.Pinned)
	return nil
}

func (c snippetCmd) snippet(s config.Site) snippet {
	address := strings.TrimSuffix(c.URL, "/")
	options := formOptions(s, c.Property)
	return snippet{
		HTML:      tag([2]string{"src", address + "/widget.js"}, options),
		Pinned:    tag([2]string{"src", address + web.WidgetPath()}, append([][2]string{{"integrity", web.WidgetIntegrity()}, {"crossorigin", "anonymous"}}, options...)),
		Integrity: web.WidgetIntegrity(),
	}
}

func tag(src [2]string, attributes [][2]string) string {
	var b strings.Builder
	b.WriteString("<script defer")
	for _, a := range append([][2]string{src}, attributes...) {
		fmt.Fprintf(&b, ` %s="%s"`, a[0], html.EscapeString(a[1]))
	}
	return b.String() + "></script>"
}

// formOptions are the attributes that the site's settings ask for.
func formOptions(s config.Site, property string) [][2]string {
	var all [][2]string
	if s.ID != site.Default {
		all = append(all, [2]string{"data-site", s.ID})
	}
	all = append(all, [2]string{"data-property-id", property})
	var required []string
	for _, f := range []lead.Field{lead.Name, lead.Email, lead.Phone, lead.Message} {
		if s.Rules.Requires(f) {
			required = append(required, string(f))
		}
	}
	if names := strings.Join(required, " "); names != "email message" {
		all = append(all, [2]string{"data-require", names})
	}
	if s.Privacy != "" {
		all = append(all, [2]string{"data-privacy", s.Privacy})
	}
	if s.CaptchaSiteKey != "" {
		all = append(all, [2]string{"data-captcha", string(s.Captcha)}, [2]string{"data-captcha-key", s.CaptchaSiteKey})
	}
	return all
}
