package intake_test

import (
	"bytes"
	"fmt"
	"mime/multipart"
	"net/textproto"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const multiType = "multipart/form-data; boundary=xyz"

// parts returns a multipart body. Each part is its header lines and its content.
func parts(all ...string) string {
	var b strings.Builder
	for i := 0; i < len(all); i += 2 {
		b.WriteString("--xyz\r\n" + all[i] + "\r\n\r\n" + all[i+1] + "\r\n")
	}
	return b.String() + "--xyz--\r\n"
}

func field(name string) string { return `Content-Disposition: form-data; name="` + name + `"` }

func wholeParts(more ...string) string {
	return parts(append([]string{field("property_id"), "EB-AB1234", field("email"), "ana@casas.mx", field("message"), "Hola"}, more...)...)
}

// jsonWith returns a complete inquiry with something more in it.
func jsonWith(members string) string {
	return strings.TrimSuffix(wholeJSON, "}") + "," + members + "}"
}

func TestBodies(t *testing.T) {
	deep := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	many := func(n int) string { return strings.Repeat("&a=1", n) }
	tests := map[string]struct {
		contentType, body string
		status            int
	}{
		"JSON":                                {jsonType, wholeJSON, 202},
		"JSON with its charset":               {"application/json; charset=utf-8", wholeJSON, 202},
		"JSON with its charset in capitals":   {"Application/JSON; Charset=\"UTF-8\"", wholeJSON, 202},
		"JSON behind a byte order mark":       {jsonType, "\ufeff" + wholeJSON, 202},
		"JSON between blanks":                 {jsonType, " \r\n\t" + wholeJSON + "\n", 202},
		"JSON that calls itself text":         {"text/plain;charset=UTF-8", wholeJSON, 202},
		"text that is no JSON":                {"text/plain", "name=Ana", 400},
		"JSON cut off":                        {jsonType, wholeJSON[:40], 400},
		"JSON with NaN":                       {jsonType, jsonWith(`"a":NaN`), 400},
		"JSON in single quotes":               {jsonType, `{'name':'Ana'}`, 400},
		"JSON with a comma too many":          {jsonType, jsonWith(`"a":1,`), 400},
		"JSON with a comment":                 {jsonType, wholeJSON + "// end", 400},
		"a raw line end in a string":          {jsonType, jsonWith("\"a\":\"\n\""), 400},
		"a raw NUL in a string":               {jsonType, jsonWith("\"a\":\"\x00\""), 400},
		"no body, JSON":                       {jsonType, "", 400},
		"no body, form":                       {formType, "", 400},
		"no body, multipart":                  {multiType, "", 400},
		"blanks":                              {jsonType, " \n\t ", 400},
		"a byte order mark alone":             {jsonType, "\ufeff", 400},
		"null":                                {jsonType, "null", 400},
		"a list":                              {jsonType, "[]", 400},
		"a list of inquiries":                 {jsonType, "[" + wholeJSON + "]", 400},
		"a string":                            {jsonType, `"x"`, 400},
		"a number":                            {jsonType, "42", 400},
		"true":                                {jsonType, "true", 400},
		"two values":                          {jsonType, wholeJSON + wholeJSON, 400},
		"garbage behind":                      {jsonType, wholeJSON + "x", 400},
		"a brace behind":                      {jsonType, wholeJSON + "}", 400},
		"a name twice":                        {jsonType, jsonWith(`"email":"b@casas.mx"`), 400},
		"names that differ by case":           {jsonType, jsonWith(`"eMail":"b@casas.mx"`), 202},
		"a name twice, once escaped":          {jsonType, jsonWith(`"em\u0061il":"b@casas.mx"`), 400},
		"a name twice that nobody reads":      {jsonType, jsonWith(`"a":1,"a":1`), 400},
		"a name twice further in":             {jsonType, jsonWith(`"a":[{"b":1,"b":2}]`), 400},
		"one name in two objects":             {jsonType, jsonWith(`"a":{"email":1},"b":{"email":2}`), 202},
		"fields that nobody asked for":        {jsonType, jsonWith(`"a":{"b":[1,"x",null,true,{"c":{}}]},"d":[],"e":-1.5e3,"f":""`), 202},
		"8 levels":                            {jsonType, jsonWith(`"a":` + deep(7)), 202},
		"9 levels":                            {jsonType, jsonWith(`"a":` + deep(8)), 400},
		"9 levels of objects":                 {jsonType, jsonWith(`"a":` + strings.Repeat(`{"a":`, 8) + "1" + strings.Repeat("}", 8)), 400},
		"100 levels":                          {jsonType, jsonWith(`"a":` + deep(100)), 400},
		"10,001 levels":                       {jsonType, jsonWith(`"a":` + deep(10_001)), 400},
		"30,000 brackets that nothing closes": {jsonType, strings.Repeat("[", 30_000), 400},
		"a number of 60,000 digits":           {jsonType, jsonWith(`"a":` + strings.Repeat("9", 60_000)), 400},
		"a number out of range":               {jsonType, jsonWith(`"a":1e400`), 400},
		"a number out of range for the phone": {jsonType, `{"phone":1e400}`, 400},
		"a tiny number":                       {jsonType, jsonWith(`"a":1e-400`), 202},
		"half a surrogate":                    {jsonType, jsonWith(`"a":"\ud800"`), 400},
		"the other half":                      {jsonType, jsonWith(`"a":"\udc00\ud800"`), 400},
		"half a surrogate before a letter":    {jsonType, jsonWith(`"a":"\ud83d\u0041"`), 400},
		"half a surrogate further in":         {jsonType, jsonWith(`"a":{"b":["\uDBFF"]}`), 400},
		"half a surrogate in a name":          {jsonType, jsonWith(`"\ud800":1`), 400},
		"a whole surrogate pair":              {jsonType, jsonWith(`"a":"\ud83d\ude00"`), 202},
		"a backslash before a u":              {jsonType, jsonWith(`"a":"\\ud800"`), 202},
		"two backslashes, then a half":        {jsonType, jsonWith(`"a":"\\\ud800"`), 400},
		"JSON that is no UTF-8":               {jsonType, jsonWith("\"a\":\"\xff\""), 400},
		"JSON in UTF-16":                      {jsonType, "\xff\xfe{\x00}\x00", 400},
		"2,000 members of nothing":            {jsonType, "{" + manyMembers(2000, "null") + strings.TrimPrefix(wholeJSON, "{"), 202},
		"2,500 blank members":                 {jsonType, "{" + manyMembers(2500, `""`) + strings.TrimPrefix(wholeJSON, "{"), 202},
		"900 members":                         {jsonType, "{" + manyMembers(900, "1") + strings.TrimPrefix(wholeJSON, "{"), 202},
		"1,001 members":                       {jsonType, "{" + manyMembers(1001, "1") + strings.TrimPrefix(wholeJSON, "{"), 400},
		"no content type":                     {"", wholeJSON, 415},
		"a content type of nonsense":          {";;;", wholeJSON, 415},
		"a content type of a kilobyte":        {"text/plain; a=" + strings.Repeat("a", 1<<10), wholeJSON, 415},
		"XML":                                 {"text/xml", "<a/>", 415},
		"JSON in UTF-16, as it says":          {"application/json; charset=utf-16", wholeJSON, 415},
		"text in Latin-1, as it says":         {"text/plain; charset=iso-8859-1", wholeJSON, 415},
		"two charsets":                        {"application/json; charset=utf-8; charset=utf-16", wholeJSON, 415},
		"another kind of JSON":                {"application/ld+json", wholeJSON, 415},
		"another kind of multipart":           {"multipart/mixed; boundary=xyz", wholeParts(), 415},
		"octets":                              {"application/octet-stream", wholeJSON, 415},

		"a form":                           {formType, wholeForm, 202},
		"a form with a charset":            {formType + "; charset=ISO-8859-1", wholeForm, 202},
		"a form with pairs of nothing":     {formType, "&&" + wholeForm + "&=&&", 202},
		"a percent sign and no escape":     {formType, wholeForm + "&a=%zz", 202},
		"a percent sign in a name":         {formType, wholeForm + "&%zz=a", 202},
		"an escape cut off":                {formType, wholeForm + "&a=%4", 202},
		"semicolons between fields":        {formType, "a=b;c=d", 422},
		"a semicolon in a text":            {formType, wholeForm + "&a=b;c=d", 202},
		"semicolons that are escaped":      {formType, wholeForm + "&a=b%3Bc", 202},
		"900 fields":                       {formType, wholeForm + many(900), 202},
		"1,001 fields":                     {formType, wholeForm + many(1001), 400},
		"20,000 blank fields":              {formType, wholeForm + strings.Repeat("&a=", 20_000), 202},
		"9 fields in 6 pieces each":        {formType, wholeForm + pieces(9), 202},
		"52 fields in 6 pieces each":       {formType, wholeForm + pieces(52), 202},
		"170 are more than any form has":   {formType, wholeForm + pieces(170), 400},
		"1,001 pieces of one field":        {formType, strings.Repeat("a%5Bb%5D=1&", 1001), 400},
		"315 pieces of one field":          {formType, wholeForm + strings.Repeat("&a%5B%5D=1", 315), 202},
		"9 fields in pieces, multipart":    {multiType, wholeParts(partPieces(9)...), 202},
		"62 fields in pieces, multipart":   {multiType, wholeParts(partPieces(62)...), 202},
		"a name of brackets alone":         {formType, wholeForm + "&" + strings.Repeat("[1]", 20_000) + "=x", 202},
		"a name of dots and accents":       {formType, wholeForm + "&" + strings.Repeat("e\u0301.", 16_000) + "=x", 202},
		"59 long names of accents":         {formType, wholeForm + strings.Repeat("&"+strings.Repeat("\u0327\u0301", 250)+"[value]=x", 59), 202},
		"JSON names that multiply":         {jsonType, jsonWith(`"` + strings.Repeat("a", 250) + `":[` + strings.TrimSuffix(strings.Repeat(`{"value":1},`, 4500), ",") + `]`), 202},
		"950 places":                       {formType, wholeForm + places(950), 202},
		"10,000 fields":                    {formType, wholeForm + many(10_000), 400},
		"a form that is JSON":              {formType, wholeJSON, 202},
		"a form that is nearly JSON":       {formType, wholeJSON + "x", 422},
		"a form of one word":               {formType, "hola", 422},
		"multipart":                        {multiType, wholeParts(), 202},
		"multipart with its end only":      {multiType, "--xyz--\r\n", 422},
		"a boundary of 70 bytes":           {"multipart/form-data; boundary=" + strings.Repeat("x", 70), strings.ReplaceAll(wholeParts(), "xyz", strings.Repeat("x", 70)), 202},
		"multipart without a boundary":     {"multipart/form-data", wholeParts(), 400},
		"multipart with an empty boundary": {`multipart/form-data; boundary=""`, wholeParts(), 400},
		"multipart with a long boundary":   {"multipart/form-data; boundary=" + strings.Repeat("x", 71), wholeParts(), 400},
		"multipart with another boundary":  {"multipart/form-data; boundary=abc", wholeParts(), 400},
		"multipart cut off":                {multiType, wholeParts()[:60], 400},
		"multipart without its end":        {multiType, strings.TrimSuffix(wholeParts(), "--xyz--\r\n"), 400},
		"900 parts":                        {multiType, wholeParts(nParts(900)...), 202},
		"1,001 parts":                      {multiType, wholeParts(nParts(1001)...), 400},
		"a part with a long header":        {multiType, wholeParts(field("a")+"\r\nX-Long: "+strings.Repeat("a", 32<<10), "b"), 400},
		"a part with a header of 1 MiB":    {multiType, wholeParts(field("a")+"\r\nX-Long: "+strings.Repeat("a", 1<<20), "b"), 413},
		"a part with many headers":         {multiType, wholeParts(field("a")+strings.Repeat("\r\nX-A: aaaaaaaaaaaaaaaa", 500), "b"), 400},
		"a part with a broken header":      {multiType, wholeParts(field("a")+"\r\nno colon", "b"), 400},
		"a part without a name":            {multiType, wholeParts("Content-Disposition: form-data", "b"), 400},
		"a part without a header":          {multiType, wholeParts("X-A: b", "b"), 400},
		"a part of another kind":           {multiType, wholeParts(`Content-Disposition: attachment; name="a"`, "b"), 400},
		"a file":                           {multiType, wholeParts(field("file")+`; filename="cv.pdf"`, "%PDF"), 415},
		"a file of nothing":                {multiType, wholeParts(field("file")+`; filename="cv.pdf"`, ""), 415},
		"a file without a name":            {multiType, wholeParts(field("file")+`; filename=""`, "%PDF"), 415},
		"a file by another name":           {multiType, wholeParts(field("file")+`; filename*=UTF-8''cv.pdf`, "%PDF"), 415},
		"a file field left empty":          {multiType, wholeParts(field("file")+"; filename=\"\"\r\nContent-Type: application/octet-stream", ""), 202},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			d := newRelay(t)
			begun := time.Now()
			w := d.post(tt.contentType, tt.body, "Accept", "application/json")
			require.Equal(t, tt.status, w.Code, w.Body.String())
			require.Less(t, time.Since(begun), 500*time.Millisecond) // about 1 ms; the bound is for a loaded machine
			require.Equal(t, tt.status == 202, len(d.keeper.leads) == 1)
			if tt.status == 415 {
				require.Equal(t, "application/json, application/x-www-form-urlencoded, multipart/form-data, text/plain", w.Header().Get("Accept-Post"))
			}
		})
	}
}

