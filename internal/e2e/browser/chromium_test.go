package browser

import (
	"context"
	"os"
	"sync"

	"github.com/chromedp/chromedp"
)

const missing = "if there is no browser, run make deps, or install Debian's chromium and chromium-headless-shell"

// The engine without a window to open for each test is the same one, and takes less
// than half of the processor time.
const (
	shell    = "/usr/lib/chromium/chromium-headless-shell"
	chromium = "/usr/bin/chromium"
)

// shared is the browser of almost all tests, and whole that of those which want what
// the shell has not: the page as it was left, and the clipboard. Each starts with the
// first test that wants it.
var shared, whole = sharedChromium{program: shell}, sharedChromium{program: chromium}

type sharedChromium struct {
	program string

	mu   sync.Mutex
	ctx  context.Context //nolint:containedctx // it is the life of the browser
	stop func()
}

func (c *sharedChromium) start() (context.Context, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ctx != nil {
		return c.ctx, nil
	}
	ctx, stop, err := startChromium(c.program)
	if err == nil {
		c.ctx, c.stop = ctx, stop
	}
	return ctx, err
}

func (c *sharedChromium) close() {
	if c.stop != nil {
		c.stop()
	}
}

// startChromium starts a browser with a profile of its own. The caller stops it.
func startChromium(program string, flags ...chromedp.ExecAllocatorOption) (ctx context.Context, stop func(), err error) {
	profile, err := os.MkdirTemp("", "leadrelay-chromium-")
	if err != nil {
		return nil, nil, err
	}
	flags = append([]chromedp.ExecAllocatorOption{
		chromedp.ExecPath(program), chromedp.UserDataDir(profile), chromedp.NoFirstRun, chromedp.Headless, chromedp.NoSandbox,
		chromedp.DisableGPU, chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
		chromedp.Flag("disable-features", "SpareRendererForSitePerProcess"), // a process for each tab that is never opened
		chromedp.Env("LANGUAGE=es"),
	}, flags...)
	ctx, cancelProcess := chromedp.NewExecAllocator(context.Background(), flags...)
	ctx, cancel := chromedp.NewContext(ctx)
	stop = func() { _ = chromedp.Cancel(ctx); cancel(); cancelProcess(); _ = os.RemoveAll(profile) }
	if err := chromedp.Do(ctx); err != nil {
		stop()
		return nil, nil, err
	}
	return ctx, stop, nil
}
