package browser

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/e2e/relaytest"
)

// stranger is a client that is not ours, and how it is called.
type stranger struct {
	Client string            `json:"client"`
	Relay  string            `json:"relay"`
	Site   string            `json:"site"`
	Fields map[string]string `json:"fields"`
}

// told is what such a client has understood of the answer.
type told struct {
	Status int // 0 where the client does not say
	Next   string
	Errors map[string]string // by the form's own names
	Form   string            // what is wrong with the whole
}

// strangers installs the clients beside their pages.
func strangers(t *testing.T) string {
	t.Helper()
	return installed(t, "testdata/clients")
}

// relayFor is a relay that takes posts from the page.
func relayFor(t *testing.T, page string) *relaytest.Process {
	t.Helper()
	env := relaytest.Settings(t, relaytest.FreeAddr(t))
	env["LEADRELAY_ORIGINS"] = page
	return relaytest.Start(t, env, "serve").Started()
}

// How each client fares: what it posts, and what it must have understood.
func checkClient(t *testing.T, p *relaytest.Process, client, page string, call func(stranger) told) {
	t.Helper()
	property := "EB-" + strings.Map(onlyLetters, client)
	fields := func(more ...string) map[string]string {
		all := map[string]string{
			"nombre": "Ana", "Apellidos": "López", "Correo electrónico": "ana@ejemplo.mx", "fields[phone]": "55 1234 5678",
			"clave": property, "your-message": "¿Sigue disponible?", "presupuesto": "3 MDP", "_gotcha": "",
		}
		for i := 0; i < len(more); i += 2 {
			all[more[i]] = more[i+1]
		}
		return all
	}
	relay := "http://" + p.Public
	saysStatus := !strings.HasPrefix(client, "@formspree")

	got := call(stranger{client, relay, "default", fields()})
	require.Regexp(t, "^"+relay+`/f/default/thanks\?folio=\d+$`, got.Next, "%+v", got)
	require.True(t, got.Status == http.StatusAccepted || !saysStatus)
	require.Empty(t, got.Errors)

	got = call(stranger{client, relay, "default", fields("_next", page+"/gracias.html", "your-message", "¿Y el jardín?")})
	require.Equal(t, page+"/gracias.html", got.Next)

	got = call(stranger{client, relay, "default", fields("Correo electrónico", "ana@", "your-message", " ")})
	require.True(t, got.Status == http.StatusUnprocessableEntity || !saysStatus)
	require.Equal(t, map[string]string{
		"Correo electrónico": "Escribe el correo completo, por ejemplo nombre@ejemplo.com.", "your-message": "Escribe qué quieres saber.",
	}, got.Errors)
	require.Empty(t, got.Form)

	got = call(stranger{client, relay, "nobody", fields()})
	require.NotEmpty(t, got.Form, "a wrong site shows")
	require.Empty(t, got.Next)

	kept := p.About(property)
	require.Len(t, kept, 2)
	for _, s := range kept {
		require.Equal(t, "Ana López", *s.Name)
		require.Equal(t, "ana@ejemplo.mx", *s.Email)
		require.Equal(t, "55 1234 5678", *s.Phone)
		require.Len(t, s.Extra, 1)
		require.Equal(t, "3 MDP", s.Extra[0].Value)
	}
}

func onlyLetters(r rune) rune {
	if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') {
		return -1
	}
	return r
}

func TestClientsFromNPMInNode(t *testing.T) {
	t.Parallel()
	const page = "https://casas.mx"
	p, ask := relayFor(t, page), nodeScript(t, strangers(t), "run.mjs")
	for _, client := range []string{"@formspree/core", "@formspree/core, a form", "axios", "axios, a form"} {
		t.Run(client, func(t *testing.T) {
			checkClient(t, p, client, page, func(s stranger) (tells told) {
				ask(s, &tells)
				return tells
			})
		})
	}
}

func TestCurl(t *testing.T) {
	t.Parallel()
	p := relayFor(t, "https://casas.mx")
	address := "http://" + p.Public + "/f/default"
	tests := map[string]struct {
		args []string
		want string
	}{
		"-d": {
			[]string{"-d", "clave=EB-1", "-d", "correo=ana@ejemplo.mx", "--data-urlencode", "mensaje=¿Sigue?"}, `^303 `,
		},
		"-d, for a program": {
			[]string{"-H", "Accept: application/json", "-d", "clave=EB-1&correo=ana@ejemplo.mx&mensaje=Buenas"}, `^202 \{"ok":true,`,
		},
		"--json": {
			[]string{"--json", `{"clave":"EB-1","contact":{"email":"ana@ejemplo.mx"},"mensaje":"Saludos"}`}, `^202 \{"ok":true,`,
		},
		"-F": {
			[]string{"-H", "Accept: application/json", "-F", "clave=EB-1", "-F", "correo=ana@ejemplo.mx", "-F", "mensaje=Hola"}, `^202 \{"ok":true,`,
		},
		"what is wrong": {
			[]string{"--json", `{"clave":"EB-1"}`}, `^422 .*"errors":\[.*"success":false`,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			body := filepath.Join(t.TempDir(), "body")
			args := append([]string{"-sS", "-o", body, "-w", "%{http_code} "}, append(tt.args, address)...)
			status := runIn(t, t.TempDir(), "", "curl", args...)
			text, err := os.ReadFile(body)
			require.True(t, err == nil || os.IsNotExist(err))
			require.Regexp(t, tt.want, status+string(text))
		})
	}
	require.Len(t, p.About("EB-1"), 4)
}
