package courier

import (
	"context"
	"strings"

	"leadrelay/internal/easybroker"
	"leadrelay/internal/lead"
)

// What it means for the operator when EasyBroker refuses a remote_id. Sending
// again would not help, since a lead keeps its number.
const (
	// reasonTaken is for a number that EasyBroker's list has.
	reasonTaken = "EasyBroker has another contact request under this folio: the number was given twice, by a backup that was restored " +
		"or by a second relay with the same key. This inquiry is not there, and must be answered by hand"
	// reasonNumber is for a number that EasyBroker's list does not have.
	reasonNumber = "EasyBroker refuses its folio, and its list does not have it: the number may be too high for EasyBroker " +
		"(see EASYBROKER_REMOTE_ID), or stand for a contact request that is not listed"
	// reasonConflict is the same for an account, which knows no remote_id.
	reasonConflict = "EasyBroker says that it has this inquiry already, and its list does not have it"
)

// refusedID is the verdict on a lead whose remote_id EasyBroker refused though
// its list does not have it.
func (l *lane) refusedID(c lead.Claim) verdict {
	meaning := reasonNumber
	if l.account.API != easybroker.Partner {
		meaning = reasonConflict
	}
	return verdict{status: c.LastStatus, refusedID: true, reason: requote(c.Lead.Reason, meaning)}
}

// whoHasID looks for the number among what came in lately, of any property:
// somebody else's contact request under it may be about another one.
func (l *lane) whoHasID(ctx context.Context, c lead.Claim, q easybroker.Query) ([]easybroker.Listed, error) {
	q.PropertyID = ""
	if l.account.API != easybroker.Partner {
		return nil, nil
	}
	hold := l.courier.hold()
	defer hold.backTo(0)
	reading, err := l.read(ctx, q, wish{
		some:   true,
		hold:   hold,
		wanted: func(item easybroker.Listed) bool { return item.RemoteID == int64(c.Lead.RemoteID) },
		enough: func(items []easybroker.Listed) bool { return len(items) > 0 },
	})
	return reading.items, err
}

// itSays stands in a reason between our words and EasyBroker's, which are for
// the operator's eyes only: they may quote the visitor.
const itSays = ". It says: "

// quote adds EasyBroker's words to ours.
func quote(ours, theirs string) string {
	if theirs == "" {
		return ours
	}
	return ours + itSays + theirs
}

// requote replaces our words before EasyBroker's.
func requote(reason, ours string) string {
	_, theirs, _ := strings.Cut(reason, itSays)
	return quote(ours, theirs)
}

// unquoted leaves EasyBroker's words out, for the log.
func unquoted(reason string) string {
	ours, _, _ := strings.Cut(reason, itSays)
	return ours
}
