package browser

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// The console in a second engine, under the policy that it has in Chromium: every page,
// its keys, and something that is done with a lead after it was asked about.
func TestTheConsoleInFirefox(t *testing.T) {
	t.Parallel()
	o := openOffice(t)
	failed := "/leads/" + o.leads("failed")[0].RemoteID.String()
	pages := []string{"/", "/leads", "/quarantine", "/jobs", "/reports", "/sites", "/settings", "/audit", "/people", "/tokens", failed, failed + "/edit"}
	type seen struct {
		Status int
		Title  string
		Fits   bool // the page is not wider than the window
	}
	var s struct {
		Version           string
		Seen              map[string]seen
		Opened, LoggedOut bool
		Asked, Done       string
		Complaints        []string
	}
	firefox(t, "operate.mjs")(map[string]any{"door": o.door, "token": "token-of-all-the-tests", "pages": pages, "lead": failed, "does": "discard"}, &s)
	require.Contains(t, s.Version, "firefox")
	require.Len(t, s.Seen, len(pages))
	titles := map[string]string{}
	for path, got := range s.Seen {
		require.Equal(t, http.StatusOK, got.Status, path)
		require.True(t, got.Fits, path)
		require.NotEmpty(t, got.Title, path)
		require.Empty(t, titles[got.Title], "each page has a title of its own")
		titles[got.Title] = path
	}
	require.Equal(t, "/", titles["Something needs you"])
	require.True(t, s.Opened, "j and Enter open the first lead of the list")
	require.Equal(t, "Discard 1 lead?", s.Asked)
	require.Equal(t, "1 lead discarded.", s.Done)
	require.True(t, s.LoggedOut)
	require.Empty(t, s.Complaints)
	require.Len(t, o.leads("discarded"), 1)
}
