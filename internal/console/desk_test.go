package console_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"leadrelay/internal/console"
	"leadrelay/internal/lead"
)

// office is an operator in a browser, at a console with a real store.
type office struct {
	*desk
	person *person
}

func newOffice(t *testing.T) *office {
	t.Helper()
	o := &office{desk: newDesk(t)}
	sites := []console.Site{
		{ID: "casas", Source: "casas.mx", Rules: lead.DefaultRules(), Threshold: 100, Dial: func(typed string) string { return "+52" + lead.Digits(typed) }},
		{ID: "lofts", Source: "lofts.mx"},
	}
	o.person = &person{t: t, door: replicaAt(o.store, o.courier, token, o.store, time.Now, sites...)}
	require.Equal(t, http.StatusSeeOther, o.person.logIn(token).Code)
	return o
}

// see opens a page.
func (o *office) see(target string) string {
	o.t.Helper()
	w := o.open(target)
	require.Equal(o.t, http.StatusOK, w.Code, target+"\n"+w.Body.String())
	require.LessOrEqual(o.t, w.Body.Len(), 60<<10, target)
	return w.Body.String()
}

// open opens a page. An address with a search in plain words leads to one without.
func (o *office) open(target string) *httptest.ResponseRecorder {
	o.t.Helper()
	w := o.person.ask(http.MethodGet, target, nil)
	if strings.Contains(target, "q=") && !strings.Contains(target, "q=&") {
		require.Equal(o.t, http.StatusSeeOther, w.Code, target)
		w = o.person.ask(http.MethodGet, w.Header().Get("Location"), nil)
	}
	return w
}

// press posts a form, and returns the page or the address that it leads to.
func (o *office) press(target string, pairs ...string) (page, address string) {
	o.t.Helper()
	form := url.Values{}
	for pair := range slices.Chunk(pairs, 2) {
		form.Add(pair[0], pair[1])
	}
	w := o.person.ask(http.MethodPost, target, form)
	require.Contains(o.t, []int{http.StatusOK, http.StatusSeeOther, http.StatusUnprocessableEntity}, w.Code, w.Body.String())
	return w.Body.String(), w.Header().Get("Location")
}

// confirm presses the button of a page that asks, with all that its form has.
func (o *office) confirm(page string, more ...string) (address string) {
	o.t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	require.NoError(o.t, err)
	var pairs []string
	action := ""
	for n := range root.Descendants() {
		if n.Data == "form" && slices.Contains([]string{"/leads/move", "/jobs"}, attribute(n, "action")) {
			action = attribute(n, "action")
			for field := range n.Descendants() {
				if field.Data == "input" && attribute(field, "type") == "hidden" {
					pairs = append(pairs, attribute(field, "name"), attribute(field, "value"))
				}
			}
		}
	}
	require.NotEmpty(o.t, action, page)
	_, address = o.press(action, append(pairs, more...)...)
	return address
}

