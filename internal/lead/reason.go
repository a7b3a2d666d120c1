package lead

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// The reasons that the relay writes down: why a lead is in its state, how an attempt
// ended, and why a credential is stopped. They are plain English for whoever reads the
// API or the log. Pages have a text for each, by its key in [reasonKeys].
const (
	// Of an attempt, with the status that EasyBroker answered: see [WithStatus].
	ReasonAccepted      = "accepted"
	ReasonKeyRefused    = "EasyBroker refuses the key"
	ReasonPause         = "EasyBroker asks for a pause"
	ReasonRedirected    = "EasyBroker redirects to another address"
	ReasonRefused       = "EasyBroker refuses it"
	ReasonFolioRefused  = "EasyBroker refuses the folio"
	ReasonNotEasyBroker = "not in EasyBroker's JSON: is EASYBROKER_URL right?"
	ReasonError         = "EasyBroker answers with an error"
	ReasonUnreadable    = "EasyBroker's answer cannot be read"
	ReasonStrange       = "refused in a way that EasyBroker never does"
	ReasonGateway       = "a server on the way to EasyBroker gave up waiting"

	// Of an attempt without an answer.
	ReasonUnanswered  = "EasyBroker did not answer in time"
	ReasonBroken      = "the connection to EasyBroker broke"
	ReasonUnreachable = "EasyBroker cannot be reached"
	ReasonUnknownName = "EasyBroker's name cannot be looked up"
	ReasonInsecure    = "no safe connection to EasyBroker: its certificate is not good"
	ReasonStoodStill  = "the process stood still before sending"
	ReasonStopped     = "the credential was stopped before sending"
	ReasonLeaseLost   = "the lease was lost before sending"
	ReasonInterrupted = "interrupted"
	ReasonBug         = "this relay has a bug that this lead meets"

	// ReasonRestored is for a lead that was due in a backup, and for the attempt that may
	// have been made since.
	ReasonRestored = "restored from a backup: it may have been sent since"

	// Of a lead that is looked for in EasyBroker's list.
	ReasonNotListedYet = "not in EasyBroker's list yet"
	ReasonNotListed    = "not in EasyBroker's list"
	ReasonSeveral      = "several contact requests in EasyBroker look like this lead"
	// ReasonForeignID is why a person must see to a lead whose remote_id EasyBroker has
	// from somebody else. To send it again would not help, because a lead keeps its number.
	ReasonForeignID = "EasyBroker has another contact request under this folio: the number was given twice, by a backup that was restored " +
		"or by a second relay with the same key. This inquiry is not there, and must be answered by hand"
	// ReasonNumber is for a refused remote_id that EasyBroker's list does not have.
	ReasonNumber = "EasyBroker refuses its folio, and its list does not have it: the number may be too high for EasyBroker " +
		"(see EASYBROKER_REMOTE_ID), or stand for a contact request that is not listed"
	// ReasonConflict is the same for an account, which knows no remote_id.
	ReasonConflict = "EasyBroker says that it has this inquiry already, and its list does not have it"
	// ReasonBeyondProof is for a general inquiry that cannot be found by its stamps. A
	// replay reads all of the list once. We would have to do that over and over.
	ReasonBeyondProof = "perhaps in EasyBroker, and without a property not to be found by its stamps; replay it"

	// Of a list that cannot be read.
	ReasonListTooLong  = "the list has too many pages"
	ReasonListTooLarge = "the list is too large to be held in memory"
	ReasonListMoves    = "the list changes while it is read, or contradicts itself"

	// ReasonErased is for a lead whose visitor wanted to be forgotten. Nothing of what they
	// wrote is left.
	ReasonErased = "erased"
	// ReasonBlocked is for a lead whose visitor is blocked. What they wrote is kept apart, for
	// owners alone, until it is erased.
	ReasonBlocked = "blocked"

	// Of a site that is paused.
	ReasonPaused = "EasyBroker refuses lead after lead, whatever the property"
)

// Reasons of which another one is a part.
const (
	reasonLookUpFailed  = "look-up failed: "
	reasonReadableAgain = "its list can be read again, and the next lead goes first; before it was "
	reasonCredential    = "the credential is "
)

// LookUpFailed returns the reason of a look-up that failed because of another one.
func LookUpFailed(why string) string { return reasonLookUpFailed + why }

// ReadableAgain returns the reason of a credential that was in a state, for a reason, and
// whose list can be read again.
func ReadableAgain(state, why string) string { return reasonReadableAgain + state + ": " + why }

// CredentialIs returns the reason of what was not done because of the state of the
// credential, which is in it for a reason.
func CredentialIs(state, why string) string { return reasonCredential + state + ": " + why }

