package web

import (
	"bytes"
	"flag"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"leadrelay/internal/locale"
)

var update = flag.Bool("update", false, "write the golden pages anew")

var version = regexp.MustCompile(`\?v=[0-9a-f]{16}`)

func TestGoldenPages(t *testing.T) {
	for _, l := range []locale.Lang{locale.ES, locale.EN} {
		blank, wrong := sampleForm(l), wrongForm(l)
		pages := map[string]func(*bytes.Buffer) error{
			"form":        func(b *bytes.Buffer) error { return RenderForm(b, blank) },
			"form-wrong":  func(b *bytes.Buffer) error { return RenderForm(b, wrong) },
			"thanks":      func(b *bytes.Buffer) error { return RenderThanks(b, sampleThanks(l)) },
			"property":    func(b *bytes.Buffer) error { return RenderProperty(b, sampleProperty(l, false)) },
			"plain":       func(b *bytes.Buffer) error { return RenderProperty(b, sampleProperty(l, true)) },
			"either":      func(b *bytes.Buffer) error { return RenderForm(b, eitherForm(l)) },
			"meant":       func(b *bytes.Buffer) error { return RenderThanks(b, mistypedThanks(l)) },
			"problem":     func(b *bytes.Buffer) error { return RenderProblem(b, lostProblem(l)) },
			"running":     func(b *bytes.Buffer) error { return RenderRunning(b, RunningPage{Lang: l}) },
			"problem-try": func(b *bytes.Buffer) error { return RenderProblem(b, retriableProblem(l)) },
			"login":       func(b *bytes.Buffer) error { return RenderLogin(b, LoginPage{Lang: l}) },
			"login-wrong": func(b *bytes.Buffer) error {
				return RenderLogin(b, LoginPage{Lang: l, Error: locale.Text(l, "console.login.wrong")})
			},
			"sites":        func(b *bytes.Buffer) error { return RenderSites(b, sampleSites(l)) },
			"pause":        func(b *bytes.Buffer) error { return RenderPause(b, samplePause(l)) },
			"pause-resume": func(b *bytes.Buffer) error { return RenderPause(b, samplePaused(l)) },
			"waiting": func(b *bytes.Buffer) error {
				return RenderWaiting(b, WaitingPage{Lang: l, Leads: 2, Why: "doubtful", Next: time.Unix(9, 0), Now: time.Unix(2, 0)})
			},
			"waiting-none": func(b *bytes.Buffer) error { return RenderWaiting(b, WaitingPage{Lang: l}) },
		}
		for name, render := range pages {
			t.Run(name+" in "+string(l), func(t *testing.T) { golden(t, name+"."+string(l)+".html", render) })
		}
	}
}

func golden(t *testing.T, name string, render func(*bytes.Buffer) error) {
	var b bytes.Buffer
	require.NoError(t, render(&b))
	got := version.ReplaceAllString(b.String(), "?v=hash") // another style does not change the page
	file := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(got), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}

func TestFormShowsWhatIsWrong(t *testing.T) {
	page := parse(t, func(b *bytes.Buffer) error { return RenderForm(b, wrongForm(locale.ES)) })

	focused := page.all(func(n *html.Node) bool { return has(n, "autofocus") })
	require.Len(t, focused, 1, "one field takes the focus")
	require.Equal(t, "correo", attr(focused[0], "name"), "the first wrong one")

	for _, n := range page.all(func(n *html.Node) bool { return attr(n, "aria-invalid") == "true" }) {
		require.Len(t, page.byID(attr(n, "aria-describedby")), 1, "its error is on the page")
	}
	for _, n := range page.all(func(n *html.Node) bool { return n.Data == "a" || n.Data == "label" }) {
		target := strings.TrimPrefix(attr(n, "href"), "#") + attr(n, "for")
		require.Len(t, page.byID(target), 1, "a link or label leads to its field")
	}
}

func TestFormKeepsEverythingThatWasPosted(t *testing.T) {
	p := wrongForm(locale.ES)
	page := parse(t, func(b *bytes.Buffer) error { return RenderForm(b, p) })
	posted := page.posts()
	for _, f := range p.Fields {
		require.Contains(t, posted, Pair{f.Name, f.Value})
	}
	for _, pair := range p.Hidden {
		require.Contains(t, posted, pair)
	}
	require.Len(t, posted, len(p.Fields)+len(p.Hidden))
	require.Len(t, p.Hidden, 2, "the caller's own list is left alone")
}