func attribute(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

var leadLink = regexp.MustCompile(`<a href="/leads/(\d+)">`)

// listed are the folios of the leads on a page.
func listed(page string) (ids []string) {
	for _, m := range leadLink.FindAllStringSubmatch(page, -1) {
		ids = append(ids, m[1])
	}
	return ids
}

func TestNobodySeesALeadWithoutASession(t *testing.T) {
	o := newOffice(t)
	id := o.keep(0, lead.Inquiry{Name: "Canary"})
	o.person.cookie = nil
	for _, target := range []string{"/", "/leads", "/leads?q=Canary", "/leads/" + id.String(), "/leads/" + id.String() + "/edit", "/quarantine", "/jobs", "/leads.csv", "/leads.ndjson", "/reports", "/sites", "/settings"} {
		w := o.person.ask(http.MethodGet, target, nil)
		require.Equal(t, http.StatusSeeOther, w.Code, target)
		require.Equal(t, "/login", w.Header().Get("Location"))
		require.NotContains(t, w.Body.String(), "Canary")
	}
	failed := o.put(lead.Failed)
	for _, target := range []string{"/leads/confirm", "/leads/move", "/leads/" + failed.String() + "/edit", "/jobs", "/jobs/confirm", "/jobs/1/abort", "/reports", "/settings", "/probe"} {
		w := o.person.ask(http.MethodPost, target, url.Values{"do": {"discard"}, "id": {failed.String()}, "site": {"casas"}, "state": {"failed"}, "newest": {failed.String()}, "told": {"9"}})
		require.Equal(t, "/login", w.Header().Get("Location"), target)
	}
	require.Equal(t, lead.Failed, o.state(failed))
	require.Empty(t, o.jobs())
	require.Empty(t, o.courier.since)
	require.Empty(t, o.courier.probed)
}

// A page elsewhere can have a browser post its forms, but not here.
func TestNoPageElsewhereCanPress(t *testing.T) {
	o := newOffice(t)
	failed := o.put(lead.Failed)
	for _, target := range []string{"/leads/confirm", "/leads/move", "/leads/" + failed.String() + "/edit", "/jobs", "/jobs/confirm", "/jobs/1/abort", "/reports", "/settings", "/probe", "/language", "/logout"} {
		for name, value := range map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"} {
			w := o.person.ask(http.MethodPost, target, url.Values{"do": {"discard"}, "id": {failed.String()}, "site": {"casas"}, "language": {"en"}}, name, value)
			require.Equal(t, http.StatusForbidden, w.Code, target)
			require.Empty(t, w.Result().Cookies())
		}
	}
	require.Equal(t, lead.Failed, o.state(failed))
	require.True(t, o.person.isIn())
}

func TestTheListOfLeads(t *testing.T) {
	o := newOffice(t)
	var all []string
	for i := range 30 {
		q := lead.Inquiry{Name: fmt.Sprint("Persona ", i), PropertyID: "EB-1"}
		if i%10 == 0 {
			q = lead.Inquiry{Site: "lofts", Name: "Luz Ñandú", PropertyID: "EB-2"}
		}
		all = append([]string{o.keep(time.Duration(i)*time.Hour, q).String()}, all...)
	}
	first := o.see("/leads")
	require.Equal(t, all[:25], listed(first), "newest first, a page at a time")
	next := regexp.MustCompile(`rel="next" href="([^"]+)"`).FindStringSubmatch(first)
	require.NotNil(t, next)
	last := o.see(html.UnescapeString(next[1]))
	require.Equal(t, all[25:], listed(last))
	require.NotContains(t, last, `rel="next"`)
	require.Contains(t, last, `<a href="/leads">`)

	for target, n := range map[string]int{
		"/leads?site=lofts": 3, "/leads?q=nandu": 3, "/leads?property_id=EB-1&site=casas": 25, "/leads?state=failed": 0,
		"/leads?site=&state=&q=&property_id=&after=&before=": 25, "/leads?q=" + all[3]: 1,
		"/leads?after=" + noon.Add(28*time.Hour).Format(time.RFC3339): 2, "/leads?before=" + noon.AddDate(0, 0, -1).In(time.Local).Format(time.DateOnly): 0,
		"/leads?after=" + noon.AddDate(0, 0, 3).In(time.Local).Format(time.DateOnly): 0, "/leads?site=gone": 0,
	} {
		require.Len(t, listed(o.see(target)), n, target)
	}
	for _, target := range []string{"/leads?state=lost", "/leads?after=ayer", "/leads?page=2", "/leads?site=a&site=b", "/leads?cursor=x", "/leads?limit=500", "/leads?q=%cc%81", "/leads?search=x", "/leads?search=a&search=b"} {
		w := o.open(target)
		require.Equal(t, http.StatusBadRequest, w.Code, target)
		require.Contains(t, w.Body.String(), `role="alert"`)
		require.Empty(t, listed(w.Body.String()), "a filter that is not understood must not list more than was meant")
	}
}

