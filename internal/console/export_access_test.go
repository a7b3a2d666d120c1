package console

import (
	"context"

	"leadrelay/internal/lead"
)

// Sight lets a test use a store as handlers do.
type Sight struct{ sight }

// SightOf returns what handlers see of the store.
func SightOf(s Store) Sight { return Sight{sight{s}} }

// ListAll lists leads.
func (s Sight) ListAll(ctx context.Context) error {
	_, _, err := s.List(ctx, lead.Filter{Limit: 1})
	return err
}
