package lead_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/lead"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// fullInquiry returns an inquiry with all fields. Tests change the field they look at.
func fullInquiry() lead.Inquiry {
	return lead.Inquiry{
		Site: "casas", PropertyID: "EB-AB1234", Name: "Ana", Email: "ana@casas.mx", Phone: "55 1234 5678", Message: "Hola",
	}
}

func with(f lead.Field, value string) lead.Inquiry {
	q := fullInquiry()
	q.Set(f, value)
	return q
}

// codes returns the wrong fields of an error as "field CODE".
func codes(t *testing.T, err error) []string {
	t.Helper()
	if err == nil {
		return nil
	}
	var invalid *lead.InvalidError
	require.ErrorAs(t, err, &invalid)
	var all []string
	for _, f := range invalid.Fields {
		all = append(all, string(f.Field)+" "+string(f.Code))
	}
	return all
}

func TestNewKeepsWhatAPersonMayWrite(t *testing.T) {
	tests := map[string]struct {
		field       lead.Field
		typed, kept string
	}{
		"accents stay":                            {lead.Name, "José Ñandú Zoë", "José Ñandú Zoë"},
		"accents in two pieces become one":        {lead.Name, "Jose\u0301 N\u0303andu\u0301", "José Ñandú"},
		"a family with its joiners stays whole":   {lead.Message, "👨‍👩‍👧‍👦 🇲🇽 👍🏽 🏴󠁧󠁢󠁳󠁣󠁴󠁿", "👨‍👩‍👧‍👦 🇲🇽 👍🏽 🏴󠁧󠁢󠁳󠁣󠁴󠁿"},
		"a NUL in a message is taken out":         {lead.Message, "ho\x00la", "hola"},
		"control characters in a message go":      {lead.Message, "\x1b[31mho\u0085\u009bla\x7f\b", "[31mho\nla"},
		"tabs and line feeds in a message stay":   {lead.Message, "a\tb\nc", "a\tb\nc"},
		"every line end becomes a line feed":      {lead.Message, "a\r\nb\rc\u2028d\u2029e", "a\nb\nc\nd\ne"},
		"line ends in a name become a space":      {lead.Name, " Ana\r\n\tLuz\u00a0 Paz ", "Ana Luz Paz"},
		"line ends in a phone become a space":     {lead.Phone, "55\r\n1234\t5678", "55 1234 5678"},
		"a turned name is turned back":            {lead.Name, "Ana\u202ezuL\u2066\u200b", "AnazuL"},
		"a byte order mark goes":                  {lead.Message, "\ufeffhola", "hola"},
		"broken UTF-8 is mended":                  {lead.Message, "ho\xffla", "ho\ufffdla"},
		"a name of one dot":                       {lead.Name, ".", "."},
		"a name of one emoji":                     {lead.Name, "🦊", "🦊"},
		"a name of one letter":                    {lead.Name, "Ñ", "Ñ"},
		"a name of 200 runes":                     {lead.Name, strings.Repeat("ñ", 200), strings.Repeat("ñ", 200)},
		"a message of 5,000 runes":                {lead.Message, strings.Repeat("é", 5000), strings.Repeat("é", 5000)},
		"a script":                                {lead.Message, "<script>alert(1)</script>", "<script>alert(1)</script>"},
		"a template":                              {lead.Message, "{{7*7}} ${jndi:ldap://x}", "{{7*7}} ${jndi:ldap://x}"},
		"an injection":                            {lead.Message, "'; DROP TABLE leads;--", "'; DROP TABLE leads;--"},
		"a formula":                               {lead.Name, "=HYPERLINK(1)", "=HYPERLINK(1)"},
		"verbs of printf":                         {lead.Message, "%n%s%d", "%n%s%d"},
		"a path":                                  {lead.Message, "../../etc/passwd", "../../etc/passwd"},
		"the word null":                           {lead.Name, "null", "null"},
		"the word undefined":                      {lead.Name, "undefined", "undefined"},
		"the word NaN":                            {lead.Name, "NaN", "NaN"},
		"the word Test":                           {lead.Name, "Test", "Test"},
		"the word true":                           {lead.Message, "true", "true"},
		"an apostrophe":                           {lead.Name, "Sinéad O'Neill", "Sinéad O'Neill"},
		"a typographic apostrophe":                {lead.Name, "Sinéad O’Neill", "Sinéad O’Neill"},
		"Arabic":                                  {lead.Name, "محمد بن سلمان", "محمد بن سلمان"},
		"Hebrew":                                  {lead.Message, "שלום, מה המחיר?", "שלום, מה המחיר?"},
		"Chinese":                                 {lead.Name, "王小明", "王小明"},
		"Maya":                                    {lead.Name, "K'ináan Ts'íib", "K'ináan Ts'íib"},
		"Persian keeps its non-joiner":            {lead.Message, "می\u200cخواهم", "می\u200cخواهم"},
		"a domain in capitals":                    {lead.Email, "Ana@X.MX", "Ana@x.mx"},
		"a tag":                                   {lead.Email, "a+tag@x.com.mx", "a+tag@x.com.mx"},
		"spaces around an address":                {lead.Email, " a@x.mx ", "a@x.mx"},
		"a line end after an address":             {lead.Email, "a@x.mx\r\n", "a@x.mx"},
		"mailto":                                  {lead.Email, "mailto:a@x.mx", "a@x.mx"},
		"Mailto in capitals":                      {lead.Email, "MAILTO:a@x.mx", "a@x.mx"},
		"a dot after an address":                  {lead.Email, "a@x.mx.", "a@x.mx"},
		"a comma after an address":                {lead.Email, "a@x.mx,", "a@x.mx"},
		"a semicolon and a space after it":        {lead.Email, "a@x.mx ;", "a@x.mx"},
		"an address with its owner":               {lead.Email, "Ana <a@x.mx>", "a@x.mx"},
		"a typo that may be true":                 {lead.Email, "ana@gmial.com", "ana@gmial.com"},
		"a local part of 64 bytes":                {lead.Email, strings.Repeat("a", 64) + "@x.mx", strings.Repeat("a", 64) + "@x.mx"},
		"a label of 63 bytes":                     {lead.Email, "a@" + strings.Repeat("x", 63) + ".mx", "a@" + strings.Repeat("x", 63) + ".mx"},
		"an international domain":                 {lead.Email, "ana@ñandú.mx", "ana@ñandú.mx"},
		"an international local part":             {lead.Email, "josé@casas.mx", "josé@casas.mx"},
		"ten digits":                              {lead.Phone, "5512345678", "5512345678"},
		"a phone with brackets":                   {lead.Phone, "(55) 1234-5678", "(55) 1234-5678"},
		"a phone with its country":                {lead.Phone, "+52 55 1234 5678", "+52 55 1234 5678"},
		"an old mobile":                           {lead.Phone, "+521 55 1234 5678", "+521 55 1234 5678"},
		"an old prefix":                           {lead.Phone, "044 55 1234 5678", "044 55 1234 5678"},
		"another old prefix":                      {lead.Phone, "01 55 1234 5678", "01 55 1234 5678"},
		"twelve digits":                           {lead.Phone, "525512345678", "525512345678"},
		"an extension":                            {lead.Phone, "55 1234 5678 x123", "55 1234 5678 x123"},
		"a phone of the United States":            {lead.Phone, "+1 415 555 0100", "+1 415 555 0100"},
		"a phone of Brazil":                       {lead.Phone, "+55 (11) 91234-5678", "+55 (11) 91234-5678"},
		"a phone dialed with zeros":               {lead.Phone, "00 52 55 1234 5678", "00 52 55 1234 5678"},
		"a phone that is words":                   {lead.Phone, "por la tarde", "por la tarde"},
		"a property of 64 characters":             {lead.PropertyID, strings.Repeat("A", 64), strings.Repeat("A", 64)},
		"spaces around a property":                {lead.PropertyID, " EB-AB1234\n", "EB-AB1234"},
		"a property in small letters":             {lead.PropertyID, "eb-ab1234", "eb-ab1234"},
		"blanks around a message of two lines":    {lead.Message, "\n  uno\n dos  \n", "uno\n dos"},
		"a message of one letter":                 {lead.Message, "?", "?"},
		"more accents than a letter has room for": {lead.Message, "e" + strings.Repeat("\u0301", 3), "é\u0301\u0301"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			l, err := lead.New(with(tt.field, tt.typed), "casas.mx", lead.DefaultRules(), noon)
			require.NoError(t, err)
			require.Equal(t, tt.kept, l.Get(tt.field))
		})
	}
}