func TestManyAreMovedOnceItIsConfirmed(t *testing.T) {
	o := newOffice(t)
	failed, other, taken, spam := o.put(lead.Failed), o.put(lead.Failed), o.put(lead.Confirmed), o.put(lead.Quarantined)
	page, _ := o.press("/leads/confirm", "do", "retry", "id", failed.String(), "id", other.String(), "id", taken.String(), "id", spam.String(), "back", "/leads?state=failed")
	require.Contains(t, page, "¿Reintentar 2 leads?")
	require.Contains(t, page, "llega dos veces")
	require.Contains(t, page, "1 se quedan como están: parecen spam")
	for _, id := range []lead.RemoteID{failed, other} {
		require.Equal(t, lead.Failed, o.state(id), "nothing happens before it is confirmed")
	}
	address := o.confirm(page)
	require.Equal(t, "/leads?state=failed&done=retry.2.1", address)
	require.Contains(t, o.see(address), "2 leads esperan su envío. 1 se quedó como estaba.")
	require.Equal(t, lead.Queued, o.state(failed))
	require.Equal(t, lead.Queued, o.state(other))
	require.Equal(t, lead.Confirmed, o.state(taken), "it was not forced")
	require.Equal(t, lead.Quarantined, o.state(spam))
	require.Equal(t, []string{"casas", "casas"}, o.courier.woken)

	page, _ = o.press("/leads/confirm", "do", "release", "id", spam.String(), "back", "/quarantine")
	require.Equal(t, "/quarantine?done=release.1.0", o.confirm(page))
	require.Equal(t, lead.Queued, o.state(spam))
	page, _ = o.press("/leads/confirm", "do", "discard", "id", spam.String())
	require.NotContains(t, page, "/leads/move", "there is nothing to do")
	page, _ = o.press("/leads/confirm", "do", "discard")
	require.Contains(t, page, "No elegiste ningún lead")
}

func TestWhatEasyBrokerHasIsSentAgainOnlyByForce(t *testing.T) {
	o := newOffice(t)
	id := o.put(lead.Delivered)
	require.Contains(t, o.see("/leads/"+id.String()), "Enviar otra vez")
	page, _ := o.press("/leads/confirm", "do", "retry", "id", id.String(), "back", "/leads/"+id.String())
	require.Contains(t, page, `name="force"`)
	require.Equal(t, "/leads/"+id.String()+"?done=retry.0.1", o.confirm(page))
	require.Equal(t, lead.Delivered, o.state(id))
	o.confirm(page, "force", "true")
	require.Equal(t, lead.Queued, o.state(id))
}

// All of a kind are retried from the overview, and only those that were told.
func TestAllOfAKind(t *testing.T) {
	o := newOffice(t)
	first, second := o.put(lead.Failed), o.put(lead.Failed)
	require.Contains(t, o.see("/"), "2 leads de «casas» esperan tu decisión")
	page, _ := o.press("/leads/confirm", "do", "retry", "state", "failed", "site", "casas", "back", "/")
	late := o.put(lead.Failed)
	require.Equal(t, "/?done=retry.2.0", o.confirm(page))
	require.Equal(t, []lead.State{lead.Queued, lead.Queued, lead.Failed}, []lead.State{o.state(first), o.state(second), o.state(late)})
}

func TestFormsThatAreNotOurs(t *testing.T) {
	o := newOffice(t)
	id := o.put(lead.Failed).String()
	for name, form := range map[string]url.Values{
		"no verb": {"id": {id}}, "another verb": {"do": {"erase"}, "id": {id}}, "no folio": {"do": {"retry"}, "id": {"x"}},
		"another state": {"do": {"retry"}, "state": {"lost"}}, "too many": {"do": {"retry"}, "id": slices.Repeat([]string{id}, 501)},
	} {
		for _, target := range []string{"/leads/confirm", "/leads/move"} {
			w := o.person.ask(http.MethodPost, target, form)
			require.Equal(t, http.StatusBadRequest, w.Code, name)
			require.Contains(t, w.Header().Get("Content-Type"), "text/html")
		}
	}
	for _, target := range []string{"/leads/move", "/probe"} {
		require.Equal(t, http.StatusBadRequest, o.person.ask(http.MethodPost, target, url.Values{"do": {"retry"}, "site": {"gone"}}).Code)
	}
	for _, target := range []string{"/leads/1", "/leads/x", "/leads/0/edit"} {
		w := o.person.ask(http.MethodGet, target, nil)
		require.Equal(t, http.StatusNotFound, w.Code)
		require.Contains(t, w.Body.String(), "No hay tal lead")
	}
}