func TestPropertyFieldIsSeenOnlyWhenItNeedsTheVisitor(t *testing.T) {
	tests := map[string]struct {
		field Field
		want  string
	}{
		"a known property travels unseen":  {Field{Key: "property_id", Name: "p", Value: "EB-1"}, "hidden"},
		"an unknown one is asked for":      {Field{Key: "property_id", Name: "p"}, "text"},
		"a wrong one is shown to be fixed": {Field{Key: "property_id", Name: "p", Value: "?", Error: "x"}, "text"},
	}
	for sentence, tt := range tests {
		t.Run(sentence, func(t *testing.T) {
			page := parse(t, func(b *bytes.Buffer) error {
				return RenderForm(b, FormPage{Lang: locale.EN, Fields: []Field{tt.field}})
			})
			found := page.all(func(n *html.Node) bool { return attr(n, "name") == "p" })
			require.Len(t, found, 1)
			require.Equal(t, tt.want, attr(found[0], "type"))
		})
	}
}

func TestHostileValuesComeOutWholeAndHarmless(t *testing.T) {
	values := map[string]string{
		"markup":             `"><script>alert(1)</script>`,
		"an attribute":       `" onfocus="alert(1)" x="`,
		"the end of a field": `</textarea></form><img src=x onerror=alert(1)>`,
		"a template":         `{{7*7}} ${7*7} <%= 7 %>`,
		"emoji":              "👩‍👩‍👧 ¿Sigue disponible? 🏡",
		"right to left":      "مرحبا \u202eabc\u202c",
		"a leading newline":  "\n\nHola\n",
		"entities":           `&amp; &lt; &#34; '`,
	}
	for sentence, value := range values {
		t.Run(sentence, func(t *testing.T) {
			for name, render := range hostilePages(value) {
				page := parse(t, render)
				require.Empty(t, page.all(runsScript), name)
				for _, pair := range page.posts() {
					require.Equal(t, value, pair.Value, "%s: %s", name, pair.Name)
				}
				require.Contains(t, page.text(), strings.TrimSpace(value), name)
			}
		})
	}
}

// A form that is filled in is what the template makes of it, whatever is in it.
func TestAFormThatIsFilledInIsTheTemplates(t *testing.T) {
	values := []string{"", "x", `"><script>alert(1)</script>`, "1+1 & 'a' =`b`", "\x00\xff\uFFFD\u2028", "\n\nHola\r\n", markOf(0), hiddenMark, "<!--", "ñ🏡"}
	for i, v := range values {
		for j, next := range values {
			for hidden := range 3 {
				p := FormPage{
					Lang: []locale.Lang{locale.ES, locale.EN}[i%2], SiteName: "Casas & <co>", Action: "/f/x", PropertyID: next, PrivacyURL: []string{"", "https://x.mx/?a=1&b"}[j%2],
					Fields: []Field{
						{Key: "name", Name: next, Value: v}, {Key: "email", Name: v, Value: v, Error: next, Required: true}, {Key: "message", Name: "m", Value: next, Error: v},
						{Key: "color", Name: v, Value: next, Either: true, Max: 9}, {Key: "property_id", Name: v, Value: next},
					},
					Hidden: []Pair{{v, next}, {next, v}}[:hidden],
				}
				var filled, executed bytes.Buffer
				require.NoError(t, RenderForm(&filled, p))
				require.NoError(t, formPage.Execute(&executed, newFormView(p)))
				require.Equal(t, executed.String(), filled.String())
			}
		}
	}
}

// However many forms there are, few of them are kept.
func TestFewFormsAreKept(t *testing.T) {
	for i := range 5 * maxCachedForms {
		require.NoError(t, RenderForm(io.Discard, FormPage{Action: "/f/" + strconv.Itoa(i)}))
		require.LessOrEqual(t, forms.forms.Len(), 2*maxCachedForms)
	}
}

