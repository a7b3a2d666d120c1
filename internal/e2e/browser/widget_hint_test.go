package browser

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"leadrelay/internal/e2e/relaytest"
	"leadrelay/internal/lead"
)

// A mistyped address is asked about before it goes out: when its field is left,
// and at the first press. Yes is one press, and so is no.
func TestTheWidgetAsksAboutAMistypedAddress(t *testing.T) {
	t.Parallel()
	h := openHost(t)
	show := func(property string) {
		h.show(h.tag(`data-property-id="`+property+`"`), heard)
		h.becomes(1, "form.leadrelay")
	}
	const question = ".lr-notice button"
	leave := func() { h.run(`document.querySelector("[name=message]").focus()`) }

	show("EB-HI1")
	h.fill("email", " ana@GMIAL.com")
	leave()
	h.becomes(1, question)
	require.Equal(t, "¿Quisiste decir ana@gmail.com?", h.text("[role=status]"))
	require.Zero(t, h.count("[aria-invalid]"), "it is no error")
	h.do(chromedp.Click(chromedp.CSS(question)))
	require.Zero(t, h.count(question))
	require.Equal(t, "ana@gmail.com", ask(h.browser, chromedp.Evaluate[string](`document.activeElement.value`)))
	h.send()
	require.Equal(t, "ana@gmail.com", *h.thanked("EB-HI1").Email)
	require.Zero(t, h.count(".lr-done .lr-links + .lr-links"), "nothing is left to ask")

	show("EB-HI2")
	h.fill("email", "ana@hotmial.com")
	h.awaitSecond()
	h.send()
	h.becomes(1, question)
	require.Empty(t, h.process.About("EB-HI2"))
	require.Contains(t, h.text("[role=status]"), "Si está bien como está, envía de nuevo.")
	h.do(chromedp.Click(chromedp.CSS(question)))
	require.Equal(t, "ana@hotmail.com", *h.thanked("EB-HI2").Email)

	show("EB-HI3")
	h.fill("email", "ana@hotmial.com")
	h.awaitSecond()
	h.send()
	h.becomes(1, question)
	h.send()
	require.Equal(t, "ana@hotmial.com", *h.thanked("EB-HI3").Email, "the second press sends as typed")
	h.do(chromedp.Click(chromedp.CSS(".lr-done .lr-links button")))
	relaytest.Eventually(t, "it is set right after it was sent", func() bool {
		leads := h.process.About("EB-HI3")
		return len(leads) == 1 && *leads[0].Email == "ana@hotmail.com"
	})
	h.do(visible(".lr-done"))
	require.NotContains(t, h.text(".lr-done"), "Quisiste")
	for _, what := range h.heard() {
		require.NotContains(t, what, "ana@")
	}
	h.quiet()
}

// Whoever presses twice at the same spot, however fast, has sent it as typed:
// the question does not move the button away from under the finger.
func TestTheSecondPressIsWhereTheFirstWas(t *testing.T) {
	h := openHost(t)
	const middle = `(({ left, top, width, height }) => [left + width / 2, top + height / 2])(document.querySelector(".lr-button").getBoundingClientRect())`
	const toEdge = `scrollTo(0, document.querySelector(".lr-button").getBoundingClientRect().bottom + scrollY - innerHeight + 4)`
	for name, tt := range map[string]struct {
		isAtEdge bool // of the window, with nothing to be seen below the button
		pause    time.Duration
	}{
		"at once":                    {false, 0},
		"after 320 ms":               {false, 320 * time.Millisecond},
		"at the window's lower edge": {true, 320 * time.Millisecond},
		"there, after 630 ms":        {true, 630 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			property := fmt.Sprintf("EB-2P%d", len(h.way.posted()))
			h.show(h.tag(`data-property-id="`+property+`"`)+`<div style="height: 200vh"></div>`, heard)
			h.fill("email", "ana@gmial.com")
			h.awaitSecond()
			h.run(`document.querySelector(".lr-button").scrollIntoView({ block: "center" })`)
			if tt.isAtEdge {
				h.run(toEdge)
			}
			at := ask(h.browser, chromedp.Evaluate[[]float64](middle))
			h.do(chromedp.MouseClickXY(at[0], at[1]))
			time.Sleep(tt.pause)
			h.do(chromedp.MouseClickXY(at[0], at[1]))
			require.Equal(t, "ana@gmial.com", *h.thanked(property).Email)
		})
	}
	h.show(h.tag(`data-property-id="EB-2P"`)+`<div style="height: 200vh"></div>`, hasty)
	h.fill("email", "ana@gmial.com")
	h.awaitSecond()
	h.run(toEdge)
	at := ask(h.browser, chromedp.Evaluate[[]float64](middle))
	h.do(chromedp.MouseClickXY(at[0], at[1]))
	relaytest.Eventually(t, "who does not press again sees the question", func() bool {
		return ask(h.browser, chromedp.Evaluate[bool](`document.querySelector(".lr-notice p")?.getBoundingClientRect().bottom <= innerHeight + 1`))
	})
}

