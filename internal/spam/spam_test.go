package spam_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/lead"
	"leadrelay/internal/spam"
)

// ana is a person without any sign of spam.
func ana(change func(*spam.Submission)) spam.Submission {
	s := spam.Submission{
		Inquiry: lead.Inquiry{
			PropertyID: "EB-AB1234", Name: "Ana Pérez", Email: "ana.perez@gmail.com", Phone: "+52 55 1234 5678", Message: "Hola, ¿sigue disponible?",
		},
		Hosts: []string{"casas.mx"},
	}
	change(&s)
	return s
}

func wrote(message string) spam.Submission {
	return ana(func(s *spam.Submission) { s.Inquiry.Message = message })
}

func called(name string) spam.Submission {
	return ana(func(s *spam.Submission) { s.Inquiry.Name = name })
}

func mailedFrom(email string) spam.Submission {
	return ana(func(s *spam.Submission) { s.Inquiry.Email = email })
}

func trapped(values ...string) spam.Submission {
	return ana(func(s *spam.Submission) { s.Traps = values })
}

func filled(d time.Duration) spam.Submission {
	return ana(func(s *spam.Submission) { s.Filled = d })
}

func repeated(n int, message string) spam.Submission {
	return ana(func(s *spam.Submission) { s.Repeats, s.Inquiry.Message = n, message })
}

const condemned = true