func TestALeadIsCorrected(t *testing.T) {
	o := newOffice(t)
	id := o.put(lead.Failed)
	target := "/leads/" + id.String() + "/edit"
	require.Contains(t, o.see(target), `value="ana@ejemplo.mx"`)
	page, _ := o.press(target, "name", "Luz <b>", "email", "luz@", "message", "", "property_id", "EB-2", "phone", "")
	require.Contains(t, page, "Luz &lt;b&gt;", "what was typed is kept")
	require.Contains(t, page, `value="luz@" autocomplete="off" aria-invalid="true" aria-describedby="f-email-error" autofocus`)
	require.Contains(t, page, "Falta corregir 2 datos.")
	l, _, err := o.store.Find(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, "Ana", l.Name)
	_, address := o.press(target, "name", "Luz", "email", "luz@ejemplo.mx", "message", "Hola", "property_id", "EB-2", "phone", "")
	require.Equal(t, "/leads/"+id.String()+"?done=edit", address)
	require.Contains(t, o.see(address), "Corrección guardada.")
	l, _, err = o.store.Find(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, lead.Inquiry{Site: "casas", PropertyID: "EB-2", Name: "Luz", Email: "luz@ejemplo.mx", Message: "Hola"}, l.Inquiry)
	require.Equal(t, lead.Failed, l.State)
	w := o.person.ask(http.MethodGet, "/leads/"+o.put(lead.Queued).String()+"/edit", nil)
	require.Equal(t, http.StatusConflict, w.Code)
}

// What EasyBroker has is corrected here, and says so: EasyBroker takes no corrections.
func TestALeadThatHasArrivedIsCorrected(t *testing.T) {
	o := newOffice(t)
	id := o.put(lead.Confirmed)
	target := "/leads/" + id.String()
	form := o.see(target + "/edit")
	require.Contains(t, form, "no recibe correcciones por programa")
	require.NotContains(t, form, `name="property_id"`)
	_, address := o.press(target+"/edit", "name", "Luz", "email", "luz@ejemplo.mx", "message", "Hola", "phone", "55 1234 5678")
	require.Contains(t, o.see(address), "EasyBroker tiene los datos anteriores")
	require.Contains(t, o.see(address), "corrígelos también allá: Nombre, Correo")
	l, _, err := o.store.Find(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, lead.Confirmed, l.State)
	require.Equal(t, "luz@ejemplo.mx", l.Email)
	require.Equal(t, []lead.Field{lead.Name, lead.Email}, l.Rectified())
}

// What a visitor has agreed to is told word for word, and leads are found by its notice. No
// job is offered for these, because it would be about more.
func TestConsentIsToldAndFound(t *testing.T) {
	o := newOffice(t)
	text := "Casas SA usa tus datos. Acepto el aviso: https://casas.mx/aviso?v=2"
	id := o.keep(0, lead.Inquiry{Name: "Zoe", Context: map[string]string{"consent": text, "page_url": "https://casas.mx/1"}})
	other := o.keep(1, lead.Inquiry{Name: "Beto", Context: map[string]string{"consent": "on"}})
	page := o.see("/leads/" + id.String())
	for _, want := range []string{text, "<dd>https://casas.mx/aviso?v=2</dd>", "<dd>https://casas.mx/1</dd>", "2026-11-24T12:00:00Z"} {
		require.Contains(t, page, want)
	}
	require.NotContains(t, o.see("/leads/"+o.keep(2, lead.Inquiry{}).String()), ">Consentimiento<")
	found := o.see("/leads?notice=" + url.QueryEscape("https://casas.mx/aviso?v=2"))
	require.Contains(t, found, "/leads/"+id.String())
	require.NotContains(t, found, "/leads/"+other.String())
	require.Contains(t, found, "/leads.csv?notice=https")
	require.Len(t, o.list("notice=casas.mx%2Faviso").Leads, 1)
	require.Empty(t, o.list("notice=casas.mx%2Faviso&q=beto").Leads)
	again := o.keep(3, lead.Inquiry{Name: "Zoe", Context: map[string]string{"consent": text}})
	for _, id := range []lead.RemoteID{id, other, again} {
		_, err := o.store.Amend(t.Context(), id, func(l *lead.Lead) error { l.State, l.DueAt = lead.Failed, time.Time{}; return nil })
		require.NoError(t, err)
	}
	require.Contains(t, o.see("/leads?state=failed"), "/jobs/confirm")
	found = o.see("/leads?state=failed&notice=casas.mx%2Faviso")
	require.Contains(t, found, "/leads/"+id.String())
	require.NotContains(t, found, "/jobs/confirm")
}

