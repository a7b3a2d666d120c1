package browser

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"leadrelay/internal/console"
	"leadrelay/internal/e2e/relaytest"
	"leadrelay/internal/fakebroker"
)

// office is a relay with leads of which some need the operator, and a key that EasyBroker
// refuses by now.
type office struct {
	t       *testing.T
	broker  *fakebroker.Broker
	process *relaytest.Process
	door    string
}

func openOffice(t *testing.T) *office {
	t.Helper()
	broker, address := relaytest.StartBroker(t)
	broker.Misbehave(fakebroker.Faults{Properties: []string{"EB-GOOD1"}})
	env := relaytest.Settings(t, address)
	env["LEADRELAY_LOCALE"] = "auto"
	p := relaytest.Start(t, env, "serve").Started()
	o := &office{t: t, broker: broker, process: p, door: "http://" + p.Operator}
	o.post("property_id", "EB-GOOD1", "name", "María José Ñ.", "phone", "55 1234 5678")
	o.post("property_id", "EB-LOST1", "name", `O'Neill & <b>Cía</b> de la Garza y Villaseñor`, "presupuesto", "2 millones")
	o.post("property_id", "EB-GOOD1", "name", "Oferta SEO", "_gotcha", "x", "message", "Compra enlaces https://spam.example/ ya")
	o.await("confirmed", 1)
	o.await("failed", 1)
	broker.Misbehave(fakebroker.Faults{Trouble: []fakebroker.Trouble{{Do: "status", Status: http.StatusUnauthorized}}})
	o.post("property_id", "EB-GOOD1", "message", "¿Sigue disponible?")
	relaytest.Eventually(t, "the key is held", func() bool { return strings.Contains(p.Out.String(), "credential stopped") })
	return o
}

// post posts an inquiry with these fields, and others that it must have.
func (o *office) post(pairs ...string) {
	o.t.Helper()
	form := url.Values{"email": {"ana@ejemplo.mx"}, "message": {"Hola, me interesa esta propiedad. ¿Sigue disponible?"}}
	for i := 0; i < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	resp, err := o.process.Client.PostForm("http://"+o.process.Public+"/f", form)
	require.NoError(o.t, err)
	require.NoError(o.t, resp.Body.Close())
	require.Equal(o.t, http.StatusSeeOther, resp.StatusCode)
}

func (o *office) leads(state string) []console.Lead {
	return o.process.Leads("state=" + state).Leads
}

func (o *office) await(state string, n int) {
	o.t.Helper()
	relaytest.Eventually(o.t, "leads are "+state, func() bool { return len(o.leads(state)) == n })
}

// The operator's pages are good for everybody: in both languages, light and dark, narrow
// and wide, whatever they show.
func TestTheOperatorsPages(t *testing.T) {
	t.Parallel()
	o := openOffice(t)
	failed := o.door + "/leads/" + o.leads("failed")[0].RemoteID.String()
	confirmed := o.door + "/leads/" + o.leads("confirmed")[0].RemoteID.String()
	o.post("property_id", "EB-GOOD1", "name", "Oferta SEO", "_gotcha", "x", "message", "Otra oferta")
	v := visitorOf(t, axeCore(t))
	v.speak("es")
	v.open(o.door, "#token")
	v.do(chromedp.KeyEvent("token-of-all-the-tests"+kb.Enter), visible(".truth"))
	for _, lang := range []string{"es", "en"} {
		v.lang = lang
		v.open(o.door, ".trouble")
		if lang == "en" {
			v.do(chromedp.Click(chromedp.CSS("form[action='/language'] button")), visible("html[lang=en] .trouble"))
		}
		v.glance("overview")
		v.open(o.door+"/leads", ".leads")
		v.glance("leads")
		v.open(o.door+"/leads?state=discarded&property_id=EB-1&q=nadie", ".nothing")
		v.glance("no lead")
		v.open(o.door+"/leads?state=lost", "[role=alert]")
		v.glance("a wrong filter")
		v.open(o.door+"/quarantine", ".leads")
		v.glance("quarantine")
		v.open(confirmed, ".story")
		v.glance("a lead that is there")
		v.open(failed, ".story")
		v.glance("a lead that waits for somebody")
		v.do(chromedp.Click(chromedp.CSS("button[value=discard]")), visible(".effects"))
		v.glance("asked")
		v.open(failed+"/edit", "#f-email")
		v.do(chromedp.Clear(chromedp.CSS("#f-email")), chromedp.SendKeys(chromedp.CSS("#f-email"), "ana@"), chromedp.Click(chromedp.CSS("main .main")), visible("#f-email-error"))
		v.glance("a wrong correction")
		v.open(o.door+"/leads?state=quarantined", ".leads")
		v.glance("what can be done with all")
		v.do(chromedp.Click(chromedp.CSS("form[action='/jobs/confirm'] button[value=release]")), visible(".effects"))
		v.glance("asked about all")
		v.open(o.door+"/jobs", ".nothing")
		v.glance("no job")
		v.open(o.door+"/settings", ".yaml")
		v.do(chromedp.Click(chromedp.CSS("main form button")), visible(".findings"))
		v.glance("settings")
		v.open(o.door+"/reports", "#days")
		v.do(chromedp.Click(chromedp.CSS("main form .plain")), visible(".notice"))
		v.glance("a report")
		v.open(o.door+"/audit", ".leads")
		v.glance("who did what")
		v.open(o.door+"/audit?what=replay&after=2026-01-01", ".nothing")
		v.glance("nobody did that")
		v.open(o.door+"/people", "#who")
		v.do(chromedp.SendKeys(chromedp.CSS("#who"), "nobody"), chromedp.Click(chromedp.CSS("main form .plain")), visible("#who-error"))
		v.glance("no person")
		v.do(chromedp.Clear(chromedp.CSS("#who")), chromedp.SendKeys(chromedp.CSS("#who"), "ANA@ejemplo.mx"), chromedp.Click(chromedp.CSS("main form .plain")), visible(".grave"))
		v.glance("a person")
		glanceAtTokens(v, o.door)
		v.open(o.door+"/leads/7", "h1")
		v.glance("no such lead")
	}
	v.open(o.door+"/leads?state=quarantined", ".leads")
	v.do(chromedp.Click(chromedp.CSS("form[action='/jobs/confirm'] button[value=release]")), visible(".effects"))
	v.do(chromedp.Click(chromedp.CSS("main .main")), visible(".job"))
	v.glance("a job")
	v.quiet(http.StatusBadRequest, http.StatusNotFound, http.StatusUnprocessableEntity)
}

