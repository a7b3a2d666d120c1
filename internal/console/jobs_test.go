package console_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/console"
	"leadrelay/internal/lead"
	"leadrelay/internal/problem"
)

func (d *desk) job(w *httptest.ResponseRecorder) (j console.Job) {
	d.t.Helper()
	require.Equal(d.t, http.StatusOK, w.Code, w.Body.String())
	require.NoError(d.t, json.Unmarshal(w.Body.Bytes(), &j))
	return j
}

// A job has all that match, and not only the page that somebody sees.
func TestAJobIsOrdered(t *testing.T) {
	d := newDesk(t)
	for range 600 {
		d.put(lead.Failed)
	}
	d.put(lead.Discarded)
	d.put(lead.Quarantined)
	dry := d.job(d.order(http.MethodPost, "/api/v1/jobs", `{"do":"retry","site":"casas","dry_run":true}`))
	require.Nil(t, dry.ID)
	require.Equal(t, 600, dry.Matched)
	all, err := d.store.Jobs(t.Context(), 10)
	require.NoError(t, err)
	require.Empty(t, all)

	j := d.job(d.order(http.MethodPost, "/api/v1/jobs", `{"do":"retry","q":"Hola"}`))
	require.Equal(t, 600, j.Matched)
	require.Equal(t, lead.JobRunning, j.State)
	claimed, ids, err := d.store.ClaimJob(t.Context(), "a", 0)
	require.NoError(t, err)
	require.Equal(t, *j.ID, claimed.ID)
	require.Len(t, ids, 600)
	require.IsIncreasing(t, ids, "who has waited longest comes first")
	aborted := d.job(d.order(http.MethodPost, "/api/v1/jobs/1/abort", ""))
	require.Equal(t, lead.JobAborted, aborted.State)
	var list struct{ Jobs []console.Job }
	require.NoError(t, json.Unmarshal(d.get("/api/v1/jobs").Body.Bytes(), &list))
	require.Equal(t, []console.Job{aborted}, list.Jobs)
	require.NotContains(t, d.get("/api/v1/jobs").Body.String(), "Hola", "what was searched for may be somebody's")
}

func TestAJobThatIsRefused(t *testing.T) {
	d := newDesk(t)
	for name, test := range map[string]struct{ body, field string }{
		"that says nothing":            {`{}`, "state"},
		"for all leads":                {`{"do":"retry"}`, "state"},
		"that does nothing":            {`{"site":"casas"}`, "do"},
		"that does what there is not":  {`{"do":"erase","site":"casas"}`, "do"},
		"that discards no state":       {`{"do":"discard","site":"casas"}`, "state"},
		"that discards what is sent":   {`{"do":"discard","state":"queued"}`, "state"},
		"that retries what has failed": {`{"do":"retry","state":"delivered"}`, "state"},
		"that releases no spam":        {`{"do":"release","state":"failed"}`, "state"},
		"for a site by another name":   {`{"do":"retry","sites":"casas"}`, "sites"},
	} {
		t.Run(name, func(t *testing.T) {
			doc := d.refused(d.order(http.MethodPost, "/api/v1/jobs", test.body), http.StatusUnprocessableEntity, problem.Invalid)
			require.Len(t, doc.Errors, 1)
			require.Equal(t, test.field, doc.Errors[0].Field)
		})
	}
	d.refused(d.order(http.MethodPost, "/api/v1/jobs/x/abort", ""), http.StatusNotFound, problem.NotFound)
}