// WithStatus returns a reason with the HTTP status that belongs to it.
func WithStatus(reason string, status int) string { return fmt.Sprintf("%s (%d)", reason, status) }

// reasonKeys are short names of the reasons, for the texts of pages.
var reasonKeys = map[string]string{
	ReasonErased: "erased", ReasonBlocked: "blocked", ReasonMissing: "missing", ReasonTwice: "twice", ReasonDeadline: "deadline", ReasonFlood: "flood",

	ReasonAccepted: "accepted", ReasonKeyRefused: "key_refused", ReasonPause: "pause", ReasonRedirected: "redirected", ReasonRefused: "refused",
	ReasonFolioRefused: "folio_refused", ReasonNotEasyBroker: "not_easybroker", ReasonError: "error", ReasonUnreadable: "unreadable",
	ReasonStrange: "strange", ReasonGateway: "gateway",

	ReasonUnanswered: "unanswered", ReasonBroken: "broken", ReasonUnreachable: "unreachable", ReasonUnknownName: "unknown_name",
	ReasonInsecure: "insecure", ReasonStoodStill: "stood_still", ReasonStopped: "stopped", ReasonLeaseLost: "lease_lost", ReasonInterrupted: "interrupted", ReasonBug: "bug", ReasonRestored: "restored",

	ReasonNotListedYet: "not_listed_yet", ReasonNotListed: "not_listed", ReasonSeveral: "several", ReasonForeignID: "foreign_id",
	ReasonNumber: "number", ReasonConflict: "conflict", ReasonBeyondProof: "beyond_proof",

	ReasonListTooLong: "list_too_long", ReasonListTooLarge: "list_too_large", ReasonListMoves: "list_moves",

	ReasonPaused: "paused",
}

// Keys of the reasons of which another one is a part.
const (
	KeyLookUpFailed  = "look_up_failed"
	KeyReadableAgain = "readable_again"
	KeyCredential    = "credential"
)

// Reasons returns all reasons that consist of one part. There is no order in them.
func Reasons() []string {
	all := make([]string, 0, len(reasonKeys))
	for reason := range reasonKeys {
		all = append(all, reason)
	}
	return all
}

// quotation stands in a reason between our words and EasyBroker's. Those are for the
// operator alone, because they may quote the visitor.
const quotation = ". It says: "

// Quote adds EasyBroker's words to ours.
func Quote(ours, theirs string) string {
	if theirs == "" {
		return ours
	}
	return ours + quotation + theirs
}

// Requote replaces our words in a reason and keeps EasyBroker's.
func Requote(reason, ours string) string {
	_, theirs, _ := strings.Cut(reason, quotation)
	return Quote(ours, theirs)
}

// Unquoted returns a reason without EasyBroker's words, for the log.
func Unquoted(reason string) string {
	ours, _, _ := strings.Cut(reason, quotation)
	return ours
}

// Explanation is a reason that is taken apart, so that it can be told in any language.
type Explanation struct {
	Key    string // of our reason; empty if it is none of ours
	Status int    // the HTTP status in it, or 0
	Cause  string // the key of the reason behind it, if it has one
	Says   string // EasyBroker's words; all of a reason that is none of ours
}

var endingStatus = regexp.MustCompile(` \((\d{3})\)$`)

// Explain takes a reason apart.
func Explain(reason string) Explanation {
	ours, theirs, _ := strings.Cut(reason, quotation)
	if key, rest, ok := compound(ours); ok {
		e := Explain(rest)
		if e.Key == "" { // of another release
			return Explanation{Key: key, Says: theirs}
		}
		return Explanation{Key: key, Status: e.Status, Cause: e.Key, Says: theirs}
	}
	e := Explanation{Says: theirs}
	if m := endingStatus.FindStringSubmatch(ours); m != nil {
		e.Status, _ = strconv.Atoi(m[1]) // it has three digits
		ours = strings.TrimSuffix(ours, m[0])
	}
	if e.Key = reasonKeys[ours]; e.Key == "" {
		return Explanation{Says: reason}
	}
	return e
}

// compound splits a reason of which another one is a part.
func compound(reason string) (key, rest string, ok bool) {
	if rest, ok = strings.CutPrefix(reason, reasonLookUpFailed); ok {
		return KeyLookUpFailed, rest, true
	}
	if rest, ok = strings.CutPrefix(reason, reasonReadableAgain); ok {
		_, rest, _ = strings.Cut(rest, ": ")
		return KeyReadableAgain, rest, true
	}
	if rest, ok = strings.CutPrefix(reason, reasonCredential); ok {
		_, rest, _ = strings.Cut(rest, ": ")
		return KeyCredential, rest, true
	}
	return "", "", false
}
