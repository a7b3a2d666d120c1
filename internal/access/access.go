// Package access says who may see and do what. The gate finds out who asks and puts it
// into the request's context; whatever reads or changes leads asks for it there. It does
// no I/O.
package access

import (
	"cmp"
	"context"
	"errors"
	"slices"
)

// Role is what a token may do.
type Role string

// The roles. Each may do what the one before it may.
const (
	Viewer   Role = "viewer"   // sees, and changes nothing
	Operator Role = "operator" // does what a day needs
	Owner    Role = "owner"    // tokens, people and settings, too
)

// Roles returns all roles, from the one that may do least.
func Roles() []Role { return []Role{Viewer, Operator, Owner} }

// covers reports whether the role may do what the other may.
func (r Role) covers(other Role) bool {
	has, wants := slices.Index(Roles(), r), slices.Index(Roles(), other)
	return has >= 0 && wants >= 0 && cmp.Compare(has, wants) >= 0
}

// Need is what an address asks of whoever comes.
type Need struct {
	Role Role
	// AllSites is set for what is about all sites at once, such as the settings.
	AllSites bool
}

// What most addresses need.
var (
	See = Need{Role: Viewer}
	Act = Need{Role: Operator}
	Own = Need{Role: Owner}
)

// Access is who asks, and what they may.
type Access struct {
	Name  string   // of the token
	Token TokenID  // zero for the one of the settings
	Role  Role     //
	Sites []string // nil for all
	From  string   // the part of the address that does not identify a person
	Doing string   // what: see [Doing]
}

// May reports whether whoever asks may do what needs that.
func (a Access) May(n Need) bool { return a.Role.covers(n.Role) && (!n.AllSites || a.Sites == nil) }

// Sees reports whether the site is one of theirs.
func (a Access) Sees(site string) bool { return a.Sites == nil || slices.Contains(a.Sites, site) }

// Only returns those of the sites that are theirs.
func (a Access) Only(sites []string) []string {
	return slices.DeleteFunc(slices.Clone(sites), func(site string) bool { return !a.Sees(site) })
}

// SeesAll reports whether all of the sites are theirs. Nil means all that there are, now
// and later.
func (a Access) SeesAll(sites []string) bool {
	return a.Sites == nil || sites != nil && !slices.ContainsFunc(sites, func(site string) bool { return !a.Sees(site) })
}

// ErrUnknown means that nobody has asked who it is: a bug, and nothing is shown.
var ErrUnknown = errors.New("nobody has asked who it is")

// ErrRefused means that whoever asks may not do it.
var ErrRefused = errors.New("the token's role does not allow it")

type key struct{}

// With returns a context of somebody who was let in.
func With(ctx context.Context, a Access) context.Context { return context.WithValue(ctx, key{}, a) }

// From returns who was let in. Without that there is an error.
func From(ctx context.Context) (Access, error) {
	a, ok := ctx.Value(key{}).(Access)
	if !ok {
		return Access{}, ErrUnknown
	}
	return a, nil
}

// Check returns who was let in, if they may do what needs that.
func Check(ctx context.Context, n Need) (Access, error) {
	a, err := From(ctx)
	if err == nil && !a.May(n) {
		err = ErrRefused
	}
	return a, err
}
