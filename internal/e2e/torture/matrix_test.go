package torture_test

import (
	"cmp"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"text/tabwriter"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/courier"
	"leadrelay/internal/fakebroker"
)

// inFull reports whether LEADRELAY_TORTURE=full asks for the long form.
func inFull() bool { return os.Getenv("LEADRELAY_TORTURE") == "full" }

// isLeftOut reports whether a run with -short leaves out the n-th of many cells. It
// takes one of ten, for the race detector; make torture has it look at all.
func isLeftOut(n int) bool { return testing.Short() && n%10 != 0 }

// leadsPerCell is how many leads go through each cell.
func leadsPerCell() int {
	if inFull() {
		return 200
	}
	return 6
}

// Whatever goes wrong, and whenever: once EasyBroker works again, each lead
// that was kept is in its book, once.
func TestFaultMatrix(t *testing.T) {
	var all table
	t.Run("cells", func(t *testing.T) {
		n := 0
		for _, f := range faults() {
			for _, i := range instants() {
				if !f.canStrike(i) {
					continue
				}
				if n++; isLeftOut(n) {
					continue
				}
				row := all.row(f.name, i.String())
				t.Run(f.name+"/"+i.String(), func(t *testing.T) {
					t.Parallel()
					synctest.Test(t, func(t *testing.T) {
						lag := fakebroker.Duration(cmp.Or(f.lag, justBeforeSettling))
						b := newBed(t, cell{fault: &f, at: i}, courier.Options{}, fakebroker.Faults{ListLag: lag})
						b.visit(leadsPerCell(), 2*time.Second)
						b.rest(48 * time.Hour)
						b.mustHaveStruck(leadsPerCell())
						row.score = b.score(nil)
						row.score.mustHold(b)
						row.score.mustBeThere(b)
					})
				})
			}
			all.row(f.name, "elsewhere").note = f.not
		}
	})
	all.print(t)
}

// The bed is worth nothing unless it sees what is wrong: a courier that sends
// again before the list has settled sends twice.
func TestTheBedSeesALeadThatIsSentTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lost := fault{answer: reset}
		b := newBed(t, cell{fault: &lost, at: kept}, courier.Options{MaxListLag: time.Second}, fakebroker.Faults{ListLag: fakebroker.Duration(time.Minute)})
		b.visit(6, 2*time.Second)
		b.rest(time.Hour)
		require.Equal(t, 2, b.score(nil).twice)
		b.broker.Forget()
		require.Equal(t, 6, b.score(nil).lost)
	})
}

// visit posts the leads three at a time, so that the fault finds others on
// their way.
func (b *bed) visit(leads int, pause time.Duration) {
	for n := 1; n <= leads; n++ {
		b.post(n)
		if n%3 == 0 || b.cell.at == beforeIntent { // of several intents in one commit one alone can be struck
			time.Sleep(pause)
		}
	}
}

// table is what the matrix has found, row by row.
type table struct {
	mu   sync.Mutex
	rows []*row
}

type row struct {
	fault, instant string
	note           string // why there is no such cell
	score          score
}

func (t *table) row(fault, instant string) *row {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := &row{fault: fault, instant: instant}
	t.rows = append(t.rows, r)
	return r
}

// print shows the table in the long form.
func (t *table) print(to *testing.T) {
	if !inFull() {
		return
	}
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "\nfault\tinstant\tleads\tthere\twaiting\tfailed\tlost\ttwice\t")
	for _, r := range t.rows {
		if r.note != "" {
			_, _ = fmt.Fprintf(w, "%s\t%s\t-\t-\t-\t-\t-\t-\t%s\n", r.fault, r.instant, r.note)
			continue
		}
		s := r.score
		_, _ = fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d\t%d\t%d\t%d\t\n", r.fault, r.instant, s.leads, s.there, s.waiting, s.failed, s.lost, s.twice)
	}
	_ = w.Flush()
	to.Log(text.String())
}
