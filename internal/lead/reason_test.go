package lead

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestExplain(t *testing.T) {
	tests := map[string]struct {
		reason string
		want   Explanation
	}{
		"a word":                        {ReasonMissing, Explanation{Key: "missing"}},
		"with a status":                 {WithStatus(ReasonError, 503), Explanation{Key: "error", Status: 503}},
		"with EasyBroker's words":       {Quote(WithStatus(ReasonFolioRefused, 409), "remote_id ya existe"), Explanation{Key: "folio_refused", Status: 409, Says: "remote_id ya existe"}},
		"words that look like ours":     {Quote(ReasonNumber, "no (409). It says: x"), Explanation{Key: "number", Says: "no (409). It says: x"}},
		"a look-up that failed":         {LookUpFailed(WithStatus(ReasonError, 500)), Explanation{Key: KeyLookUpFailed, Cause: "error", Status: 500}},
		"that failed after a refusal":   {Quote(LookUpFailed(ReasonListTooLong), "ya"), Explanation{Key: KeyLookUpFailed, Cause: "list_too_long", Says: "ya"}},
		"a look-up of another release":  {LookUpFailed("easybroker: status 500"), Explanation{Key: KeyLookUpFailed}},
		"a list that can be read again": {ReadableAgain(CredentialHeld, WithStatus(ReasonKeyRefused, 401)), Explanation{Key: KeyReadableAgain, Cause: "key_refused", Status: 401}},
		"a credential that is held":     {CredentialIs(CredentialHeld, WithStatus(ReasonKeyRefused, 401)), Explanation{Key: KeyCredential, Cause: "key_refused", Status: 401}},
		"a credential carried by other": {CredentialIs("carried by another replica", "it lends no call"), Explanation{Key: KeyCredential}},
		"EasyBroker's words alone":      {"Property not found (404)", Explanation{Says: "Property not found (404)"}},
		"signs of spam":                 {"honeypot, links", Explanation{Says: "honeypot, links"}},
		"of another release":            {"easybroker: status 500", Explanation{Says: "easybroker: status 500"}},
		"nothing":                       {"", Explanation{}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) { require.Equal(t, tt.want, Explain(tt.reason)) })
	}
}

// Each reason has a key of its own, and is found by it with all that may stand beside it.
func TestEachReasonIsExplained(t *testing.T) {
	keys := map[string]bool{}
	for _, reason := range Reasons() {
		e := Explain(reason)
		require.NotEmpty(t, e.Key, reason)
		require.False(t, keys[e.Key], reason)
		keys[e.Key] = true
		require.Equal(t, Explanation{Key: e.Key, Status: 404, Says: "x"}, Explain(Quote(WithStatus(reason, 404), "x")), reason)
		require.Equal(t, e.Key, Explain(LookUpFailed(reason)).Cause)
		require.Equal(t, "x", Explain(Requote(Quote("y", "x"), reason)).Says)
		require.Equal(t, reason, Unquoted(Quote(reason, "x")))
	}
}
