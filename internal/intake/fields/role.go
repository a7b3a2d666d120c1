package fields

// Role is what a field is for. The first five are the fields of a lead, in the
// order of [lead.Fields].
type Role uint8

// The roles that make up a lead. A name may come in parts, and so may a phone.
const (
	RoleProperty Role = iota
	RoleName
	RoleEmail
	RolePhone
	RoleMessage
	RoleFirst // parts of the name, in their order
	RoleMiddle
	RoleLast
	RoleSecondLast
	RoleArea    // area code of the phone
	RoleCountry // country code of the phone
	RoleExtra   // unknown: kept for a person to read

	// Roles that are not part of a lead and not kept with it.
	roleNext       // where the visitor goes afterwards
	roleLanguage   // which language the visitor reads
	roleSubmission // the form's own id for the inquiry
	roleShown      // when our form was shown
	roleTest       // the secret that makes it a test
	roleTyped      // the mistyped address that the visitor has corrected
	roleControl    // for others: honeypots, captchas, mail options
	roleRelay      // what only the relay says, such as remote_id
)

// ofLead reports whether a value of the role goes into one of our five fields.
func (r Role) ofLead() bool { return r < RoleExtra }

func (r Role) isControl() bool { return r > RoleExtra }

func (r Role) isNamePart() bool { return r >= RoleFirst && r <= RoleSecondLast }

// ofPerson reports whether a value of the role tells who the visitor is.
func (r Role) ofPerson() bool { return r.ofLead() && r != RoleProperty && r != RoleMessage }

// entry returns the index in [lead.Fields] of the field that the role is part of.
func (r Role) entry() int {
	switch {
	case r.isNamePart():
		return int(RoleName)
	case r == RoleArea, r == RoleCountry:
		return int(RolePhone)
	}
	return int(r)
}

// rank is how surely a name means its role. Lower is surer.
type rank uint8

const (
	rankContract  rank = iota // the name that our contract gives, such as property_id
	rankSite                  // a name of the site's own map
	rankAlias                 // a name that forms use for nothing else
	rankDecorated             // such a name with something around it: contact_email, tel-619
	rankWeak                  // a name that forms use for other things too: description
	rankType                  // no name at all, but the type of the input, such as email
)
