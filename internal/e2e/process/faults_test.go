package process

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/e2e/relaytest"
	"leadrelay/internal/fakebroker"
)

// fault is trouble from outside, and where whoever is on call reads what it is and what to
// do. It is brought about here, or by the tests that shownBy names: they have these words.
type fault struct {
	id, what string
	where    string // it is told
	says     string // the cause
	next     string // the next step; empty if nobody need do anything
	shownBy  string // tests, or stories

	broker func(*testing.T) http.Handler         // an EasyBroker with the fault
	leads  int                                   // that are sent to it; 1 if it is 0
	bring  func(*testing.T) (told func() string) // or how else it is brought about
}

// Where trouble is told.
const (
	inLead     = "the lead's page"
	inAlert    = "alert, overview"
	inOverview = "overview"
	inDoctor   = "doctor"
	inStart    = "the start"
	inLog      = "log"
	nowhere    = "nowhere: it goes on by itself"
)

const (
	lookedFor  = "it is looked for before it is sent again"
	itsTurn    = "It goes out when it is its turn"
	waitsForMe = "It waits for you"
	lookAtThem = "Look at them: each says why. Correct it if need be and retry it, or discard it."
)

func allFaults() []fault {
	return slices.Concat(faultsOfTheWay(), faultsOfEasyBroker(), faultsOfTheDisk(), faultsOfAServer(), faultsOfTheHost())
}

// Each fault is brought about, all at once, to relays that have the usual settings. Within a
// minute whoever is on call can read what it is, and what to do.
func TestEveryFaultIsNamed(t *testing.T) {
	t.Parallel() // it waits for most of its time
	ofEasyBroker := faultsOfEasyBroker()
	w := openWard(t, ofEasyBroker)
	for _, f := range allFaults() {
		if f.broker == nil && f.bring == nil {
			continue
		}
		t.Run(f.id+" "+f.what, func(t *testing.T) {
			t.Parallel()
			var told func() string
			if f.bring != nil {
				told = f.bring(t)
			} else {
				told = w.tellsOf(t, f)
			}
			text := ""
			if !relaytest.PollEvery(500*time.Millisecond, func() bool {
				text = told()
				return strings.Contains(text, f.says) && strings.Contains(text, f.next)
			}) {
				require.Fail(t, "nobody is told", "wanted: %s; %s\n%s", f.says, f.next, text)
			}
		})
	}
}

// tellsOf sends the inquiries of a fault of EasyBroker, and returns what tells of it.
func (w *ward) tellsOf(t *testing.T, f fault) func() string {
	t.Helper()
	id := w.posts(strings.ToLower(f.id), max(f.leads, 1))
	switch f.where {
	case inAlert:
		return w.alerts
	case inOverview:
		return w.overview
	}
	return func() string { return w.page("/leads/" + strconv.FormatInt(id, 10)) }
}