func TestNewRefuses(t *testing.T) {
	tests := map[string]struct {
		field lead.Field
		typed string
		code  lead.Code
	}{
		"a NUL in a name":               {lead.Name, "An\x00a", lead.ControlCharacter},
		"a NUL in an address":           {lead.Email, "a\x00@x.mx", lead.ControlCharacter},
		"a NUL in a property":           {lead.PropertyID, "EB\x001", lead.ControlCharacter},
		"a line end in an address":      {lead.Email, "a@x.mx\r\nBcc: v@y.mx", lead.ControlCharacter},
		"a tab in an address":           {lead.Email, "a\t@x.mx", lead.ControlCharacter},
		"a turn in an address":          {lead.Email, "a\u202eb@x.mx", lead.ControlCharacter},
		"an isolate in an address":      {lead.Email, "a\u2066b@x.mx", lead.ControlCharacter},
		"a blank of no width in it":     {lead.Email, "a\u200bb@x.mx", lead.ControlCharacter},
		"broken UTF-8 in an address":    {lead.Email, "a\xff@x.mx", lead.ControlCharacter},
		"a turn in a property":          {lead.PropertyID, "EB\u202e1", lead.ControlCharacter},
		"broken UTF-8 in a property":    {lead.PropertyID, "EB\xff1", lead.ControlCharacter},
		"a soft hyphen in an address":   {lead.Email, "a\u00adb@x.mx", lead.ControlCharacter},
		"a mark of direction in it":     {lead.Email, "a\u200fb@x.mx", lead.ControlCharacter},
		"a name of 201 runes":           {lead.Name, strings.Repeat("ñ", 201), lead.TooLong},
		"a message of 5,001 runes":      {lead.Message, strings.Repeat("é", 5001), lead.TooLong},
		"a message of nothing":          {lead.Message, "", lead.Missing},
		"a message of 64 KiB of spaces": {lead.Message, strings.Repeat(" ", 64<<10), lead.Missing},
		"a message of unseen signs":     {lead.Message, "\u200b\u2060\x01", lead.Missing},
		"no dot in the domain":          {lead.Email, "a@b", lead.NotEmail},
		"localhost":                     {lead.Email, "a@localhost", lead.NotEmail},
		"an address literal":            {lead.Email, "a@[127.0.0.1]", lead.NotEmail},
		"an IP address":                 {lead.Email, "a@127.0.0.1", lead.NotEmail},
		"two dots in the local part":    {lead.Email, "a..b@x.mx", lead.NotEmail},
		"a dot before the local part":   {lead.Email, ".a@x.mx", lead.NotEmail},
		"a dot after the local part":    {lead.Email, "a.@x.mx", lead.NotEmail},
		"a hyphen before the domain":    {lead.Email, "a@-x.mx", lead.NotEmail},
		"a hyphen after a label":        {lead.Email, "a@x-.mx", lead.NotEmail},
		"two dots in the domain":        {lead.Email, "a@x..mx", lead.NotEmail},
		"a dot before the domain":       {lead.Email, "a@.x.mx", lead.NotEmail},
		"two at signs":                  {lead.Email, "a@b@x.mx", lead.NotEmail},
		"two addresses":                 {lead.Email, "a@x.mx,b@x.mx", lead.NotEmail},
		"two owners":                    {lead.Email, "Ana <a@x.mx>, Luz <l@x.mx>", lead.NotEmail},
		"no local part":                 {lead.Email, "@x.mx", lead.NotEmail},
		"no domain":                     {lead.Email, "a@", lead.NotEmail},
		"no at sign":                    {lead.Email, "ana", lead.NotEmail},
		"a space inside":                {lead.Email, "a b@x.mx", lead.NotEmail},
		"quotes":                        {lead.Email, `"a b"@x.mx`, lead.NotEmail},
		"a local part of 65 bytes":      {lead.Email, strings.Repeat("a", 65) + "@x.mx", lead.NotEmail},
		"a label of 64 bytes":           {lead.Email, "a@" + strings.Repeat("x", 64) + ".mx", lead.NotEmail},
		"an address of 255 bytes":       {lead.Email, "a@" + strings.Repeat("x.", 125) + "com", lead.TooLong},
		"255 bytes in fewer runes":      {lead.Email, "a@" + strings.Repeat("ñ.", 84) + "com", lead.NotEmail},
		"64 KiB of dots":                {lead.Email, strings.Repeat("a.", 32<<10) + "@x.mx", lead.TooLong},
		"no property":                   {lead.PropertyID, "", lead.Missing},
		"a property of 65 characters":   {lead.PropertyID, strings.Repeat("A", 65), lead.TooLong},
		"a path for a property":         {lead.PropertyID, "../x", lead.NotProperty},
		"a query for a property":        {lead.PropertyID, "EB-1?x=1#y", lead.NotProperty},
		"an injection for a property":   {lead.PropertyID, "EB-1' OR 1=1", lead.NotProperty},
		"an emoji for a property":       {lead.PropertyID, "🏠", lead.NotProperty},
		"a look-alike in a property":    {lead.PropertyID, "ЕB-1", lead.NotProperty},
		"two quotes for a property":     {lead.PropertyID, "''", lead.NotProperty},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := lead.New(with(tt.field, tt.typed), "casas.mx", lead.DefaultRules(), noon)
			require.Equal(t, []string{string(tt.field) + " " + string(tt.code)}, codes(t, err))
			if tt.typed != "" {
				require.NotContains(t, err.Error(), tt.typed)
			}
		})
	}
}

