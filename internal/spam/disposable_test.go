package spam_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/spam"
)

func TestDisposable(t *testing.T) {
	for _, domain := range []string{"yopmail.com", "YOPmail.com", "mailinator.com", "a.b.mailinator.com", "guerrillamail.com", "sharklasers.com"} {
		require.True(t, spam.IsDisposable(domain), domain)
	}
	for _, domain := range []string{
		"", ".", "com", "gmail.com", "hotmail.com", "prodigy.net.mx", "proton.me", "icloud.com", "privaterelay.appleid.com", "mozmail.com", "duck.com",
		"yopmail.com.mx", "notyopmail.com", "yopmail.co", "zzzzzz.zz", "-.com",
	} {
		require.False(t, spam.IsDisposable(domain), domain)
	}
}

// The search relies on the order, and treats the head like other lines.
func TestDisposableList(t *testing.T) {
	lines := strings.Split(strings.TrimSuffix(spam.Disposable, "\n"), "\n")
	require.Greater(t, len(lines), 5000)
	domains := slices.DeleteFunc(slices.Clone(lines), func(line string) bool { return strings.HasPrefix(line, "#") })
	require.True(t, slices.IsSorted(domains))
	require.Equal(t, domains, lines[len(lines)-len(domains):], "the head is at the head")
	require.Contains(t, spam.Disposable[:strings.Index(spam.Disposable, domains[0])], "CC0")
	for _, domain := range domains {
		require.True(t, spam.IsDisposable(domain), domain)
		require.Equal(t, strings.ToLower(strings.TrimSpace(domain)), domain)
	}
}
