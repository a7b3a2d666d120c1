package intake_test

import (
	"net/http"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/intake"
)

// Whoever wants to know is told of each post that the settings refuse, with names that may
// be shown.
func TestRefusedPostsAreTold(t *testing.T) {
	who := netip.MustParseAddr("192.0.2.1")
	for name, test := range map[string]struct {
		path, body, origin string
		want               []intake.Refusal
	}{
		"a page that is not on the list": {"/f/casas", wholeJSON, "https://casas.co", []intake.Refusal{{Why: intake.ForOrigin, Site: "casas", Name: "https://casas.co"}}},
		"a page that is nowhere":         {"/f/casas", `{}`, "https://casas.mx@[\x1b", []intake.Refusal{{Why: intake.ForOrigin, Site: "casas"}}},
		"a site that there is not":       {"/f/casa", wholeJSON, "", []intake.Refusal{{Why: intake.ForSite, Name: "casa"}}},
		"a phone instead of a site":      {"/f/5512345678", wholeJSON, "", []intake.Refusal{{Why: intake.ForSite}}},
		"fields that are missing":        {"/f/casas", `{"name":"Ana"}`, "https://casas.mx", []intake.Refusal{{Why: intake.ForFields, Site: "casas"}}},
		"a good post":                    {"/f/casas", wholeJSON, "https://casas.mx", nil},
		"a body that cannot be read":     {"/f/casas", `{`, "https://casas.mx", nil},
	} {
		t.Run(name, func(t *testing.T) {
			var told []intake.Refusal
			door := intake.New(sites(t), &memoryKeeper{}, intake.Options{
				Client: func(*http.Request) netip.Addr { return who }, Refused: func(r intake.Refusal) { told = append(told, r) },
			})
			headers := []string{"Content-Type", jsonType}
			if test.origin != "" {
				headers = append(headers, "Origin", test.origin)
			}
			ask(door, http.MethodPost, test.path, test.body, headers...)
			for i := range test.want {
				test.want[i].Client = who
			}
			require.Equal(t, test.want, told)
		})
	}
}
