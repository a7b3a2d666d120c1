package web

import (
	"html/template"
	"io"
	"path"
	"regexp"
	"slices"
	"strconv"

	"leadrelay/internal/locale"
)

// FormPage is the hosted form, also when it is shown again with errors.
type FormPage struct {
	Lang       locale.Lang
	Base       string // prefix of the relay's paths, such as /leads; optional, here and below
	SiteName   string
	Theme      string // URL of a style sheet with the site's color; optional
	Action     string // the path that the form posts to
	PropertyID string // shown below the heading; it is also one of Fields
	PrivacyURL string // the agency's privacy notice; optional
	// PrivacyText stands in front of the link to it.
	PrivacyText string
	Fields      []Field
	Hidden      []Pair // everything else that was posted, so that nothing is lost
}

// Field is a field of the form. The property's field is hidden if it has a valid value,
// because the visitor did not type it.
type Field struct {
	Key      string // our name: name, email, phone, message, property_id
	Name     string // the name in the form, which is kept
	Value    string
	Error    string // how to correct it; empty if it is right
	Required bool
	Either   bool // this field or another one with Either is required
	Max      int  // longest value in characters; 0 for no limit
}

// Pair is a posted field that the page sends again, hidden.
type Pair struct{ Name, Value string }

// ThanksPage tells the visitor that the inquiry is on disk. If Meant is set, it asks
// whether that address was meant, and its form posts Hidden, which has Meant instead of
// Typed.
type ThanksPage struct {
	Lang     locale.Lang
	Base     string
	SiteName string
	Theme    string
	Folio    int64
	Back     string // a URL; optional

	Meant, Typed string
	Action       string
	Hidden       []Pair
	Next         string // where the answer no leads
}

// ProblemPage says what went wrong and what to do. If Action is set, it offers to send
// Hidden again.
type ProblemPage struct {
	Lang                locale.Lang
	Base                string
	Status              int
	SiteName            string // empty if there is no such site
	Title, Detail, Next string
	RequestID           string
	Theme               string
	Back                string // a URL; optional
	Action              string
	Hidden              []Pair
}

// RunningPage says that the relay runs.
type RunningPage struct {
	Lang            locale.Lang
	Base            string
	SiteName, Theme string // always empty, because the page belongs to no site
}

// PropertyPage is the sample page of the demo.
type PropertyPage struct {
	Lang       locale.Lang
	PageURL    string // its own URL
	RelayURL   string // of the widget and of the inquiries
	BrokerURL  string // of the page that shows what arrived
	WaitingURL string // of a frame that shows which leads wait
	Plain      bool   // a plain HTML form instead of the widget, without a script
}

// T returns the text in the visitor's language.
func (p PropertyPage) T(es, en string) string { return byLanguage(p.Lang, es, en) }

func byLanguage(l locale.Lang, es, en string) string {
	if l == locale.EN {
		return en
	}
	return es
}

var functions = template.FuncMap{"asset": AssetURL, "dateType": dateType, "folio": Folio, "t": locale.Text}

var (
	formPage     = parsePage("pages/base.html", "pages/form.html")
	thanksPage   = parsePage("pages/base.html", "pages/thanks.html")
	problemPage  = parsePage("pages/base.html", "pages/problem.html")
	runningPage  = parsePage("pages/base.html", "pages/running.html")
	propertyPage = parsePage("demo/property.html")
)

// RenderThanks writes the thank-you page.
func RenderThanks(w io.Writer, p ThanksPage) error { return thanksPage.Execute(w, p) }

// RenderProblem writes the problem page.
func RenderProblem(w io.Writer, p ProblemPage) error { return problemPage.Execute(w, p) }

// RenderRunning writes the page that says that the relay runs.
func RenderRunning(w io.Writer, p RunningPage) error { return runningPage.Execute(w, p) }

// RenderProperty writes the sample property page.
func RenderProperty(w io.Writer, p PropertyPage) error { return propertyPage.Execute(w, p) }

// Folio returns a remote_id with its digits in groups of three, as people read it out.
func Folio(id int64) string {
	digits := strconv.FormatInt(id, 10)
	grouped := make([]byte, 0, len(digits)+len(digits)/3)
	for i := range len(digits) {
		if i > 0 && (len(digits)-i)%3 == 0 {
			grouped = append(grouped, ' ')
		}
		grouped = append(grouped, digits[i])
	}
	return string(grouped)
}

// dateType returns the type of an input that can show the value: a day, or a time as it
// stands in the address.
func dateType(value string) string {
	if value == "" || isDay.MatchString(value) {
		return "date"
	}
	return "text"
}

var isDay = regexp.MustCompile(`^\d{4}-\d\d-\d\d$`)

// formView is a FormPage with values that are derived for the template.
type formView struct {
	FormPage
	Summary string // how many fields are wrong; empty if none is
	Kept    bool   // something that was typed can be seen
	Visible []fieldView
}

// fieldView does not embed the field: templates find promoted fields slowly.
type fieldView struct {
	Field     Field
	ID, Label string
	Focus     bool // set for the first wrong field: the title has the summary, and the visitor can correct at once
}

func newFormView(p FormPage) formView {
	v := formView{FormPage: p}
	wrong := 0
	for _, f := range p.Fields {
		if f.Key == "property_id" && f.Value != "" && f.Error == "" {
			v.Hidden = append(slices.Clip(v.Hidden), Pair{f.Name, f.Value})
			continue
		}
		if f.Error != "" {
			wrong++
		}
		v.Kept = v.Kept || f.Value != ""
		v.Visible = append(v.Visible, fieldView{f, "f-" + f.Key, label(p.Lang, f), f.Error != "" && wrong == 1})
	}
	v.Summary = summary(p.Lang, wrong)
	return v
}

func summary(l locale.Lang, wrong int) string {
	switch wrong {
	case 0:
		return ""
	case 1:
		return locale.Text(l, "form.errors.one")
	default:
		return locale.Text(l, "form.errors.many", wrong)
	}
}

// label returns the label of a field, or its name in the form if we have no label.
func label(l locale.Lang, f Field) string {
	key := "label." + f.Key
	if text := locale.Text(l, key); text != key {
		return text
	}
	return f.Name
}

// parsePage parses a page's templates. The first one is the outermost.
func parsePage(names ...string) *template.Template {
	return template.Must(template.New(path.Base(names[0])).Funcs(functions).ParseFS(Files, names...))
}
