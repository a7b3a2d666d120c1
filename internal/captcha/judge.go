package captcha

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// reply is the answer of any provider.
type reply struct {
	Success *bool    `json:"success"`
	Codes   []string `json:"error-codes"`
	// Score is between 0, surely a robot, and 1. Only reCAPTCHA v3 means it like this.
	// hCaptcha's is the other way round, and is ignored.
	Score *float64 `json:"score"`
}

// minScore is the threshold that Google recommends to begin with.
const minScore = 0.5

// refusals are the codes that are about the token. Any other is about us or the
// provider.
var refusals = []string{
	"missing-input-response", "invalid-input-response", "timeout-or-duplicate", // all three
	"expired-input-response", "already-seen-response", "invalid-or-already-seen-response", // hCaptcha
}

// judge parses the provider's answer. It returns Refused only if the provider clearly
// says so.
func (v *Verifier) judge(body []byte) (Answer, error) {
	var r reply
	if json.Unmarshal(body, &r) != nil || r.Success == nil {
		return "", errors.New("its answer is unreadable")
	}
	// reCAPTCHA has been seen to report success with a wrong secret.
	if strange := slices.DeleteFunc(r.Codes, func(code string) bool { return slices.Contains(refusals, code) }); len(strange) > 0 {
		return "", fmt.Errorf("it refuses our call: %s", printable(strange))
	}
	if !*r.Success || v.provider == ReCaptcha && r.Score != nil && *r.Score < minScore {
		return Refused, nil
	}
	return Passed, nil
}

var codeShape = regexp.MustCompile(`^[a-z][a-z-]{1,40}$`)

// printable replaces whatever does not look like a code.
func printable(codes []string) string {
	const maxCodes = 5
	codes = slices.Clone(codes[:min(len(codes), maxCodes)])
	for i, code := range codes {
		if !codeShape.MatchString(code) {
			codes[i] = "?"
		}
	}
	return strings.Join(codes, ", ")
}
