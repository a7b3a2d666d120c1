package spam

import (
	"time"
)

// sign is one thing that robots do and people rarely do; zero points say that
// it was not seen.
type sign struct {
	reason string
	weigh  func(*evidence) int
}

// How much a sign may weigh. Two moderate ones set an inquiry apart, or one
// with a few weak ones.
const (
	weak     = 20
	some     = 40
	moderate = 60
	strong   = 80
	enough   = DefaultThreshold
)

// signs are in the order in which an operator wants to read them: the surest
// first.
var signs = []sign{
	{"honeypot", func(e *evidence) int { return when(e.trapped(), enough) }},
	{"link_in_name", (*evidence).linkInName},
	{"probe", (*evidence).probes},
	{"markup", (*evidence).markup},
	{"lookalikes", (*evidence).lookalikes},
	{"captcha", func(e *evidence) int { return when(e.CaptchaRefused, strong) }},
	{"too_fast", (*evidence).tooFast},
	{"links", (*evidence).manyLinks},
	{"link_kind", (*evidence).oddLinks},
	{"off_topic", func(e *evidence) int { return when(e.isOffTopic(), some) }},
	{"disposable_mail", func(e *evidence) int { return when(isDisposable(e.domain), moderate) }},
	{"mail_kind", (*evidence).oddMail},
	{"robot_name", (*evidence).robotName},
	{"gibberish_name", func(e *evidence) int { return when(e.name.gibberish > 0, moderate) }},
	{"gibberish", func(e *evidence) int { return when(e.message.isGibberish(), moderate) }},
	{"phone_shape", func(e *evidence) int { return when(isRobotPhone(e.Inquiry.Phone), some) }},
	{"foreign_script", func(e *evidence) int { return when(e.message.cyrillic > e.message.letters/2, some) }},
	{"seo", pitched(seo)},
	{"loan", pitched(loan)},
	{"crypto", pitched(crypto)},
	{"casino", pitched(casino)},
	{"pharma", pitched(pharma)},
	{"adult", pitched(adult)},
	{"phishing", pitched(phishing)},
	{"sales", pitched(sales)},
	{"repeated", (*evidence).repeated},
	{"busy", func(e *evidence) int { return when(e.Busy, weak) }},
}

func when(seen bool, points int) int {
	if seen {
		return points
	}
	return 0
}

// pitched weighs what was said of one topic.
func pitched(t topic) func(*evidence) int {
	return func(e *evidence) int { return e.pitch[t] }
}

// tooFast weighs the time that the form took. A browser that fills a form in
// by itself leaves a person little to do but to read and press the button.
func (e *evidence) tooFast() int {
	switch {
	case e.Filled <= 0:
		return 0
	case e.Filled < 500*time.Millisecond:
		return enough
	case e.Filled < 2*time.Second:
		return moderate
	}
	return 0
}

// isOffTopic reports a long text with a link that says nothing of any
// property.
func (e *evidence) isOffTopic() bool {
	const long = 20
	return e.message.words >= long && e.message.links > 0 && e.pitch[property] == 0
}

// repeated weighs a text that keeps coming. Many forms come with a text
// ready, and all visitors send the same: talk of a property, without a link,
// may come as often as it likes.
func (e *evidence) repeated() int {
	const few, many = 2, 8
	switch {
	case e.Repeats < few, e.pitch[property] >= weak && e.message.links == 0:
		return 0
	case e.Repeats < many:
		return some
	}
	return moderate
}
