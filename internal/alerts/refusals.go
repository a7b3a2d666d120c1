package alerts

import (
	"net/netip"
	"slices"
	"sync"
	"time"

	"leadrelay/internal/lead"
)

// Refusals counts posts that a door refuses because of how a site is set up: a page that is
// not on its list, a site that there is not, fields that nobody sends. Robots do such things,
// too, so several visitors must have met it. It is safe for concurrent use.
type Refusals struct {
	mu    sync.Mutex
	sites map[refusedFor]*refusals
}

type refusedFor struct{ why, site string }

// refusals are those of a site for one reason, since a good post.
type refusals struct {
	byName map[string][]netip.Prefix // who was refused, by the origin or the name
	last   time.Time
}

const (
	// How many visitors must have been refused, and how many in a row whose fields were wrong.
	fewVisitors, manyVisitors = 3, 10
	// maxNames bounds the names of a site that are told apart.
	maxNames = 16
	// ofFields is the reason that a good post refutes.
	ofFields = "fields"
)

// NewRefusals returns an empty count.
func NewRefusals() *Refusals { return &Refusals{sites: map[refusedFor]*refusals{}} }

// Add counts a post that was refused. The sites must be those of the settings, or empty.
func (r *Refusals) Add(why, site, name string, client netip.Addr) {
	r.mu.Lock()
	defer r.mu.Unlock()
	key := refusedFor{why, site}
	of := r.sites[key]
	if of == nil {
		of = &refusals{byName: map[string][]netip.Prefix{}}
		r.sites[key] = of
	}
	who, seen := visitor(client), of.byName[name]
	switch {
	case slices.Contains(seen, who):
	case len(seen) == 0 && len(of.byName) >= maxNames, len(seen) >= manyVisitors:
		return
	default:
		of.byName[name] = append(seen, who)
	}
	of.last = time.Now()
}

// visitor is a client, or its network where each has a network of its own.
func visitor(client netip.Addr) netip.Prefix {
	const ownNetwork = 64 // of IPv6
	client = client.Unmap()
	p, _ := client.Prefix(min(client.BitLen(), ownNetwork))
	return p
}

// Good notes that the site has taken a post.
func (r *Refusals) Good(site string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.sites, refusedFor{ofFields, site})
}

// signs returns what is wrong with how sites are set up, and forgets what has not been met
// for a day.
func (r *Refusals) signs(now time.Time) (all []sign) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for key, of := range r.sites {
		if now.Sub(of.last) > 24*time.Hour {
			delete(r.sites, key)
			continue
		}
		needed := fewVisitors
		if key.why == ofFields {
			needed = manyVisitors
		}
		name, most := "", 0
		for n, seen := range of.byName {
			if len(seen) > most || len(seen) == most && n < name {
				name, most = n, len(seen)
			}
		}
		if most < needed {
			continue
		}
		s := sign{Kind: lead.AlertRefused, Subject: key.why + " " + key.site, Reason: key.why, Name: name}
		if key.site != "" {
			s.Sites = []string{key.site}
		}
		all = append(all, s)
	}
	return all
}