// faultsOfEasyBroker are those of one that answers, or at least takes a connection.
func faultsOfEasyBroker() []fault {
	return []fault{
		{id: "G4", what: "EasyBroker takes the request and never answers", where: inLead, says: "EasyBroker did not answer in time", next: lookedFor, broker: troubled(fakebroker.Trouble{Do: "hang"})},
		{id: "G5", what: "it answers a byte a second", where: inLead, says: "EasyBroker did not answer in time", next: lookedFor, broker: raw("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", time.Second)},
		{id: "G6", what: "the connection breaks", where: inLead, says: "the connection to EasyBroker broke", next: lookedFor, broker: troubled(fakebroker.Trouble{Do: "reset"})},
		{id: "G7", what: "it takes the lead and answers 500, 502 or 504", where: inLead, says: "EasyBroker had an internal error", next: "It was seen in EasyBroker's list", broker: troubled(fakebroker.Trouble{Do: "status", Status: 500, After: true, Next: 1})},
		{id: "G8", what: "it answers 503 and takes nothing", where: inLead, says: "EasyBroker is out of service", next: lookedFor, broker: answering(503)},
		{id: "G9", what: "it answers 200 or 204 with nothing", where: inLead, says: "EasyBroker answered something that cannot be read", next: lookedFor, broker: misbehaving(fakebroker.Faults{Answer: "204"})},
		{id: "G11", what: "its answer has 5 MiB, or does not end", where: inLead, says: "EasyBroker answered something that cannot be read", next: lookedFor, broker: troubled(fakebroker.Trouble{Do: "huge"})},
		{id: "G13", what: "it answers 400 to lead after lead", where: inAlert, says: "is paused: EasyBroker refuses lead after lead, whatever the property (400)", next: "Check in EasyBroker that its account is active", broker: answering(400), leads: 8},
		{id: "G14", what: "it refuses the key (401, 403)", where: inOverview, says: "EasyBroker refuses the key (401)", next: "Ask EasyBroker for a key that works", broker: misbehaving(fakebroker.Faults{Trouble: []fakebroker.Trouble{{Do: "status", Status: 401}}})},
		{id: "G15", what: "it does not know the property", where: inLead, says: "EasyBroker does not know the property", next: waitsForMe, broker: answering(404)},
		{id: "G17", what: "it refuses another field", where: inAlert, says: "1 lead of “g17” waits for you", next: lookAtThem, broker: troubled(fakebroker.Trouble{Do: "status", Status: 422, Body: `{"error":"email is not accepted"}`})},
		{id: "G19", what: "it asks for a pause (408, 425, 429)", where: inLead, says: "EasyBroker asks for a pause", next: itsTurn, broker: answering(429)},
		{id: "G21", what: "it says that the lead is too large (413, 414, 431)", where: inLead, says: "EasyBroker says that it is too large", next: waitsForMe, broker: answering(413)},
		{id: "G22", what: "it refuses in an odd way (402, 410, 418, 451)", where: inLead, says: "refuses it in an odd way", next: "It goes out at", broker: answering(418)},
		{id: "G22b", what: "its answer is no HTTP", where: inLead, says: "the connection to EasyBroker broke", next: lookedFor, broker: raw("HTTP/1.1 099\r\n\r\n", 0)},
		{id: "G24", what: "it is away for a day", where: inOverview, says: "EasyBroker is out of service (503)", next: "it is tried by itself, and goes on as soon as it answers", broker: misbehaving(fakebroker.Faults{Trouble: []fakebroker.Trouble{{Do: "status", Status: 503}}}), leads: 6},
		{id: "G26", what: "it takes 10 s for each lead", where: inLead, says: "it is being sent, and there is no answer yet", next: "", broker: troubled(fakebroker.Trouble{Delay: fakebroker.Duration(30 * time.Second)})},
	}
}

// faultsOfTheWay are those on the way to EasyBroker, and of what it lists.
func faultsOfTheWay() []fault {
	return []fault{
		{id: "G1", what: "its name cannot be looked up", where: inDoctor, says: "no such host", next: "its name server, firewall, clock and certificates", bring: func(t *testing.T) func() string {
			t.Helper()
			env := asIfByDefault(t, "")
			env["EASYBROKER_URL"] = "https://api.easybroker.invalid/v1"
			return startWard(t, env).doctor
		}},
		{id: "G1b", what: "the same, once leads wait", where: inOverview, says: "EasyBroker's name was not found in the network (DNS)", next: "Check the name server of this machine and EASYBROKER_URL.", bring: func(t *testing.T) func() string {
			t.Helper()
			env := asIfByDefault(t, "")
			env["EASYBROKER_URL"] = "https://api.easybroker.invalid/v1"
			w := startWard(t, env)
			w.posts("default", 1)
			return w.overview
		}},
		{id: "G2", what: "it cannot be reached", where: inDoctor, says: "connection refused", next: "its name server, firewall, clock and certificates", bring: func(t *testing.T) func() string {
			t.Helper()
			return startWard(t, asIfByDefault(t, "127.0.0.1:1")).doctor
		}},
		{id: "G3", what: "its certificate is not good", where: inOverview, says: "the connection to EasyBroker is not safe: its certificate is not good", next: "Check the clock and the certificates of this server", bring: func(t *testing.T) func() string {
			t.Helper()
			w := startWard(t, insecure(t))
			w.posts("default", 1)
			return w.overview
		}},
		{id: "G3b", what: "the same, before a lead has come", where: inDoctor, says: "certificate", next: "its name server, firewall, clock and certificates", bring: func(t *testing.T) func() string {
			t.Helper()
			return startWard(t, insecure(t)).doctor
		}},
		{id: "G25", what: "it comes and goes every few seconds", where: nowhere, shownBy: "TestFlapping, TestFlappingIsOneAlert"},
		{id: "G28", what: "it lists a lead that waits here", where: nowhere, shownBy: "TestAnAttemptThatACrashCutIsLookedUpBeforeItIsSentAgain"},
		{id: "G29", what: "it took a lead and does not list it", where: inAlert, says: "EasyBroker took 1 lead and does not show it", next: "If they are really not there, open each and send it again.", bring: func(t *testing.T) func() string {
			t.Helper()
			broker, address := relaytest.StartBroker(t)
			broker.Misbehave(fakebroker.Faults{SwallowProperties: []string{"EB-1"}})
			w := startWard(t, relaytest.Settings(t, address))
			w.posts("default", 1)
			return w.alerts
		}},
		{id: "G31", what: "it gets another key while leads are on their way", where: nowhere, shownBy: "TestANewKeyIsUsedAtOnce"},
	}
}