func TestTheVisitorIsAnswered(t *testing.T) {
	o := newOffice(t)
	page := o.see("/leads/" + o.keep(0, lead.Inquiry{Name: "Ana", Email: "ana+1@ejemplo.mx", Phone: "55 1234 5678"}).String())
	require.Contains(t, page, `href="mailto:ana&#43;1@ejemplo.mx?subject=Tu%20mensaje%20sobre%20EB-AB1234"`)
	require.Contains(t, page, `href="https://wa.me/525512345678"`)
	require.Contains(t, page, `href="tel:&#43;525512345678"`)
	page = o.see("/leads/" + o.keep(time.Minute, lead.Inquiry{Phone: "llámame por la tarde"}).String())
	require.NotContains(t, page, "tel:")
	require.NotContains(t, page, "wa.me")
}

func TestWhatCameBesidesIsShown(t *testing.T) {
	o := newOffice(t)
	page := o.see("/leads/" + o.keep(0, lead.Inquiry{
		Ambiguous: true, Email: "ana@gmial.com", Context: map[string]string{"page_url": "https://casas.mx/1", "consent": "sí", "raro": "valor"}, Extra: []lead.Pair{{Name: "presupuesto", Value: "2 millones"}},
	}).String())
	for _, text := range []string{"más de una propiedad", "https://casas.mx/1", "Consentimiento", "raro", "valor", "presupuesto", "2 millones", "ana@gmail.com"} {
		require.Contains(t, page, text)
	}
}

func TestTheQuarantine(t *testing.T) {
	o := newOffice(t)
	id := o.putWith(lead.Quarantined, "honeypot, links", time.Now().Add(-time.Hour))
	o.putWith(lead.Quarantined, "links", time.Now().Add(-time.Hour))
	o.putWith(lead.Quarantined, "links", time.Now().AddDate(0, -2, 0))
	o.put(lead.Failed)
	page := o.see("/quarantine")
	require.Len(t, listed(page), 3)
	require.Contains(t, page, "llenó un campo que las personas no ven, muchos enlaces")
	require.Contains(t, page, `<div><dt>muchos enlaces</dt><dd class="num">2</dd></div>`)
	require.Contains(t, page, "casas: 100, lofts: nunca.")
	require.Contains(t, page, "Cuarentena 3</a>")
	require.Contains(t, o.see("/leads/"+id.String()), "Se apartó, porque parece spam: llenó un campo")
}

// putWith keeps a lead in the state for the reason.
func (d *desk) putWith(state lead.State, reason string, at time.Time) lead.RemoteID {
	d.t.Helper()
	l, err := lead.New(lead.Inquiry{Site: "casas", PropertyID: "EB-AB1234", Email: "ana@ejemplo.mx", Message: "Hola"}, "casas.mx", lead.DefaultRules(), at)
	require.NoError(d.t, err)
	if l.State, l.Reason = state, reason; state == lead.Quarantined {
		l.Quarantine(reason) // it is not due any more
	}
	kept, err := d.store.Keep(d.t.Context(), lead.Submission{Lead: l, Tick: lead.Milliseconds})
	require.NoError(d.t, err)
	return kept.RemoteID
}

