package browser

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// visit is what a visitor with Firefox does: sends the empty form, then these
// fields.
type visit struct {
	Address string            `json:"address"`
	Fields  map[string]string `json:"fields"`
}

// sight is what such a visitor saw.
type sight struct {
	Version       string
	Errors        map[string]string // of the empty form
	Focused       string            // the field that had the focus then
	Thanks, Folio string
	Address       string   // where the visit ended
	Complaints    []string // of the page, as browser.quiet has them
}

// firefox starts a Firefox that does what a script of testdata/firefox says.
func firefox(t *testing.T, script string) (ask func(question, answer any)) {
	t.Helper()
	const program = "/usr/bin/firefox-esr"
	if _, err := os.Stat(program); err != nil {
		require.FailNow(t, "a second browser is missing: run make deps, or install Debian's firefox-esr", "%v", err)
	}
	return nodeScript(t, installed(t, "testdata/firefox"), script)
}

// The widget in a second engine, on the page and under the policy that it has
// in Chromium. An answer that is lost makes no second lead there either.
func TestTheWidgetInFirefox(t *testing.T) {
	t.Parallel()
	h, visits := unvisited(t), firefox(t, "visit.mjs")
	tests := map[string]struct {
		property string
		snags    []snag
		posts    int
	}{
		"all is well":       {"EB-FF1", nil, 1},
		"an answer is lost": {"EB-FF2", []snag{lose}, 2},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			address := h.serve("<h1>Casa</h1>" + h.tag(`data-property-id="`+tt.property+`"`))
			h.way.will(tt.snags...)
			before := len(h.way.posted())
			v := visit{address, map[string]string{"name": "Ana López", "email": "ana@ejemplo.mx", "message": "¿Sigue disponible?"}}
			var s sight
			visits(v, &s)
			require.Contains(t, s.Version, "firefox")
			require.Equal(t, map[string]string{"email": "Escribe el correo completo, por ejemplo nombre@ejemplo.com.", "message": "Completa este dato."}, s.Errors)
			require.Equal(t, "email", s.Focused)
			require.Contains(t, s.Thanks, "Recibimos tu mensaje")
			require.Equal(t, v.Address, s.Address)
			require.Empty(t, s.Complaints)

			posts := h.way.posted()[before:]
			require.Len(t, posts, tt.posts)
			require.NotEmpty(t, posts[0].Get("_submission_id"))
			require.Equal(t, posts[0], posts[len(posts)-1], "each try is the same inquiry")
			kept := h.process.About(tt.property)
			require.Len(t, kept, 1)
			require.Equal(t, int64(kept[0].RemoteID), number(t, s.Folio))
			require.Equal(t, "Ana López", *kept[0].Name)
			require.Equal(t, "ana@ejemplo.mx", *kept[0].Email)
			require.Equal(t, "¿Sigue disponible?", *kept[0].Message)
		})
	}
}
