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
	// defaultWindow is how far back leads are compared by default.
	defaultWindow = 24 * time.Hour
	// maxReports is how many reports a list shows. The store keeps no more.
	maxReports = 50
)

// reports lists the last drift reports, newest first, and how many were left out
// because the list would be too large.
func (a api) reports(w http.ResponseWriter, r *http.Request) error {
	kept, left, free, err := a.findReports(r.Context())
	if err != nil {
		return err
	}
	defer free()
	writeList(w, "reconciliations", len(kept), func(i int) any { return json.RawMessage(kept[i]) }, "left_out", left)
	return nil
}

// reconcile compares our leads with EasyBroker's lists and keeps the report.
func (a api) reconcile(w http.ResponseWriter, r *http.Request) error {
	var since time.Time
	if err := readBody(w, r, jsonFields{"since": parsePast(&since)}); err != nil {
		return err
	}
	if since.IsZero() {
		now, err := a.store.Now(r.Context())
		if err != nil {
			return problem.NewTryAgain(time.Second, err)
		}
		since = now.Add(-defaultWindow)
	}
	extendDeadlines(w)
	body, err := a.compare(r.Context(), since)
	if err != nil {
		return err
	}
	return writeJSON(w, json.RawMessage(body))
}

// compare compares our leads with EasyBroker's lists, and returns the report that it has
// kept.
func (a api) compare(ctx context.Context, since time.Time) ([]byte, error) {
	drift, err := a.courier.Reconcile(ctx, since)
	if err != nil {
		return nil, storeProblem(context.WithoutCancel(ctx), err)
	}
	body, err := KeepReport(ctx, a.store, drift)
	if err != nil {
		return nil, problem.NewTryAgain(time.Second, err)
	}
	return body, nil
}

// KeepReport keeps a report, and returns it as the API shows it.
func KeepReport(ctx context.Context, store Reports, drift lead.Drift) ([]byte, error) {
	body, err := json.Marshal(withEmptyLists(drift))
	if err != nil {
		return nil, err
	}
	return body, store.KeepReport(ctx, drift.ReadAt, body)
}

// findReports returns the last reports, newest first, and how many were left out. The
// caller calls free when it needs them no more.
func (a api) findReports(ctx context.Context) (reports [][]byte, left int, free func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	if free, err = acquire(ctx, a.pages); err != nil {
		return nil, 0, nil, err
	}
	if reports, left, err = a.store.Reports(ctx, maxReports); err != nil {
		free()
		return nil, 0, nil, storeProblem(ctx, err)
	}
	return reports, left, free, nil
}

// withEmptyLists replaces nil lists of a report by empty ones, so that they are not
// null in JSON.
func withEmptyLists(d lead.Drift) lead.Drift {
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
	d.Since, d.Until, d.ReadAt = d.Since.UTC(), d.Until.UTC(), d.ReadAt.UTC()
	return d
}
