package process

import (
	"bytes"
	"database/sql"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/e2e/relaytest"
	"leadrelay/internal/fakebroker"
	"leadrelay/internal/store/postgrestest"
)

const (
	nothingWritten = "Nothing can be written to the database"
	seeToDisk      = "Look at the disk of the database, or at its server"
	lookAgain      = "See what is said of the database here, and the relay's log."
	untilItAnswers = "Posts get 503 until it answers: see that the server runs"
)

// faultsOfTheDisk are those of the disk and of a database in a file.
func faultsOfTheDisk() []fault {
	return []fault{
		{id: "H1", what: "the disk is full", where: inOverview, says: "The disk is nearly full", next: "Free some space, or enlarge the disk.", bring: func(t *testing.T) func() string {
			t.Helper()
			env := asIfByDefault(t, "127.0.0.1:1")
			d := smallFileSystem(t, env)
			d.fill()
			return (&ward{t: t, env: env, p: d.p}).login().overview
		}},
		{id: "H1b", what: "the same, and nothing more can be written", where: inAlert, says: nothingWritten, next: seeToDisk, shownBy: "TestABrokenDisk, TestAFullDisk, TestAStoreThatCannotBeReached"},
		{id: "H2", what: "the disk is read-only after an error", where: inAlert, says: nothingWritten, next: seeToDisk, shownBy: "TestABrokenDisk, TestAStoreThatCannotBeReached"},
		{id: "H4", what: "the disk gives back what was not written", where: inLog, says: "is damaged", next: ".recover", shownBy: "TestDamageThatIsFoundLaterIsNamed"},
		{id: "H4b", what: "each call of the disk is an error", where: inAlert, says: nothingWritten, next: seeToDisk, shownBy: "TestABrokenDisk, TestAStoreThatCannotBeReached"},
		{id: "H5", what: "the disk takes long to write for good", where: inDoctor, says: "each inquiry waits for that", next: "Put the database on a local disk, not on a network's.", shownBy: "TestTheDisk"},
		{id: "H5b", what: "the disk stands still", where: inAlert, says: nothingWritten, next: seeToDisk, shownBy: "TestABrokenDisk, TestAStoreThatCannotBeReached"},
		{id: "H6", what: "another program holds the database", where: inDoctor, says: "it takes no inquiries: the database does not answer in time: another program may hold it", next: lookAgain, bring: heldDatabaseFault},
		{id: "H8", what: "the file of the database is damaged", where: inStart, says: "is damaged (", next: "there, run: sqlite3", bring: func(t *testing.T) func() string { t.Helper(); return damagedFault(t, "serve") }},
		{id: "H8b", what: "the same, before the start", where: inDoctor, says: "is damaged (", next: `deploy/README.md, "A damaged disk"`, bring: func(t *testing.T) func() string { t.Helper(); return damagedFault(t, "doctor") }},
		{id: "H8c", what: "its log is cut or damaged", where: inStart, says: "-wal is damaged (it ", next: "run: ", shownBy: "TestKill9AndADamagedLog"},
		{id: "H8d", what: "its file is taken away under the relay", where: inLog, says: "the database is lost", shownBy: "TestADatabaseThatIsLostUnderTheRelay"},
		{id: "H10", what: "a later leadrelay has written it", where: inStart, says: "this leadrelay knows only", next: "start the newer version, or restore a backup", shownBy: "the story database"},
		{id: "H11", what: "its folder is not there", where: inStart, says: "the database's folder is not there", next: "make it first, as the user that the relay runs as", bring: func(t *testing.T) func() string {
			t.Helper()
			env := asIfByDefault(t, "127.0.0.1:1")
			env["LEADRELAY_DATABASE"] = filepath.Join(t.TempDir(), "nowhere", "leadrelay.db")
			return func() string { return says(t, env, "serve") }
		}},
		{id: "H12", what: "it has a million leads", where: nowhere, shownBy: "TestNothingReadsAllLeads, TestAMillionErased"},
		{id: "H13", what: "a backup is cut off", where: "restore", says: "is damaged (", next: "Take another backup, if there is one.", bring: tornBackupFault},
		{id: "H14", what: "the power goes while it writes", where: nowhere, shownBy: "TestATornEndIsNoDamage, TestEveryByteOfTheLogIsWatched"},
	}
}

func heldDatabaseFault(t *testing.T) func() string {
	t.Helper()
	w := startWard(t, asIfByDefault(t, "127.0.0.1:1"))
	db, err := sql.Open("sqlite", w.env["LEADRELAY_DATABASE"]+"?_txlock=immediate&_pragma=busy_timeout(5000)")
	require.NoError(t, err)
	hold, err := db.Begin()
	require.NoError(t, err)
	t.Cleanup(func() { _ = hold.Rollback(); _ = db.Close() })
	return w.doctor
}

// leftDatabase is the database of a relay that has ended.
func leftDatabase(t *testing.T) (env map[string]string) {
	t.Helper()
	env = asIfByDefault(t, "127.0.0.1:1")
	w := startWard(t, env)
	w.posts("default", 5)
	w.p.End(os.Interrupt, 0)
	return env
}

