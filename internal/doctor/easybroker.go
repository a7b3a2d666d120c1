package doctor

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"leadrelay/internal/easybroker"
)

// credentials reads one line of EasyBroker's list with each key.
func (d Doctor) credentials(ctx context.Context) []Finding {
	var accounts []easybroker.Account
	sites := map[easybroker.Account][]string{}
	for _, s := range d.Settings.Sites {
		if s.EasyBroker.Key.IsZero() {
			continue // the settings say so
		}
		if sites[s.EasyBroker] == nil {
			accounts = append(accounts, s.EasyBroker)
		}
		sites[s.EasyBroker] = append(sites[s.EasyBroker], s.ID)
	}
	found := make([][]Finding, len(accounts))
	var asking sync.WaitGroup
	for i, a := range accounts {
		asking.Go(func() { found[i] = d.credential(ctx, "key of "+strings.Join(sites[a], ", "), a) })
	}
	asking.Wait()
	return slices.Concat(found...)
}

func (d Doctor) credential(ctx context.Context, about string, a easybroker.Account) []Finding {
	begun := time.Now()
	page, err := d.EasyBroker.List(ctx, a, easybroker.Query{Page: 1, Limit: 1})
	if err != nil {
		return []Finding{{Trouble, about, err.Error(), remedy(err)}}
	}
	all := []Finding{fine(about, "EasyBroker takes it, and its list can be read")}
	if !page.Date.IsZero() {
		all = append(all, clock(a.URL, begun, time.Now(), page.Date))
	}
	return all
}

// remedy says what to do about a call that has failed.
func remedy(err error) string {
	var refused *easybroker.StatusError
	var notSent *easybroker.NotSentError
	switch {
	case errors.As(err, &refused) && (refused.Status == http.StatusUnauthorized || refused.Status == http.StatusForbidden):
		return "Get the key from EasyBroker's settings, set EASYBROKER_API_KEY (or the site's api_key) and restart. Nothing is lost: inquiries are taken and wait."
	case errors.As(err, &refused) && refused.Status == http.StatusTooManyRequests:
		return "Try again in a few minutes. If it stays so, another program uses this key, or LEADRELAY_COURIER_RATE is too high."
	case errors.As(err, &refused) && refused.Status < http.StatusInternalServerError:
		return "See that EASYBROKER_URL and EASYBROKER_API are those that go with the key. Nothing is lost: inquiries are taken and wait."
	case errors.As(err, &notSent):
		return "See that this machine may reach EASYBROKER_URL: its name server, firewall, clock and certificates. Nothing is lost: inquiries are taken and wait."
	}
	return "EasyBroker does not answer as it should. Nothing is lost: inquiries wait until it does."
}

// clock compares our clock with that of an answer that was made in between. Date has
// whole seconds.
func clock(url string, begun, ended, date time.Time) Finding {
	const most = time.Minute
	about := "clock"
	ahead := time.Duration(0)
	switch {
	case date.After(ended):
		ahead = ended.Sub(date)
	case date.Add(time.Second).Before(begun):
		ahead = begun.Sub(date.Add(time.Second))
	}
	if ahead.Abs() > most {
		way := "ahead of"
		if ahead < 0 {
			way = "behind"
		}
		return Finding{Trouble, about, fmt.Sprintf("it is %s %s %s's", ahead.Abs().Round(time.Second), way, url), "Set this machine's clock by NTP (timedatectl set-ntp true): leads in doubt wait while it is wrong."}
	}
	return fine(about, "it agrees with "+url+"'s")
}
