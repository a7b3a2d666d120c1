package captcha

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// reply is what all providers answer.
type reply struct {
	Success *bool    `json:"success"`
	Codes   []string `json:"error-codes"`
	// Score is between 0, surely a robot, and 1. Only reCAPTCHA v3 means it
	// so; hCaptcha's is the other way round and needs no judgment here.
	Score *float64 `json:"score"`
}

// lowestScore is the threshold that Google recommends to begin with.
const lowestScore = 0.5

// refusals are the codes that speak of the token. Any other is about us or
// about them.
var refusals = []string{
	"missing-input-response", "invalid-input-response", "timeout-or-duplicate", // all three
	"expired-input-response", "already-seen-response", "invalid-or-already-seen-response", // hCaptcha
}

// judge reads the provider's answer. Refused needs its clear word.
func (v *Verifier) judge(body []byte) (Answer, error) {
	var r reply
	if json.Unmarshal(body, &r) != nil || r.Success == nil {
		return "", errors.New("its answer is unreadable")
	}
	// reCAPTCHA has been seen to say success beside a wrong secret.
	if strange := slices.DeleteFunc(r.Codes, func(code string) bool { return slices.Contains(refusals, code) }); len(strange) > 0 {
		return "", fmt.Errorf("it refuses our call: %s", printable(strange))
	}
	if !*r.Success || v.provider == ReCaptcha && r.Score != nil && *r.Score < lowestScore {
		return Refused, nil
	}
	return Passed, nil
}

var codeShape = regexp.MustCompile(`^[a-z][a-z-]{1,40}$`)

// printable keeps what is a code and leaves out what might be anything.
func printable(codes []string) string {
	const most = 5
	codes = slices.Clone(codes[:min(len(codes), most)])
	for i, code := range codes {
		if !codeShape.MatchString(code) {
			codes[i] = "?"
		}
	}
	return strings.Join(codes, ", ")
}
