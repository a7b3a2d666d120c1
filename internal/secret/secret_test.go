package secret_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/secret"
)

func TestASecretIsNeverPrinted(t *testing.T) {
	const canary = "k3y-canary"
	key := secret.New(canary)
	holder := struct {
		Key secret.Text
		Ptr *secret.Text
	}{key, &key}

	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		require.NotContains(t, fmt.Sprintf(verb, key), canary, verb)
		require.NotContains(t, fmt.Sprintf(verb, holder), canary, verb)
	}
	require.NotContains(t, fmt.Sprintf("%x", key), fmt.Sprintf("%x", canary))
	require.NotContains(t, errors.New(fmt.Sprint("with ", key)).Error(), canary)

	body, err := json.Marshal(holder)
	require.NoError(t, err)
	require.NotContains(t, string(body), canary)
	require.Contains(t, string(body), "•••")
	require.Equal(t, canary, key.Reveal())
}

func TestAnAbsentSecretShowsAsNothing(t *testing.T) {
	var none secret.Text
	require.True(t, none.IsZero())
	require.Empty(t, none.String())
	require.False(t, secret.New("x").IsZero())
}

func TestEqual(t *testing.T) {
	require.True(t, secret.New("abc").Equal("abc"))
	require.False(t, secret.New("abc").Equal("abd"))
	require.False(t, secret.New("abc").Equal("abcd"))
}
