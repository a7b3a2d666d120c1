package console_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"leadrelay/internal/lead"
)

// Whoever searches most often types somebody's name, address or phone. No address has it: not
// the one of the list, nor one that stands on the page, whatever is done from there.
func TestASearchIsInNoAddress(t *testing.T) {
	o := newOffice(t)
	var hers []string
	for i := range 30 {
		hers = append(hers, o.put(lead.Failed).String())
		_, err := o.store.Amend(t.Context(), parsed(t, hers[i]), func(l *lead.Lead) error { l.Name = "Zoraida"; return nil })
		require.NoError(t, err)
	}
	o.put(lead.Failed)
	o.keep(time.Hour, lead.Inquiry{Name: "Zoraida", Email: "otra@ejemplo.mx"})
	_, list := o.press("/leads", "q", " zoraida", "state", "failed", "site", "", "notice", "")
	first := o.see(list)
	hasNo(t, "zoraida", list, first)
	require.Len(t, listed(first), 25)
	require.Contains(t, first, `value=" zoraida"`, "the form has it")
	require.Equal(t, hers[29], listed(first)[0])

	var next, csv string
	for _, address := range addresses(t, first) {
		if u, err := url.Parse(address); err == nil && u.Query().Has("cursor") {
			next = address
		} else if u.Path == "/leads.csv" {
			csv = address
		}
	}
	last := o.see(next)
	hasNo(t, "zoraida", next, last)
	require.Len(t, listed(last), 5)
	require.Equal(t, 31, strings.Count(o.see(csv), "\n"), "the export has those of the search, and a line with the names")
	page, _ := o.press("/jobs/confirm", "do", "discard", "state", "failed", "q", " zoraida", "back", list)
	require.Contains(t, page, "30 leads")
	hasNo(t, "zoraida", page)
	_, back := o.press("/language", "language", "es", "back", list)
	require.Equal(t, listed(first), listed(o.see(back)))
	_, all := o.press("/leads", "q", "", "site", "casas")
	require.Equal(t, "/leads?site=casas", all, "without a search there is nothing to seal")
	require.NotContains(t, o.leadsTo("/quarantine?q=zoraida&site=casas"), "zoraida", "one that was typed there is exchanged")
	require.Equal(t, http.StatusBadRequest, o.person.ask(http.MethodPost, "/leads", url.Values{"q": {strings.Repeat("a", 1001)}}).Code)
}

// What a session has searched for is read by no other, whoever has the address; but by every
// replica.
func TestASearchIsOfItsSession(t *testing.T) {
	o := newOffice(t)
	id := o.keep(0, lead.Inquiry{Name: "Zoraida"}).String()
	_, list := o.press("/leads", "q", "zoraida")
	o.person.door = replicaAt(o.store, o.courier, token, o.store, time.Now)
	require.Equal(t, []string{id}, listed(o.see(list)))

	require.Equal(t, http.StatusSeeOther, o.person.logIn(token).Code)
	for target, status := range map[string]int{list: http.StatusBadRequest, strings.Replace(list, "/leads?", "/leads.csv?", 1): http.StatusBadRequest} {
		w := o.person.ask(http.MethodGet, target, nil)
		require.Equal(t, status, w.Code, target)
		require.NotContains(t, strings.ToLower(w.Body.String()), "zoraida")
	}
	require.Contains(t, o.person.ask(http.MethodGet, list, nil).Body.String(), "era de otra sesión")
}

func parsed(t *testing.T, text string) lead.RemoteID {
	t.Helper()
	id, err := lead.ParseRemoteID(text)
	require.NoError(t, err)
	return id
}

// leadsTo returns where an address leads.
func (o *office) leadsTo(target string) string {
	o.t.Helper()
	w := o.person.ask(http.MethodGet, target, nil)
	require.Equal(o.t, http.StatusSeeOther, w.Code)
	return w.Header().Get("Location")
}

// addresses are all that a page has, in links, in forms and in fields that say where to
// return to.
func addresses(t *testing.T, page string) (all []string) {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	require.NoError(t, err)
	for n := range root.Descendants() {
		for _, key := range []string{"href", "action", "src"} {
			all = append(all, attribute(n, key))
		}
		if n.Data == "form" {
			require.True(t, attribute(n, "method") == "post" || !strings.Contains(fmt.Sprint(fieldNames(n)), " q "), "a form that is not posted puts its fields into the address")
		}
		if attribute(n, "name") == "back" {
			all = append(all, attribute(n, "value"))
		}
	}
	return all
}

func fieldNames(form *html.Node) (names []string) {
	for n := range form.Descendants() {
		names = append(names, attribute(n, "name"))
	}
	return names
}

// hasNo wants a word in none of the addresses, nor in one of the pages.
func hasNo(t *testing.T, word string, addressOrPage ...string) {
	t.Helper()
	for _, text := range addressOrPage {
		if strings.HasPrefix(text, "/") {
			require.NotContains(t, strings.ToLower(text), word)
			continue
		}
		for _, address := range addresses(t, text) {
			require.NotContains(t, strings.ToLower(address), word)
		}
	}
}
