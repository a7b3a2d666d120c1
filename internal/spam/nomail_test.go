package spam_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/spam"
)

func TestADomainThatTakesNoMailIsAWeakSign(t *testing.T) {
	tests := map[string]struct {
		s         spam.Submission
		reasons   []string
		condemned bool
	}{
		"alone":                    {wrote("Hola"), []string{"no_mail"}, !condemned},
		"beside a moderate sign":   {mailedFrom("ana@yopmail.com"), []string{"disposable_mail", "no_mail"}, !condemned},
		"beside a strong one":      {ana(func(s *spam.Submission) { s.CaptchaRefused = true }), []string{"captcha", "no_mail"}, condemned},
		"beside what is condemned": {trapped("x"), []string{"honeypot", "no_mail"}, condemned},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			v := spam.Judge(tt.s)
			before := append([]string{}, v.Reasons...)
			without := v.NoMail()
			require.Equal(t, tt.reasons, without.Reasons)
			require.Equal(t, tt.condemned, without.Score >= spam.DefaultThreshold, "%d", without.Score)
			require.Greater(t, without.Score, v.Score)
			require.Equal(t, before, append([]string{}, v.Reasons...), "the verdict itself is as it was")
			require.Subset(t, spam.Reasons(), without.Reasons)
		})
	}
}

func TestWhoseMailIsInDoubt(t *testing.T) {
	tests := map[string]bool{
		"ana@casas.mx":        true,
		"ana@correo.ñandú.mx": true,
		"ana@gmail.casas.mx":  true,
		"ana@gmail.com":       false, // well known
		"ana@GMAIL.com":       false,
		"ana@prodigy.net.mx":  false,
		"ana@mail.ru":         false,
		"ana@yopmail.com":     false, // weighed by Judge
		"ana@a.yopmail.com":   false,
		"ana@example.com":     false,
		"ana@gmial.com":       false, // mistyped
		"ana@hotmail.con":     false,
		"":                    false, // some sites ask only for a phone
	}
	for email, want := range tests {
		require.Equal(t, want, spam.MailInDoubt(email), email)
	}
}
