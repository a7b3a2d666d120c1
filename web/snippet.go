package web

import (
	"cmp"
	"fmt"
	"html"
	"net/url"
	"strings"
)

// Snippet is the tag that puts a site's form on a page.
type Snippet struct {
	Relay       string // URL of the public door, such as https://leads.casas.mx
	Site        string // empty for the site default
	PropertyID  string
	Require     string // the required fields, separated by spaces; empty for the widget's default
	PrivacyURL  string // optional, as are the next three
	PrivacyText string
	Captcha     string
	CaptchaKey  string
}

// Tag returns the script's tag for any page.
func (s Snippet) Tag() string { return s.tag([2]string{"src", s.address("/widget.js")}) }

// PinnedTag returns the tag with the script's hash. Its URL exists in this release alone.
func (s Snippet) PinnedTag() string {
	return s.tag([2]string{"src", s.address(WidgetPath())}, [2]string{"integrity", WidgetIntegrity()}, [2]string{"crossorigin", "anonymous"})
}

// FormURL returns the URL of the site's hosted form.
func (s Snippet) FormURL() string {
	address := s.address("/f/" + cmp.Or(s.Site, "default"))
	if s.PropertyID != "" {
		address += "?property_id=" + url.QueryEscape(s.PropertyID)
	}
	return address
}

func (s Snippet) address(path string) string { return strings.TrimSuffix(s.Relay, "/") + path }

func (s Snippet) tag(attributes ...[2]string) string {
	options := [][2]string{
		{"data-relay", strings.TrimSuffix(s.Relay, "/")}, {"data-site", s.Site}, {"data-property-id", s.PropertyID}, {"data-require", s.Require}, {"data-privacy", s.PrivacyURL}, {"data-privacy-text", s.PrivacyText},
		{"data-captcha", s.Captcha}, {"data-captcha-key", s.CaptchaKey},
	}
	var b strings.Builder
	b.WriteString("<script defer")
	for _, a := range append(attributes, options...) {
		if a[1] != "" {
			fmt.Fprintf(&b, ` %s="%s"`, a[0], html.EscapeString(a[1]))
		}
	}
	return b.String() + "></script>"
}