func TestTroubleComesFirst(t *testing.T) {
	require.Contains(t, newOffice(t).see("/"), "Todo en orden")
	o := newOffice(t)
	o.keep(0, lead.Inquiry{Name: "Ana"})
	lost := o.putWith(lead.Delivered, lead.ReasonMissing, time.Now().Add(-time.Hour))
	twice := o.putWith(lead.Confirmed, lead.ReasonTwice, time.Now().Add(-time.Hour))
	o.putWith(lead.Doubtful, "", time.Now().Add(-2*time.Hour))
	require.NoError(t, o.store.KeepReport(t.Context(), noon, []byte(`{"read_at":"2026-11-24T12:00:00Z","only_there":[{"remote_id":7}],"left_out":{"only_there":2}}`)))
	since := time.Now().Add(-3 * time.Hour)
	o.courier.keys = []lead.Credential{
		{Sites: []string{"casas"}, State: lead.CredentialHeld, Reason: lead.WithStatus(lead.ReasonKeyRefused, 401), Since: since},
		{Sites: []string{"lofts"}, State: lead.CredentialDown, Reason: lead.ReasonUnreachable, Since: since},
		{Sites: []string{"lofts"}, State: lead.SitePaused, Reason: lead.WithStatus(lead.ReasonPaused, 404), Since: since},
		{Sites: []string{"lofts"}, State: lead.CredentialResting, Reason: lead.ReasonPause, Since: since},
	}
	page := o.see("/")
	for _, text := range []string{
		"Hay algo que atender", "«casas»: EasyBroker rechaza la clave (401)", "(hace 3 h)", "Ningún lead se pierde: 2 esperan en el disco",
		"EASYBROKER_API_KEY", "«lofts»: no se pudo conectar con EasyBroker", "«lofts» está en pausa", "Por ahora no espera ninguno",
		"1 lead está en duda desde hace más de una hora", "EasyBroker aceptó 1 lead y no lo muestra", "EasyBroker tiene 1 lead dos veces", "3 solicitudes en EasyBroker que aquí no salieron",
		`<a href="/leads/` + lost.String() + `">`, `<a href="/leads/` + twice.String() + `">`,
	} {
		require.Contains(t, page, text)
	}
	require.Equal(t, 2, strings.Count(page, `action="/probe"`))
	require.Less(t, strings.Index(page, "rechaza la clave"), strings.Index(page, "Los más recientes"))
	require.Contains(t, o.see("/sites"), "EasyBroker rechaza la clave (401)")
}

// A hundred agencies in trouble are not a hundred boxes.
func TestMuchTrouble(t *testing.T) {
	o := newOffice(t)
	for i := range 100 {
		site := fmt.Sprint("agencia-", i)
		o.courier.keys = append(o.courier.keys,
			lead.Credential{Sites: []string{site}, State: lead.CredentialDown, Reason: lead.ReasonUnreachable, Since: time.Now()},
			lead.Credential{Sites: []string{site}, State: lead.CredentialHeld, Reason: lead.ReasonKeyRefused, Since: time.Now()})
	}
	page := o.see("/")
	require.Equal(t, 1, strings.Count(page, "no se pudo conectar con EasyBroker"))
	require.Equal(t, 12, strings.Count(page, `<section class="trouble`))
	require.Contains(t, page, "y 89 más")
}

func TestAKeyIsTriedNow(t *testing.T) {
	o := newOffice(t)
	o.courier.refuse = lead.WithStatus(lead.ReasonKeyRefused, 401)
	_, address := o.press("/probe", "site", "casas", "back", "/sites")
	require.Equal(t, "/sites?done=probe.key_refused.401", address)
	require.Contains(t, o.see(address), "Todavía no: EasyBroker rechaza la clave (401).")
	o.courier.refuse = ""
	_, address = o.press("/probe", "site", "casas")
	require.Contains(t, o.see(address), "EasyBroker responde.")
	require.Equal(t, []string{"casas", "casas"}, o.courier.probed)
}

