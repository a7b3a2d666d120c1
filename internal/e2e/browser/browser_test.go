package browser

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"leadrelay/internal/e2e/relaytest"
)

// browser is a tab, and all that its pages complain of.
type browser struct {
	t    *testing.T
	ctx  context.Context //nolint:containedctx // it is the life of the tab
	mu   sync.Mutex
	said []string
}

// openBrowser opens a tab with cookies and storage of its own, in the Chromium that
// the tests share. With flags the test has a Chromium of its own.
func openBrowser(t *testing.T, flags ...chromedp.ExecAllocatorOption) *browser {
	t.Helper()
	if len(flags) > 0 {
		ctx, stop, err := startChromium(shell, flags...)
		require.NoError(t, err, missing)
		t.Cleanup(stop)
		return openTab(t, ctx)
	}
	return shared.open(t)
}

// open opens a tab with cookies and storage of its own.
func (c *sharedChromium) open(t *testing.T) *browser {
	t.Helper()
	ctx, err := c.start()
	require.NoError(t, err, missing)
	return openTab(t, ctx, chromedp.WithNewBrowserContext())
}

// openTab opens another tab of the browser in ctx.
func openTab(t *testing.T, ctx context.Context, options ...chromedp.ContextOption) *browser {
	t.Helper()
	const longest = 5 * time.Minute
	ctx, stop := context.WithTimeout(ctx, longest)
	t.Cleanup(stop)
	ctx, cancel := chromedp.NewContext(ctx, options...)
	b := &browser{t: t, ctx: ctx}
	require.NoError(t, chromedp.Do(ctx))
	// Each tab believes that it is the one in front, whatever else is open.
	_, err := chromedp.Call(ctx, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
	require.NoError(t, err)
	console := chromedp.Console(ctx)
	var listening sync.WaitGroup
	listening.Go(func() {
		for m, err := range console {
			if err == nil && m.Type != chromedp.ConsoleDebug && m.Type != chromedp.ConsoleInfo {
				b.note(m.String() + " " + m.URL)
			}
		}
	})
	t.Cleanup(func() { _ = chromedp.Cancel(ctx); cancel(); listening.Wait() })
	return b
}

func (b *browser) note(text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.said = append(b.said, text)
}

// quiet fails when a page threw, logged an error or tried what its policy
// forbids. A browser also reports every status from 400 on; wanted are those
// that belong to the story.
func (b *browser) quiet(wanted ...int) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	var rest []string
	for _, said := range b.said {
		belongs := func(status int) bool {
			return strings.Contains(said, "responded with a status of "+strconv.Itoa(status))
		}
		if !slices.ContainsFunc(wanted, belongs) {
			rest = append(rest, said)
		}
	}
	require.Empty(b.t, rest)
}

func (b *browser) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, relaytest.Patience)
	defer cancel()
	require.NoError(b.t, chromedp.Do(ctx, steps...))
}

// ask returns what an action finds.
func ask[T any](b *browser, a chromedp.Action[T]) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, relaytest.Patience)
	defer cancel()
	found, err := chromedp.Run(ctx, a)
	require.NoError(b.t, err)
	return found
}

// visible waits until the element can be seen. It asks fifty times a second, and not
// two hundred: every answer costs the browser, which others work with.
func visible(selector string) chromedp.Action[chromedp.Void] {
	return chromedp.WaitVisible(chromedp.CSS(selector), chromedp.RetryInterval(20*time.Millisecond))
}

func (b *browser) text(selector chromedp.CSS) string {
	b.t.Helper()
	return strings.TrimSpace(ask(b, chromedp.Text(selector)))
}

// number reads a folio, which stands in groups of three digits.
func number(t *testing.T, text string) int64 {
	t.Helper()
	id, err := strconv.ParseInt(strings.Join(strings.Fields(text), ""), 10, 64)
	require.NoError(t, err, text)
	require.Positive(t, id)
	return id
}

// The widget on the page shows what is missing, sends without leaving the page,
// and the folio that it shows arrives at EasyBroker, live.
func TestAVisitorWithScript(t *testing.T) {
	t.Parallel()
	d := relaytest.StartDemo(t)
	b := openBrowser(t)
	watch := openTab(t, b.ctx)
	watch.do(chromedp.Navigate(d.Broker+"?lang=es"), visible(".pulse"))
	require.Contains(t, watch.text("[data-live=book]"), "Todavía no llega nada.")

	b.do(chromedp.Navigate(d.Page+"?lang=es"), chromedp.Clear(chromedp.CSS("#preguntar [name=message]")), chromedp.Click(chromedp.CSS("#preguntar .lr-button")),
		chromedp.WaitVisible(chromedp.CSS("label:has([name=email]) + .lr-error")), chromedp.WaitVisible(chromedp.CSS("label:has([name=message]) + .lr-error")))
	require.Equal(t, "Escribe el correo completo, por ejemplo nombre@ejemplo.com.", b.text("label:has([name=email]) + .lr-error"))
	require.Equal(t, "Completa este dato.", b.text("label:has([name=message]) + .lr-error"))
	require.Equal(t, "email", ask(b, chromedp.Evaluate[string](`document.activeElement.name`)), "the focus is on the first")
	require.Equal(t, 2, ask(b, chromedp.Evaluate[int](`document.querySelectorAll("[aria-invalid=true]").length`)))
	require.Equal(t, d.Page+"?lang=es", ask(b, chromedp.Location()))

	b.do(chromedp.SendKeys(chromedp.CSS("[name=name]"), "Ana <Peña> & Cía"), chromedp.SendKeys(chromedp.CSS("[name=email]"), "ana@ejemplo.mx"),
		chromedp.SendKeys(chromedp.CSS("[name=phone]"), "55 1234 5678"), chromedp.SendKeys(chromedp.CSS("[name=message]"), "¿Sigue disponible?"))
	require.False(t, ask(b, chromedp.Evaluate[bool](`!!document.querySelector(".lr-error")`)), "what is mended is not marked any more")
	b.do(chromedp.Click(chromedp.CSS("#preguntar .lr-button")), visible("#preguntar .lr-folio"))
	require.Equal(t, "Recibimos tu mensaje", b.text("#preguntar .lr-done h2"))
	folio := number(t, b.text("#preguntar .lr-folio"))

	watch.do(visible("tr[data-number='1']"))
	require.Equal(t, folio, number(t, watch.text("tr[data-number='1'] .folio")))
	who := watch.text("tr[data-number='1'] .who")
	require.Contains(t, who, "Ana <Peña> & Cía")
	require.Contains(t, who, "+525512345678")
	require.Equal(t, "¿Sigue disponible?", watch.text("tr[data-number='1'] .says"))

	b.do(chromedp.Click(chromedp.CSS("#preguntar .arrived a")), visible("tr[data-number='1']"))
	b.quiet(http.StatusUnprocessableEntity)
	watch.quiet()
}
