package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"leadrelay/internal/bench/stock"
	"leadrelay/internal/lead"
	"leadrelay/internal/store"
)

// maxSearch is how long the first page of a search may take, for 95 of 100 searches.
const maxSearch = 50 // ms

// search measures what an operator's search takes, for what people type and with each
// filter, on the first page and the next ones. It needs no relay.
func (b *bench) search(ctx context.Context) error {
	path := filepath.Join(b.dir, "search.db")
	if err := stock.FillPeople(ctx, path, b.scale.leads); err != nil {
		return err
	}
	before, err := os.Stat(path)
	if err != nil {
		return err
	}
	begun := time.Now()
	if err := indexAll(ctx, path); err != nil {
		return err
	}
	indexed := time.Since(begun)
	after, err := os.Stat(path)
	if err != nil {
		return err
	}
	s, err := store.Open(ctx, path)
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	leads := fmt.Sprintf("%d leads", b.scale.leads)
	b.table.add("search index, "+leads, indexed.Seconds(), "s")
	b.table.add("  disk", float64(after.Size()-before.Size())/float64(b.scale.leads), "B a lead")
	first, next, err := searchAll(ctx, s, b.scale.leads)
	if err != nil {
		return err
	}
	b.table.add("search, first page, "+leads+", p50", median(first), "ms")
	b.table.atMost(maxSearch, "  p95", quantile(first, 0.95), "ms")
	b.table.add("  worst", quantile(first, 1), "ms")
	b.table.add("search, a next page, "+leads+", p50", median(next), "ms")
	b.table.atMost(maxSearch, "  p95", quantile(next, 0.95), "ms")
	return nil
}

// indexAll indexes the leads as a relay does after an upgrade.
func indexAll(ctx context.Context, path string) error {
	s, err := store.Open(ctx, path)
	if err != nil {
		return err
	}
	for range 2 { // what there is at the first call is indexed by the second
		err = errors.Join(err, s.Index(ctx))
	}
	return errors.Join(err, s.Close())
}

// searchAll takes the time of each search with each filter.
func searchAll(ctx context.Context, s *store.Store, leads int) (first, next []float64, err error) {
	const times, nextPages = 3, 2
	for _, f := range searches(leads) {
		for range times {
			begun := time.Now()
			page, more, err := s.List(ctx, f)
			if err != nil {
				return nil, nil, err
			}
			first = append(first, milliseconds(time.Since(begun)))
			for n := 0; more && n < nextPages; n++ {
				below := f
				below.Below = page[len(page)-1].RemoteID
				begun := time.Now()
				if page, more, err = s.List(ctx, below); err != nil {
					return nil, nil, err
				}
				next = append(next, milliseconds(time.Since(begun)))
			}
		}
	}
	return first, next, nil
}

// searches are what people type, each with no filter, with each filter, and with some
// together.
func searches(leads int) (all []lead.Filter) {
	const page = 50
	someone := stock.Person(leads / 3)
	texts := []string{
		"", "maria", "PEÑA", "gracias", "disponible infonavit", "laura mendoza", "María Hernández González", "cuauhtemoc zubizarreta", // from common to rare
		someone.Email, "@gmail", someone.Phone, "+52 " + someone.Phone, "5678", "17 179", someone.PropertyID, "EB-AB",
		"zzzz", "pedro xyzw", "casarato", "nadie escribe esto", "5500000000", "q", "zq", "%", // nobody has most of them
	}
	old, recent := time.Now().Add(-time.Duration(leads/2)*time.Minute), time.Now().AddDate(0, 0, -7)
	filters := []lead.Filter{
		{}, {Site: "lofts"}, {Site: "nobody"}, {PropertyID: someone.PropertyID}, {PropertyID: "EB-NOBODY"}, {After: recent}, {Before: old},
		{State: lead.Confirmed}, {State: lead.Delivered}, {State: lead.Failed}, {State: lead.Quarantined}, {State: lead.Doubtful}, {State: lead.Queued},
		{Site: "rentas", State: lead.Failed, Before: old}, {Site: stock.Site, PropertyID: someone.PropertyID, After: old},
		{State: lead.Confirmed, PropertyID: someone.PropertyID}, {State: lead.Quarantined, After: old, Before: recent},
	}
	for _, text := range texts {
		for _, f := range filters {
			f.Text, f.Limit = text, page
			all = append(all, f)
		}
	}
	return all
}
