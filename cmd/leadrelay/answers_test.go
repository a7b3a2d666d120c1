package main

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/access"
	"leadrelay/internal/e2e/relaytest"
	"leadrelay/internal/lead"
	"leadrelay/web"
)

const (
	inquiry = `{"property_id":"EB-1","email":"ana@ejemplo.mx","message":"Hola"}`
	asForm  = "Content-Type: application/x-www-form-urlencoded\nAccept: text/html"
	form    = "property_id=EB-1&email=ana%40ejemplo.mx&message=Hola&_next=https%3A%2F%2Fcasas.mx%2Fgracias"
	asParts = "Content-Type: multipart/form-data; boundary=x\nAccept: application/json"
)

var large = `{"message":"` + strings.Repeat("x", 64<<10) + `"}`

// inParts is a multipart body of names and values in turn.
func inParts(pairs ...string) string {
	var b strings.Builder
	for pair := range slices.Chunk(pairs, 2) {
		b.WriteString("--x\r\nContent-Disposition: form-data; name=\"" + pair[0] + "\"\r\n\r\n" + pair[1] + "\r\n")
	}
	return b.String() + "--x--\r\n"
}

// onEachForm are the questions to a form, wherever it is.
func onEachForm(path string) []question {
	return []question{
		{"POST " + path, 202, inquiry, "", ""},
		{"POST " + path, 202, inquiry, "", "Content-Type: text/plain"},
		{"POST " + path, 303, form, "", asForm},
		{"POST " + path, 202, strings.Replace(inquiry, "{", `{"_test":"token-of-all-the-tests",`, 1), `"test":true`, ""},
		{"POST " + path, 202, inParts("property_id", "EB-1", "email", "ana@ejemplo.mx", "message", "Hola"), "", asParts},
		{"POST " + path, 202, inquiry, "", "Idempotency-Key: " + path},
		{"POST " + path, 202, inquiry, "", "Idempotency-Key: " + path},
		{"POST " + path, 422, strings.Replace(inquiry, "Hola", "Adiós", 1), `"key_reused"`, "Idempotency-Key: " + path},
		{"POST " + path, 400, `{"email"`, `"unreadable"`, ""},
		{"POST " + path, 400, " ", "<html", asForm},
		{"POST " + path, 403, inquiry, `"origin_not_allowed"`, "Origin: https://evil.mx"},
		{"POST " + path, 413, large, `"too_large"`, ""},
		{"POST " + path, 415, "a,b", `"unsupported_type"`, "Content-Type: text/csv\nAccept: application/json"},
		{"POST " + path, 422, `{"email":"ana"}`, `"TYPE_EMAIL"`, ""},
		{"POST " + path, 422, "email=ana", "<form", asForm},
		{"POST " + path, 422, inParts("email", "ana@ejemplo.mx"), `"REQUIRED_FIELD_MISSING"`, asParts},
		{"GET " + path + "?property_id=EB-1&_language=en", 200, "", "<form", ""},
		{"OPTIONS " + path, 204, "", "", ""},
		{"OPTIONS " + path, 204, "", "", "Origin: https://casas.mx\nAccess-Control-Request-Method: POST"},
	}
}

// withATypo is the question to a form whose lead then waits a minute for the
// answer.
func withATypo(path string) question {
	return question{"POST " + path, 200, strings.Replace(form, "ejemplo.mx", "gmial.com", 1), "ana@gmail.com", asForm}
}

// nowhere are the questions to a form of a site that there is not.
func nowhere(path string) []question {
	return []question{
		{"POST " + path, 404, inquiry, `"unknown_site"`, ""},
		{"POST " + path, 404, "email=ana", "<html", asForm},
		{"GET " + path, 404, "", "<html", ""},
		{"OPTIONS " + path, 404, "", "", ""},
	}
}

// ofTheWidget are the questions to the widget's addresses.
var ofTheWidget = []question{
	{"GET /widget.js", 200, "", "LeadRelay", ""},
	{"GET /widget.js", 200, "", "", "Origin: https://another.mx"},
	{"GET /widget.js", 304, "", "", "If-None-Match: *"},
	{"GET " + web.WidgetPath(), 200, "", "LeadRelay", ""},
	{"GET " + web.WidgetPath(), 304, "", "", "If-None-Match: *"},
	{"GET /widget.0123456789abcdef.js", 404, "", "", ""},
	{"GET " + web.InquiryPath(), 200, "", "turnstile", ""},
	{"GET " + web.InquiryPath(), 304, "", "", "If-None-Match: *"},
	{"GET /inquiry.0123456789abcdef.js", 404, "", "", ""},
	{"GET /widget.d.ts", 200, "", "LeadRelay", ""},
}

