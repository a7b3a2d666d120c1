package lead

import "time"

// Filter selects leads. A zero value selects all.
type Filter struct {
	Site, PropertyID string
	State            State
	After, Before    time.Time  // received at After or later, and before Before
	Below            RemoteID   // with a smaller remote id
	Text             string     // that mention the text: see [Lead.Mentions]
	RemoteIDs        []RemoteID // only these, if there are any
	Limit            int
}
