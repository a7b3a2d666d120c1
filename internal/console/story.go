package console

import (
	"fmt"
	"strings"

	"leadrelay/internal/lead"
	"leadrelay/web"
)

// The marks of moments, which repeat what the sentence says.
const (
	markOK    = "ok"
	markWait  = "wait"
	markDoubt = "doubt"
	markBad   = "bad"
	markHeld  = "held"
	markNone  = ""
)

// story tells what became of a lead so far, oldest first, and what comes next.
func (w words) story(l lead.Lead, attempts []lead.Attempt, deliveries []lead.Delivery) []web.Moment {
	told := []web.Moment{{At: w.when(l.ReceivedAt), Mark: markOK, Text: w.text("story.received", l.Site)}}
	queuedAgain := l.QueuedAt.After(l.ReceivedAt)
	if l.State == lead.Quarantined || l.State == lead.Discarded && len(attempts) == 0 {
		told = append(told, web.Moment{Mark: markHeld, Text: w.text("story.quarantined", w.reason(l.Reason))})
	}
	for i, a := range attempts {
		if queuedAgain && !a.BegunAt.Before(l.QueuedAt) {
			told, queuedAgain = append(told, w.queuedAgain(l)), false
		}
		if i > 0 && a.Number > attempts[i-1].Number+1 {
			told = append(told, web.Moment{Text: w.count("story.left_out", a.Number-attempts[i-1].Number-1)})
		}
		told = append(told, web.Moment{At: w.when(a.BegunAt), Mark: markOf(a.Outcome), Text: w.attempt(a)})
	}
	if queuedAgain {
		told = append(told, w.queuedAgain(l))
	}
	for _, d := range deliveries {
		told = append(told, w.delivery(d))
	}
	return append(told, w.ending(l)...)
}

// delivery tells what another system was told.
func (w words) delivery(d lead.Delivery) web.Moment {
	what := w.text("notice." + strings.TrimPrefix(string(d.Notice), "lead."))
	m := web.Moment{At: w.when(d.EndedAt), Mark: markOK, Text: w.text("story."+d.Channel.Kind()+"."+string(d.State), what)}
	switch d.State {
	case lead.DeliveryDue:
		m.At, m.Mark = w.when(d.At), markWait
	case lead.DeliveryGivenUp:
		m.Mark = markBad
	case lead.DeliveryTaken:
	}
	return m
}

// queuedAgain tells that a person has sent the lead, or a replay.
func (w words) queuedAgain(l lead.Lead) web.Moment {
	return web.Moment{At: w.when(l.QueuedAt), Text: w.text("story.queued_again")}
}

func markOf(o lead.Outcome) string {
	switch o {
	case lead.OutcomeDelivered:
		return markOK
	case lead.OutcomeRefused:
		return markBad
	case lead.OutcomeUnsure:
		return markDoubt
	case lead.OutcomeDeferred:
	}
	return markWait
}

// ending tells where the lead is now.
func (w words) ending(l lead.Lead) []web.Moment {
	say := func(mark, key string, args ...any) []web.Moment {
		return []web.Moment{{Mark: mark, Text: w.text(key, args...)}}
	}
	switch l.State {
	case lead.Quarantined:
		return say(markHeld, "story.waits_for_you")
	case lead.Queued:
		if l.DueAt.After(w.now) {
			return say(markWait, "story.queued", w.when(l.DueAt).Text)
		}
		return say(markWait, "story.queued.soon")
	case lead.Sending:
		return nil // the open attempt says it
	case lead.Doubtful:
		if l.DueAt.After(w.now) {
			return say(markDoubt, "story.doubtful", w.lookedFor(l), w.when(l.DueAt).Text)
		}
		return say(markDoubt, "story.doubtful.soon", w.lookedFor(l))
	case lead.Delivered:
		if l.Reason != "" {
			return say(markBad, "story.odd", w.reason(l.Reason))
		}
		return say(markWait, "story.delivered")
	case lead.Confirmed:
		return w.confirmed(l)
	case lead.Failed:
		return say(markBad, "story.failed", w.reason(l.Reason))
	case lead.Discarded:
		return say(markNone, "story.discarded")
	}
	return say(markNone, fmt.Sprint("state.", l.State))
}

// lookedFor tells what the last look-up showed. Before the first there is nothing but the
// reason for the doubt.
func (w words) lookedFor(l lead.Lead) string {
	if e := lead.Explain(l.Reason); e.Key == lead.KeyLookUpFailed || e.Key == "not_listed_yet" {
		return sentence(w.reason(l.Reason))
	}
	return w.text("story.not_looked_for")
}

func (w words) confirmed(l lead.Lead) []web.Moment {
	told := []web.Moment{{At: w.when(l.ConfirmedAt), Mark: markOK, Text: w.text("story.confirmed")}}
	if l.Reason != "" {
		told = append(told, web.Moment{Mark: markBad, Text: w.text("story.odd", w.reason(l.Reason))})
	}
	return told
}

// stands tells in a sentence or two what the state of a lead means, and what a person can
// do. standing is how its credential stands, if that keeps the lead waiting.
func (w words) stands(l lead.Lead, standing *lead.Credential) string {
	switch {
	case l.IsBlocked():
		return w.text("now.blocked")
	case l.IsErased():
		return w.text("now.erased")
	case l.Reason == lead.ReasonMissing || l.Reason == lead.ReasonTwice:
		return w.text("now." + l.Reason)
	case standing != nil && standing.State == lead.SitePausedByHand && l.State == lead.Queued:
		return w.text("trouble."+standing.State, l.Site, w.when(standing.Until).Text, standing.Reason)
	case standing != nil && standing.State != lead.SitePausedByHand && (l.State == lead.Queued || l.State == lead.Doubtful):
		return w.text("now.stopped", w.reason(standing.Reason))
	}
	return w.text("now." + string(l.State))
}
