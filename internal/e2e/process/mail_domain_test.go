package process

import (
	"fmt"
	"net/http"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/e2e/relaytest"
	"leadrelay/internal/lead"
)

// A lead that hangs by its mail domain is answered at once and delayed while DNS is
// asked, whatever this machine's says; the log tells of that, and not of whom.
func TestTheMailDomainIsAskedAboutAfterTheAnswer(t *testing.T) {
	t.Parallel()
	_, address := relaytest.StartBroker(t)
	p := relaytest.Start(t, relaytest.Settings(t, address), "serve").Started()
	const form = "property_id=EB-1&name=%3Cb%3EAna%3C%2Fb%3E&email=ana%40robot.invalid&message=Hola"
	require.Contains(t, say(t, p.Public, http.MethodPost, "/f", nil, form), `"ok":true`)
	leads := p.Leads("").Leads
	require.Len(t, leads, 1)
	if l := leads[0]; l.State == lead.Queued { // else DNS has answered already
		require.Equal(t, 10*time.Second, l.NextAttemptAt.Sub(*l.ReceivedAt))
	}
	p.End(syscall.SIGTERM, 0) // which does not wait for DNS
	require.Regexp(t, fmt.Sprintf(`"remote_id":%d,"site":"default","mail":"[a-z ]+",.*"message":"mail domain looked up"`, leads[0].RemoteID), p.Out.String())
	require.NotContains(t, p.Output(), "robot")
	require.Empty(t, p.Err.String())
}
