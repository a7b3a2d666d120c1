// Package spam judges how much an inquiry looks like the work of a robot. It
// gives a score with its reasons and decides nothing: a lead over the site's
// threshold is set apart for a person, never dropped.
//
// No weak sign condemns alone. Short, rude, odd and foreign texts are what
// people write, so nothing here asks for length, spelling or a language; what
// counts are the things that people do not do. Talk of a property speaks
// against a sales pitch. It does no I/O.
package spam

import (
	"time"

	"leadrelay/internal/lead"
)

// DefaultThreshold is the score from which an inquiry is set apart, unless its
// site says otherwise. A sign that condemns alone weighs as much.
const DefaultThreshold = 100

// Submission is an inquiry and all that is known of how it came. What is
// unknown is zero and counts for nothing.
type Submission struct {
	Inquiry lead.Inquiry // cleaned, as [lead.New] leaves it

	Traps  []string      // what came in the honeypots
	Filled time.Duration // from the form's signed time to its arrival

	// Repeats is how many others had sent the text to the site lately; see
	// [Echoes].
	Repeats int
	// Busy: the sender's address posts more than a person would.
	Busy bool
	// CaptchaRefused: the site asks for a captcha, and its token was missing or
	// wrong. A verifier that was down is no sign.
	CaptchaRefused bool
	// Hosts are the site's own, such as casas.mx: links to them and to what is
	// below them are ordinary.
	Hosts []string
}

// Verdict is how much a submission looks like spam, and why. The reasons are
// words of [Reasons], the order is the same for the same submission, and none
// holds anything of the visitor's.
type Verdict struct {
	Score   int
	Reasons []string
}

// Judge weighs all signs. It is a pure function.
func Judge(s Submission) Verdict {
	e := gather(&s)
	var v Verdict
	for _, sign := range signs {
		points := sign.weigh(&e)
		v.Score += points
		if points > 0 {
			v.Reasons = append(v.Reasons, sign.reason)
		}
	}
	v.Score -= e.relief()
	return v
}

// Reasons are all the words that a verdict may use.
func Reasons() []string {
	all := make([]string, len(signs), len(signs)+1)
	for i, sign := range signs {
		all[i] = sign.reason
	}
	return append(all, noMail)
}
