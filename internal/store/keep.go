package store

import (
	"context"
	"encoding/json"
	"fmt"

	"leadrelay/internal/lead"
)

const insertLead = `INSERT INTO leads (remote_id, site, state, property_id, body, received_at, due_at)
	VALUES ($1, $2, $3, $4, $5, $6, $7)`

// keep is a lead on its way into the database.
type keep struct {
	lead lead.Lead
	tick lead.Tick
	body []byte
	id   lead.RemoteID
}

func (k *keep) args() []any {
	l := &k.lead
	return []any{int64(k.id), l.Site, string(l.State), l.PropertyID, string(k.body), l.ReceivedAt.UnixMilli(), millis(l.DueAt)}
}

// Keep gives the lead its remote id and writes it down. It returns after the
// lead is safely on disk; on an error nothing may be acknowledged. ctx bounds the
// wait: when it ends first, the lead is kept only if its transaction had begun.
func (s *Store) Keep(ctx context.Context, l lead.Lead, tick lead.Tick) (lead.RemoteID, error) {
	body, err := pack(&l)
	if err != nil {
		return 0, err
	}
	k := &keep{lead: l, tick: tick, body: body}
	if err := s.await(ctx, &job{kept: k, done: make(chan error, 1)}); err != nil {
		return 0, fmt.Errorf("keep lead: %w", err)
	}
	return k.id, nil
}

// body is the part of a lead that no query asks for by column.
type body struct {
	lead.Inquiry
	Source string `json:"source"`
}

func pack(l *lead.Lead) ([]byte, error) {
	return json.Marshal(body{Inquiry: l.Inquiry, Source: l.Source})
}

func unpack(data []byte, l *lead.Lead) error {
	b := body{Inquiry: l.Inquiry}
	if err := json.Unmarshal(data, &b); err != nil {
		return fmt.Errorf("unreadable body: %w", err)
	}
	l.Inquiry, l.Source = b.Inquiry, b.Source
	return nil
}
