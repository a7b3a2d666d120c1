package intake

import (
	"regexp"
	"strings"
	"unicode"

	"github.com/rs/zerolog"

	"leadrelay/internal/lead"
)

// logUnknownNames tells the operator, once a minute, that a form lacks a field that the
// site requires and has others that mean nothing to us: the site's setting fields says
// what they mean.
func (s *siteForms) logUnknownNames(r *request, wrong []lead.FieldError) {
	var missing []string
	for _, e := range wrong {
		if e.Code == lead.Missing || e.Code == lead.EmailOrPhone {
			missing = append(missing, string(e.Field))
		}
	}
	if len(missing) == 0 {
		return
	}
	names := fitForLog(r.draft.NotUnderstood())
	if len(names) == 0 || !onceAMinute(&s.namesLogged) {
		return
	}
	zerolog.Ctx(r.Context()).Warn().Strs("missing", missing).Strs("not_understood", names).
		Str("map_with", "sites."+s.ID+".fields").Msg("fields missing, and others not understood")
}

// fieldName is what a page's author calls a field.
var fieldName = regexp.MustCompile(`^[\p{L}\p{N}_\[\]-]{1,32}$`)

// fitForLog returns a few of the names. They come from outside, and a program may have
// put a visitor's data there: what could be an address or a phone number is left out.
func fitForLog(names []string) (fit []string) {
	const most, mostDigits = 8, 6
	for _, name := range names {
		digits := strings.Map(func(r rune) rune {
			if unicode.IsDigit(r) {
				return r
			}
			return -1
		}, name)
		if fieldName.MatchString(name) && len(digits) <= mostDigits && len(fit) < most {
			fit = append(fit, name)
		}
	}
	return fit
}
