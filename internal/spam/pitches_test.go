package spam_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/spam"
)

func TestPlantRefuses(t *testing.T) {
	tests := map[string]string{
		"a topic that is none":    "stamps:\n40 penny black\n",
		"a phrase of no topic":    "40 penny black\n",
		"a phrase without points": "seo:\npenny black\n",
		"points below one":        "seo:\n-40 penny black\n",
		"points without a phrase": "seo:\n40 \n",
		"a phrase of seven words": "seo:\n40 a b c d e f g\n",
		"a phrase that is there":  "seo:\n40 penny black\nloan:\n50 Penny BLÁCKS\n",
	}
	for name, text := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := spam.ParsePhrases(text)
			require.Error(t, err)
		})
	}
	_, err := spam.ParsePhrases("# stamps\nseo:\n40 penny black\n\n40 penny\nloan:\n40 black\n")
	require.NoError(t, err)
}

func TestPitchesAreHeardOnceAndWhole(t *testing.T) {
	score := func(message string) int { return spam.Judge(wrote(message)).Score }
	require.Equal(t, 60, score("backlinks"))
	require.Equal(t, 60, score("backlinks, Backlink... BACKLINKS"))
	require.Equal(t, 60, score("first page first page of google"), "a beginning that leads nowhere")
	require.Zero(t, score("first page of the book; google"))
	require.Zero(t, score("backlinked"))
	require.Equal(t, score("la la la la la https://ana.com/x"), score("la la la la la https://ana.com/casas"), "a link speaks of no property")
	both := ana(func(s *spam.Submission) { s.Inquiry.Name, s.Inquiry.Message = "Guest", "post" })
	require.Zero(t, spam.Judge(both).Score, "no phrase goes from the name into the message")
}
