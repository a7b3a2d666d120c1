// Package alerts tells people of trouble before a visitor or an agency complains. The
// rules are a pure function: what the store and the courier know in, signs of trouble out.
// A book turns signs into alerts, which open when a sign lasts and close when it has been
// away for as long. A watcher does both every few seconds and tells the channels, one
// relay of a database at a time. None of it is on an inquiry's way.
//
// Read alerts.go, then book.go, watcher.go and teller.go.
package alerts

import (
	"cmp"
	"slices"
	"time"

	"leadrelay/internal/lead"
)

// Rules say when trouble is worth an alert.
type Rules struct {
	// After is for how long there must be a sign of a kind. A kind that is not in it is off.
	After map[lead.AlertKind]time.Duration
	// Low is how little space may be left on the disk.
	Low Space
}

// Space is how much of a disk is free, at least: so many bytes, and so many hundredths of
// it.
type Space struct{ Bytes, Percent int64 }

// has reports whether the rules have the kind.
func (r Rules) has(kind lead.AlertKind) bool {
	_, ok := r.After[kind]
	return ok
}

// before returns since when a lead must have waited for an alert of the kind: for ever if
// the kind is off.
func (r Rules) before(now time.Time, kind lead.AlertKind) time.Time {
	if !r.has(kind) {
		return time.Unix(0, 0)
	}
	return now.Add(-r.After[kind])
}

// opensAfter is for how long a sign must have been there before it is an alert. Where the
// facts tell only of what has lasted, they have waited already.
func (r Rules) opensAfter(kind lead.AlertKind) time.Duration {
	switch kind {
	case lead.AlertHeld, lead.AlertDown, lead.AlertStore:
		return r.After[kind]
	default:
		return 0
	}
}

// maxAway is for how long a sign must have been away, at most, before its alert closes.
const maxAway = 5 * time.Minute

// closesAfter is for how long a sign must have been away before its alert closes.
func (r Rules) closesAfter(kind lead.AlertKind) time.Duration {
	return min(r.After[kind], maxAway)
}

// Facts are what the store and the courier know at a moment.
type Facts struct {
	Credentials []lead.Credential
	Stuck       []lead.Stuck
	Drift       *lead.Drift           // of the last reconciliation; nil if there was none
	Silent      []lead.Stuck          // sites without inquiries
	Flooded     []lead.Stuck          // and with too many
	Channels    []lead.ChannelTrouble // that take nothing
	Refused     []lead.Alert          // signs of sites that refuse posts
	Jump, Skew  time.Duration         // by how much the clock was set, and how far it is ahead of EasyBroker's
	Unwritten   bool                  // the store cannot write
	Free, Disk  int64                 // bytes of the disk with the database; both zero if it is no disk of ours

	// Unknown is true if the store could not be read: then nobody knows of leads.
	Unknown bool
}

// What a store alert is about.
const ofWriting, ofSpace = "writing", "space"

// What an alert of the clock is about, and what is too much.
const (
	ofJump, ofSkew   = "jump", "skew"
	maxJump, maxSkew = 10 * time.Second, time.Minute
)

// sign is trouble as it is now. Its times of opening and closing are zero.
type sign = lead.Alert

