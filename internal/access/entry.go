package access

import (
	"context"
	"time"

	"leadrelay/internal/lead"
)

// Entry is what somebody did. It has no personal data: leads by their numbers, and words
// of ours.
type Entry struct {
	ID        int64
	At        time.Time
	Who, From string // the name of the token, and the part of the address that identifies nobody
	What      string // one of the deeds
	Sites     []string
	RemoteIDs []lead.RemoteID
	Leads     int   // how many there were
	Job       int64 // its number; 0 if it is about none
	About     string
}

// The deeds, by their names in the audit.
const (
	DidLogIn     = "login"
	DidRetry     = "retry"
	DidRelease   = "release"
	DidDiscard   = "discard"
	DidEdit      = "edit"
	DidReplay    = "replay"
	DidOrder     = "job"
	DidAbort     = "abort"
	DidPause     = "pause"
	DidResume    = "resume"
	DidProbe     = "probe"
	DidSee       = "seen"
	DidReconcile = "reconcile"
	DidExport    = "export"
	DidDoctor    = "doctor"
	DidMakeToken = "token.create"
	DidRevoke    = "token.revoke"
	DidReload    = "reload"

	DidExportPerson = "people.export"
	DidBlockPerson  = "people.block"
	DidUnblock      = "people.unblock"
	DidErasePerson  = "people.erase"

	DidOpenRequest = "request.open"
)

// RequestDeed returns the name of a step that was taken with a person's request.
func RequestDeed(step lead.RequestStep) string { return "request." + string(step) }

// Deeds returns the names of all deeds.
func Deeds() []string {
	all := []string{
		DidLogIn, DidRetry, DidRelease, DidDiscard, DidEdit, DidReplay, DidOrder, DidAbort, DidPause, DidResume, DidProbe, DidSee, DidReconcile, DidExport, DidDoctor,
		DidMakeToken, DidRevoke, DidReload, DidExportPerson, DidBlockPerson, DidUnblock, DidErasePerson, DidOpenRequest,
	}
	for _, step := range lead.RequestSteps() {
		all = append(all, RequestDeed(step))
	}
	return all
}

// EntryFilter selects entries. A zero value selects all.
type EntryFilter struct {
	Who, What     string
	RemoteID      lead.RemoteID
	After, Before time.Time
	Below         int64 // with a smaller number
	Limit         int
	// Sees reports whether entries about the sites are to be seen.
	Sees func(sites []string) bool
}

// Doing returns a context in which somebody does something: whatever that changes is noted
// under this name.
func Doing(ctx context.Context, what string) context.Context {
	by, err := From(ctx)
	if err != nil {
		return ctx
	}
	by.Doing = what
	return With(ctx, by)
}
