package browser

import (
	"context"
	"os"
	"sync"

	"github.com/chromedp/chromedp"
)

const missing = "if there is no browser, run make deps, or install Debian's chromium"

// shared is the Chromium of all tests. It starts with the first that wants it.
var shared sharedChromium

type sharedChromium struct {
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
	ctx, stop, err := startChromium()
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
func startChromium(flags ...chromedp.ExecAllocatorOption) (ctx context.Context, stop func(), err error) {
	profile, err := os.MkdirTemp("", "leadrelay-chromium-")
	if err != nil {
		return nil, nil, err
	}
	flags = append([]chromedp.ExecAllocatorOption{
		chromedp.ExecPath("/usr/bin/chromium"), chromedp.UserDataDir(profile), chromedp.NoFirstRun, chromedp.Headless, chromedp.NoSandbox,
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