// byTheOperator are the questions that move no lead but one that is lost.
var byTheOperator = []question{
	{"GET /api/v1/leads", 200, "", `"next_cursor":null`, ""},
	{"GET /api/v1/leads?site=default&state=failed&property_id=EB-1&q=Hola&after=2026-01-01T00:00:00Z&before=2999-01-01T00:00:00Z", 200, "", `"remote_id":{failed}`, ""},
	{"GET /api/v1/leads?limit=1", 200, "", `"next_cursor":"`, ""},
	{"GET /api/v1/leads?limit=1&cursor={delivered}", 200, "", "", ""},
	{"GET /api/v1/leads?limit=0&order=up", 400, "", `"INVALID_PARAMETER"`, ""},
	{"GET /api/v1/leads/{delivered}", 200, "", `"outcome":"delivered"`, ""},
	{"GET /api/v1/leads/1", 404, "", "", ""},
	{"GET /api/v1/leads/{delivered}?attempts=1", 400, "", `"INVALID_PARAMETER"`, ""},

	{"GET /api/v1/leads.csv?site=default&state=failed&property_id=EB-1&q=Hola&after=2026-01-01T00:00:00Z&before=2999-01-01T00:00:00Z", 200, "", "\n{failed},", ""},
	{"GET /api/v1/leads.csv?limit=1", 400, "", `"INVALID_PARAMETER"`, ""},
	{"GET /api/v1/leads.ndjson", 200, "", `{"remote_id":{failed},`, ""},
	{"GET /api/v1/leads.ndjson?cursor={failed}", 400, "", `"INVALID_PARAMETER"`, ""},
	{"GET /api/v1/stats", 200, "", `"received":`, ""},
	{"GET /api/v1/stats?site=default&by=hour&after=2026-11-01T00:00:00Z&before=2026-11-02T00:00:00Z", 200, "", `"buckets":[],"now":{`, ""},
	{"GET /api/v1/stats?by=week", 400, "", `"INVALID_PARAMETER"`, ""},

	{"POST /api/v1/reconciliations", 200, "", `"only_here":[{`, ""},
	{"POST /api/v1/reconciliations", 200, `{"since":"2026-01-01T00:00:00Z"}`, "", ""},
	{"POST /api/v1/reconciliations", 400, `7`, "", ""},
	{"POST /api/v1/reconciliations", 413, large, "", ""},
	{"POST /api/v1/reconciliations", 422, `{"since":"24h"}`, "", ""},
	{"GET /api/v1/reconciliations", 200, "", `"only_here":[{`, ""},
	{"GET /api/v1/reconciliations?limit=1", 400, "", `"INVALID_PARAMETER"`, ""},

	{"POST /api/v1/replays", 200, `{"state":"failed","dry_run":true}`, `"would be sent"`, ""},
	{"POST /api/v1/replays", 200, `{"remote_ids":[{lost}],"site":"default","q":"Hola","after":"2026-01-01T00:00:00Z"}`, `"replays":[{`, ""},
	{"POST /api/v1/replays", 400, `7`, "", ""},
	{"POST /api/v1/replays", 413, large, "", ""},
	{"POST /api/v1/replays", 422, `{}`, `"REQUIRED_FIELD_MISSING"`, ""},

	{"POST /api/v1/jobs", 200, `{"do":"retry","site":"default","dry_run":true}`, `"state":"dry run"`, ""},
	{"POST /api/v1/jobs", 200, `{"do":"release","property_id":"EB-nowhere"}`, `"matched":0`, ""},
	{"POST /api/v1/jobs", 400, `7`, "", ""},
	{"POST /api/v1/jobs", 413, large, "", ""},
	{"POST /api/v1/jobs", 422, `{"site":"default"}`, `"REQUIRED_FIELD_MISSING"`, ""},
	{"GET /api/v1/jobs", 200, "", `"do":"release"`, ""},
	{"GET /api/v1/jobs?limit=1", 400, "", `"INVALID_PARAMETER"`, ""},
	{"POST /api/v1/jobs/1/abort", 200, "", `"id":1`, ""},
	{"POST /api/v1/jobs/1/abort", 400, `7`, "", ""},
	{"POST /api/v1/jobs/99/abort", 404, "", "", ""},
	{"POST /api/v1/jobs/1/abort", 413, large, "", ""},
	{"POST /api/v1/jobs/1/abort", 422, `{"now":true}`, "", ""},
	{"GET /api/v1/alerts", 200, "", `"kind":"failed"`, ""},
	{"GET /api/v1/alerts?site=default", 400, "", `"INVALID_PARAMETER"`, ""},
	{"POST /api/v1/alerts/{alert}/seen", 200, "", `"kind":"failed"`, ""},
	{"POST /api/v1/alerts/{alert}/seen", 400, `7`, "", ""},
	{"POST /api/v1/alerts/NOWHERE/seen", 404, "", "", ""},
	{"POST /api/v1/alerts/{alert}/seen", 413, large, "", ""},
	{"POST /api/v1/alerts/{alert}/seen", 422, `{"all":true}`, "", ""},

	{"POST /api/v1/reload", 200, "", `{"sites":["default"],"at_restart":[]}`, ""},
	{"POST /api/v1/reload", 400, `7`, "", ""},
	{"POST /api/v1/reload", 413, large, "", ""},
	{"POST /api/v1/reload", 422, `{"sites":[]}`, "", ""},
	{"GET /api/v1/tests", 200, "", `{"tests":[{"remote_id":{test},"site":"default","state":"test"`, ""},
	{"GET /api/v1/tests?site=default", 400, "", `"INVALID_PARAMETER"`, ""},
	{"GET /api/v1/tests/{test}", 200, "", `"told":[]`, ""},
	{"GET /api/v1/tests/{test}?told=1", 400, "", `"INVALID_PARAMETER"`, ""},
	{"GET /api/v1/tests/{failed}", 404, "", "", ""},
	{"GET /api/v1/leads/{test}", 404, "", "", ""},
	{"GET /api/v1/sites", 200, "", `"state":"working"`, ""},
	{"GET /api/v1/sites?site=default", 400, "", `"INVALID_PARAMETER"`, ""},
	{"POST /api/v1/sites/default/pause", 400, `7`, "", ""},
	{"POST /api/v1/sites/nowhere/pause", 404, pause(), "", ""},
	{"POST /api/v1/sites/default/pause", 413, large, "", ""},
	{"POST /api/v1/sites/default/pause", 422, `{"until":"18:00"}`, `"REQUIRED_FIELD_MISSING"`, ""},
	{"POST /api/v1/sites/default/pause", 200, pause(), `"paused_by_hand"`, ""},
	{"POST /api/v1/sites/default/resume", 400, `7`, "", ""},
	{"POST /api/v1/sites/nowhere/resume", 404, "", "", ""},
	{"POST /api/v1/sites/default/resume", 413, large, "", ""},
	{"POST /api/v1/sites/default/resume", 422, `{"until":"18:00"}`, `"INVALID_PARAMETER"`, ""},
	{"POST /api/v1/sites/default/resume", 200, "", `"working"`, ""},

	{"PATCH /api/v1/leads/{failed}", 200, `{"name":"Luz","phone":null}`, `"Luz"`, ""},
	{"PATCH /api/v1/leads/{failed}", 400, `[]`, "", ""},
	{"PATCH /api/v1/leads/1", 404, `{}`, "", ""},
	{"PATCH /api/v1/leads/{delivered}", 200, `{"name":"Luz"}`, `"rectified":"name"`, ""},
	{"PATCH /api/v1/leads/{delivered}", 422, `{"property_id":"EB-9"}`, `"TAKEN"`, ""},
	{"PATCH /api/v1/leads/{erased}", 409, `{"name":"Luz"}`, "", ""},
	{"PATCH /api/v1/leads/{failed}", 413, large, "", ""},
	{"PATCH /api/v1/leads/{failed}", 422, `{"email":"luz"}`, `"TYPE_EMAIL"`, ""},

	{"GET /api/v1/audit", 200, "", `"who":"LEADRELAY_OPERATOR_TOKEN"`, ""},
	{"GET /api/v1/audit?who=x&what=retry&remote_id={failed}&after=2026-01-01T00:00:00Z&before=2999-01-01T00:00:00Z&limit=7&cursor=99", 200, "", `"entries":[]`, ""},
	{"GET /api/v1/audit?what=steal", 400, "", `"INVALID_PARAMETER"`, ""},
	{"GET /api/v1/audit.ndjson?what=login", 200, "", `"what":"login"`, ""},
	{"GET /api/v1/audit.csv?what=login", 200, "", ",login,", ""},
	{"GET /api/v1/audit.ndjson?limit=7", 400, "", `"INVALID_PARAMETER"`, ""},
	{"GET /api/v1/audit.csv?limit=7", 400, "", `"INVALID_PARAMETER"`, ""},
	{"GET /api/v1/tokens", 200, "", `"tokens":[]`, ""},
	{"POST /api/v1/tokens", 200, `{"name":"ana","role":"owner","sites":["default"],"expires_at":"2999-01-01T00:00:00Z"}`, `"token":"lr_`, ""},
	{"POST /api/v1/tokens", 422, `{"name":"ana","role":"viewer"}`, `"TOKEN_TAKEN"`, ""},
	{"POST /api/v1/tokens", 400, `7`, "", ""},
	{"POST /api/v1/tokens", 413, large, "", ""},
	{"GET /api/v1/tokens", 200, "", `"name":"ana"`, ""},
	{"GET /api/v1/tokens?role=owner", 400, "", `"INVALID_PARAMETER"`, ""},
	{"POST /api/v1/tokens/ana/revoke", 400, `7`, "", ""},
	{"POST /api/v1/tokens/ana/revoke", 413, large, "", ""},
	{"POST /api/v1/tokens/ana/revoke", 422, `{"all":true}`, "", ""},
	{"POST /api/v1/tokens/ana/revoke", 200, "", `"name":"ana"`, ""},
	{"POST /api/v1/tokens/ana/revoke", 404, "", `"not_found"`, ""},

	{"POST /api/v1/people/export", 200, `{"phone":"+52 (55) 9999-0000"}`, `"leads":[]`, ""},
	{"POST /api/v1/people/export", 400, `7`, "", ""},
	{"POST /api/v1/people/export", 413, large, "", ""},
	{"POST /api/v1/people/export", 422, `{"email":"a","phone":"b"}`, "", ""},
	{"POST /api/v1/people/requests", 200, `{"kind":"access","email":"luz@ejemplo.mx","received_at":null}`, `"working_days_left":20`, ""},
	{"POST /api/v1/people/requests", 400, `7`, "", ""},
	{"POST /api/v1/people/requests", 413, large, "", ""},
	{"POST /api/v1/people/requests", 422, `{"kind":"revenge","email":"luz@ejemplo.mx"}`, `"INVALID_PARAMETER"`, ""},
	{"POST /api/v1/people/requests", 422, `{"email":"luz@ejemplo.mx"}`, `"kind"`, ""},
	{"GET /api/v1/people/requests", 200, "", `"who":"luz@ejemplo.mx"`, ""},
	{"GET /api/v1/people/requests?limit=7", 400, "", "", ""},
	{"POST /api/v1/people/requests/2/check", 200, "", `"state":"checked"`, ""},
	{"POST /api/v1/people/requests/1/check", 400, `7`, "", ""},
	{"POST /api/v1/people/requests/1/check", 409, "", `"wrong_state"`, ""},
	{"POST /api/v1/people/requests/1/steal", 404, "", "", ""},
	{"POST /api/v1/people/requests/77/check", 404, "", "", ""},
	{"POST /api/v1/people/requests/1/check", 413, large, "", ""},
	{"POST /api/v1/people/requests/1/check", 422, `{"a":1}`, "", ""},
	{"POST /api/v1/people/erase", 200, `{"email":"Ana <ANA@ejemplo.mx>","dry_run":true}`, `"verdict":"would be erased"`, ""},
	{"POST /api/v1/people/block", 200, `{"email":"Ana <ANA@ejemplo.mx>","dry_run":true}`, `"verdict":"would be blocked"`, ""},
	{"POST /api/v1/people/unblock", 200, `{"email":"Ana <ANA@ejemplo.mx>","dry_run":true}`, `"verdict":"not blocked"`, ""},
	{"POST /api/v1/people/erase", 400, `7`, "", ""},
	{"POST /api/v1/people/block", 400, `7`, "", ""},
	{"POST /api/v1/people/unblock", 400, `7`, "", ""},
	{"POST /api/v1/people/erase", 413, large, "", ""},
	{"POST /api/v1/people/block", 413, large, "", ""},
	{"POST /api/v1/people/unblock", 413, large, "", ""},
	{"POST /api/v1/people/erase", 422, `{"email":"ana"}`, `"INVALID_PARAMETER"`, ""},
	{"POST /api/v1/people/block", 422, `{"email":"ana"}`, `"INVALID_PARAMETER"`, ""},
	{"POST /api/v1/people/unblock", 422, `{"email":"ana"}`, `"INVALID_PARAMETER"`, ""},

	{"GET /metrics", 200, "", "leadrelay_build_info{", ""},
	{"GET /openapi.yaml", 200, "", "openapi: 3.1", ""},
	{"GET /healthz", 200, "", "ok", ""},
	{"GET /readyz", 200, "", "ready", ""},
	{"GET /readyz?verbose", 200, "", "", ""},
}

