package main

import (
	"context"
	"fmt"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/css"
	"github.com/chromedp/cdproto/dom"
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
	// What the widget took of the processor's time on the main thread, and the
	// most of it at a stretch.
	busy, longest float64
}

// openBrowser starts Chromium, which ends with stop.
func openBrowser(ctx context.Context) (browser context.Context, stop context.CancelFunc, err error) {
	ctx, kill := chromedp.NewExecAllocator(ctx, chromedp.ExecPath("/usr/bin/chromium"), chromedp.NoFirstRun, chromedp.Headless, chromedp.NoSandbox,
		chromedp.DisableGPU, chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-field-trial-config", true))
	browser, leave := chromedp.NewContext(ctx)
	stop = func() { leave(); kill() }
	if err := chromedp.Do(browser); err != nil {
		stop()
		return nil, nil, fmt.Errorf("it needs Debian's chromium, see make deps: %w", err)
	}
	return browser, stop, nil
}

// visit is somebody who was never there, and goes on to another property.
type visit struct{ first, next look }

// phone is how many times slower than here one of the middle class is.
const phone = 4

// see looks at two pages with a cache that is empty at first.
func see(browser context.Context, site, script string, slowdown float64) (v visit, err error) {
	tab, leave := chromedp.NewContext(browser, chromedp.WithNewBrowserContext())
	defer leave()
	if err := lookAway(tab); err != nil {
		return v, err
	}
	if err := slowDown(tab, slowdown); err != nil {
		return v, err
	}
	if v.first, err = lookAt(tab, site+"/casa/1", script); err == nil {
		v.next, err = lookAt(tab, site+"/casa/2", script)
	}
	return v, err
}

// lookAway stops what chromedp began: to be told of each node and each style
// costs the script that makes them.
func lookAway(tab context.Context) error {
	if _, err := chromedp.Call(tab, css.Disable, cdp.Empty{}); err != nil {
		return err
	}
	_, err := chromedp.Call(tab, dom.Disable, cdp.Empty{})
	return err
}

// slowDown makes the tab's processor so many times slower, and its network the
// mobile one that Lighthouse has in mind.
func slowDown(tab context.Context, times float64) error {
	if _, err := chromedp.Call(tab, emulation.SetCPUThrottlingRate, emulation.SetCPUThrottlingRateParams{Rate: times}); err != nil {
		return err
	}
	conditions := []*network.Conditions{{Latency: 150, DownloadThroughput: 1.6e6 / 8, UploadThroughput: 750e3 / 8}}
	_, err := chromedp.Call(tab, network.EmulateNetworkConditionsByRule, network.EmulateNetworkConditionsByRuleParams{MatchedNetworkConditions: conditions})
	return err
}

func lookAt(tab context.Context, page, script string) (l look, err error) {
	const loaded = `new Promise((done) => setTimeout(() => done(seen), 500))` // some of it comes after the load
	tasks, err := traced(tab, func() (err error) {
		if err = chromedp.Do(tab, chromedp.EmulateViewport(1280, 900), chromedp.Navigate(page)); err == nil {
			l, err = chromedp.Run(tab, chromedp.Evaluate[look](loaded, chromedp.EvalAwaitPromise))
		}
		return err
	})
	if err == nil && (l.Ready == 0 || l.Painted == 0) {
		err = fmt.Errorf("%s shows no form: %+v", page, l)
	}
	l.busy, l.longest = busy(tasks, script)
	return l, err
}
