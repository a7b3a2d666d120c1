package access

import (
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"regexp"
	"slices"
	"time"
)

// SettingsName is the name of the token of the settings. No other can have it.
const SettingsName = "LEADRELAY_OPERATOR_TOKEN"

// Settings returns the access of whoever has sent the token of the settings.
func Settings() Access { return Access{Name: SettingsName, Role: Owner} }

// MaxTokens is how many tokens there are at most.
const MaxTokens = 1000

// TokenID is the number of a token, which is drawn at random and no secret.
type TokenID [16]byte

// Digest is what is kept of a token: enough to know it again, and not to guess it,
// because a token is drawn at random, too.
type Digest [sha256.Size]byte

// Sum returns the digest of a token.
func Sum(token string) Digest { return sha256.Sum256([]byte(token)) }

// Token is what is known of a token.
type Token struct {
	ID    TokenID
	Name  string
	Role  Role
	Sites []string // sorted; nil for all

	CreatedBy string    // the name of the token that has made it
	CreatedAt time.Time //
	ExpiresAt time.Time // zero if it does not
	UsedOn    time.Time // the last day, in UTC; zero if it was never used
}

// Access returns what whoever has sent the token may do.
func (t Token) Access() Access {
	return Access{Name: t.Name, Token: t.ID, Role: t.Role, Sites: t.Sites}
}

var tokenName = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,39}$`)

// What is wrong with a new token.
var (
	ErrName   = errors.New("a token's name has 1 to 40 of a-z, 0-9, dots, hyphens and low lines, and begins with a letter or a digit")
	ErrRole   = errors.New("there is no such role")
	ErrBeyond = errors.New("it would see more than the token that makes it")
	ErrTaken  = errors.New("there is a token of this name")
	ErrFull   = errors.New("there are too many tokens")
)

// New makes a token on behalf of somebody. secret is what is to be sent; it is not kept.
func New(by Access, name string, role Role, sites []string, now, expires time.Time) (t Token, secret string, err error) {
	switch {
	case !tokenName.MatchString(name):
		return t, "", ErrName
	case !slices.Contains(Roles(), role):
		return t, "", ErrRole
	case !by.Role.covers(role), !by.SeesAll(sites):
		return t, "", ErrBeyond
	}
	if sites != nil {
		sites = slices.Compact(slices.Sorted(slices.Values(sites)))
	}
	t = Token{Name: name, Role: role, Sites: sites, CreatedBy: by.Name, CreatedAt: now, ExpiresAt: expires}
	_, _ = rand.Read(t.ID[:]) // never fails
	return t, "lr_" + rand.Text(), nil
}