// pause is what pauses a site for an hour.
func pause() string {
	return fmt.Sprintf(`{"until":%q,"why":"mantenimiento"}`, time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
}

// fromElsewhere is what a browser says of a form on another site's page.
const fromElsewhere = asForm + "\nSec-Fetch-Site: cross-site"

// byAPerson are the questions of a browser, which has no session yet.
var byAPerson = []question{
	{"GET /sites", 303, "", "", ""},
	{"GET /tests", 303, "", "", ""},
	{"GET /leads", 303, "", "", ""},
	{"GET /leads/1", 303, "", "", ""},
	{"GET /leads/1/edit", 303, "", "", ""},
	{"GET /quarantine", 303, "", "", ""},
	{"GET /reports", 303, "", "", ""},
	{"GET /audit", 303, "", "", ""},
	{"GET /tokens", 303, "", "", ""},
	{"POST /tokens", 303, "name=ana", "", asForm},
	{"GET /tokens/ana/revoke", 303, "", "", ""},
	{"POST /tokens/ana/revoke", 303, "", "", asForm},
	{"GET /people", 303, "", "", ""},
	{"POST /people", 303, "who=ana@ejemplo.mx", "", asForm},
	{"POST /people/export", 303, "who=ana@ejemplo.mx", "", asForm},
	{"POST /people/erase", 303, "who=ana@ejemplo.mx", "", asForm},
	{"POST /people/requests", 303, "kind=access", "", asForm},
	{"POST /people/requests/1/accept", 303, "", "", asForm},
	{"POST /people/block", 303, "who=ana@ejemplo.mx", "", asForm},
	{"POST /people/unblock", 303, "who=ana@ejemplo.mx", "", asForm},
	{"GET /audit.ndjson", 303, "", "", ""},
	{"GET /audit.csv", 303, "", "", ""},
	{"GET /jobs", 303, "", "", ""},
	{"GET /settings", 303, "", "", ""},
	{"POST /settings", 303, "", "", asForm},
	{"POST /settings", 403, "", "", fromElsewhere},
	{"GET /events", 401, "", `"unauthorized"`, ""},
	{"GET /leads.csv", 303, "", "", ""},
	{"GET /leads.ndjson", 303, "", "", ""},
	{"POST /leads/confirm", 303, "do=retry", "", asForm},
	{"POST /jobs/confirm", 303, "do=retry", "", asForm},
	{"POST /jobs", 403, "", "", fromElsewhere},
	{"POST /jobs/confirm", 403, "", "", fromElsewhere},
	{"POST /jobs/1/abort", 403, "", "", fromElsewhere},
	{"POST /language", 303, "language=en", "", asForm},
	{"POST /leads/confirm", 403, "", "", fromElsewhere},
	{"POST /leads/move", 403, "", "", fromElsewhere},
	{"POST /leads/1/edit", 403, "", "", fromElsewhere},
	{"POST /reports", 403, "", "", fromElsewhere},
	{"POST /probe", 403, "", "", fromElsewhere},
	{"POST /alerts/seen", 403, "", "", fromElsewhere},
	{"POST /language", 403, "", "", fromElsewhere},
	{"GET /login", 200, "", "<html", ""},
	{"POST /login", 401, "token=token", "<html", asForm},
	{"POST /login", 403, "token=token-of-all-the-tests", "", fromElsewhere},
	{"POST /login", 303, "token=token-of-all-the-tests", "", asForm},
	{"POST /logout", 403, "", "", fromElsewhere},
	{"POST /logout", 303, "", "", asForm},
}

// pausingByForm are the questions of a person with a session who pauses a site.
func pausingByForm(session string) []question {
	const pause, resume, nowhere = "/sites/default/pause", "/sites/default/resume", "/sites/nowhere"
	own, elsewhere := asForm+"\n"+session, fromElsewhere+"\n"+session
	return []question{
		{"GET " + pause, 303, "", "", ""},
		{"GET " + pause, 200, "", "<select", session},
		{"GET " + nowhere + "/pause", 404, "", "<html", session},
		{"POST " + pause, 422, "lasts=1m&why=x", "<html", own},
		{"POST " + pause, 403, "", "", elsewhere},
		{"POST " + nowhere + "/pause", 404, "", "", session + "\nContent-Type: application/x-www-form-urlencoded"},
		{"POST " + pause, 422, "lasts=2h0m0s", "<html", own},
		{"POST " + pause, 303, "lasts=2h0m0s&why=x", "", own},
		{"POST " + resume, 403, "", "", elsewhere},
		{"POST " + nowhere + "/resume", 404, "", "", session + "\nContent-Type: application/x-www-form-urlencoded"},
		{"POST " + resume, 303, "", "", own},
	}
}

// inTheConsole are the questions of a person with a session, about a lead that waits for
// a person and one that does not.
func inTheConsole(cookie string) []question {
	look := "Cookie: " + cookie
	post := look + "\n" + asForm
	return []question{
		{"GET /leads?state=failed&site=&q=", 200, "", "<html", look},
		{"GET /leads?state=lost", 400, "", "<html", look},
		{"GET /leads?q=Luz", 303, "", "", look},
		{"POST /leads", 303, "q=Luz&state=failed", "", post},
		{"POST /leads", 400, "q=%zz", "<html", post},
		{"POST /leads", 403, "q=Luz", "", fromElsewhere},
		{"POST /quarantine", 303, "q=Luz", "", post},
		{"POST /quarantine", 400, "q=%zz", "<html", post},
		{"POST /quarantine", 403, "q=Luz", "", fromElsewhere},
		{"GET /leads/{failed}", 200, "", "<html", look},
		{"GET /leads/1", 404, "", "<html", look},
		{"GET /leads/{failed}/edit", 200, "", "<html", look},
		{"GET /leads/1/edit", 404, "", "<html", look},
		{"GET /leads/{erased}/edit", 409, "", "<html", look},
		{"POST /leads/{failed}/edit", 303, "name=Luz", "", post},
		{"POST /leads/{failed}/edit", 422, "email=luz", "<html", post},
		{"POST /leads/1/edit", 404, "name=Luz", "<html", post},
		{"POST /leads/{erased}/edit", 409, "name=Luz", "<html", post},
		{"GET /quarantine", 200, "", "<html", look},
		{"GET /quarantine?page=2", 400, "", "<html", look},
		{"POST /leads/confirm", 200, "do=discard&id={failed}", "<html", post},
		{"POST /leads/confirm", 400, "do=erase", "<html", post},
		{"POST /leads/move", 303, "do=release&id={failed}", "", post},
		{"POST /leads/move", 400, "do=retry", "<html", post},
		{"GET /leads.csv?site=default&after=2026-01-01T00:00:00Z", 200, "", "{failed},", look},
		{"GET /leads.csv?limit=1", 400, "", "<html", look},
		{"GET /leads.ndjson", 200, "", `{"remote_id":{failed},`, look},
		{"GET /leads.ndjson?limit=1", 400, "", "<html", look},
		{"POST /jobs/confirm", 200, "do=retry&state=failed", `name="told"`, post},
		{"POST /jobs/confirm", 400, "do=discard", "<html", post},
		{"POST /jobs", 200, "do=retry&state=failed&newest={failed}&told=0", `name="told"`, post},
		{"POST /jobs", 400, "do=retry&state=failed", "<html", post},
		{"POST /jobs", 303, "do=retry&state=failed&property_id=EB-nowhere&newest=1&told=1", "", post},
		{"POST /jobs/1/abort", 303, "", "", post},
		{"POST /jobs/99/abort", 404, "", "<html", post},
		{"GET /jobs", 200, "", "<html", look},
		{"GET /settings", 200, "", "source: casas.mx", look},
		{"GET /tokens", 200, "", "<html", look},
		{"POST /tokens", 200, "name=ana&role=viewer&site=default&lasts=30", "<html", post},
		{"POST /tokens", 400, "name=ana&role=viewer&lasts=31", "<html", post},
		{"POST /tokens", 422, "name=ana&role=viewer&lasts=30", "<html", post},
		{"GET /tokens/ana/revoke", 200, "", "<html", look},
		{"GET /tokens/nobody/revoke", 404, "", "<html", look},
		{"POST /tokens/ana/revoke", 303, "", "", post},
		{"POST /tokens/nobody/revoke", 404, "", "<html", post},
		{"GET /people", 200, "", "<form", look},
		{"POST /people", 200, "who=ANA@ejemplo.mx", "/people/erase", post},
		{"POST /people", 422, "who=ana", "who-error", post},
		{"POST /people/export", 200, "who=55 9999 0000", `"leads": []`, post},
		{"POST /people/export", 422, "who=ana", "who-error", post},
		{"POST /people/erase", 200, "who=55 9999 0000", "<html", post},
		{"POST /people/block", 200, "who=55 9999 0000", "<html", post},
		{"POST /people/unblock", 200, "who=55 9999 0000", "<html", post},
		{"POST /people/erase", 422, "who=ana", "who-error", post},
		{"POST /people/requests", 303, "kind=opposition&who=55 9999 0000&received=2026-01-01", "", post},
		{"POST /people/requests", 422, "kind=opposition&who=55 9999 0000&received=2999-01-01", "received-error", post},
		{"POST /people/requests/1/check", 303, "", "", post},
		{"POST /people/requests/1/check", 409, "", "<html", post},
		{"POST /people/requests/77/check", 404, "", "<html", post},
		{"POST /people/block", 422, "who=ana", "who-error", post},
		{"POST /people/unblock", 422, "who=ana", "who-error", post},
		{"GET /audit?who=&what=login&remote_id=", 200, "", "LEADRELAY_OPERATOR_TOKEN", look},
		{"GET /audit?what=steal", 400, "", "<html", look},
		{"GET /audit.ndjson?what=login", 200, "", `"what":"login"`, look},
		{"GET /audit.csv?what=login", 200, "", ",login,", look},
		{"GET /audit.ndjson?limit=7", 400, "", "<html", look},
		{"GET /audit.csv?limit=7", 400, "", "<html", look},
		{"POST /settings", 200, "", "source: casas.mx", post},
		{"GET /reports", 200, "", "<html", look},
		{"POST /reports", 303, "days=1", "", post},
		{"POST /probe", 303, "site=default", "", post},
		{"POST /probe", 400, "site=nowhere", "<html", post},
		{"POST /alerts/seen", 303, "id={alert}", "", post},
		{"POST /alerts/seen", 404, "id=NOWHERE", "<html", post},
		{"POST /alerts/seen", 400, "id=%zz", "<html", post},
		{"GET /tests", 200, "", "<html", look},
		{"GET /sites?relay=https://leads.casas.mx&property_id=EB-1", 200, "", "https://leads.casas.mx/widget.js", look},
	}
}

// inTheConsoleWithoutAStore are such questions to a relay whose database is gone.
func inTheConsoleWithoutAStore(cookie string) []question {
	look := "Cookie: " + cookie
	post := look + "\n" + asForm
	return []question{
		{"GET /leads", 503, "", "<html", look},
		{"GET /leads/1", 503, "", "<html", look},
		{"GET /leads/1/edit", 503, "", "<html", look},
		{"POST /leads", 503, "q=Luz", "<html", post},
		{"POST /quarantine", 503, "q=Luz", "<html", post},
		{"POST /leads/1/edit", 503, "name=Luz", "<html", post},
		{"GET /quarantine", 503, "", "<html", look},
		{"POST /leads/confirm", 503, "do=retry&id=1", "<html", post},
		{"POST /leads/move", 503, "do=retry&id=1", "<html", post},
		{"GET /leads.csv", 503, "", "<html", look},
		{"GET /leads.ndjson", 503, "", "<html", look},
		{"POST /jobs/confirm", 503, "do=retry", "<html", post},
		{"POST /jobs", 503, "do=retry&newest=1&told=1", "<html", post},
		{"POST /jobs/1/abort", 503, "", "<html", post},
		{"GET /jobs", 503, "", "<html", look},
		{"GET /settings", 503, "", "<html", look},
		{"GET /audit", 503, "", "<html", look},
		{"GET /tokens", 503, "", "<html", look},
		{"POST /tokens", 503, "name=ana&role=viewer&lasts=30", "<html", post},
		{"GET /tokens/ana/revoke", 503, "", "<html", look},
		{"POST /tokens/ana/revoke", 503, "", "<html", post},
		{"GET /people", 503, "", "<html", look},
		{"POST /people", 503, "who=ana@ejemplo.mx", "<html", post},
		{"POST /people/export", 503, "who=ana@ejemplo.mx", "<html", post},
		{"POST /people/erase", 503, "who=ana@ejemplo.mx", "<html", post},
		{"POST /people/requests", 503, "kind=access&who=ana@ejemplo.mx", "<html", post},
		{"POST /people/requests/1/finish", 503, "", "<html", post},
		{"POST /people/block", 503, "who=ana@ejemplo.mx", "<html", post},
		{"POST /people/unblock", 503, "who=ana@ejemplo.mx", "<html", post},
		{"GET /audit.ndjson", 503, "", "<html", look},
		{"GET /audit.csv", 503, "", "<html", look},
		{"POST /settings", 503, "", "<html", post},
		{"GET /events", 503, "", "", look},
		{"GET /reports", 503, "", "<html", look},
		{"POST /reports", 503, "", "<html", post},
		{"POST /alerts/seen", 503, "id={alert}", "<html", post},
	}
}

// moves are the questions to an address that moves a lead: one that may be
// moved, and one that may not.
func moves(verb, from, stuck string) []question {
	path := func(name string) string { return "POST /api/v1/leads/" + name + "/" + verb }
	return []question{
		{path(from), 200, "", `"attempts":[`, ""},
		{path(stuck), 409, `{}`, `"wrong_state"`, ""},
		{path("1"), 404, "", `"not_found"`, ""},
		{path(stuck), 400, `7`, `"unreadable"`, ""},
		{path(stuck), 413, large, `"too_large"`, ""},
		{path(stuck), 422, `{"later":true}`, `"INVALID_PARAMETER"`, ""},
	}
}

// withoutAStore are the questions to a relay whose database is gone.
var withoutAStore = []question{
	{"POST /f", 503, inquiry, `"try_again"`, ""},
	{"POST /f/default", 503, inquiry, `"try_again"`, ""},
	{"GET /readyz", 503, "", "cannot be written", ""},
	{"GET /readyz?verbose", 503, "", "", ""},
	{"GET /api/v1/leads", 503, "", "", ""},
	{"POST /api/v1/people/export", 503, `{"email":"ana@ejemplo.mx"}`, "", ""},
	{"POST /api/v1/people/erase", 503, `{"email":"ana@ejemplo.mx"}`, "", ""},
	{"GET /api/v1/people/requests", 503, "", "", ""},
	{"POST /api/v1/people/requests", 503, `{"kind":"access","email":"ana@ejemplo.mx"}`, "", ""},
	{"POST /api/v1/people/requests/1/check", 503, "", "", ""},
	{"POST /api/v1/people/block", 503, `{"email":"ana@ejemplo.mx"}`, "", ""},
	{"POST /api/v1/people/unblock", 503, `{"email":"ana@ejemplo.mx"}`, "", ""},
	{"GET /api/v1/leads/1", 503, "", "", ""},
	{"PATCH /api/v1/leads/1", 503, `{}`, "", ""},
	{"GET /api/v1/stats", 503, "", "", ""},
	{"GET /api/v1/events", 503, "", "", ""},
	{"GET /api/v1/leads.csv", 503, "", "", ""},
	{"GET /api/v1/leads.ndjson", 503, "", "", ""},
	{"POST /api/v1/leads/1/retry", 503, "", "", ""},
	{"POST /api/v1/leads/1/release", 503, "", "", ""},
	{"POST /api/v1/leads/1/discard", 503, "", "", ""},
	{"POST /api/v1/replays", 503, `{"state":"failed"}`, "", ""},
	{"GET /api/v1/reconciliations", 503, "", "", ""},
	{"POST /api/v1/reconciliations", 503, "", "", ""},
	{"GET /api/v1/sites", 503, "", "", ""},
	{"POST /api/v1/reload", 503, "", "", ""},
	{"GET /api/v1/tests", 503, "", "", ""},
	{"GET /api/v1/tests/1", 503, "", "", ""},
	{"GET /api/v1/jobs", 503, "", "", ""},
	{"POST /api/v1/jobs", 503, `{"do":"retry","site":"default"}`, "", ""},
	{"POST /api/v1/jobs/1/abort", 503, "", "", ""},
	{"POST /api/v1/alerts/{alert}/seen", 503, "", "", ""},
	{"POST /api/v1/sites/default/pause", 503, pause(), "", ""},
	{"POST /api/v1/sites/default/resume", 503, "", "", ""},
}

// notSeen are the answers that no question of a test can have.
var notSeen = map[string]string{
	" 500":               "an error of the relay's own: it has none that we know",
	"POST /f 409":        "needs a request with the same key that is still running",
	"POST /f/{site} 409": "the same",
}

// Whatever is described has been answered so, and whatever was answered is
// described: addresses, statuses, headers, types and bodies.
func TestAnswersAreAsDescribed(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it has nothing to race with")
	}
	doc := usualAnswers(t)
	answersWhileSending(t, doc)
	answersWithoutADefault(t, doc)
	answersToAFlood(t, doc)
	answersWithoutAStore(t, doc)
	excused := map[string]bool{}
	for _, one := range doc.unseen() {
		because := slices.DeleteFunc(slices.Collect(maps.Keys(notSeen)), func(end string) bool { return !strings.HasSuffix(one, end) })
		require.NotEmpty(t, because, "%s is described, but was never seen", one)
		excused[because[0]] = true
	}
	require.Len(t, excused, len(notSeen), "an excuse that nobody needs")
}

