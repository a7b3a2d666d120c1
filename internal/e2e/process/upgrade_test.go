package process

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"leadrelay/internal/e2e/relaytest"
	"leadrelay/internal/store/postgrestest"
)

// before returns the release before this one: the last tag, or as long as there is none,
// what was there before the newest step of PostgreSQL's schema.
func before(t *testing.T) string {
	t.Helper()
	git := func(args ...string) string {
		out, _ := exec.Command("git", args...).Output() // nothing, if it is not known
		return strings.TrimSpace(string(out))
	}
	revision := git("describe", "--tags", "--abbrev=0", "HEAD^")
	if revision == "" {
		const steps = ":/internal/store/migrations/postgres"
		revision = git("rev-parse", "--verify", "--quiet", git("log", "-1", "--diff-filter=A", "--format=%H", "--", steps)+"^")
	}
	if revision == "" {
		t.Skip("the release before is in the history, which is not here: git fetch --unshallow --tags")
	}
	return revision
}

// older builds the release before this one, like this one's, so that most is compiled already.
func older(t *testing.T) (binary string) {
	t.Helper()
	dir := t.TempDir()
	binary = filepath.Join(dir, "older")
	build := exec.Command("sh", "-euc", `git -C "$(git rev-parse --show-toplevel)" archive --format=tar "$1" > "$2/older.tar"
		mkdir "$2/source"
		cd "$2/source"
		tar -xf ../older.tar
		CGO_ENABLED=0 go build -trimpath -o ../older ./cmd/leadrelay`, "sh", before(t), dir)
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return binary
}

// upgrade is a site whose relays are of two releases.
type upgrade struct {
	t      *testing.T
	older  string
	env    map[string]string
	relays [2]atomic.Pointer[relaytest.Process]

	mu   sync.Mutex
	kept map[int64]string // by id, what was acknowledged
}

// start starts a relay in the place of the one that has ended.
func (u *upgrade) start(place int, binary string) *relaytest.Process {
	u.t.Helper()
	p := relaytest.CommandOf(u.t, binary, u.env, "serve")
	p.Run()
	u.relays[place].Store(p.Started())
	return p
}

// post posts at a place until it is over. Whoever comes while a relay has ended gets no
// answer.
func (u *upgrade) post(place int, isOver *atomic.Bool) {
	const pause = 40 * time.Millisecond
	for n := 0; !isOver.Load(); n++ {
		p := u.relays[place].Load()
		words := fmt.Sprintf("from %d, the %dth", place, n)
		code, answer, _ := relaytest.Inquire(p.Client, p.Public, "EB-1", words)
		if code == http.StatusAccepted {
			u.mu.Lock()
			assert.Empty(u.t, u.kept[answer.RemoteID], "an id was given twice")
			u.kept[answer.RemoteID] = words
			u.mu.Unlock()
		} else {
			assert.Zero(u.t, code)
		}
		time.Sleep(pause)
	}
}

func (u *upgrade) hasLease(p *relaytest.Process) {
	u.t.Helper()
	relaytest.Eventually(u.t, "it carries", func() bool {
		return strings.Contains(p.Out.String(), "this replica carries the credential")
	})
}

// carries waits until the relay, which nobody has seen carrying, does so, and its operator
// finds what has come.
func (u *upgrade) carries(p *relaytest.Process) {
	u.t.Helper()
	u.hasLease(p)
	relaytest.Eventually(u.t, "leads arrive", func() bool { return len(p.Leads("limit=1&q=from&state=delivered").Leads) > 0 })
	p.Ask("/api/v1/stats", func(io.Reader) {})
}

// The release before this one accepts and delivers beside it, and after it: relays are
// replaced one after the other, back and forth, some of them by force. No inquiry that was
// acknowledged is lost, and none arrives twice.
func TestTheReleaseBeforeBesideThisOne(t *testing.T) {
	t.Parallel()
	book, address := relaytest.StartBroker(t)
	u := &upgrade{t: t, older: older(t), env: relaytest.Settings(t, address), kept: map[int64]string{}}
	u.env["LEADRELAY_DATABASE"] = postgrestest.Database(t)
	first := u.start(0, u.older)
	u.hasLease(first) // before somebody else asks
	second := u.start(1, u.older)
	var isOver atomic.Bool
	var posting sync.WaitGroup
	for place := range u.relays {
		posting.Go(func() { u.post(place, &isOver) })
	}
	defer func() { isOver.Store(true); posting.Wait() }()

	u.carries(first)
	first.Kill()
	<-first.Done
	u.carries(second)
	first = u.start(0, relaytest.Binary()) // half of the way forward
	second.End(syscall.SIGTERM, 0)
	u.carries(first)
	second = u.start(1, u.older) // it may be started again
	first.Kill()
	<-first.Done
	u.carries(second)
	first = u.start(0, u.older) // all the way back
	second.End(syscall.SIGTERM, 0)
	u.carries(first)
	second = u.start(1, relaytest.Binary()) // and forward
	first.End(syscall.SIGTERM, 0)
	u.carries(second)
	first = u.start(0, relaytest.Binary())

	isOver.Store(true)
	posting.Wait()
	first.Settled()
	arrived := map[int64]int{}
	for _, taken := range book.Book() {
		arrived[taken.RemoteID] += taken.Posts
	}
	t.Logf("%d inquiries", len(u.kept))
	for id, words := range u.kept {
		require.Equal(t, 1, arrived[id], words)
	}
	for id, posts := range arrived {
		require.Equal(t, 1, posts, "%d", id)
	}
	first.End(os.Interrupt, 0)
	second.End(os.Interrupt, 0)
}
