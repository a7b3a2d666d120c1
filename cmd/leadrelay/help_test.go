package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestHelpOfACommand(t *testing.T) {
	for _, command := range [][]string{{}, {"serve"}, {"leads", "show"}} {
		var asked, flag, wrong bytes.Buffer
		require.Zero(t, run(t.Context(), append([]string{"help"}, command...), nil, &asked, &wrong))
		require.Zero(t, run(t.Context(), append(command, "--help"), nil, &flag, &wrong))
		require.NotEmpty(t, asked.String())
		require.Equal(t, flag.String(), asked.String())
		require.Empty(t, wrong.String())
	}
}