func usualAnswers(t *testing.T) *description {
	_, address := relaytest.StartBroker(t)
	env := relaytest.Settings(t, address)
	env["LEADRELAY_ORIGINS"], env["LEADRELAY_SECURITY_CONTACT"] = "https://casas.mx", "seguridad@casas.mx"
	d := openDoors(t, env)
	for name, state := range map[string]lead.State{
		"failed": lead.Failed, "lost": lead.Failed, "quarantined": lead.Quarantined, "missing": lead.Delivered, "delivered": lead.Failed, "erased": lead.Confirmed,
	} {
		d.put(name, state)
	}
	d.carry()
	d.ask(d.doc, question{"POST /api/v1/leads/{delivered}/retry", 200, "", "", ""})
	for _, q := range slices.Concat(onEachForm("/f"), onEachForm("/f/default"), nowhere("/f/nowhere"), ofTheWidget) {
		d.ask(d.doc, q)
	}
	relaytest.Eventually(t, "nothing waits", d.settled) // a list that grows cannot be read in full
	d.watch()
	session := d.logIn()
	d.askAt(operatorName, d.doc, question{"GET /", 200, "", "<html", "Cookie: " + session})
	for _, q := range inTheConsole(session) {
		d.ask(d.doc, q)
	}
	d.putTest()
	for _, q := range slices.Concat(byTheOperator, moves("release", "{quarantined}", "{failed}"),
		moves("discard", "{failed}", "{delivered}"), moves("retry", "{failed}", "{delivered}")) {
		d.ask(d.doc, q)
	}
	d.ask(d.doc, question{"POST /api/v1/leads/{delivered}/retry", 200, `{"force":true}`, "", ""})
	d.ask(d.doc, withATypo("/f"))
	d.ask(d.doc, withATypo("/f/default"))
	d.askAt(publicName, d.doc, question{"GET /", 200, "", "leadrelay is running</h1>", "Accept: text/html\nAccept-Language: en"})
	d.askAt(publicName, d.doc, question{"GET /", 200, "", `{"message":"leadrelay está funcionando"}`, "Accept: application/json"})
	d.askAt(operatorName, d.doc, question{"GET /", 303, "", "", ""})
	d.ask(d.doc, question{"GET /f/default/thanks?folio=7", 200, "", "7", ""})
	d.ask(d.doc, question{"GET /f/default/thanks", 404, "", "<html", ""})
	d.ask(d.doc, question{"GET /.well-known/security.txt", 200, "", "Contact: mailto:seguridad@casas.mx\n", ""})
	for _, q := range byAPerson {
		d.ask(d.doc, q)
	}
	for _, q := range pausingByForm("Cookie: " + d.logIn()) {
		d.ask(d.doc, q)
	}
	d.ask(d.doc, question{"GET /api/v1/events?limit=1", 400, "", `"INVALID_PARAMETER"`, ""})
	session = d.logIn()
	for range 3 {
		ctx, leave := context.WithCancel(t.Context())
		defer leave()
		d.openPage(ctx, session)
	}
	d.ask(d.doc, question{"GET /events", 429, "", `"too_many"`, "Cookie: " + session})
	d.askForbidden()
	d.drain.Begin()
	d.ask(d.doc, question{"GET /events?after=0-0-0-0", 200, "", "retry: ", "Cookie: " + d.logIn()})
	d.ask(d.doc, question{"GET /api/v1/events?site=default", 200, "", "retry: ", ""})
	d.ask(d.doc, question{"GET /readyz", 503, "", "stopping", ""})
	d.askWithoutAToken()
	return d.doc
}

