package console

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"leadrelay/internal/lead"
	"leadrelay/internal/problem"
)

const (
	// usualWindow is how far back leads are compared when nobody says.
	usualWindow = 24 * time.Hour
	// mostReports is how many reports a list shows; the store keeps no more.
	mostReports = 50
)

// reports lists the last drift reports, newest first, and says how many of them
// are left out for want of room.
func (a api) reports(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), patience)
	defer cancel()
	done, err := await(ctx, a.pages)
	if err != nil {
		return err
	}
	defer done()
	kept, left, err := a.store.Reports(ctx, mostReports)
	if err != nil {
		return unread(ctx, err)
	}
	writeList(w, "reconciliations", len(kept), func(i int) any { return json.RawMessage(kept[i]) }, "left_out", left)
	return nil
}

// reconcile compares our leads with EasyBroker's lists, and keeps the report.
func (a api) reconcile(w http.ResponseWriter, r *http.Request) error {
	var since time.Time
	if err := readBody(w, r, members{"since": past(&since)}); err != nil {
		return err
	}
	if since.IsZero() {
		since = time.Now().Add(-usualWindow)
	}
	takeTime(w)
	drift, err := a.courier.Reconcile(r.Context(), since)
	if err != nil {
		return problem.NewTryAgain(time.Second, err)
	}
	body, err := json.Marshal(whole(drift))
	if err != nil {
		return err
	}
	if err := a.store.KeepReport(r.Context(), drift.ReadAt, body); err != nil {
		return problem.NewTryAgain(time.Second, err)
	}
	return writeJSON(w, json.RawMessage(body))
}

// whole makes the lists of a report empty ones where there is nothing: a
// program may count them all.
func whole(d lead.Drift) lead.Drift {
	for _, kind := range lead.DriftKinds() {
		if list := d.Of(kind); *list == nil {
			*list = []lead.Drifted{}
		}
	}
	if d.LeftOut == nil {
		d.LeftOut = map[lead.DriftKind]int{}
	}
	if d.Unreadable == nil {
		d.Unreadable = []lead.Unreadable{}
	}
	d.Since, d.ReadAt = d.Since.UTC(), d.ReadAt.UTC()
	return d
}