func manyMembers(n int, value string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `"m%d":%s,`, i, value)
	}
	return b.String()
}

// pieces returns fields as Elementor sends them.
func pieces(n int) string {
	var b strings.Builder
	for i := range n {
		for _, piece := range [...]string{"id", "type", "title", "value", "raw_value", "required"} {
			fmt.Fprintf(&b, "&fields%%5Bf%d%%5D%%5B%s%%5D=1", i, piece)
		}
	}
	return b.String()
}

// places returns fields that each lie in another place, in one long list.
func places(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "&a%%5B%d%%5D%%5Bmail%%5D=%d", i, i)
	}
	return b.String()
}

func partPieces(n int) []string {
	var all []string
	for i := range n {
		all = append(all, field(fmt.Sprintf("fields[f%d][id]", i)), "1", field(fmt.Sprintf("fields[f%d][value]", i)), "1")
	}
	return all
}

func nParts(n int) []string {
	var all []string
	for range n {
		all = append(all, field("a"), "1")
	}
	return all
}

func TestBodiesOfTheLargestSize(t *testing.T) {
	const most = 64 << 10
	filled := func(size int) string { return wholeForm + "&a=" + strings.Repeat("x", size-len(wholeForm)-3) }
	d := newRelay(t)
	require.Equal(t, 303, d.post(formType, filled(most)).Code)
	require.Equal(t, 413, d.post(formType, filled(most+1)).Code)
	require.Len(t, d.keeper.leads, 1)
}