func TestNewNamesEveryWrongField(t *testing.T) {
	q := lead.Inquiry{PropertyID: "../x", Name: "A\x00", Email: "a@b", Message: strings.Repeat("a", 5001)}
	_, err := lead.New(q, "casas.mx", lead.DefaultRules(), noon)
	require.ElementsMatch(t,
		[]string{"property_id TYPE_PROPERTY", "name CONTROL_CHARACTER", "email TYPE_EMAIL", "message TOO_LONG"}, codes(t, err))

	_, err = lead.New(lead.Inquiry{}, "casas.mx", lead.DefaultRules(), noon)
	require.Equal(t, []string{
		"property_id REQUIRED_FIELD_MISSING", "email REQUIRED_FIELD_MISSING", "message REQUIRED_FIELD_MISSING",
	}, codes(t, err))
}

func TestNewSaysHowLongIsTooLong(t *testing.T) {
	for field, most := range map[lead.Field]int{lead.Name: 200, lead.Email: 254, lead.Message: 5000, lead.PropertyID: 64} {
		_, err := lead.New(with(field, strings.Repeat("a", 6000)), "casas.mx", lead.DefaultRules(), noon)
		var invalid *lead.InvalidError
		require.ErrorAs(t, err, &invalid)
		require.Equal(t, []lead.FieldError{{Field: field, Code: lead.TooLong, Max: most}}, invalid.Fields)
	}
}

