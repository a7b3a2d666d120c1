package verify

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/courier/breaker"
	"leadrelay/internal/easybroker"
	"leadrelay/internal/lead"
)

// Whatever goes wrong, a person reads a reason that the pages have words for, and nothing
// of the error's own.
func TestWhy(t *testing.T) {
	tests := map[string]struct {
		err  error
		want string
	}{
		"a name":              {&easybroker.NotSentError{Err: &net.DNSError{Err: "no such host", Name: "canary"}}, lead.ReasonUnknownName},
		"a certificate":       {&easybroker.NotSentError{Err: &tls.CertificateVerificationError{Err: errors.New("canary")}}, lead.ReasonInsecure},
		"no connection":       {&easybroker.NotSentError{Err: errors.New("canary")}, lead.ReasonUnreachable},
		"no answer in time":   {&easybroker.UnansweredError{Err: context.DeadlineExceeded}, lead.ReasonUnanswered},
		"a reset":             {&easybroker.UnansweredError{Err: errors.New("canary")}, lead.ReasonBroken},
		"nonsense":            {&easybroker.UnreadableError{Status: 200, Why: "canary"}, "EasyBroker's answer cannot be read (200)"},
		"too many pages":      {fmt.Errorf("canary: %w", errTooManyPages), lead.ReasonListTooLong},
		"too large":           {errTooLarge, lead.ReasonListTooLarge},
		"a list that changes": {errMoving, lead.ReasonListMoves},
		"a held credential":   {&breaker.StoppedError{State: "held", Reason: "EasyBroker refuses the key (401)"}, "the credential is held: EasyBroker refuses the key (401)"},
		"anything else":       {errors.New("canary"), lead.ReasonBroken},
	}
	for status := 300; status < 600; status++ {
		tests[fmt.Sprint(status)] = struct {
			err  error
			want string
		}{&easybroker.StatusError{Status: status, Reason: "canary"}, Why(&easybroker.StatusError{Status: status})}
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, tt.want, Why(tt.err))
			require.NotEmpty(t, lead.Explain(Why(tt.err)).Key, tt.want)
			require.NotContains(t, Why(tt.err), "canary")
		})
	}
}