var update = flag.Bool("update", false, "write deploy/faults.md anew")

// The page for people on call has what is shown here.
func TestThePageOfFaults(t *testing.T) {
	const page = "../../../deploy/faults.md"
	var b strings.Builder
	b.WriteString(`# Faults, and where they are told

Each of these is brought about by a test, with the settings that a relay has by default. Within a minute there is an
alert, a line of the console or a finding of ` + "`leadrelay doctor`" + ` that says what it is and what to do. Parts of these words
stand here as they are told; what goes on by itself needs none. [The runbook](runbook.md) says more of each alert.
Inquiries are taken and kept in nearly all of these.

This page is written by ` + "`go test ./internal/e2e/process -run TestThePageOfFaults -update`" + `.
`)
	for _, section := range []struct {
		title string
		all   []fault
	}{
		{"EasyBroker, and the way there", slices.Concat(faultsOfTheWay(), faultsOfEasyBroker())},
		{"The disk, and a database in a file", faultsOfTheDisk()},
		{"PostgreSQL, and several relays", faultsOfAServer()},
		{"The process and its machine", faultsOfTheHost()},
	} {
		_, _ = fmt.Fprintf(&b, "\n## %s\n\n| | fault | told by | what it says | what to do | shown by |\n|---|---|---|---|---|---|\n", section.title)
		slices.SortStableFunc(section.all, func(a, b fault) int { return a.number() - b.number() })
		for _, f := range section.all {
			_, _ = fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", f.id, f.what, f.where, f.says, f.next, f.tests())
		}
	}
	if *update {
		require.NoError(t, os.WriteFile(page, []byte(b.String()), 0o600))
	}
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	require.Equal(t, b.String(), string(text), "run: go test ./internal/e2e/process -run TestThePageOfFaults -update")
}

// number is the one in its id.
func (f fault) number() int {
	n, _ := strconv.Atoi(strings.TrimRight(f.id[1:], "bcd"))
	return n
}

// tests names what shows the fault, as the pages do.
func (f fault) tests() string {
	if f.shownBy == "" {
		return "`TestEveryFaultIsNamed`"
	}
	return regexp.MustCompile(`Test\w+`).ReplaceAllString(f.shownBy, "`$0`")
}

// A fault that is brought about by other tests is so by tests that there are, and they have
// the words that the table says.
func TestOthersShowTheOtherFaults(t *testing.T) {
	written := writtenTests(t)
	seen := map[string]bool{}
	for _, f := range allFaults() {
		require.False(t, seen[f.id], f.id)
		seen[f.id] = true
		isBrought := f.broker != nil || f.bring != nil
		require.NotEqual(t, isBrought, f.shownBy != "", "%s is shown here, or elsewhere", f.id)
		require.Equal(t, f.where == nowhere, f.says == "", f.id)
		if isBrought {
			continue
		}
		text := ""
		for name := range strings.SplitSeq(f.shownBy, ", ") {
			require.Contains(t, written, name, f.id)
			text += written[name]
		}
		require.Contains(t, text, f.says, f.id)
		require.Contains(t, text, f.next, f.id)
	}
}

// writtenTests are the texts of all tests by their names, which two packages may have, and
// those of the stories.
func writtenTests(t *testing.T) map[string]string {
	t.Helper()
	const root = "../../.."
	all := map[string]string{}
	require.NoError(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil, d.IsDir():
			return err
		case strings.HasSuffix(path, ".txtar"):
			text, err := os.ReadFile(path)
			all["the story "+strings.TrimSuffix(d.Name(), ".txtar")] = string(text)
			return err
		case !strings.HasSuffix(path, "_test.go"):
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files := token.NewFileSet()
		file, err := parser.ParseFile(files, path, text, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && strings.HasPrefix(f.Name.Name, "Test") {
				all[f.Name.Name] += string(text[files.Position(f.Pos()).Offset:files.Position(f.End()).Offset])
			}
		}
		return nil
	}))
	return all
}