// askForbidden asks for all that a viewer of one site may not do.
func (d *doors) askForbidden() {
	d.t.Helper()
	made, text, err := access.New(access.Settings(), "viewer", access.Viewer, []string{"default"}, time.Now(), time.Time{})
	require.NoError(d.t, err)
	require.NoError(d.t, d.store.AddToken(d.t.Context(), made, access.Sum(text)))
	session := "Cookie: " + d.logInWith(text)
	for path, item := range d.doc.Paths.Map() {
		for method, operation := range item.Operations() {
			line := method + " " + inBraces.ReplaceAllString(path, "1")
			switch {
			case operation.Responses.Status(http.StatusForbidden) == nil || !slices.Contains(doorsOf(item), operatorName):
			case operation.Security != nil:
				d.ask(d.doc, question{line, 403, "", `"forbidden"`, "Authorization: Bearer " + text})
			case !slices.Contains([]string{"/login", "/logout", "/language", "/leads", "/quarantine"}, path): // which a viewer may
				d.ask(d.doc, question{line, 403, "", "<html", asForm + "\n" + session})
			}
		}
	}
}

// logIn returns the cookie of a new session.
func (d *doors) logIn() string {
	d.t.Helper()
	return d.logInWith("token-of-all-the-tests")
}

func (d *doors) logInWith(token string) string {
	d.t.Helper()
	_, resp, _ := d.send(operatorName, question{"POST /login", 303, "token=" + token, "", asForm})
	cookies := resp.Cookies()
	require.Len(d.t, cookies, 1)
	return cookies[0].Name + "=" + cookies[0].Value
}

