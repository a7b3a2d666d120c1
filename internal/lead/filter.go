package lead

import (
	"slices"
	"time"
)

// Filter selects leads. A zero value selects all.
type Filter struct {
	Site, PropertyID string
	Sites            []string // of these sites, unless it is nil
	State            State
	After, Before    time.Time  // received at After or later, and before Before
	Below            RemoteID   // with a smaller remote id
	Text             string     // that mention the text: see [Lead.Mentions]
	Notice           string     // whose visitor has agreed to what has this text, such as a notice's address
	RemoteIDs        []RemoteID // only these, if there are any
	Limit            int
}

// HasSite reports whether the filter selects leads of the site.
func (f *Filter) HasSite(site string) bool {
	return (f.Site == "" || f.Site == site) && (f.Sites == nil || slices.Contains(f.Sites, site))
}
