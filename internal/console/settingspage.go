package console

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"leadrelay/internal/access"
	"leadrelay/internal/locale"
	"leadrelay/internal/problem"
	"leadrelay/web"
)

// Finding is what a look at the relay from outside showed. Its level is fine, warning or
// trouble.
type Finding struct {
	Level  string `json:"level"`
	About  string `json:"about"`
	Says   string `json:"says"`
	Remedy string `json:"remedy"`
}

var errCannotExamine = errors.New("this relay cannot be looked at from outside")

// showSettings shows what is in force.
func (p *Pages) showSettings(w http.ResponseWriter, r *http.Request) error {
	return p.writeSettings(w, r, web.SettingsPage{})
}

// examine looks at the relay from outside, and shows what that found.
func (p *Pages) examine(w http.ResponseWriter, r *http.Request) error {
	const patience = 40 * time.Second
	if err := checkBody(w, r); err != nil {
		return err
	}
	if p.opt.Examine == nil {
		return problem.New(problem.NotFound, errCannotExamine)
	}
	extendDeadlines(w)
	ctx, cancel := context.WithTimeout(r.Context(), patience)
	defer cancel()
	free, err := acquire(ctx, p.examining)
	if err != nil {
		return err
	}
	defer free()
	p.note(ctx, access.Entry{What: access.DidDoctor})
	all, err := p.opt.Examine(ctx)
	if err != nil {
		return problem.NewTryAgain(time.Second, err)
	}
	page := web.SettingsPage{IsExamined: true}
	for _, f := range all {
		page.Findings = append(page.Findings, web.Finding(f))
	}
	return p.writeSettings(w, r, page)
}

func (p *Pages) writeSettings(w http.ResponseWriter, r *http.Request, page web.SettingsPage) error {
	var text strings.Builder
	if p.opt.Settings != nil {
		if err := p.opt.Settings(&text); err != nil {
			return err
		}
	}
	page.Frame, page.Text, page.CanExamine = p.frame(r, "/settings"), text.String(), p.opt.Examine != nil
	page.Back = "/settings"
	return writePage(w, r, http.StatusOK, func(b io.Writer, _ locale.Lang) error { return web.RenderSettings(b, page) })
}
