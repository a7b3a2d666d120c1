// Package doctor looks at a relay from outside and says what is wrong with it, and how
// to mend that. It changes nothing, sends nothing to anybody but EasyBroker, of which it
// reads one line, and the relay's own doors. To mail servers it only logs in,
// and at channels it knocks. If it is asked to, it posts a test inquiry.
package doctor

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"leadrelay/internal/config"
	"leadrelay/internal/easybroker"
	"leadrelay/internal/lead"
)

// Level is how bad a finding is.
type Level string

// The levels.
const (
	Fine    Level = "fine"
	Warning Level = "warning" // the relay works, but not as well as it could
	Trouble Level = "trouble" // inquiries are lost or wait until somebody does something
)

// Finding is what a look at one thing showed. It has no secret and no personal data.
type Finding struct {
	Level  Level  `json:"level"`
	About  string `json:"about"` // what was looked at
	Says   string `json:"says"`
	Remedy string `json:"remedy,omitempty"` // what to do, unless it is fine
}

func fine(about, says string) Finding { return Finding{Level: Fine, About: about, Says: says} }

// Lister reads EasyBroker's list.
type Lister interface {
	List(ctx context.Context, a easybroker.Account, q easybroker.Query) (easybroker.Page, error)
}

// Doctor looks at the relay of some settings.
type Doctor struct {
	Settings config.Config
	Problems error // what is wrong with the settings, as [config.Load] says

	EasyBroker Lister
	Public     string // where the public door can be reached from here: http://127.0.0.1:8080
	Operator   string // and the operator's
	Client     *http.Client
	Inquiry    *Inquiry // that is to be sent; nil for none

	// Alerts asks the running relay which alerts are open, and which sites are quiet. It may be
	// nil.
	Alerts func(ctx context.Context) ([]Alert, []lead.Quiet, error)
}

// patience bounds the look at one thing.
const patience = 20 * time.Second

// Examine looks at everything, at many things at once, and returns what it has found in
// a fixed order.
func (d Doctor) Examine(ctx context.Context) []Finding {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	looks := []func(context.Context) []Finding{d.settings, d.database, d.relay, d.alerts, d.credentials, d.doors, d.mailServer, d.hooks, d.channels, d.inquiry}
	found := make([][]Finding, len(looks))
	var looking sync.WaitGroup
	for i, look := range looks {
		looking.Go(func() { found[i] = look(ctx) })
	}
	looking.Wait()
	var all []Finding
	for _, some := range found {
		all = append(all, some...)
	}
	return all
}

// HasTrouble reports whether there is a finding that somebody must do something about.
func HasTrouble(all []Finding) bool {
	for _, f := range all {
		if f.Level == Trouble {
			return true
		}
	}
	return false
}

func (d Doctor) settings(context.Context) (all []Finding) {
	var wrong *config.Errors
	switch {
	case errors.As(d.Problems, &wrong):
		for _, p := range wrong.Problems {
			all = append(all, Finding{Trouble, "settings", p.Error(), "Set it right: the relay does not start like this."})
		}
	case d.Problems != nil:
		all = append(all, Finding{Trouble, "settings", d.Problems.Error(), "Set it right: the relay does not start like this."})
	}
	for _, w := range d.Settings.Warnings {
		all = append(all, Finding{Warning, "settings", w, "The relay starts like this; deploy/README.md explains each setting."})
	}
	if len(all) == 0 {
		all = append(all, fine("settings", "they are complete"))
	}
	return all
}
