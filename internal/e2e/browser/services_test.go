package browser

import (
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// The forms of other services, as their pages show them. The address is ours,
// and what web/README.md's table says has been changed.
const (
	ours = `<input type="hidden" name="property_id" value="EB-AB1234">`

	// https://help.formspree.io/hc/en-us/articles/360062302854-Special-Fields
	formspree = `<form action="ADDRESS" method="post">
  <label>Your Name <input name="Name" type="text"></label>
  <label>Your Email <input name="email" type="email"></label>
  <label>Your Message <textarea name="message"></textarea></label>
  <input type="hidden" name="_next" value="SITE/gracias">
  <input type="hidden" name="_subject" value="New inquiry">
  <input type="hidden" name="_cc" value="office@ejemplo.mx">
  <input type="hidden" name="_language" value="es">
  <input type="text" name="_gotcha" style="display:none">
  <button type="submit">Submit</button>` + ours + `</form>`

	// https://docs.netlify.com/forms/setup/ and https://docs.netlify.com/forms/spam-filters/
	netlify = `<form name="contact" method="POST" action="ADDRESS" netlify-honeypot="bot-field">
  <input type="hidden" name="form-name" value="contact">
  <p class="hidden" hidden><label>Don’t fill this out if you’re human: <input name="bot-field"></label></p>
  <p><label>Your Name: <input type="text" name="name"></label></p>
  <p><label>Your Email: <input type="email" name="email"></label></p>
  <p><label>Your Role: <select name="role[]" multiple><option value="leader">Leader</option><option value="follower">Follower</option></select></label></p>
  <p><label>Message: <textarea name="message"></textarea></label></p>
  <input type="hidden" name="_next" value="/gracias">
  <p><button type="submit">Send</button></p>` + ours + `</form>`

	// https://docs.web3forms.com/getting-started/api-reference and …/customizations
	web3forms = `<form action="ADDRESS" method="POST">
  <input type="hidden" name="access_key" value="YOUR_ACCESS_KEY_HERE">
  <input type="hidden" name="subject" value="New Submission from Web3Forms">
  <input type="hidden" name="from_name" value="My Website">
  <input type="hidden" name="redirect" value="SITE/gracias">
  <input type="checkbox" name="botcheck" class="hidden" style="display: none;">
  <input type="text" name="name" required>
  <input type="email" name="email" required>
  <textarea name="message" required></textarea>
  <div class="h-captcha" data-captcha="true"></div>
  <button type="submit">Submit Form</button>` + ours + `</form>`
)

func TestFormsOfOtherServices(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		form, name, trap string
		extra            []string // names of what is kept besides
	}{
		"Formspree":     {formspree, "Name", "_gotcha", nil},
		"Netlify Forms": {netlify, "name", "bot-field", []string{"form-name"}},
		"Web3Forms":     {web3forms, "name", "botcheck", []string{"subject", "from_name"}},
	}
	s := openTryout(t)
	for service, tt := range tests {
		t.Run(service, func(t *testing.T) {
			open := func(about string) {
				page := strings.NewReplacer("ADDRESS", s.relay+"/f", "SITE", s.origin, "EB-AB1234", about).Replace(tt.form)
				s.visit(about, page)
				s.fill(tt.name, "Ana López", "email", "ana@ejemplo.mx", "message", "¿Sigue disponible?")
			}
			about := "EB-" + strings.Map(onlyLetters, service)
			open(about)
			s.thankedOnTheSite(t)
			var extra []string
			for _, p := range s.arrived(t, about).Extra {
				extra = append(extra, p.Name)
			}
			require.Equal(t, tt.extra, extra)

			open(about + "2")
			s.do(chromedp.Evaluate[chromedp.Void](`{ const trap = document.querySelector("[name=` + tt.trap + `]"); trap.value ||= "http://spin.example"; trap.checked = true }`))
			s.thankedOnTheSite(t)
			kept := s.process.About(about + "2")
			require.Len(t, kept, 1)
			require.EqualValues(t, "quarantined", kept[0].State)
		})
	}
	t.Run("_replyto is no address", func(t *testing.T) {
		s.visit("replyto", strings.NewReplacer("ADDRESS", s.relay+"/f", `name="email"`, `name="_replyto"`).Replace(formspree))
		s.fill("Name", "Ana López", "_replyto", "ana@ejemplo.mx", "message", "¿Sigue disponible?")
		s.send()
		s.do(visible("[name=email][aria-invalid=true]"))
	})
	s.quiet(http.StatusUnprocessableEntity)
}