func damagedFault(t *testing.T, command string) func() string {
	t.Helper()
	env := leftDatabase(t)
	file, err := os.ReadFile(env["LEADRELAY_DATABASE"])
	require.NoError(t, err)
	for at := 4096; at < len(file); at += 4096 {
		copy(file[at:], bytes.Repeat([]byte{0xa5}, 100))
	}
	require.NoError(t, os.WriteFile(env["LEADRELAY_DATABASE"], file, 0o600))
	return func() string { return says(t, env, command) }
}

func tornBackupFault(t *testing.T) func() string {
	t.Helper()
	env := leftDatabase(t)
	backup := filepath.Join(t.TempDir(), "backup.db")
	_ = says(t, env, "backup", backup)
	info, err := os.Stat(backup)
	require.NoError(t, err)
	require.NoError(t, os.Truncate(backup, info.Size()/2))
	return func() string {
		return says(t, env, "restore", backup, "--database", filepath.Join(t.TempDir(), "restored.db"))
	}
}

// faultsOfAServer are those of PostgreSQL, and of several relays on it.
func faultsOfAServer() []fault {
	return []fault{
		{id: "I1", what: "PostgreSQL does not answer at the start", where: inDoctor, says: "connection refused", next: untilItAnswers, bring: func(t *testing.T) func() string {
			t.Helper()
			env := asIfByDefault(t, "127.0.0.1:1")
			env["LEADRELAY_DATABASE"] = "postgres://leadrelay@127.0.0.1:1/leadrelay?sslmode=disable"
			return func() string { return doctor(t, env) }
		}},
		{id: "I1b", what: "the same, of a relay that waits for it", where: inLog, says: "the database cannot be reached", shownBy: "TestADatabaseThatIsAway"},
		{id: "I1c", what: "its database or its user is not there", where: inStart, says: "create it, or name another in the address", next: "check the user and sslmode in the address", shownBy: "TestADatabaseThatDoesNotMendItself"},
		{id: "I2", what: "it goes away under the relay", where: inAlert, says: nothingWritten, next: seeToDisk, bring: func(t *testing.T) func() string {
			t.Helper()
			proxy, database := postgrestest.NewProxy(t, postgrestest.Database(t))
			env := asIfByDefault(t, "127.0.0.1:1")
			env["LEADRELAY_DATABASE"] = database
			w := startWard(t, env)
			w.watches()
			proxy.Stop()
			return w.alerts
		}},
		{id: "I3", what: "its standby takes over", where: nowhere, shownBy: "TestAFailOver"},
		{id: "I5", what: "it gives no more connections", where: inDoctor, says: "too many connections", next: untilItAnswers, bring: func(t *testing.T) func() string {
			t.Helper()
			env := asIfByDefault(t, "127.0.0.1:1")
			env["LEADRELAY_DATABASE"] = postgrestest.Database(t)
			execute(t, env["LEADRELAY_DATABASE"], "CREATE ROLE crowded LOGIN CONNECTION LIMIT 0")
			env["LEADRELAY_DATABASE"] = strings.Replace(env["LEADRELAY_DATABASE"], "leadrelay@", "crowded@", 1)
			return func() string { return doctor(t, env) }
		}},
		{id: "I6", what: "a transaction is given up (40001, 40P01)", where: nowhere, shownBy: "TestASerializationFailure, TestADeadlock"},
		{id: "I7", what: "its sessions are ended, or shared by a pooler", where: nowhere, shownBy: "TestConnectionsThatAreTerminated, TestSettingsOfADatabase"},
		{id: "I9", what: "a relay is killed while it sends", where: nowhere, shownBy: "TestReplicasCarryEachInquiryOnce"},
		{id: "I11", what: "a relay is cut off from it, and not from EasyBroker", where: nowhere, shownBy: "TestAReplicaThatIsCutOffStopsInTime"},
		{id: "I13", what: "two releases run beside each other", where: nowhere, shownBy: "TestANewerReleaseBesideAnOlder, TestTheReleaseBeforeBesideThisOne"},
		{id: "I14", what: "its commits are not for good", where: inDoctor, says: "synchronous_commit is off: a power cut of its machine loses inquiries", next: "Set synchronous_commit to on.", bring: func(t *testing.T) func() string {
			t.Helper()
			env := asIfByDefault(t, "127.0.0.1:1")
			env["LEADRELAY_DATABASE"] = postgrestest.Database(t)
			execute(t, env["LEADRELAY_DATABASE"], `DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET synchronous_commit = off', current_database()); END $$`)
			startWard(t, env).p.End(os.Interrupt, 0)
			return func() string { return doctor(t, env) }
		}},
		{id: "I15", what: "its disk is full: it panics, or a table cannot grow", where: inAlert, says: nothingWritten, next: seeToDisk, shownBy: "TestAFullDiskOfPostgreSQL, TestWhoCannotKeepALeadIsNotReady, TestAStoreThatCannotBeReached"},
		{id: "I16", what: "another program's transaction stays open", where: inDoctor, says: "keeps PostgreSQL from cleaning up", next: "pg_terminate_backend", shownBy: "TestWhatIsBrokenIsNamed"},
	}
}