func TestTheReports(t *testing.T) {
	o := newOffice(t)
	require.Contains(t, o.see("/reports"), "Todavía no se ha comparado nada.")
	id := o.put(lead.Delivered)
	o.courier.drift = lead.Drift{Ours: 9, Listed: 8, OnlyHere: []lead.Drifted{{RemoteID: id, Site: "casas", State: lead.Delivered, PropertyID: "EB-1"}}}
	_, address := o.press("/reports", "days", "7")
	require.WithinDuration(t, time.Now().AddDate(0, 0, -7), o.courier.since[0], time.Minute)
	page := o.see(address)
	for _, text := range []string{"1 lead que EasyBroker aceptó y no muestra", `<a href="/leads/` + id.String() + `">`, "Búscalos en EasyBroker", "9 leads nuestros y 8 solicitudes"} {
		require.Contains(t, page, text)
	}
	again, _ := o.press("/leads/confirm", "do", "retry", "id", id.String(), "back", "/reports")
	require.Contains(t, page, `<input type="hidden" name="id" value="`+id.String()+`">`)
	require.Contains(t, again, "¿Enviar otra vez 1 lead?")
	o.courier.drift = lead.Drift{}
	o.press("/reports")
	page = o.see("/reports")
	require.Contains(t, page, "Todo coincide")
	o.courier.broken = true
	require.Equal(t, http.StatusServiceUnavailable, o.person.ask(http.MethodPost, "/reports", nil).Code)
}

func TestTheLanguageIsRemembered(t *testing.T) {
	o := newOffice(t)
	require.Contains(t, o.see("/leads"), `<html lang="es">`)
	_, address := o.press("/language", "language", "en", "back", "/leads?state=failed&done=retry.1.0")
	require.Equal(t, "/leads?state=failed", address)
	for _, target := range []string{"/leads", "/sites", "/login"} {
		w := o.person.ask(http.MethodGet, target, nil, "Accept-Language", "es")
		require.Contains(t, w.Body.String(), `<html lang="en">`, target)
		require.Equal(t, "Accept-Language, Cookie", w.Header().Get("Vary"))
	}
	o.press("/language", "language", "de")
	require.Contains(t, o.see("/leads"), `<html lang="en">`)
	require.Equal(t, "leadrelay_language", o.person.chosen.Name)
	require.True(t, o.person.chosen.HttpOnly)
	require.Equal(t, http.SameSiteStrictMode, o.person.chosen.SameSite)
	overTLS := &person{t: t, door: o.person.door, behindTLS: true}
	overTLS.ask(http.MethodPost, "/language", url.Values{"language": {"en"}}, "Sec-Fetch-Site", "same-origin")
	require.Equal(t, "__Host-leadrelay_language", overTLS.chosen.Name)
	require.True(t, overTLS.chosen.Secure)
	require.Contains(t, overTLS.ask(http.MethodGet, "/login", nil, "Accept-Language", "es").Body.String(), `<html lang="en">`)
	for _, back := range []string{"https://evil.example/", "//evil.example", `/\evil.example`, "javascript:alert(1)", "", "leads", "http:/x", "/%5cevil.example", "\t//evil.example"} {
		_, address := o.press("/language", "language", "es", "back", back)
		require.Equal(t, "/", address, back)
	}
}

// What stands in the address tells only what we would write there.
func TestNobodyPutsWordsIntoTheConsole(t *testing.T) {
	o := newOffice(t)
	for _, done := range []string{"canary", "retry.canary.0", "probe.canary.401", "probe.works.canary", "<script>", "retry.-1.0", "retry.9999.0"} {
		require.NotContains(t, o.see("/?done="+url.QueryEscape(done)), `role="status"`)
	}
}