// A body with a Content-Encoding is refused, whether it is compressed or not.
func TestContentEncodings(t *testing.T) {
	for coding, status := range map[string]int{"identity": 202, "Identity": 202, "gzip": 415, "br": 415, "gzip, identity": 415, "deflate": 415} {
		d := newRelay(t)
		w := d.post(jsonType, wholeJSON, "Content-Encoding", coding)
		require.Equal(t, status, w.Code, coding)
		if status == 415 {
			require.Equal(t, "identity", w.Header().Get("Accept-Encoding"))
			require.NotEmpty(t, w.Header().Get("Accept-Post"))
		}
	}
	d := newRelay(t)
	require.Equal(t, 415, d.post(jsonType, wholeJSON, "Content-Encoding", "identity", "Content-Encoding", "gzip").Code)
}

// This is what a browser's own FormData sends.
func TestMultipartFromALibrary(t *testing.T) {
	var b bytes.Buffer
	m := multipart.NewWriter(&b)
	for name, value := range map[string]string{"Teléfono": "55", "Correo electrónico": "ana@casas.mx", "mensaje": "línea\r\ndos", "clave": "EB-1"} {
		require.NoError(t, m.WriteField(name, value))
	}
	h := textproto.MIMEHeader{}
	h.Set("Content-Disposition", `form-data; name="nombre"`)
	h.Set("Content-Transfer-Encoding", "quoted-printable")
	part, err := m.CreatePart(h)
	require.NoError(t, err)
	_, err = part.Write([]byte("Jos=C3=A9"))
	require.NoError(t, err)
	require.NoError(t, m.Close())

	d := newRelay(t)
	require.Equal(t, 303, d.post(m.FormDataContentType(), b.String()).Code)
	l := d.one(t)
	require.Equal(t, "55", l.Phone)
	require.Equal(t, "José", l.Name)
	require.Equal(t, "línea\ndos", l.Message)
}

func TestOldCharsets(t *testing.T) {
	tests := map[string]struct{ contentType, body string }{
		"a form in Windows-1252":    {formType, "clave=EB-1&correo=a%40x.mx&nombre=Jos%E9+%D1and%FA&mensaje=%93Hola%94+%80+5"},
		"raw bytes":                 {formType, "clave=EB-1&correo=a%40x.mx&nombre=Jos\xe9+\xd1and\xfa&mensaje=\x93Hola\x94+\x80+5"},
		"names too":                 {formType, "clave=EB-1&correo+electr%F3nico=a%40x.mx&nombre=Jos%E9+%D1and%FA&mensaje=%93Hola%94+%80+5"},
		"multipart in Windows-1252": {multiType, parts(field("clave"), "EB-1", field("correo electr\xf3nico"), "a@x.mx", field("nombre"), "Jos\xe9 \xd1and\xfa", field("mensaje"), "\x93Hola\x94 \x80 5")},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			d := newRelay(t)
			w := d.post(tt.contentType, tt.body)
			require.Equal(t, 303, w.Code, w.Body.String())
			require.Equal(t, "José Ñandú", d.one(t).Name)
			require.Equal(t, "“Hola” € 5", d.one(t).Message)
		})
	}
}
