package store

import (
	"context"
	"fmt"
	"time"

	"leadrelay/internal/lead"
)

// Taken returns the leads of the site that EasyBroker has taken since then:
// those that it answered for, and those that were only seen in its list and
// cannot have been there before.
func (s *Store) Taken(ctx context.Context, site string, since time.Time) ([]lead.Lead, error) {
	rows, err := s.people.QueryContext(ctx, `SELECT `+leadColumns+` FROM leads
		WHERE site = $1 AND state IN ('delivered', 'confirmed') AND COALESCE(delivered_at, received_at) >= $2
		ORDER BY remote_id`, site, since.UnixMilli())
	if err != nil {
		return nil, fmt.Errorf("list taken leads: %w", err)
	}
	defer func() { _ = rows.Close() }()
	var taken []lead.Lead
	for rows.Next() {
		l, err := scanLead(rows)
		if err != nil {
			return nil, fmt.Errorf("list taken leads: %w", err)
		}
		taken = append(taken, l)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("list taken leads: %w", err)
	}
	return taken, nil
}