// signs returns the trouble that the facts show. excused reports whether it is known
// already why the leads of a site wait.
func (r Rules) signs(f Facts, excused func(site string) bool) []sign {
	all := r.credentialSigns(f.Credentials)
	if f.Unwritten {
		all = append(all, sign{Kind: lead.AlertStore, Subject: ofWriting})
	}
	if f.Disk > 0 && (f.Free < r.Low.Bytes || f.Free < f.Disk/100*r.Low.Percent) {
		all = append(all, sign{Kind: lead.AlertStore, Subject: ofSpace, Free: max(f.Free, 1)})
	}
	all = append(all, stuckSigns(f.Stuck, excused)...)
	for _, s := range f.Silent {
		all = append(all, sign{Kind: lead.AlertSilence, Subject: s.Site, Sites: []string{s.Site}, Since: s.Since})
	}
	for _, c := range f.Channels {
		if !c.OffAt.IsZero() {
			all = append(all, sign{Kind: lead.AlertHook, Subject: string(c.Channel), Sites: []string{c.Channel.Site()}, Since: c.OffAt, Reason: c.Why})
		}
	}
	all = append(all, f.Refused...)
	for _, s := range f.Flooded {
		all = append(all, sign{Kind: lead.AlertFlood, Subject: s.Site, Sites: []string{s.Site}})
	}
	if f.Jump.Abs() > maxJump {
		all = append(all, sign{Kind: lead.AlertClock, Subject: ofJump, Off: f.Jump})
	}
	if f.Skew.Abs() > maxSkew {
		all = append(all, sign{Kind: lead.AlertClock, Subject: ofSkew, Off: f.Skew})
	}
	if f.Drift != nil {
		all = append(all, driftSigns(*f.Drift)...)
	}
	return slices.DeleteFunc(all, func(s sign) bool { return !r.has(s.Kind) })
}

// credentialSigns tells of credentials and sites that are stopped. All credentials that
// are down are one sign, because it is EasyBroker that is down.
func (r Rules) credentialSigns(status []lead.Credential) (all []sign) {
	var down *sign
	for _, c := range status {
		s := sign{Subject: first(c.Sites), Sites: slices.Clone(c.Sites), Reason: lead.Unquoted(c.Reason), Since: c.Since}
		switch c.State {
		case lead.CredentialHeld:
			s.Kind = lead.AlertHeld
		case lead.SitePaused:
			s.Kind = lead.AlertPaused
		case lead.SitePausedByHand:
			s.Kind, s.Reason, s.Until = lead.AlertPaused, "", c.Until // a person's words may name somebody
		case lead.CredentialDown:
			if down == nil {
				s.Kind, s.Subject = lead.AlertDown, ""
				down = &s
			} else {
				down.Sites = append(down.Sites, c.Sites...)
				down.Since = earlier(down.Since, c.Since)
			}
			continue
		default:
			continue
		}
		all = append(all, s)
	}
	if down != nil {
		all = append(all, *down)
	}
	return all
}

// stuckSigns tells of leads that wait. Those that failed are told of by site, because
// that is how they are looked at, and all others together.
func stuckSigns(stuck []lead.Stuck, excused func(site string) bool) (all []sign) {
	for _, s := range stuck {
		if s.Kind == lead.AlertLate && excused(s.Site) {
			continue
		}
		subject := ""
		if s.Kind == lead.AlertFailed {
			subject = s.Site
		}
		i := slices.IndexFunc(all, func(a sign) bool { return a.Kind == s.Kind && a.Subject == subject })
		if i < 0 {
			i, all = len(all), append(all, sign{Kind: s.Kind, Subject: subject, Since: s.Since})
		}
		a := &all[i]
		a.Sites, a.Leads, a.Since = append(a.Sites, s.Site), a.Leads+s.Leads, earlier(a.Since, s.Since)
		a.RemoteIDs = append(a.RemoteIDs, s.RemoteIDs[:min(len(s.RemoteIDs), lead.MaxAlertLeads-len(a.RemoteIDs))]...)
	}
	return all
}

func driftSigns(d lead.Drift) []sign {
	s := sign{Kind: lead.AlertDrift, Since: d.ReadAt, Found: d.Counts()}
	for _, kind := range lead.DriftKinds() {
		for _, one := range *d.Of(kind) {
			if one.Site != "" { // it is a lead of ours
				s.NameLead(one.RemoteID, one.Site)
			}
		}
	}
	if len(s.Found) == 0 {
		return nil
	}
	slices.Sort(s.Sites)
	return []sign{s}
}

func first(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return slices.Min(list)
}

func earlier(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) && !b.IsZero() {
		return b
	}
	return a
}

// compare orders alerts, what is worst first, and what has lasted longest.
func compare(a, b lead.Alert) int {
	kinds := lead.AlertKinds()
	return cmp.Or(cmp.Compare(slices.Index(kinds, a.Kind), slices.Index(kinds, b.Kind)), a.Since.Compare(b.Since), cmp.Compare(a.Subject, b.Subject))
}