// execute runs a statement in a database of the tests.
func execute(t *testing.T, address, statement string) {
	t.Helper()
	db, err := sql.Open("pgx", address)
	require.NoError(t, err)
	_, err = db.ExecContext(t.Context(), statement)
	require.NoError(t, err)
	require.NoError(t, db.Close())
}

// faultsOfTheHost are those of the process and its machine.
func faultsOfTheHost() []fault {
	return []fault{
		{id: "J1", what: "the relay is asked to stop", where: inDoctor, says: "about to stop", next: "again", shownBy: "TestWhatIsBrokenIsNamed"},
		{id: "J3", what: "it is killed while it sends", where: inLead, says: "the relay went down while it was sending it", next: lookedFor, bring: killedFault},
		{id: "J3b", what: "it stays away", where: inDoctor, says: "none answers at ", next: "Start it, or look at its log", bring: func(t *testing.T) func() string {
			t.Helper()
			w := startWard(t, asIfByDefault(t, "127.0.0.1:1"))
			w.p.Kill()
			<-w.p.Done
			return w.doctor
		}},
		{id: "J3c", what: "the same, and nobody looks", where: "Prometheus", says: "LeadrelayDown", next: "runbook.md#leadrelaydown", shownBy: "TestPrometheusSeesARelayInTrouble"},
		{id: "J4", what: "new settings are wrong", where: inDoctor, says: `unknown key "sauce"`, next: "Set it right: the relay does not start like this.", bring: func(t *testing.T) func() string {
			t.Helper()
			env := relaytest.SettingsWith(t, "127.0.0.1:1", "sites:\n  default:\n    sauce: x\n")
			return func() string { return doctor(t, env) }
		}},
		{id: "J4b", what: "the same, in a reload", where: inLog, says: "the settings are not read anew", shownBy: "TestWhatAReloadChanges"},
		{id: "J5", what: "it stands still for minutes", where: nowhere, shownBy: "TestAProcessThatStoodStillSendsNothingTwice, TestAMachineThatSleptSendsNothing"},
		{id: "J5b", what: "the clock is set, or wrong", where: inDoctor, says: "behind https://api.easybroker.com", next: "NTP", shownBy: "TestWhatIsBrokenIsNamed"},
		{id: "J6", what: "a request meets a bug (a panic)", where: inLog, says: "panic", shownBy: "TestAPanicIsAnsweredAndLoggedOnce"},
		{id: "J6b", what: "a lead meets a bug on its way", where: inLead, says: "this relay has a bug that this lead meets", shownBy: "TestALeadThatMeetsABugStopsNoOther"},
		{id: "J9", what: "it has little memory", where: nowhere, shownBy: "TestTheMemoryIsBoundedUnderAttack, TestTheMemoryLimitFollowsTheConnections"},
		{id: "J10", what: "it has a tenth of a processor", where: nowhere, shownBy: "TestATenthOfAProcessor"},
		{id: "J10b", what: "it has too little of the processor to send what comes", where: inAlert, says: "1 lead of “casas” waits for too long", next: "it says what was tried, and when it will be tried again", shownBy: "TestALeadThatWaitsIsTold"},
		{id: "J12", what: "two are started on one file", where: inStart, says: "is in use by another leadrelay", next: "end that, or set another", shownBy: "the story database"},
		{id: "J13", what: "its port is taken", where: inStart, says: "is in use, perhaps by a leadrelay or a demo that still runs", next: "or set another address with LEADRELAY_ADDR", shownBy: "the story port-in-use"},
		{id: "J14", what: "it may write nowhere but beside its database", where: nowhere, shownBy: "TestImage"},
		{id: "J15", what: "the machine has no certificates of its own", where: nowhere, shownBy: "TestImage"},
		{id: "J16", what: "it runs for months", where: nowhere, shownBy: "TestSimulation, TestWhatHasEndedIsErasedByItsState"},
	}
}

func killedFault(t *testing.T) func() string {
	t.Helper()
	broker, address := relaytest.StartBroker(t)
	broker.Misbehave(fakebroker.Faults{Trouble: []fakebroker.Trouble{{On: http.MethodPost, Do: "hang"}}})
	w := startWard(t, asIfByDefault(t, address))
	id := w.posts("default", 1)
	path := "/leads/" + strconv.FormatInt(id, 10)
	relaytest.Eventually(t, "it is being sent", func() bool { return strings.Contains(w.page(path), "it is being sent") })
	require.NoError(t, w.p.Cmd.Process.Signal(syscall.SIGKILL))
	<-w.p.Done
	w = startWard(t, w.env)
	return func() string { return w.page(path) }
}

// insecure are the settings of a relay whose EasyBroker has a certificate of nobody's.
func insecure(t *testing.T) map[string]string {
	t.Helper()
	s := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(s.Close)
	_, port, err := net.SplitHostPort(s.Listener.Addr().String())
	require.NoError(t, err)
	env := asIfByDefault(t, "")
	env["EASYBROKER_URL"] = "https://127.0.0.1:" + port + "/v1"
	return env
}