// openPage opens a live page, which is told of changes until ctx ends.
func (d *doors) openPage(ctx context.Context, session string) {
	d.t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.urls[operatorName]+"/events", nil)
	require.NoError(d.t, err)
	req.Header.Set("Cookie", session)
	resp, err := d.client.Do(req) //nolint:bodyclose // it ends with ctx
	require.NoError(d.t, err)
	require.Equal(d.t, http.StatusOK, resp.StatusCode)
}

func (d *doors) askWithoutAToken() { d.askGuarded(401, `"unauthorized"`, "", func() {}) }

// askGuarded asks for all that wants a token.
func (d *doors) askGuarded(status int, code, header string, before func()) {
	d.t.Helper()
	for path, item := range d.doc.Paths.Map() {
		for method, operation := range item.Operations() {
			if operation.Security != nil {
				before()
				d.ask(d.doc, question{method + " " + inBraces.ReplaceAllString(path, "1"), status, "", code, header})
			}
		}
	}
}

func answersWhileSending(t *testing.T, doc *description) {
	d := openDoors(t, relaytest.Settings(t, "127.0.0.1:1"))
	d.put("sending", lead.Queued)
	claims, _, err := d.store.Begin(t.Context(), "default", lead.Due{Now: time.Now(), N: 1, Lease: time.Minute})
	require.NoError(t, err)
	require.Len(t, claims, 1)
	d.ask(doc, question{"GET /api/v1/leads/{sending}", 200, "", `"outcome":null`, ""})
	d.ask(doc, question{"POST /api/v1/leads/{sending}/discard", 409, "", `(sending)`, ""})
}