func TestNewMakesAQueuedLead(t *testing.T) {
	l, err := lead.New(fullInquiry(), "casas.mx", lead.DefaultRules(), noon)
	require.NoError(t, err)
	require.Equal(t, lead.Lead{
		Inquiry: fullInquiry(), Source: "casas.mx", State: lead.Queued, ReceivedAt: noon, QueuedAt: noon, DueAt: noon,
	}, l)
}

func TestNewKeepsALongPhoneWholeAside(t *testing.T) {
	sentence := "llámame al 55 1234 5678 después de las seis, de lunes a viernes"
	context := map[string]string{"utm_source": "feria"}
	q := with(lead.Phone, sentence)
	q.Context = context
	l, err := lead.New(q, "casas.mx", lead.DefaultRules(), noon)
	require.NoError(t, err)
	require.Equal(t, "llámame al 55 1234 5678 después de las s", l.Phone)
	require.Equal(t, map[string]string{"utm_source": "feria", "phone_typed": sentence}, l.Context)
	require.Len(t, context, 1, "the caller's map is the caller's")
}

func TestNewCleansTheContext(t *testing.T) {
	q := fullInquiry()
	q.Context = map[string]string{
		"page_url":   "https://casas.mx/\x00a\u202e\r\nb",
		"utm_source": strings.Repeat("é", 501),
		"utm_term":   "mal\xff",
		"consent":    " \u200b ",
	}
	l, err := lead.New(q, "casas.mx", lead.DefaultRules(), noon)
	require.NoError(t, err)
	require.Equal(t, map[string]string{
		"page_url": "https://casas.mx/a b", "utm_source": strings.Repeat("é", 500), "utm_term": "mal\ufffd",
	}, l.Context)
}

