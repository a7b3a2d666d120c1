package panics_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/panics"
)

func TestCatch(t *testing.T) {
	require.NoError(t, panics.Catch(func() {}))

	var none []int
	err := panics.Catch(func() { none[0]++ })
	var caught *panics.Error
	require.ErrorAs(t, err, &caught)
	require.Equal(t, "panic: runtime error: index out of range [0] with length 0", err.Error())
	require.Contains(t, string(caught.Stack), "TestCatch")

	err = panics.Catch(func() { panic("Ana Pérez, 55 1234 5678") })
	require.EqualError(t, err, "panic: string", "nobody's name")
}
