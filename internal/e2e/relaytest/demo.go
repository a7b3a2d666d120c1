package relaytest

import (
	"os"
	"regexp"
	"testing"
)

// Demo is the demo that really runs, and where it says its pages are.
type Demo struct{ Page, Broker, Relay, Console string }

var demoPages = regexp.MustCompile(`The property page +(http://\S+)[\s\S]*What arrives +(http://\S+)[\s\S]*The console +(http://\S+)[\s\S]*The relay +http://(\S+)/f/default`)

// StartDemo starts the demo, which ends with the test.
func StartDemo(t *testing.T) Demo {
	t.Helper()
	p := Start(t, nil, "demo")
	var found []string
	Eventually(t, "the demo says where it is", func() bool {
		found = demoPages.FindStringSubmatch(p.Output())
		return found != nil
	})
	t.Cleanup(func() { p.End(os.Interrupt, 0) })
	return Demo{Page: found[1], Broker: found[2], Console: found[3], Relay: found[4]}
}