// Other values in a form cost no other rendering of the template.
func BenchmarkRenderForm(b *testing.B) {
	for name, change := range map[string]func(p *FormPage, i int){
		"other values": func(p *FormPage, i int) { p.Fields[0].Value = strconv.Itoa(i) },
		"other site":   func(p *FormPage, i int) { p.Action = "/f/" + strconv.Itoa(i) },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			p := wrongForm(locale.ES)
			for i := 0; b.Loop(); i++ {
				change(&p, i)
				if err := RenderForm(io.Discard, p); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func hostilePages(v string) map[string]func(*bytes.Buffer) error {
	hidden := []Pair{{v, v}}
	fields := []Field{{Key: "email", Name: v, Value: v, Error: v}, {Key: "message", Name: v, Value: v}, {Key: "color", Name: v, Value: v}}
	return map[string]func(*bytes.Buffer) error{
		"form": func(b *bytes.Buffer) error {
			return RenderForm(b, FormPage{SiteName: v, Action: "/f/x", PropertyID: v, Fields: fields, Hidden: hidden})
		},
		"thanks": func(b *bytes.Buffer) error { return RenderThanks(b, ThanksPage{SiteName: v, Back: "javascript:" + v}) },
		"meant": func(b *bytes.Buffer) error {
			return RenderThanks(b, ThanksPage{SiteName: v, Meant: v, Typed: v, Action: "javascript:" + v, Next: "javascript:" + v, Hidden: hidden})
		},
		"problem": func(b *bytes.Buffer) error {
			return RenderProblem(b, ProblemPage{Title: v, Detail: v, Next: v, RequestID: v, Action: "javascript:" + v, Hidden: hidden})
		},
	}
}

func TestFolio(t *testing.T) {
	tests := map[string]struct {
		id   int64
		want string
	}{
		"one digit":                  {7, "7"},
		"three stay together":        {123, "123"},
		"a fourth stands apart":      {1234, "1 234"},
		"six make two groups":        {123456, "123 456"},
		"a real one":                 {28252880123, "28 252 880 123"},
		"the largest that is exact":  {1<<53 - 1, "9 007 199 254 740 991"},
		"zero, though there is none": {0, "0"},
	}
	for sentence, tt := range tests {
		t.Run(sentence, func(t *testing.T) { require.Equal(t, tt.want, Folio(tt.id)) })
	}
}

// The sources must not need anything that our strict CSP forbids.
func TestSourcesHaveNothingInlineAndNothingFromElsewhere(t *testing.T) {
	forbidden := map[string]*regexp.Regexp{
		"a style attribute":    regexp.MustCompile(`(?i)\sstyle\s*=`),
		"a style element":      regexp.MustCompile(`(?i)<style`),
		"an inline script":     regexp.MustCompile(`(?i)<script(?:\s+(?:type="module"|defer))*\s*>`),
		"an event attribute":   regexp.MustCompile(`(?i)\son[a-z]+\s*=\s*["']`),
		"a script URL":         regexp.MustCompile(`(?i)javascript:`),
		"an address elsewhere": regexp.MustCompile(`(?i)(?:https?:)?//[a-z0-9]`),
		"an import":            regexp.MustCompile(`@import|\burl\((?:[^#]|$)`),
		"code from text":       regexp.MustCompile(`\beval\(|innerHTML|\.style\b`),
	}
	for _, folder := range []string{"static", "pages", "console", "demo"} {
		require.NoError(t, fs.WalkDir(Files, folder, func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			source, err := fs.ReadFile(Files, name)
			text := strings.ReplaceAll(string(source), `xmlns="http://www.w3.org/2000/svg"`, "") // a name, not a URL
			for what, pattern := range forbidden {
				require.Empty(t, pattern.FindString(text), "%s has %s", name, what)
			}
			return err
		}))
	}
}

func sampleForm(l locale.Lang) FormPage {
	return FormPage{
		Lang: l, SiteName: "casas.mx", Action: "/f/casas", PropertyID: "EB-AB1234",
		Fields: []Field{
			{Key: "name", Name: "nombre", Max: 120},
			{Key: "email", Name: "correo", Required: true, Max: 254},
			{Key: "phone", Name: "telefono", Max: 32},
			{Key: "message", Name: "mensaje", Required: true, Max: 4000, Value: locale.Text(l, "form.message.sample")},
			{Key: "property_id", Name: "property_id", Value: "EB-AB1234", Required: true},
		},
	}
}

func eitherForm(l locale.Lang) FormPage {
	p := sampleForm(l)
	p.Fields[1].Required = false
	p.Fields[1].Either, p.Fields[2].Either = true, true
	return p
}

func wrongForm(l locale.Lang) FormPage {
	p := sampleForm(l)
	p.Fields[0].Value = "María José Ñ."
	p.Fields[1].Value = "mj@correo"
	p.Fields[1].Error = locale.FieldText(l, "TYPE_EMAIL", "email")
	p.Fields[3].Value = ""
	p.Fields[3].Error = locale.FieldText(l, "REQUIRED_FIELD_EMPTY", "message")
	p.Hidden = []Pair{{"_next", "/gracias"}, {"utm_source", "anuncio"}}
	return p
}

func sampleThanks(l locale.Lang) ThanksPage {
	return ThanksPage{Lang: l, SiteName: "casas.mx", Folio: 28252880123, Back: "https://casas.mx/"}
}

func mistypedThanks(l locale.Lang) ThanksPage {
	p := sampleThanks(l)
	p.Back, p.Meant, p.Typed, p.Action, p.Next = "", "ana@gmail.com", "ana@gmial.com", "/f/casas", "/f/casas/thanks?folio=28252880123"
	p.Hidden = []Pair{{"_typed_email", "ana@gmial.com"}, {"correo", "ana@gmail.com"}, {"mensaje", "Hola"}}
	return p
}

func sampleProblem(l locale.Lang, code string, status int) ProblemPage {
	return ProblemPage{
		Lang: l, Status: status, RequestID: "01jd7q3w9k", SiteName: "casas.mx",
		Title:  locale.Text(l, "problem."+code+".title"),
		Detail: locale.Text(l, "problem."+code+".detail"),
		Next:   locale.Text(l, "problem."+code+".next"),
	}
}

func lostProblem(l locale.Lang) ProblemPage {
	p := sampleProblem(l, "not_found", 404)
	p.Back = "https://casas.mx/"
	return p
}

func retriableProblem(l locale.Lang) ProblemPage {
	p := sampleProblem(l, "try_again", 503)
	p.Action, p.Hidden = "/f/casas", []Pair{{"correo", "mj@correo.mx"}, {"mensaje", "Hola"}}
	return p
}

func sampleSites(l locale.Lang) SitesPage {
	return SitesPage{Frame: frame(l, "/sites"), Relay: "https://leads.casas.mx", PropertyID: "EB-AB1234", Sites: []SiteView{
		{ID: "casas", Source: "casas.mx", Origins: []string{"https://casas.mx", "https://*.casas.mx"}, Form: "https://leads.casas.mx/f/casas", Tag: "<script defer></script>", PinnedTag: "<script defer integrity></script>",
			Quiet: locale.Text(l, "console.quiet.many", locale.Text(l, "ago.hours", 22), "11-28 14:00", 17)},
		{ID: "lofts", Source: "lofts.mx", Form: "https://leads.casas.mx/f/lofts", Tag: "<script defer></script>", PinnedTag: "<script defer integrity></script>",
			Paused: locale.Text(l, "console.paused_by_hand", "2026-11-28 18:00 UTC", "<mantenimiento>"), Waiting: locale.Text(l, "console.waiting", 1, "2026-11-28 12:00 UTC")},
	}}
}

func samplePause(l locale.Lang) PausePage {
	return PausePage{Frame: frame(l, "/sites"), Site: "casas", Lengths: []Choice{{"30m", "30 min", false}, {"2h", "2 h", true}}, Shared: "lofts", Error: locale.Text(l, "parameter.REQUIRED_FIELD_MISSING.why")}
}

func samplePaused(l locale.Lang) PausePage {
	const until, why = "2026-11-28 18:00 UTC", "<mantenimiento>"
	return PausePage{
		Frame: frame(l, "/sites"), Site: "casas", Now: locale.Text(l, "console.paused_by_hand", until, why), Waiting: locale.Text(l, "console.waiting", 214, "2026-11-28 12:00 UTC"),
		Lengths: []Choice{{"2h", "2 h", true}}, Why: why,
	}
}

func sampleProperty(l locale.Lang, isPlain bool) PropertyPage {
	return PropertyPage{Lang: l, PageURL: "http://127.0.0.1:8000/", RelayURL: "http://127.0.0.1:8080", BrokerURL: "http://127.0.0.1:8001/", WaitingURL: "/espera", Plain: isPlain}
}