func answersWithoutADefault(t *testing.T, doc *description) {
	env := relaytest.SettingsWith(t, "127.0.0.1:1", "sites:\n  casas:\n    source: casas.mx\n")
	env["LEADRELAY_SOURCE"] = ""
	d := openDoors(t, env)
	for _, q := range nowhere("/f") {
		d.ask(doc, q)
	}
	d.ask(doc, question{"GET /.well-known/security.txt", 404, "", `"not_found"`, "Accept: application/json"})
}

func answersToAFlood(t *testing.T, doc *description) {
	env := relaytest.Settings(t, "127.0.0.1:1")
	env["LEADRELAY_LIMIT_ADDRESS"] = "1/h"
	d := openDoors(t, env)
	d.ask(doc, question{"POST /f", 202, inquiry, "", ""})
	d.ask(doc, question{"POST /f", 429, inquiry, `"too_many"`, ""})
	d.ask(doc, question{"POST /f/default", 429, "email=ana", "<html", asForm})
	tooMany := func() { // however slow the machine is: each second allows another one
		for status := 0; status != 429; {
			_, resp, _ := d.send(operatorName, question{"POST /login", 0, "token=guess", "", asForm})
			status = resp.StatusCode
		}
	}
	d.ask(doc, question{"POST /login", 401, "token=guess", "<html", asForm})
	tooMany()
	d.ask(doc, question{"POST /login", 429, "token=guess", "<html", asForm})
	d.doc = doc
	d.askGuarded(429, `"too_many"`, "Authorization: Bearer guess", tooMany)
	d.ask(doc, question{"POST /login", 303, "token=token-of-all-the-tests", "", asForm})
}

