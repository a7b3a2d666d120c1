package main

import (
	"fmt"
	"net/http"
	"net/url"
	"time"

	"leadrelay/internal/console"
	"leadrelay/internal/lead"
)

// pausedSite has the argument and the flags of the verbs that pause and resume.
type pausedSite struct {
	Site       string `arg:"" help:"The site's id in the settings."`
	Credential bool   `help:"All sites that share this site's key."`
	JSON       bool   `name:"json" help:"Print JSON."`
}

type pauseCmd struct {
	pausedSite

	Until string `required:"" help:"When it ends: 18:00 (the next one, local), how long, as 2h or 3d, or a time as 2026-11-28, 2026-11-28T18:00 (both local) or 2026-11-28T18:00:00-06:00. At most 31 days."`
	Why   string `required:"" help:"The reason, for whoever finds the site paused. It is shown in the log and in /readyz?verbose; write nobody's data into it."`
}

// Validate implements kong's check of the command line.
func (c pauseCmd) Validate() error {
	_, err := parseEnd("--until", c.Until, time.Now())
	return err
}

// Run pauses the site.
func (c pauseCmd) Run(p *program) error {
	until, err := parseEnd("--until", c.Until, time.Now())
	if err != nil {
		return err
	}
	return c.order(p, "pause", map[string]any{"until": until.UTC().Format(time.RFC3339), "why": c.Why, "credential": c.Credential})
}

type resumeCmd struct{ pausedSite }

// Run ends the site's pause.
func (c resumeCmd) Run(p *program) error {
	return c.order(p, "resume", map[string]any{"credential": c.Credential})
}

// order asks the relay for the change, and prints how the sites stand then.
func (c pausedSite) order(p *program, verb string, body map[string]any) error {
	op, err := p.operator()
	if err != nil {
		return err
	}
	var all console.SiteList
	if err := op.call(p.ctx, http.MethodPost, "/api/v1/sites/"+url.PathEscape(c.Site)+"/"+verb, body, &all, normalCall); err != nil {
		return err
	}
	if c.JSON {
		return printJSON(p.stdout, all)
	}
	for _, s := range all.Sites {
		waiting := ""
		if s.Waiting > 0 {
			waiting = fmt.Sprintf("; %s waiting since %s", plural(s.Waiting, "lead"), formatTime(s.WaitingSince))
		}
		p.printf("%s: %s%s\n", s.Site, describeStanding(s.Standing), waiting)
	}
	return nil
}

// describeStanding says how a site stands, and until when.
func describeStanding(s console.Standing) string {
	words := map[string]string{
		lead.CredentialWorking: "leads go out", lead.CredentialResting: "leads go out again in a moment",
		lead.CredentialDown: "EasyBroker does not work", lead.CredentialHeld: "EasyBroker refuses the key",
		lead.SitePaused: "paused by the relay", lead.SitePausedByHand: "paused by a person until " + formatTime(s.Until),
	}[s.State]
	if reason := oneLine(s.Reason); reason != "" {
		words += ": " + reason
	}
	return words
}
