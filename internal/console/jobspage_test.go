package console_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/lead"
)

func (d *desk) jobs() []lead.Job {
	d.t.Helper()
	all, err := d.store.Jobs(d.t.Context(), 10)
	require.NoError(d.t, err)
	return all
}

// All that match are retried, on whichever page they are, and nobody who was not told of.
func TestAllThatMatch(t *testing.T) {
	o := newOffice(t)
	var failed []lead.RemoteID
	for range 30 {
		failed = append(failed, o.put(lead.Failed))
	}
	o.put(lead.Discarded)
	require.NotContains(t, o.see("/leads?site=casas"), "/jobs/confirm", "it must be said in which state")
	require.NotContains(t, o.see("/leads?state=queued"), "/jobs/confirm")
	list := o.see("/leads?state=failed&site=casas")
	require.Contains(t, list, "Con los 30 que coinciden:")
	require.Contains(t, o.see("/leads?state=failed&q=Hola"), "Con todos los que coinciden:")
	page, _ := o.press("/jobs/confirm", "do", "retry", "state", "failed", "q", "Hola", "after", "2026-01-01", "back", "/leads?state=failed&q=Hola")
	require.Contains(t, page, "¿Reintentar 30 leads?")
	require.Contains(t, page, "Decide tú · con «Hola» · desde 1 ene")
	require.Empty(t, o.jobs(), "nothing happens before it is confirmed")

	late := o.put(lead.Failed)
	require.Equal(t, "/jobs?done=job", o.confirm(page))
	j, ids, err := o.store.ClaimJob(t.Context(), "a", time.Minute)
	require.NoError(t, err)
	require.Equal(t, failed, ids)
	require.Equal(t, lead.Failed, o.state(late))
	require.Equal(t, 1, j.LeftOut, "it is told of who came meanwhile")
	_, _, err = o.store.StepJob(t.Context(), j, "a", ids[:20], time.Minute)
	require.NoError(t, err)
	jobs := o.see("/jobs?done=job")
	for _, text := range []string{"Anotado.", "Reintentar 30 leads", "En marcha", `<progress max="30" value="20"`, "20 de 30 vistos.", "20 esperan su envío", "1 más reciente quedó fuera."} {
		require.Contains(t, jobs, text)
	}
	require.NotContains(t, jobs, "Hola", "what was searched for may be somebody's")
	_, address := o.press("/jobs/1/abort")
	require.Contains(t, o.see(address), "Interrumpida.")
	require.NotContains(t, o.see("/jobs"), "/abort")
}

// Who fails after the person was told makes the page ask once more.
func TestMoreThanWereTold(t *testing.T) {
	o := newOffice(t)
	queued, failed := o.put(lead.Queued), o.put(lead.Failed)
	page, _ := o.press("/jobs/confirm", "do", "discard", "state", "failed", "site", "casas")
	require.Contains(t, page, "¿Descartar 1 lead?")
	_, err := o.store.Amend(t.Context(), queued, func(l *lead.Lead) error { l.State = lead.Failed; return nil })
	require.NoError(t, err)
	again, _ := o.press("/jobs", "do", "discard", "state", "failed", "site", "casas", "newest", failed.String(), "told", "1")
	require.Contains(t, again, "Ahora son más que antes.")
	require.Contains(t, again, "¿Descartar 2 leads?")
	require.Empty(t, o.jobs())
	require.Equal(t, "/jobs?done=job", o.confirm(again))
	require.Equal(t, 2, o.jobs()[0].Matched)
	none, _ := o.press("/jobs/confirm", "do", "release", "site", "lofts")
	require.Contains(t, none, "No hay nada que liberar")
	require.NotContains(t, none, `action="/jobs"`)
}

func TestJobFormsThatAreNotOurs(t *testing.T) {
	o := newOffice(t)
	o.put(lead.Failed)
	for name, form := range map[string]url.Values{
		"no verb": {"state": {"failed"}}, "another verb": {"do": {"erase"}, "state": {"failed"}}, "no state": {"do": {"discard"}},
		"a state that is sent": {"do": {"discard"}, "state": {"queued"}}, "no time": {"do": {"retry"}, "after": {"ayer"}},
		"no folio": {"do": {"retry"}, "newest": {"x"}, "told": {"1"}}, "no count": {"do": {"retry"}, "newest": {"1"}, "told": {"x"}},
	} {
		for _, target := range []string{"/jobs", "/jobs/confirm"} {
			require.Equal(t, http.StatusBadRequest, o.person.ask(http.MethodPost, target, form).Code, "%s: %s", target, name)
		}
	}
	require.Equal(t, http.StatusBadRequest, o.person.ask(http.MethodPost, "/jobs", url.Values{"do": {"retry"}}).Code, "nobody was told")
	require.Equal(t, http.StatusNotFound, o.person.ask(http.MethodPost, "/jobs/7/abort", nil).Code)
	require.Empty(t, o.jobs())
}

// What is shown is exported, whatever page of the list it is.
func TestWhatIsShownIsExported(t *testing.T) {
	o := newOffice(t)
	o.keep(0, lead.Inquiry{Name: "=Ana", PropertyID: "EB-1"})
	o.keep(time.Hour, lead.Inquiry{Name: "Luz", PropertyID: "EB-2"})
	day := noon.In(time.Local).Format(time.DateOnly)
	page := o.see("/leads?property_id=EB-1&after=" + day)
	begin := strings.Index(page, "/leads.csv?")
	require.Positive(t, begin)
	address, _, _ := strings.Cut(page[begin:], `"`)
	w := o.person.ask(http.MethodGet, strings.ReplaceAll(address, "&amp;", "&"), nil)
	require.Equal(t, http.StatusOK, w.Code, w.Body.String())
	require.Equal(t, `attachment; filename="leads.csv"`, w.Header().Get("Content-Disposition"))
	require.Equal(t, "no-store", w.Header().Get("Cache-Control"))
	require.Contains(t, w.Body.String(), "'=Ana")
	require.NotContains(t, w.Body.String(), "Luz")
	w = o.person.ask(http.MethodGet, "/leads.ndjson", nil)
	require.Equal(t, 2, strings.Count(w.Body.String(), "\n"))
	require.NotContains(t, o.see("/leads?state=failed"), "/leads.csv", "there is nothing to export")
	require.Equal(t, http.StatusBadRequest, o.person.ask(http.MethodGet, "/leads.csv?state=lost", nil).Code)
}