func answersWithoutAStore(t *testing.T, doc *description) {
	d := openDoors(t, relaytest.Settings(t, "127.0.0.1:1"))
	cookie := d.logIn()
	session := "Cookie: " + cookie
	d.put("failed", lead.Failed)
	d.watch()
	require.NoError(t, d.shut())
	d.askAt(operatorName, doc, question{"GET /", 503, "", "<html", session})
	for _, q := range slices.Concat(withoutAStore, inTheConsoleWithoutAStore(cookie)) {
		d.ask(doc, q)
	}
	d.ask(doc, question{"GET /sites", 503, "", "<html", session})
	d.ask(doc, question{"GET /tests", 503, "", "<html", session})
	d.doc = doc
	d.askGuarded(503, `"try_again"`, "Authorization: Bearer lr_ABCDEFGHIJKLMNOPQRSTUVWXYZ", func() {}) // it may be somebody's
	for _, path := range []string{"GET /sites/default/pause", "POST /sites/default/pause", "POST /sites/default/resume"} {
		d.ask(doc, question{path, 503, "", "<html", asForm + "\n" + session})
	}
	for _, q := range []question{{"GET /", 503, "", "", session}, {"POST /logout", 503, "", "", session}, {"POST /login", 503, "token=token-of-all-the-tests", "", asForm + "\n" + session}} {
		d.askAt(operatorName, doc, q)
	}
}
