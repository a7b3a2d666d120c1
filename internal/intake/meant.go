package intake

import (
	"io"
	"net/http"
	"time"

	"leadrelay/internal/intake/fields"
	"leadrelay/internal/lead"
	"leadrelay/internal/locale"
	"leadrelay/web"
)

// secondThought is how long a lead waits whose address looks mistyped: its
// visitor has been asked, and may yet set it right.
const secondThought = time.Minute

// ponder finds out whether another address was meant. The lead is kept as it is:
// a page may ask, nobody is turned away.
func (v *visit) ponder(l *lead.Lead) {
	if v.meant = l.MeantEmail(); v.meant != "" && l.State == lead.Queued {
		l.Hold(later(l.DueAt, l.ReceivedAt.Add(secondThought)))
	}
}

// hint asks whether the other address was meant; it is empty when there is none.
func (v *visit) hint() string {
	if v.meant == "" {
		return ""
	}
	return locale.Text(v.lang, "accepted.hint", v.meant)
}

// ask thanks, too, and asks whether another address was meant. Yes is all that
// was posted, with that address; no is where any other form leads.
func (v *visit) ask(w http.ResponseWriter, id lead.RemoteID, next string) error {
	typed := v.draft.Of(lead.Email)
	v.draft.Set(lead.Email, v.meant)
	action, all := v.again()
	page := web.ThanksPage{
		Lang: v.lang, Base: v.own.Path, SiteName: v.desk.title(), Theme: v.desk.themePath(), Folio: int64(id),
		Meant: v.meant, Typed: typed.Value, Action: action, Hidden: append([]web.Pair{{Name: fields.TypedField, Value: typed.Value}}, all...), Next: next,
	}
	return v.page(w, http.StatusOK, func(out io.Writer) error { return web.RenderThanks(out, page) })
}