func TestSigns(t *testing.T) {
	tests := map[string]struct {
		s         spam.Submission
		reason    string // the only reason
		condemned bool
	}{
		"a full honeypot":          {trapped("", "http://a.biz"), "honeypot", condemned},
		"a checked honeypot":       {trapped("on"), "honeypot", condemned},
		"a huge honeypot":          {trapped(strings.Repeat("a", 60<<10)), "honeypot", condemned},
		"a link for a name":        {called("https://spin.mx"), "link_in_name", condemned},
		"a link after a name":      {called("Ana www.spin.mx"), "link_in_name", condemned},
		"a domain for a name":      {called("Casas.com"), "link_in_name", !condemned},
		"a script for a name":      {called("<script src=x>"), "markup", condemned},
		"bold for a name":          {called("<b>Ana</b>"), "markup", !condemned},
		"a link in HTML":           {wrote(`mira <a href="/x">aquí</a>`), "markup", condemned},
		"a link in BBCode":         {wrote("[URL=/x]aquí[/URL]"), "markup", condemned},
		"bold in a message":        {wrote("<B>hola</B>"), "markup", !condemned},
		"a template":               {wrote("{{7*7}}"), "probe", !condemned},
		"two expressions":          {wrote("${7*7} #{7*7}"), "probe", condemned},
		"SQL":                      {wrote("1 UNION  SELECT null; DROP TABLE x"), "probe", !condemned},
		"an old attack":            {wrote("../../../etc/passwd"), "probe", !condemned},
		"mixed alphabets":          {wrote("Gооd dаy, did yоu knоw?"), "lookalikes", condemned},
		"one mixed word":           {wrote("Hola, me interesа"), "lookalikes", !condemned},
		"no captcha":               {ana(func(s *spam.Submission) { s.CaptchaRefused = true }), "captcha", !condemned},
		"filled at once":           {filled(200 * time.Millisecond), "too_fast", condemned},
		"filled in a second":       {filled(time.Second), "too_fast", !condemned},
		"a link":                   {wrote("vean mi sitio https://ana.mx/x"), "links", !condemned},
		"four links":               {wrote("miren a.com/1 y http://b.mx www.c.mx https://d.mx/x"), "links", condemned},
		"a disposable address":     {mailedFrom("ana@yopmail.com"), "disposable_mail", !condemned},
		"below a disposable one":   {mailedFrom("ana@x.YOPMAIL.com"), "disposable_mail", !condemned},
		"nobody's address":         {mailedFrom("no-reply@casas.mx"), "mail_kind", !condemned},
		"an example's address":     {mailedFrom("ana@example.com"), "mail_kind", !condemned},
		"an odd domain":            {mailedFrom("ana@spin.top"), "mail_kind", !condemned},
		"a robot's name":           {called("JamesTup"), "robot_name", !condemned},
		"letters for a name":       {called("JkLmQxzv"), "gibberish_name", !condemned},
		"letters":                  {wrote("xKqTzRbWmLpNs"), "gibberish", !condemned},
		"keys in a row":            {wrote("asdfasdf"), "gibberish", !condemned},
		"a robot's phone":          {ana(func(s *spam.Submission) { s.Inquiry.Phone = "84577393847" }), "phone_shape", !condemned},
		"Cyrillic":                 {wrote("Здравствуйте, сколько стоит?"), "foreign_script", !condemned},
		"Cyrillic and a link":      {wrote("Здравствуйте, вот наш сайтик: https://ana.bg/x"), "foreign_script links", condemned},
		"search engines":           {wrote("SEO: first page of Google, quality backlinks"), "seo", condemned},
		"in Spanish":               {wrote("Aparece en los PRIMEROS LUGARES de Google con posicionamiento web"), "seo", condemned},
		"loans":                    {wrote("Damos préstamos urgentes entre particulares"), "loan", condemned},
		"crypto":                   {wrote("Passive income with our crypto robot, financial freedom"), "crypto", condemned},
		"casino":                   {wrote("Casino, ruleta y bono de bienvenida"), "casino", condemned},
		"pharma":                   {wrote("Viagra"), "pharma", condemned},
		"adult":                    {wrote("Sex dating"), "adult", condemned},
		"phishing":                 {wrote("Final notice: verify your account"), "phishing", condemned},
		"sales":                    {wrote("Greetings of the day! We provide a free trial, unsubscribe any time"), "sales", condemned},
		"the same text again":      {repeated(3, "Somos los mejores del mundo y queremos saludarte"), "repeated", !condemned},
		"the same text in torrent": {repeated(900, "Somos los mejores del mundo y queremos saludarte"), "repeated", !condemned},
		"a busy address":           {ana(func(s *spam.Submission) { s.Busy = true }), "busy", !condemned},
		"a link in another matter": {wrote("la la la la la la la la la la la la la la la la la la la la, ana.com"), "off_topic links", !condemned},
		"nothing but a link":       {wrote("https://ana.com.mx"), "link_kind links", !condemned},
		"a shortened link":         {wrote("vean esto https://bit.ly/3x"), "link_kind links", !condemned},
		"a tester's link":          {wrote("vean esto http://example.com/test"), "link_kind links", !condemned},
	}
	told := map[string]bool{"no_mail": true} // in TestADomainThatTakesNoMailIsAWeakSign
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			v := spam.Judge(tt.s)
			require.ElementsMatch(t, strings.Fields(tt.reason), v.Reasons)
			require.Equal(t, tt.condemned, v.Score >= spam.DefaultThreshold, "%d", v.Score)
			require.Positive(t, v.Score)
		})
		for _, reason := range strings.Fields(tt.reason) {
			told[reason] = true
		}
	}
	for _, reason := range spam.Reasons() {
		require.True(t, told[reason], "no test shows %s", reason)
	}
}