// Whatever a visitor writes into whatever field, no page of the console runs it.
func TestNoVisitorsWordsRun(t *testing.T) {
	o := newOffice(t)
	hostile := []string{
		`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `' onfocus='alert(1)' autofocus='`, `</textarea><script>alert(1)</script>`,
		`</title><script>alert(1)</script>`, `<svg onload=alert(1)>`, `javascript:alert(1)`, `{{printf "x"}}`, `<!--`, `<iframe srcdoc="x">`,
	}
	var ids []lead.RemoteID
	for i, v := range hostile {
		ids = append(ids, o.keep(time.Duration(i)*time.Minute, lead.Inquiry{
			Name: v, Phone: v, Message: v, Context: map[string]string{"page_url": v, v: v, "consent": v}, Extra: []lead.Pair{{Name: v, Value: v}},
		}))
		_, err := o.store.Amend(t.Context(), ids[i], func(l *lead.Lead) error { l.State, l.Reason = lead.Quarantined, v; return nil })
		require.NoError(t, err)
	}
	body := fmt.Sprintf(`{"read_at":"2026-11-24T12:00:00Z","only_there":[{"remote_id":7,"property_id":%[1]q}],"unreadable":[{"sites":[%[1]q],"why":%[1]q}]}`, hostile[0])
	require.NoError(t, o.store.KeepReport(t.Context(), noon, []byte(body)))
	o.courier.keys = []lead.Credential{{Sites: []string{hostile[1]}, State: lead.CredentialHeld, Reason: hostile[0]}}
	_, address := o.press("/jobs", "do", "release", "state", "quarantined", "q", hostile[0], "property_id", hostile[1], "newest", ids[0].String(), "told", "9")
	require.Equal(t, "/jobs?done=job", address)
	targets := []string{"/", "/leads", "/quarantine?q=" + url.QueryEscape(hostile[1]), "/quarantine", "/jobs", "/reports", "/sites", "/leads?q=" + url.QueryEscape(hostile[1]), "/leads?property_id=" + url.QueryEscape(hostile[2]) + "&site=" + url.QueryEscape(hostile[3])}
	for _, id := range ids {
		targets = append(targets, "/leads/"+id.String(), "/leads/"+id.String()+"/edit")
	}
	for _, target := range targets {
		o.isHarmless(target, o.see(target))
	}
	for _, id := range ids {
		page, _ := o.press("/leads/confirm", "do", "release", "id", id.String(), "back", "/leads?q="+url.QueryEscape(hostile[1]))
		o.isHarmless("confirm", page)
		page, _ = o.press("/jobs/confirm", "do", "release", "property_id", hostile[2], "site", hostile[3], "q", hostile[1])
		o.isHarmless("confirm a job", page)
		page, _ = o.press("/leads/"+id.String()+"/edit", "email", hostile[1], "name", hostile[2], "message", hostile[3])
		o.isHarmless("edit", page)
	}
}

// isHarmless wants a page whose only script is ours.
func (o *office) isHarmless(what, page string) {
	o.t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	require.NoError(o.t, err)
	for n := range root.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		require.NotContains(o.t, []string{"img", "iframe", "style", "object", "embed", "base"}, n.Data, what)
		if n.Data == "script" {
			require.True(o.t, strings.HasPrefix(attribute(n, "src"), "/assets/console/console.js?v="), what)
		}
		for _, a := range n.Attr {
			require.False(o.t, strings.HasPrefix(a.Key, "on"), "%s: %s", what, a.Key)
			if a.Key == "href" || a.Key == "action" || a.Key == "src" {
				require.Regexp(o.t, `^(/|mailto:|tel:|https://wa\.me/|https?://)`, a.Val, what)
			}
		}
	}
}

// Pages say what they can when the store cannot be read.
func TestPagesOfAStoreThatFails(t *testing.T) {
	o := newOffice(t)
	id := o.put(lead.Failed).String()
	o.close()
	for _, target := range []string{"/", "/leads", "/leads/" + id, "/jobs", "/leads.csv", "/reports"} {
		w := o.person.ask(http.MethodGet, target, nil)
		require.Equal(t, http.StatusServiceUnavailable, w.Code, target)
		require.Contains(t, w.Header().Get("Content-Type"), "text/html")
		require.NotContains(t, w.Body.String(), filepath.Base("leadrelay.db"))
	}
}
