package intake

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"leadrelay/internal/problem"
	"leadrelay/internal/site"
)

// securityTxtPath is where RFC 9116 has those look who have found a hole.
const securityTxtPath = "/.well-known/security.txt"

// showSecurityTxt says whom to tell of a hole in the relay, if the settings name
// somebody.
func (h *handler) showSecurityTxt(w http.ResponseWriter, r *request) error {
	if len(h.opt.SecurityContacts) == 0 {
		return problem.New(problem.NotFound, nil)
	}
	header := w.Header()
	header.Set("Content-Type", "text/plain; charset=utf-8")
	header.Set("Cache-Control", "public, max-age=86400")
	_, _ = fmt.Fprint(w, securityTxt(h.opt.SecurityContacts, r.relay, time.Now())) // an error means that the client has gone
	return nil
}

// securityTxt returns the file as of now. Its end is always months ahead, so it never goes
// stale, and is that of a whole day, so that the file stays the same for one.
func securityTxt(contacts []string, relay site.Address, now time.Time) string {
	const day, valid = 24 * time.Hour, 180
	var b strings.Builder
	for _, contact := range contacts {
		b.WriteString("Contact: " + contact + "\n")
	}
	b.WriteString("Expires: " + now.UTC().Truncate(day).Add(valid*day).Format(time.RFC3339) + "\n")
	b.WriteString("Preferred-Languages: es, en\n")
	if relay.Origin != "" && relay.Path == "" { // below a path it is not where the RFC wants it
		b.WriteString("Canonical: " + relay.Origin + securityTxtPath + "\n")
	}
	return b.String()
}