// Nor is the second press lost where the file that asks is still on its way.
func TestTwoPressesBeforeTheSecondFileAreTwo(t *testing.T) {
	t.Parallel()
	h := openHost(t)
	arrives := make(chan struct{})
	h.way.answerSecond(func(http.ResponseWriter, *http.Request) bool { <-arrives; return false })
	h.show(h.tag(`data-property-id="EB-2PF"`), heard)
	h.fill("email", "ana@gmial.com")
	h.run(`const send = document.querySelector(".lr-button"); send.click(); send.click()`)
	require.Empty(t, h.way.posted())
	close(arrives)
	require.Equal(t, "ana@gmial.com", *h.thanked("EB-2PF").Email)
	require.Equal(t, []string{"ready", "submit", "submit", "success"}, firstWords(h.heard()), "as when it was there")
	require.Len(t, h.way.posted(), 1)
	h.quiet()
}

// Who was asked and leaves has sent it.
func TestWhoLeavesTheQuestionHasSent(t *testing.T) {
	t.Parallel()
	h := openHost(t)
	h.show(h.tag(`data-property-id="EB-HL1"`))
	h.fill("email", "ana@gmial.com")
	h.awaitSecond()
	h.send()
	h.becomes(1, ".lr-notice button")
	require.Empty(t, h.process.About("EB-HL1"))
	h.do(chromedp.Navigate("about:blank"))
	relaytest.Eventually(t, "it is sent as it was typed", func() bool {
		leads := h.process.About("EB-HL1")
		return len(leads) == 1 && *leads[0].Email == "ana@gmial.com"
	})
}

// A page whose policy lets no other script of ours run has not forbidden to
// post: the form posts itself, and the question comes on the page of thanks.
func TestTheQuestionComesLaterWithoutTheSecondFile(t *testing.T) {
	t.Parallel()
	h := openHost(t)
	h.show(h.tag(`data-property-id="EB-HB1"`), `<meta http-equiv="Content-Security-Policy" content="script-src `+h.relay+`/widget.js">`)
	h.fill("email", "ana@gmial.com", "message", "¿Sigue disponible?")
	h.send()
	h.do(visible("main.sheet button"))
	require.Contains(t, h.text("main.sheet"), "ana@gmail.com")
	leads := h.process.About("EB-HB1")
	require.Len(t, leads, 1)
	require.Equal(t, "ana@gmial.com", *leads[0].Email)
}

// A site that wants one of two says so at both.
func TestTheWidgetAsksForOneOfTwo(t *testing.T) {
	t.Parallel()
	h := openHost(t)
	h.show(h.tag(`data-property-id="EB-OT1" data-require="message email|phone"`))
	h.becomes(1, "form.leadrelay")
	require.Equal(t, []string{"Tu nombre (opcional)", "Correo electrónico (uno de los dos)", "Teléfono o WhatsApp (uno de los dos)", "Mensaje"}, ask(h.browser,
		chromedp.Evaluate[[]string](`[...document.querySelectorAll(".lr-field")].map((one) => [...one.childNodes].filter((part) => !part.matches?.(".lr-input")).map((part) => part.textContent).join(""))`)))
	require.Equal(t, 1, h.count(".lr-input[required]"))
}

// awaitSecond waits for what the widget loads when a visitor begins.
func (h *host) awaitSecond() {
	h.t.Helper()
	relaytest.Eventually(h.t, "the second file is there", func() bool {
		return ask(h.browser, chromedp.Evaluate[bool](`performance.getEntriesByType("resource").some(({ name, responseEnd }) => name.includes("/inquiry.") && responseEnd)`))
	})
}

// What the widget takes for mistyped is what the relay does.
func TestTheWidgetKnowsTheTyposThatTheRelayKnows(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile(filepath.Join("..", "..", "..", "internal", "lead", "typo.go"))
	require.NoError(t, err)
	var all []string
	names := regexp.MustCompile(`"([a-z]{4,})": "[a-z]+"`).FindAllSubmatch(source, -1)
	require.Greater(t, len(names), 40)
	for _, name := range append(names, [][]byte{nil, []byte("gmail")}, [][]byte{nil, []byte("hotmail")}, [][]byte{nil, []byte("mail")}, [][]byte{nil, []byte("email")}) {
		for _, end := range []string{"com", "con", "cm", "om", "cmo", "co", "vom", "xom", "com.mx", "con.mx", "cm.mx", "co.uk", "es", "mx", "fr", "net", "casas.mx", "constructor", "COM"} {
			all = append(all, "Ana.Luz+x@"+string(name[1])+"."+end)
		}
	}
	all = append(all, "", "ana", "ana@", "@gmial.com", "ana@gmial", " ana@gmial.com ", "ana@constructor.com", "ana@gmail.casas.mx", "a b@gmial.com")
	asked, err := json.Marshal(all)
	require.NoError(t, err)
	dir := t.TempDir()
	typos, err := os.ReadFile(filepath.Join("..", "..", "..", "web", "widget", "typos.js"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "typos.mjs"), typos, 0o600))
	const script = `import { meantBy } from "./typos.mjs"; import { stdin } from "node:process"; let text = ""; for await (const part of stdin) text += part;
		console.log(JSON.stringify(JSON.parse(text).map((one) => meantBy(one) ?? "")));`
	require.NoError(t, os.WriteFile(filepath.Join(dir, "run.mjs"), []byte(script), 0o600))
	var meant []string
	require.NoError(t, json.Unmarshal([]byte(runIn(t, dir, string(asked), "node", "run.mjs")), &meant))
	for i, email := range all {
		if strings.Contains(email, " ") && !strings.HasPrefix(email, " ") {
			require.Empty(t, meant[i], "no relay takes it")
			continue
		}
		require.Equal(t, lead.MeantEmail(email), meant[i], email)
	}
}
