package main

import (
	"context"
	"fmt"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// look is what a visitor gets to see of a page, and when, in milliseconds from
// the click that leads there.
type look struct {
	Painted float64 `json:"painted"` // for the first time
	Ready   float64 `json:"ready"`   // the form
	Shift   float64 `json:"shift"`   // how much jumped, as browsers score it
	// How long the widget kept the main thread, and what of that went into style.
	busy, styling float64
}

// openBrowser starts Chromium, which ends with stop.
func openBrowser(ctx context.Context) (browser context.Context, stop context.CancelFunc, err error) {
	ctx, kill := chromedp.NewExecAllocator(ctx, chromedp.ExecPath("/usr/bin/chromium"), chromedp.NoFirstRun, chromedp.Headless, chromedp.NoSandbox,
		chromedp.DisableGPU, chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true))
	browser, leave := chromedp.NewContext(ctx)
	stop = func() { leave(); kill() }
	if err := chromedp.Do(browser); err != nil {
		stop()
		return nil, nil, fmt.Errorf("it needs Debian's chromium, see make deps: %w", err)
	}
	return browser, stop, nil
}

// visit looks at two pages with a cache that is empty at first.
func visit(browser context.Context, site, script string) (first, next look, err error) {
	tab, leave := chromedp.NewContext(browser, chromedp.WithNewBrowserContext())
	defer leave()
	if err := slowDown(tab); err != nil {
		return first, next, err
	}
	if first, err = lookAt(tab, site+"/casa/1", script); err == nil {
		next, err = lookAt(tab, site+"/casa/2", script)
	}
	return first, next, err
}

// slowDown makes the tab's machine a phone of the middle class, on the mobile
// network that Lighthouse has in mind.
func slowDown(tab context.Context) error {
	if _, err := chromedp.Call(tab, emulation.SetCPUThrottlingRate, emulation.SetCPUThrottlingRateParams{Rate: 4}); err != nil {
		return err
	}
	conditions := []*network.Conditions{{Latency: 150, DownloadThroughput: 1.6e6 / 8, UploadThroughput: 750e3 / 8}}
	_, err := chromedp.Call(tab, network.EmulateNetworkConditionsByRule, network.EmulateNetworkConditionsByRuleParams{MatchedNetworkConditions: conditions})
	return err
}

func lookAt(tab context.Context, page, script string) (l look, err error) {
	const settled = `new Promise((done) => setTimeout(() => done(seen), 500))` // some of it comes after the load
	tasks, err := traced(tab, func() (err error) {
		if err = chromedp.Do(tab, chromedp.EmulateViewport(1280, 900), chromedp.Navigate(page)); err == nil {
			l, err = chromedp.Run(tab, chromedp.Evaluate[look](settled, chromedp.EvalAwaitPromise))
		}
		return err
	})
	if err == nil && (l.Ready == 0 || l.Painted == 0) {
		err = fmt.Errorf("%s shows no form: %+v", page, l)
	}
	l.busy, l.styling = busy(tasks, script)
	return l, err
}