// The operator sees that the message is not everything that was sent.
func TestNewMarksAMessageThatHadControlCharacters(t *testing.T) {
	const whole = "" // no mark
	tests := map[string]struct{ typed, mark string }{
		"a NUL":                          {"ho\x00la", "message"},
		"an escape of a terminal":        {"\x1b[31mhola", "message"},
		"a bell at the end":              {"hola\a", "message"},
		"a delete":                       {"ho\x7fla", "message"},
		"one of C1":                      {"ho\u009bla", "message"},
		"a vertical tab":                 {"ho\vla", "message"},
		"between accents":                {"¿cuánto\x01 cuesta?", "message"},
		"TAB, LF and CR":                 {"a\tb\nc\rd", whole},
		"the line ends of a form":        {" uno\r\ndos\r\n", whole},
		"the line ends of other systems": {"a\u0085b\u2028c\u2029d", whole},
		"accents in two pieces":          {"cafe\u0301", whole},
		"a phone copied from a telephone, with its marks of direction": {"\u202a+52 55 1234 5678\u202c", whole},
		"a byte order mark":            {"\ufeffhola", whole},
		"bytes that are no text, seen": {"ho\xffla", whole},
		"nothing odd":                  {"Hola", whole},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			l, err := lead.New(with(lead.Message, tt.typed), "casas.mx", lead.DefaultRules(), noon)
			require.NoError(t, err)
			require.Equal(t, tt.mark, l.Context["sanitized"])
			if tt.mark == whole {
				require.Nil(t, l.Context)
			}
		})
	}
	q := with(lead.Name, "Ana\x1b")
	q.Phone = "55\x01 12"
	l, err := lead.New(q, "casas.mx", lead.DefaultRules(), noon)
	require.NoError(t, err)
	require.Nil(t, l.Context, "only the message is the visitor's own words")
}

func TestRules(t *testing.T) {
	tests := map[string]struct {
		require []string
		inquiry lead.Inquiry
		wrong   []string
	}{
		"nothing is required":              {nil, lead.Inquiry{}, nil},
		"the name is":                      {[]string{"name"}, lead.Inquiry{}, []string{"name REQUIRED_FIELD_MISSING"}},
		"a name of blanks is none":         {[]string{"name"}, lead.Inquiry{Name: " \t\u00a0\n"}, []string{"name REQUIRED_FIELD_MISSING"}},
		"neither e-mail nor phone":         {[]string{"email|phone"}, lead.Inquiry{}, []string{"email EMAIL_OR_PHONE", "phone EMAIL_OR_PHONE"}},
		"the phone is enough":              {[]string{"email | phone"}, lead.Inquiry{Phone: "55"}, nil},
		"the e-mail is enough":             {[]string{"email|phone"}, lead.Inquiry{Email: "a@x.mx"}, nil},
		"a wrong e-mail is still wrong":    {[]string{"email|phone"}, lead.Inquiry{Email: "a@b", Phone: "55"}, []string{"email TYPE_EMAIL"}},
		"a wrong e-mail is not missing":    {[]string{"email|phone"}, lead.Inquiry{Email: "a\x00"}, []string{"email CONTROL_CHARACTER"}},
		"a wrong field is wrong only once": {[]string{"email"}, lead.Inquiry{Email: "\x00"}, []string{"email CONTROL_CHARACTER"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			rules, err := lead.ParseRules(tt.require)
			require.NoError(t, err)
			_, err = lead.New(tt.inquiry, "casas.mx", rules, noon)
			require.Equal(t, tt.wrong, codes(t, err))
		})
	}
}

func TestParseRulesNamesEveryWrongWord(t *testing.T) {
	_, err := lead.ParseRules([]string{"email", "fax", "email|telegram", ""})
	require.ErrorContains(t, err, `"fax"`)
	require.ErrorContains(t, err, `"telegram"`)
	require.ErrorContains(t, err, `""`)
}

func TestRequires(t *testing.T) {
	rules, err := lead.ParseRules([]string{"message", "email|phone"})
	require.NoError(t, err)
	require.True(t, rules.Requires(lead.Message))
	require.False(t, rules.Requires(lead.Email), "one of two is not required by itself")
	require.False(t, rules.Requires(lead.Name))
}

func TestGetAndSetKnowOnlyOurFields(t *testing.T) {
	var q lead.Inquiry
	q.Set("remote_id", "1")
	require.Equal(t, lead.Inquiry{}, q)
	require.Empty(t, q.Get("status"))
	for _, f := range lead.Fields() {
		q.Set(f, string(f))
		require.Equal(t, string(f), q.Get(f))
	}
}

func TestInvalidErrorIsFoundBehindOthers(t *testing.T) {
	_, err := lead.New(lead.Inquiry{}, "", lead.DefaultRules(), noon)
	var invalid *lead.InvalidError
	require.ErrorAs(t, errors.Join(errors.New("first"), err), &invalid)
	require.Equal(t, "invalid inquiry: property_id REQUIRED_FIELD_MISSING, email REQUIRED_FIELD_MISSING, message REQUIRED_FIELD_MISSING", err.Error())
}
