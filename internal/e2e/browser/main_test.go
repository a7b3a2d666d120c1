// Package browser visits the relay as people do: its pages, the widget and the
// READMEs' recipes, in browsers and with the clients that sites use. The package
// has tests alone.
package browser

import (
	"testing"

	"leadrelay/internal/e2e/relaytest"
)

func TestMain(m *testing.M) { relaytest.Main(sharing{m}, nil) }

// sharing ends what the tests have shared.
type sharing struct{ *testing.M }

func (m sharing) Run() int {
	defer shared.close()
	defer whole.close()
	return m.M.Run()
}
