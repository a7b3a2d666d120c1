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
// filter, on the first page and the next ones, and what the pages of the console take.
func (b *bench) search(ctx context.Context) error {
	file := filepath.Join(b.dir, "search.db")
	b.say("making and indexing %d leads", b.scale.leads)
	if err := stock.FillPeople(ctx, file, b.scale.leads, func(n int) { b.say("%d leads", n) }); err != nil {
		return err
	}
	before, err := os.Stat(file)
	if err != nil {
		return err
	}
	begun := time.Now()
	if err := indexAll(ctx, file); err != nil {
		return err
	}
	indexed := time.Since(begun)
	after, err := os.Stat(file)
	if err != nil {
		return err
	}
	b.table.add(fmt.Sprintf("search index, %d leads", b.scale.leads), indexed.Seconds(), "s")
	b.table.add("  disk", float64(after.Size()-before.Size())/float64(b.scale.leads), "B a lead")
	return b.lookUp(ctx, file)
}

// postgresSearch measures the same in PostgreSQL.
func (b *bench) postgresSearch(ctx context.Context) error {
	server, err := b.postgres()
	if err != nil {
		return err
	}
	b.say("making %d leads", b.scale.leads)
	err = stock.FillPeopleServer(ctx, server, b.scale.leads, func(n int) { b.say("%d leads", n) })
	if err != nil {
		return err
	}
	b.say("indexing them")
	if err := indexAll(ctx, server); err != nil {
		return err
	}
	// A server looks at its tables by itself, in time.
	if err := stock.Execute(ctx, server, "VACUUM ANALYZE", "CHECKPOINT"); err != nil {
		return err
	}
	return b.lookUp(ctx, server)
}

// lookUp measures the searches and the pages on a database.
func (b *bench) lookUp(ctx context.Context, database string) error {
	s, err := openStore(ctx, database)
	if err != nil {
		return err
	}
	b.say("searching")
	found, err := searchAll(ctx, s, b.scale.leads)
	if err = errors.Join(err, s.Close()); err != nil {
		return err
	}
	of := fmt.Sprintf(", %d leads", b.scale.leads)
	b.table.add("search, first page"+of+", p50", median(found.first), "ms")
	b.table.atMost(maxSearch, "  p95", quantile(found.first, 0.95), "ms")
	b.table.atMost(maxSearch, "  p95 with the slowest filter", quantile(found.filters, 1), "ms")
	b.table.add("  worst", quantile(found.first, 1), "ms")
	b.table.add("search, a next page"+of+", p50", median(found.next), "ms")
	b.table.atMost(maxSearch, "  p95", quantile(found.next, 0.95), "ms")
	return b.desk(ctx, database)
}

// indexAll indexes the leads as a relay does after an upgrade, and counts them.
func indexAll(ctx context.Context, database string) error {
	s, err := openStore(ctx, database)
	if err != nil {
		return err
	}
	for range 2 { // what there is at the first call is indexed by the second
		err = errors.Join(err, s.Index(ctx))
	}
	return errors.Join(err, s.Recount(ctx), s.Close())
}

// searched is how many milliseconds searches took: on first and next pages, and the p95 of
// first pages with each filter.
type searched struct{ first, next, filters []float64 }

// searchAll takes the time of each search with each filter.
func searchAll(ctx context.Context, s *store.Store, leads int) (all searched, err error) {
	const times, nextPages, limit = 3, 2, 50
	list := func(f lead.Filter) (took float64, last lead.RemoteID, err error) {
		begun := time.Now()
		page, more, err := s.List(ctx, f)
		if more {
			last = page[len(page)-1].RemoteID
		}
		return milliseconds(time.Since(begun)), last, err
	}
	for _, f := range filters(leads) {
		var first []float64
		for _, text := range texts(leads) {
			for range times {
				f.Text, f.Limit, f.Below = text, limit, 0
				took, last, err := list(f)
				if err != nil {
					return all, err
				}
				first = append(first, took)
				for n := 0; last > 0 && n < nextPages; n++ {
					f.Below = last
					if took, last, err = list(f); err != nil {
						return all, err
					}
					all.next = append(all.next, took)
				}
			}
		}
		all.first, all.filters = append(all.first, first...), append(all.filters, quantile(first, 0.95))
	}
	return all, nil
}

// someone is the lead that is looked for by what is its own.
func someone(leads int) int { return leads / 3 }

// texts are what people type.
func texts(leads int) []string {
	l := stock.Person(someone(leads))
	digits, folio := lead.Digits(l.Phone), stock.PersonID(someone(leads)).String()
	return []string{
		"", "maria", "PEÑA", "gracias", "disponible infonavit", "laura mendoza", "María Hernández González", "cuauhtemoc zubizarreta", // from common to rare
		l.Email, "@gmail", l.PropertyID, "EB-AB", "5678", "17 179",
		l.Phone, "+52 " + l.Phone, "+521" + digits, "044 " + digits, "(" + digits[:2] + ") " + digits[2:6] + "-" + digits[6:],
		folio, folio[:4] + " " + folio[4:7] + " " + folio[7:],
		"casino", "casino maria", // only spam has it
		"zzzz", "pedro xyzw", "casarato", "nadie escribe esto", "5500000000", "q", "zq", "%", // nobody has most of them
	}
}

// filters are what people select besides: nothing, each by itself, and some together.
func filters(leads int) []lead.Filter {
	property := stock.Person(someone(leads)).PropertyID
	old, recent := time.Now().Add(-time.Duration(leads/2)*time.Minute), time.Now().AddDate(0, 0, -7)
	return []lead.Filter{
		{}, {Site: "lofts"}, {Site: stock.RareSite}, {Site: "nobody"}, {PropertyID: property}, {PropertyID: "EB-NOBODY"},
		{After: recent}, {Before: old}, {After: old, Before: recent},
		{State: lead.Confirmed}, {State: lead.Delivered}, {State: lead.Failed}, {State: lead.Quarantined}, {State: lead.Doubtful}, {State: lead.Queued}, {State: lead.Discarded},
		{State: lead.Sending}, {State: lead.Queued, Before: old}, {State: lead.Discarded, After: old}, {State: lead.Quarantined, After: old, Before: recent},
		{Site: stock.RareSite, State: lead.Confirmed}, {Site: stock.RareSite, State: lead.Failed}, {Site: "lofts", State: lead.Quarantined},
		{Site: "rentas", State: lead.Failed, Before: old}, {Site: stock.Site, PropertyID: property, After: old},
		{State: lead.Confirmed, PropertyID: property}, {State: lead.Failed, PropertyID: property},
	}
}
