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

	// aWord is what a word that is surely of properties has in pitches.txt.
	aWord = 10
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
	{"off_topic", (*evidence).offTopic},
	{"disposable_mail", func(e *evidence) int { return when(isDisposable(e.domain), moderate) }},
	{"mail_kind", (*evidence).oddMail},
	{"robot_name", (*evidence).robotName},
	{"gibberish_name", func(e *evidence) int { return when(e.name.gibberish > 0, moderate) }},
	{"gibberish", func(e *evidence) int { return when(e.message.isGibberish(), moderate) }},
	{"phone_shape", func(e *evidence) int { return when(isRobotPhone(e.Inquiry.Phone), some) }},
	{"foreign_script", (*evidence).foreignScript},
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

// foreignScript weighs Cyrillic, in which much is sold and little is asked
// about houses in Latin America. A person has no link in it to sell by.
func (e *evidence) foreignScript() int {
	isCyrillic := e.message.cyrillic > e.message.letters/2
	return max(when(isCyrillic, some), when(isCyrillic && e.message.links > 0, strong))
}

// offTopic weighs a text that says nothing of any property. Whoever adds a
// link to such a text most likely came for the link, the more so when it leads
// to where the mail comes from.
func (e *evidence) offTopic() int {
	const fewest, long = 5, 20
	m := &e.message
	switch {
	case e.pitch[property] >= aWord:
		return 0
	case m.links > 0 && m.words >= fewest:
		return moderate + when(m.own > 0, weak)
	}
	return when(m.words >= long, weak)
}

// So many other senders make a text one that keeps coming.
const few, many = 2, 8

// repeated weighs a text that keeps coming. Many forms come with a text
// ready, and all visitors send the same: talk of a property, without a link,
// may come as often as it likes.
func (e *evidence) repeated() int {
	switch {
	case e.Repeats < few, e.pitch[property] >= 2*aWord && e.message.links == 0:
		return 0
	case e.Repeats < many:
		return some
	}
	return moderate
}