// People send texts that look odd to a program.
func TestNothingSpeaksAgainst(t *testing.T) {
	tests := map[string]spam.Submission{
		"a plain inquiry":            ana(func(*spam.Submission) {}),
		"nothing known":              {},
		"blank honeypots":            trapped("", "  ", "\n"),
		"the browser's e-mail":       trapped(" Ana.Perez@Gmail.com "),
		"the browser's phone":        trapped("525512345678"),
		"the browser's name":         trapped("ana perez"),
		"the browser's first name":   trapped("Ana"),
		"an unchecked box":           trapped("false"),
		"filled in two seconds":      filled(2 * time.Second),
		"filled in a future":         filled(-time.Hour),
		"a ready text":               repeated(900, "Hola, me interesa esta propiedad. ¿Sigue disponible? Me gustaría visitarla."),
		"a text for the second time": repeated(1, "Somos los mejores del mundo y queremos saludarte"),
		"a link to the listing":      wrote("Vi https://www.casas.mx/p/EB-AB1234 y casas.mx/p/EB-2"),
		"links to portals and maps":  wrote("https://wa.me/525512345678 https://www.inmuebles24.com/x https://maps.app.goo.gl/x https://www.google.com.mx/maps/x https://www.easybroker.com/mx/x"),
		"no blank after a full stop": wrote("Hola.Me interesa.Gracias.Ana"),
		"a mail address":             wrote("escríbanme a ana@perez.com"),
		"a mail address in brackets": wrote("Ana <ana@perez.com>"),
		"a heart and a comparison":   wrote("<3 es menor a 4 <y> [12/3 18:42] Ana: [hola]"),
		"a question mark":            wrote("?"),
		"shouting":                   wrote("INFO POR FAVOR!!!!"),
		"laughing":                   wrote("jajajajaja"),
		"a braid of brackets":        wrote("{casa} {{ o depa"),
		"Test":                       called("Test"),
		"Null":                       called("Null"),
		"an apostrophe":              called("O'Neill"),
		"a hard name":                called("Krzysztof Schwartz-Krzyżanowski"),
		"a Nahuatl name":             called("Xóchitl Ixtlilxóchitl"),
		"a short form":               called("Ma. Fdz. Mtz."),
		"two names in one":           called("JuanCarlos DeLaCruz"),
		"a patronymic":               called("Johnson"),
		"Mexican names":              called("Brianda"),
		"more of them":               called("Jackeline Ericka"),
		"a French name":              called("Philippe"),
		"an English name":            called("Michaela Richardson"),
		"Arabic":                     wrote("مرحبا، أنا مهتم بهذه الشقة"),
		"Chinese":                    wrote("您好，请问还可以看房吗？"),
		"Hebrew":                     wrote("שלום, האם הדירה עדיין פנויה?"),
		"Maya":                       wrote("Bix a beel, in k'áat in wojéelt bajux u tojol le najo'"),
		"Japanese":                   called("田中"),
		"a Russian name":             called("Екатерина"),
		"a Russian address":          mailedFrom("ana@mail.ru"),
		"a forwarded address":        mailedFrom("ana@privaterelay.appleid.com"),
		"a phone of Monterrey":       ana(func(s *spam.Submission) { s.Inquiry.Phone = "8112345678" }),
	}
	for name, s := range tests {
		t.Run(name, func(t *testing.T) {
			v := spam.Judge(s)
			require.Zero(t, v.Score, v.Reasons)
		})
	}
}

// A buyer speaks of loans, interest and returns, like a robot.
func TestBuyersSpeakOfMoney(t *testing.T) {
	for _, message := range []string{
		"¿Aceptan crédito hipotecario o préstamo bancario para la casa?",
		"Can I buy this house with a loan? What interest rate?",
		"¿Hay promoción o descuento para este departamento?",
		"Soy investor y busco una propiedad con buen ROI; acepto bitcoin",
		"What is the profit if I rent this apartment on Airbnb?",
	} {
		require.LessOrEqual(t, spam.Judge(wrote(message)).Score, 40, message)
	}
}

// Two signs that each might happen to a person.
func TestModerateSignsAddUp(t *testing.T) {
	v := spam.Judge(ana(func(s *spam.Submission) {
		s.Inquiry.Name, s.Inquiry.Phone, s.Inquiry.Message = "Robertgaums", "84577393847", "Aloha, roeddwn i eisiau gwybod eich pris."
	}))
	require.Equal(t, spam.Verdict{Score: spam.DefaultThreshold, Reasons: []string{"robot_name", "phone_shape"}}, v)
}

// A text that looks like an attack may be what a person writes about. It goes on
// unchanged.
func TestATextThatOnlyLooksLikeAnAttackIsNotQuarantined(t *testing.T) {
	for _, text := range []string{
		"<script>alert(1)</script>", "{{7*7}}", "${jndi:ldap://x}", "'; DROP TABLE leads;--", `=HYPERLINK("http://x","y")`, "%n%s", "../../etc/passwd",
	} {
		v := spam.Judge(spam.Submission{Inquiry: lead.Inquiry{PropertyID: "EB-AB1234", Name: "Ana", Email: "ana@ejemplo.mx", Message: text}})
		require.Less(t, v.Score, spam.DefaultThreshold, "%s: %v", text, v.Reasons)
	}
}

// A text without any of the signs is not searched for marks.
func TestEachProbeMarkHasASign(t *testing.T) {
	for _, mark := range append(spam.ProbeMarks, "{{") {
		require.True(t, strings.ContainsAny(mark, spam.ProbeSigns), mark)
	}
}
