package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"leadrelay/internal/lead"
)

// Taken returns the ids of the site's leads that EasyBroker has taken since
// then, oldest first: of those that it answered for, and of those that were only
// seen in its list and cannot have been there before. The leads themselves would
// be too many for the memory.
func (s *Store) Taken(ctx context.Context, site string, since time.Time) ([]lead.RemoteID, error) {
	ids, err := scanIDs(s.people.QueryContext(ctx, `SELECT remote_id FROM leads
		WHERE site = $1 AND state IN ('delivered', 'confirmed') AND COALESCE(delivered_at, received_at) >= $2`, site, since.UnixMilli()))
	if err != nil {
		return nil, fmt.Errorf("list taken leads: %w", err)
	}
	slices.Sort(ids)
	return ids, nil
}
