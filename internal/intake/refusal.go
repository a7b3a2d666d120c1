package intake

import (
	"cmp"
	"net/http"

	"leadrelay/internal/lead"
	"leadrelay/internal/problem"
)

// refusal is a problem with the members that the clients of form services look
// for: Formspree's read errors or else error, Web3Forms' success and message.
type refusal struct {
	problem.Document
	OK      bool   `json:"ok"`
	Success bool   `json:"success"`
	Error   string `json:"error"`
	Message string `json:"message"`
}

// refuse answers a program. A wrong field has the name by which the form posted
// it, so that a script finds its place on the page.
func (v *visit) refuse(w http.ResponseWriter, e *problem.Error) {
	words := e.Document(w.Header(), v.lang)
	words.Errors = v.inTheirWords(words.Errors)
	problem.Write(w, e, v.lang, refusal{Document: words, Error: words.Detail, Message: words.Detail})
}

func (v *visit) inTheirWords(wrong []problem.Field) []problem.Field {
	if v.draft == nil || len(wrong) == 0 {
		return wrong
	}
	theirs := make([]problem.Field, len(wrong))
	for i, f := range wrong {
		theirs[i] = f
		theirs[i].Field = cmp.Or(v.draft.Of(lead.Field(f.Field)).Posted, f.Field)
	}
	return theirs
}