// glanceAtTokens makes a token and revokes it.
func glanceAtTokens(v visitor, door string) {
	v.t.Helper()
	v.open(door+"/tokens", "#name")
	v.do(chromedp.SendKeys(chromedp.CSS("#name"), "Ana"), chromedp.Click(chromedp.CSS("main .main")), visible("#name-error"))
	v.glance("a wrong name for a token")
	v.do(chromedp.Clear(chromedp.CSS("#name")), chromedp.SendKeys(chromedp.CSS("#name"), "ana"), chromedp.Click(chromedp.CSS("main .main")), visible("#secret"))
	v.glance("a token that was made")
	v.do(chromedp.Click(chromedp.CSS("a[href='/tokens/ana/revoke']")), visible(".effects"))
	v.glance("asked whether to revoke it")
	v.do(chromedp.Click(chromedp.CSS("main .main")), visible(".notice"))
}

// Everything is done without a script, too.
func TestTheOperatorWithoutScript(t *testing.T) {
	t.Parallel()
	o := openOffice(t)
	b := withoutScript(openBrowser(t, inSpanish))
	b.do(chromedp.Navigate(o.door))
	b.typeInto("#token", "token-of-all-the-tests")
	b.press("form button")
	b.awaits(".trouble.bad")
	require.Contains(t, b.read(".trouble.bad"), "EasyBroker rechaza la clave (401)")
	require.Contains(t, b.read(".trouble.bad"), "Ningún lead se pierde: 1 espera en el disco")
	b.press("form[action='/probe'] button")
	b.awaits(".notice")
	require.Equal(t, "Todavía no: EasyBroker rechaza la clave (401).", b.read(".notice"))

	o.broker.Misbehave(fakebroker.Faults{})
	b.press("form[action='/probe'] button")
	relaytest.Eventually(t, "the key works", func() bool { return b.read(".notice") == "EasyBroker responde. Los leads que esperan ya van saliendo." })
	o.await("confirmed", 2)

	b.do(chromedp.Navigate(o.door + "/leads?state=failed"))
	b.focus("input[name=id]")
	b.do(chromedp.KeyEvent(" "))
	b.press("button[value=retry]")
	b.awaits(".effects")
	require.Equal(t, "¿Reintentar 1 lead?", b.read("h1"))
	require.Len(t, o.leads("failed"), 1, "nothing is done before it is confirmed")
	b.press("main .main")
	b.awaits(".notice")
	require.Equal(t, o.door+"/leads?done=retry.1.0&state=failed", strings.Replace(b.address(), "?state=failed&done=retry.1.0", "?done=retry.1.0&state=failed", 1))
	require.Equal(t, "1 lead espera su envío.", b.read(".notice"))
	o.await("confirmed", 3)

	b.do(chromedp.Navigate(o.door + "/leads?state=confirmed"))
	b.typeInto("#q", "maría josé")
	b.press(".find button")
	b.awaits("#q[value='maría josé']")
	require.Contains(t, b.address(), "search=")
	require.Equal(t, "María José Ñ.", b.read(".who a"))
	require.Contains(t, b.address(), "state=confirmed")
	require.NotRegexp(t, `(?i)mar(í|%C3%AD)a`, b.address(), "no history has it")
	b.press(".who a")
	b.awaits(".story")
	b.do(chromedp.NavigateBack())
	b.awaits(".leads")
	require.Equal(t, "María José Ñ.", b.read(".who a"))

	b.do(chromedp.Navigate(o.door + "/quarantine"))
	b.focus("input[name=id]")
	b.do(chromedp.KeyEvent(" "))
	b.press("button[value=discard]")
	b.awaits(".main.grave")
	b.press(".main.grave")
	b.awaits(".notice")
	require.Equal(t, "1 lead descartado.", b.read(".notice"))

	b.press("form[action='/language'] button")
	relaytest.Eventually(t, "the console speaks English", func() bool { return b.read("h1") == "Quarantine" })
	b.do(chromedp.Navigate(o.door))
	b.awaits(".truth")
	require.Equal(t, "All is well", b.read("h1"))
	b.quiet()
}

