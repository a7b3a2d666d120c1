package courier

import (
	"context"
	"time"

	"leadrelay/internal/courier/verify"
	"leadrelay/internal/easybroker"
)

// Probe reads one line of EasyBroker's list for a person, however the site's credential
// stands, and returns why it could not. If it could, it returns "", and leads go out at
// once. It keeps the credential's pace.
func (c *Courier) Probe(ctx context.Context, site string) (reason string) {
	w := c.bySite[site]
	if w == nil {
		return ""
	}
	return w.probeNow(ctx)
}

func (w *credentialWorker) probeNow(ctx context.Context) (reason string) {
	var err error
	if w.lease.isHeld() {
		err = w.pacer.read(ctx)
	} else {
		err = w.borrow(ctx, time.Now().Add(w.opt.Probe))
	}
	if err == nil {
		_, err = w.List(ctx, easybroker.Query{Page: 1, Limit: 1})
	}
	if err != nil {
		return verify.Why(err)
	}
	if w.lease.isHeld() && w.breaker.IsStopped() {
		w.breaker.ProbeWorked()
		w.nudge()
	}
	return ""
}

// nudge ends the pause of the loop that sends.
func (w *credentialWorker) nudge() {
	select {
	case w.nudged <- struct{}{}:
	default: // it was nudged already
	}
}

// pause returns after d, when a person nudges, or when ctx ends.
func (w *credentialWorker) pause(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-w.nudged:
	case <-ctx.Done():
	}
}
