package main

import (
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// A terminal is known as one, with its width, and nothing else is.
func TestATerminalIsKnown(t *testing.T) {
	controller, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	require.NoError(t, err)
	defer func() { require.NoError(t, controller.Close()) }()
	require.NoError(t, unix.IoctlSetPointerInt(int(controller.Fd()), unix.TIOCSPTLCK, 0))
	number, err := unix.IoctlGetInt(int(controller.Fd()), unix.TIOCGPTN)
	require.NoError(t, err)
	terminal, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	require.NoError(t, err)
	defer func() { require.NoError(t, terminal.Close()) }()
	require.NoError(t, unix.IoctlSetWinsize(int(terminal.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 40, Col: 100}))

	columns, isTerminal := terminalWidth(terminal)
	require.True(t, isTerminal)
	require.Equal(t, 100, columns)
	p := &program{env: map[string]string{"TERM": "xterm"}, stderr: terminal}
	require.True(t, p.progress().isTerminal)
	p.env["TERM"] = "dumb"
	require.False(t, p.progress().isTerminal, "it knows no escapes")

	file, err := os.CreateTemp(t.TempDir(), "")
	require.NoError(t, err)
	defer func() { require.NoError(t, file.Close()) }()
	columns, isTerminal = terminalWidth(file)
	require.False(t, isTerminal)
	require.Zero(t, columns)
}
