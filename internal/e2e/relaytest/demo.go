package relaytest

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Demo is the demo that really runs, and where it says its pages are.
type Demo struct{ Page, Broker, Relay, Console string }

var demoPages = regexp.MustCompile(`The property page +(http://\S+)[\s\S]*What arrives +(http://\S+)[\s\S]*The console +(http://\S+)[\s\S]*The relay +http://(\S+)/f/default`)

// StartDemo starts the demo, which ends with the test. Of two that start at the same
// moment one may find its address taken, and is started again.
func StartDemo(t *testing.T) Demo {
	t.Helper()
	for {
		p := Start(t, nil, "demo")
		var found []string
		hasEnded := false
		Eventually(t, "the demo says where it is", func() bool {
			select {
			case <-p.Done:
				hasEnded = true
			default:
			}
			found = demoPages.FindStringSubmatch(p.Output())
			return found != nil || hasEnded
		})
		if found != nil {
			t.Cleanup(func() { p.End(os.Interrupt, 0) })
			return Demo{Page: found[1], Broker: found[2], Console: found[3], Relay: found[4]}
		}
		require.True(t, strings.Contains(p.Output(), "is in use"), p.Output())
	}
}
