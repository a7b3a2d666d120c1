package spam

import (
	"time"
)

// sign is one thing that robots do and people rarely do. Its weight is zero if it was
// not seen.
type sign struct {
	reason string
	weigh  func(*evidence) int
}

// The weights of signs. Two moderate ones are over the default threshold, and so is one
// with a few weak ones.
const (
	weak     = 20
	some     = 40
	moderate = 60
	strong   = 80
	enough   = DefaultThreshold

	// propertyWord is the weight in pitches.txt of a word that surely speaks of a
	// property.
	propertyWord = 10
)

// signs are in the order in which operators read them: the surest first.
var signs = []sign{
	{"honeypot", func(e *evidence) int { return when(e.trapped(), enough) }},
	{"link_in_name", (*evidence).linkInName},
	{"probe", (*evidence).probes},
	{"markup", (*evidence).weighMarkup},
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

// pitched weighs the phrases of one topic.
func pitched(t topic) func(*evidence) int {
	return func(e *evidence) int { return e.pitch[t] }
}

// tooFast weighs how long the form was open. If the browser fills it in, a person only
// has to read it and press the button.
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

// foreignScript weighs Cyrillic, in which much is sold and few ask about houses in
// Latin America. With a link it is most likely a sale.
func (e *evidence) foreignScript() int {
	isCyrillic := e.message.cyrillic > e.message.letters/2
	return max(when(isCyrillic, some), when(isCyrillic && e.message.links > 0, strong))
}

// offTopic weighs a text that does not speak of a property. If it has a link, the link
// is most likely what it is about, all the more if it leads to the domain of the
// e-mail address.
func (e *evidence) offTopic() int {
	const fewWords, manyWords = 5, 20
	m := &e.message
	switch {
	case e.pitch[property] >= propertyWord:
		return 0
	case m.links > 0 && m.words >= fewWords:
		return moderate + when(m.own > 0, weak)
	}
	return when(m.words >= manyWords, weak)
}

// How many other senders make a text a repeated one.
const few, many = 2, 8

// repeated weighs a text that many senders post. Many forms start with a text, and all
// their visitors send the same. So a text that speaks of a property and has no link may
// come any number of times.
func (e *evidence) repeated() int {
	switch {
	case e.Repeats < few, e.pitch[property] >= 2*propertyWord && e.message.links == 0:
		return 0
	case e.Repeats < many:
		return some
	}
	return moderate
}
