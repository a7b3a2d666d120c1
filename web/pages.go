package web

import (
	"html/template"
	"io"
	"path"
	"slices"
	"strconv"

	"leadrelay/internal/locale"
)

// FormPage is the hosted form, and the form again when something in it is wrong.
type FormPage struct {
	Lang       locale.Lang
	Base       string // the path in front of the relay's own, such as /leads; optional, here and below
	SiteName   string
	Theme      string // address of a style sheet with the site's color; optional
	Action     string // the path that the form posts to
	PropertyID string // named below the heading; it travels as one of Fields
	PrivacyURL string // the agency's privacy notice; optional
	Fields     []Field
	Hidden     []Pair // everything else that was posted, so that nothing typed is lost
}

// Field is one thing we ask for. The property's field is hidden once it holds a
// good value: the visitor did not type it.
type Field struct {
	Key      string // our word: name, email, phone, message, property_id
	Name     string // the form's word, which stays what it was
	Value    string
	Error    string // how to mend it; empty when it is fine
	Required bool
	Either   bool // it or another that is marked so
	Max      int  // longest value in characters; 0 for no limit
}

// Pair is a posted field that is carried along unseen.
type Pair struct{ Name, Value string }

// ThanksPage tells the visitor that the inquiry is on disk. With a Meant address
// it asks about it, and its form posts Hidden, which has that in place of what
// was Typed.
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
	Next         string // where a no leads
}

// ProblemPage says what went wrong and what to do. With an Action it offers to
// send Hidden again.
type ProblemPage struct {
	Lang                locale.Lang
	Base                string
	Status              int
	SiteName            string // empty when there is no such site
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
	SiteName, Theme string // always empty: the page is no site's
}

// PropertyPage is the sample page of the demo.
type PropertyPage struct {
	Lang       locale.Lang
	PageURL    string // its own address
	RelayURL   string // where the widget comes from, and the inquiry goes to
	BrokerURL  string // where the pretend EasyBroker shows what arrived
	WaitingURL string // a frame that shows what waits at the relay
	Plain      bool   // a form of HTML in place of the widget, and no script at all
}

// T picks the text of the visitor's language.
func (p PropertyPage) T(es, en string) string { return pick(p.Lang, es, en) }

func pick(l locale.Lang, es, en string) string {
	if l == locale.EN {
		return en
	}
	return es
}

var functions = template.FuncMap{"asset": AssetURL, "folio": Folio, "t": locale.Text}

var (
	formPage     = page("pages/base.html", "pages/form.html")
	thanksPage   = page("pages/base.html", "pages/thanks.html")
	problemPage  = page("pages/base.html", "pages/problem.html")
	runningPage  = page("pages/base.html", "pages/running.html")
	propertyPage = page("demo/property.html")
)

// RenderForm writes the hosted form.
func RenderForm(w io.Writer, p FormPage) error { return formPage.Execute(w, lookAt(p)) }

// RenderThanks writes the thank-you page.
func RenderThanks(w io.Writer, p ThanksPage) error { return thanksPage.Execute(w, p) }

// RenderProblem writes the problem page.
func RenderProblem(w io.Writer, p ProblemPage) error { return problemPage.Execute(w, p) }

// RenderRunning writes the page that says that the relay runs.
func RenderRunning(w io.Writer, p RunningPage) error { return runningPage.Execute(w, p) }

// RenderProperty writes the sample property page.
func RenderProperty(w io.Writer, p PropertyPage) error { return propertyPage.Execute(w, p) }

// Folio is a remote_id as people read it out on the phone: in threes.
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

// formView is a FormPage with what the template would otherwise have to work out.
type formView struct {
	FormPage
	Summary string // how much is wrong; empty when nothing is
	Visible []fieldView
}

type fieldView struct {
	Field
	ID, Label string
	Focus     bool // the first wrong field takes it: the title has told the summary, and the visitor can mend at once
}

func lookAt(p FormPage) formView {
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

// label calls a field that we have no words for by the form's own word.
func label(l locale.Lang, f Field) string {
	key := "label." + f.Key
	if text := locale.Text(l, key); text != key {
		return text
	}
	return f.Name
}

// page parses a template once, at the start; the first name is the outermost.
func page(names ...string) *template.Template {
	return template.Must(template.New(path.Base(names[0])).Funcs(functions).ParseFS(Files, names...))
}
