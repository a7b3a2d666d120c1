package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"leadrelay/internal/alerts/channel"
	"leadrelay/internal/lead"
)

// Alert is an alert that is open, in the relay's words.
type Alert struct {
	Kind          lead.AlertKind
	Since         time.Time
	Cause, Remedy string
}

// alerts asks the relay which alerts are open. What stops a key or a site is told already,
// and a relay that does not answer, too.
func (d Doctor) alerts(ctx context.Context) (all []Finding) {
	if d.Alerts == nil {
		return nil
	}
	open, quiet, err := d.Alerts(ctx)
	if err != nil {
		return nil
	}
	for _, a := range open {
		if !slices.Contains([]lead.AlertKind{lead.AlertHeld, lead.AlertDown, lead.AlertPaused}, a.Kind) {
			all = append(all, Finding{Trouble, "alert since " + a.Since.Local().Format("2006-01-02 15:04"), a.Cause, a.Remedy})
		}
	}
	for _, q := range quiet {
		all = append(all, quietFinding(q))
	}
	return all
}

// quietFinding hints at a silence, which may be chance.
func quietFinding(q lead.Quiet) Finding {
	often := fmt.Sprintf("%d times", q.TimesAYear)
	if q.TimesAYear == 1 {
		often = "once"
	}
	return Finding{
		Warning, "site " + q.Site, "no inquiry since " + q.Since.Local().Format("2006-01-02 15:04") + "; such a silence happens about " + often + " a year by chance",
		"If you expect more, send an inquiry from the site's page, to see that its form works. leadrelay doctor --site " + q.Site + " tries all that comes behind it.",
	}
}

// channels sees whether people would be told of trouble, and tells them nothing.
func (d Doctor) channels(ctx context.Context) []Finding {
	all := d.Settings.Alerts.To
	found := make([]Finding, len(all))
	var asking sync.WaitGroup
	for i, name := range all.Names() {
		asking.Go(func() { found[i] = channelFinding("alert channel "+name, all[i].Check(ctx)) })
	}
	asking.Wait()
	return found
}

func channelFinding(about string, err error) Finding {
	if err == nil {
		return fine(about, "it can be reached; leadrelay alerts test sends a message")
	}
	remedy := "See that the address in LEADRELAY_ALERTS is right, that its service runs, and that this machine may reach it."
	switch {
	case errors.Is(err, channel.ErrUnknownName):
		remedy = "Correct the name in LEADRELAY_ALERTS, or see to this machine's name server."
	case errors.Is(err, channel.ErrLogin):
		remedy = "Set the right user and password in LEADRELAY_ALERTS; a sign such as @ is written %40."
	case errors.Is(err, channel.ErrInsecure):
		remedy = "Write the name that is in the certificate into LEADRELAY_ALERTS, or have the service's owner renew it."
	case errors.Is(err, channel.ErrLate):
		remedy = "See that its service is well, and that no firewall on the way swallows what this machine sends to it."
	}
	return Finding{Trouble, about, err.Error(), remedy + " Until then nobody is told of trouble there."}
}
