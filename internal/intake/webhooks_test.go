package intake_test

import (
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/intake"
	"leadrelay/internal/lead"
	"leadrelay/internal/site"
)

// These bodies are what form plug-ins send. testdata/webhooks/README.md names the
// sources.
func TestWebhooks(t *testing.T) {
	const roma = "https://casas.mx/propiedades/roma"
	tests := map[string]struct {
		own    map[string]string // the site's map
		status int
		phone  string
		page   string
		extra  []string // names of the extra fields
	}{
		"contact-form-7.json": {status: 202, extra: []string{"your-subject", "menu-31", "acceptance-714"}},
		"contact-form-7.form": {status: 303, extra: []string{"your-subject", "menu-31"}},
		"elementor.form": {
			status: 303, page: roma,
			extra: []string{"¿Cuándo quieres visitarla?", "Fecha", "Hora", "User Agent", "Remote IP", "Powered by", "form_id", "form_name"},
		},
		"elementor-advanced.form": {
			status: 303, page: roma,
			extra: []string{"form[id]", "form[name]", "¿Cuándo quieres visitarla?", "Fecha", "Hora", "User Agent", "Remote IP", "Powered by"},
		},
		"gravity-forms.json": {
			own:    map[string]string{"1.3": "first_name", "1.6": "last_name", "2": "email", "3": "phone", "4": "message", "5": "property_id"},
			status: 202, page: roma,
			extra: []string{"id", "form_id", "date_created", "date_updated", "is_starred", "is_read", "ip", "user_agent", "currency", "13"},
		},
		"wpforms.json": {status: 202, phone: "+525512345678", extra: []string{"visita[value]", "visita[unix]"}},
		"wpforms.form": {
			own:    map[string]string{"wpforms[fields][1]": "email", "wpforms[fields][2]": "message", "wpforms[fields][3]": "phone", "wpforms[fields][4]": "property_id"},
			status: 303, page: roma,
			extra: []string{"wpforms[fields]", "wpforms[id]", "wpforms[author]", "wpforms[post_id]", "wpforms[submit]"},
		},
	}
	files, err := os.ReadDir("testdata/webhooks")
	require.NoError(t, err)
	require.Len(t, files, len(tests)+1, "each has a row")
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			kept := &memoryKeeper{}
			s := site.Site{ID: "casas", Source: "casas.mx", Locale: "es", Rules: lead.DefaultRules(), Fields: tt.own, Tick: lead.Milliseconds}
			body, contentType := webhook(t, name)
			w := ask(intake.New([]site.Site{s}, kept, intake.Options{}), http.MethodPost, "/f/casas", body, "Content-Type", contentType, "Accept", "*/*")
			require.Equal(t, tt.status, w.Code, w.Body.String())
			require.Len(t, kept.leads, 1)
			l := kept.leads[0]
			phone := "55 1234 5678"
			if tt.phone != "" {
				phone = tt.phone
			}
			require.Equal(t, contact{"Ana López", "ana@ejemplo.mx", phone, "¿Sigue disponible?"}, contactOf(l))
			require.Equal(t, "EB-AB1234", l.PropertyID)
			require.Equal(t, tt.page, l.Context["page_url"])
			var extra []string
			for _, p := range l.Extra {
				extra = append(extra, p.Name)
			}
			require.Equal(t, tt.extra, extra)
		})
	}
}

// webhook returns the body in a file.
func webhook(t *testing.T, file string) (body, contentType string) {
	t.Helper()
	text, err := os.ReadFile("testdata/webhooks/" + file)
	require.NoError(t, err)
	if !strings.HasSuffix(file, ".form") {
		return string(text), jsonType
	}
	var pairs []string
	for line := range strings.Lines(string(text)) {
		name, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		require.True(t, ok, line)
		pairs = append(pairs, name, value)
	}
	return encoded(pairs...), formType
}