// Keys lead through the list, and retry after asking.
func TestTheOperatorsKeys(t *testing.T) {
	t.Parallel()
	o := openOffice(t)
	v := visitorOf(t, "")
	v.speak("es")
	v.open(o.door, "#token")
	v.do(chromedp.KeyEvent("token-of-all-the-tests"+kb.Enter), visible(".truth"))
	v.open(o.door+"/leads", ".leads")
	order := ask(v.browser, chromedp.Evaluate[[]string](`[...document.querySelectorAll(".leads .who a")].map((a) => a.pathname)`))
	require.Len(t, order, 4)
	at := func() string {
		return ask(v.browser, chromedp.Evaluate[string](`document.activeElement.pathname || document.activeElement.id`))
	}
	for _, step := range []struct{ key, at string }{{"j", order[0]}, {"j", order[1]}, {"k", order[0]}, {"k", order[0]}, {"/", "q"}} {
		v.do(chromedp.KeyEvent(step.key))
		require.Equal(t, step.at, at(), step.key)
	}
	v.do(chromedp.KeyEvent("jr"))
	require.Regexp(t, "jr$", ask(v.browser, chromedp.Value(chromedp.CSS("#q"))), "whoever types is not led away")

	failed := "/leads/" + o.leads("failed")[0].RemoteID.String()
	v.open(o.door+"/leads", ".leads")
	for range 4 {
		if v.do(chromedp.KeyEvent("j")); at() == failed {
			break
		}
	}
	require.Equal(t, failed, at())
	v.do(chromedp.KeyEvent("r"), visible(".effects"))
	require.Equal(t, "¿Reintentar 1 lead?", v.text("h1"))
	require.Len(t, o.leads("failed"), 1, "r asks first")
	v.do(chromedp.NavigateBack(), visible(".leads"), chromedp.KeyEvent("j"), chromedp.KeyEvent(kb.Enter), visible(".story"))
	o.isLive(v)
	v.quiet()
}

// isLive wants a page that shows what comes, unless somebody is at work with it.
func (o *office) isLive(v visitor) {
	o.t.Helper()
	rows := func() int {
		return ask(v.browser, chromedp.Evaluate[int](`document.querySelectorAll(".leads .who").length`))
	}
	how := func() string {
		return ask(v.browser, chromedp.Evaluate[string](`document.querySelector(".live").dataset.how`))
	}
	v.open(o.door+"/leads", ".live[data-how=now]")
	n := rows()
	o.post("property_id", "EB-GOOD1", "message", "¿Está amueblada?")
	relaytest.Eventually(o.t, "the list shows who has come", func() bool { return rows() == n+1 })

	v.do(chromedp.Click(chromedp.CSS("input[name=id]")))
	o.post("property_id", "EB-GOOD1", "message", "¿Tiene jardín?")
	relaytest.Eventually(o.t, "it stands still while a lead is marked", func() bool { return how() == "waits" })
	require.Equal(o.t, n+1, rows())
	require.True(o.t, ask(v.browser, chromedp.Evaluate[bool](`document.querySelector("input[name=id]").checked`)))
	v.do(chromedp.Click(chromedp.CSS("input[name=id]")), chromedp.Evaluate[chromedp.Void](`document.activeElement.blur()`))
	relaytest.Eventually(o.t, "and goes on afterwards", func() bool { return rows() == n+2 })

	v.do(chromedp.Click(chromedp.CSS(".live")))
	require.Equal(o.t, "held", how())
	o.post("property_id", "EB-GOOD1", "message", "¿Hay cochera?")
	relaytest.Eventually(o.t, "it is held, and says that there is news", func() bool { return how() == "news" })
	require.Equal(o.t, n+2, rows())
	v.do(chromedp.Click(chromedp.CSS(".live")))
	relaytest.Eventually(o.t, "it goes on", func() bool { return rows() == n+3 })
}
