package courier_test

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"leadrelay/internal/courier"
	"leadrelay/internal/easybroker"
	"leadrelay/internal/lead"
)

const trace = lead.Trace("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")

// steps are what a trace is told.
type steps struct {
	mu  sync.Mutex
	all []lead.TraceStep
}

func (s *steps) add(one lead.TraceStep) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, one)
}

func (s *steps) told() []lead.TraceStep {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.all)
}

// keepTraced keeps a lead with a trace.
func (w *world) keepTraced(of lead.Trace) lead.RemoteID {
	w.Helper()
	l, err := lead.New(lead.Inquiry{Site: "casas", PropertyID: "EB-XX1234", Email: "ana@ejemplo.mx", Message: "Hola"}, "casas.mx", lead.DefaultRules(), time.Now())
	require.NoError(w, err)
	l.Trace = of
	kept, err := w.store.Keep(w.Context(), lead.Submission{Lead: l, Tick: lead.Milliseconds})
	require.NoError(w, err)
	w.courier.Wake("casas")
	return kept.RemoteID
}

// Each step of a lead is told with the trace of its post, whichever courier takes it, and
// the log has the trace's id. Nothing is told of a lead without one.
func TestEachStepIsTraced(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := &broker{answer: func(call int, _ easybroker.Account) answer {
			if call == 1 {
				return answer{err: errReset, took: time.Second} // it is in doubt, and not there
			}
			return answer{keep: true}
		}}
		told, log := new(steps), new(safeBuffer)
		opt := courier.Options{Traced: told.add, Log: zerolog.New(log)}
		w := start(t, b, opt)
		id := w.keepTraced(trace)
		w.await(id, lead.Doubtful, 5*time.Second)
		w.run(w.store, b, opt) // another process
		w.await(id, lead.Confirmed, time.Hour)
		time.Sleep(time.Hour)
		all := told.told()
		first := all[0]
		require.Equal(t, lead.TraceStep{
			Trace: trace, Site: "casas", RemoteID: id, Began: first.Began, Ended: first.Began.Add(time.Second), Was: lead.Sending, State: lead.Doubtful,
			Attempt: 1, URL: account.ContactRequests(), Outcome: lead.OutcomeUnsure,
		}, first)
		attempts := slices.DeleteFunc(slices.Clone(all), func(s lead.TraceStep) bool { return s.Attempt == 0 })
		require.Len(t, attempts, 2)
		require.Equal(t, []any{2, lead.OutcomeDelivered, 200, lead.Delivered}, []any{attempts[1].Attempt, attempts[1].Outcome, attempts[1].Status, attempts[1].State})
		confirming := slices.DeleteFunc(slices.Clone(all), func(s lead.TraceStep) bool { return s.Was == lead.Confirmed || s.State != lead.Confirmed })
		require.Len(t, confirming, 1, "it is looked up once more then, because the first attempt might turn up")
		require.Equal(t, []any{trace, 0, 1}, []any{confirming[0].Trace, confirming[0].Attempt, confirming[0].Found})
		for _, s := range all {
			require.False(t, s.Ended.Before(s.Began))
		}
		for line := range strings.Lines(log.String()) {
			if strings.Contains(line, `"message":"attempt"`) || strings.Contains(line, `"message":"look-up"`) {
				require.Contains(t, line, `"trace_id":"`+trace.ID()+`"`)
			}
		}

		before := len(told.told())
		untraced := w.keepTraced("")
		w.await(untraced, lead.Confirmed, time.Hour)
		require.Len(t, told.told(), before)
		require.Zero(t, strings.Count(log.String(), `"trace_id":""`))
	})
}

// A confirmation by a person's command ends the trace, too.
func TestAReconciliationIsTraced(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := &broker{lag: time.Minute}
		told := new(steps)
		w := start(t, b, courier.Options{Traced: told.add})
		id := w.keepTraced(trace)
		w.await(id, lead.Delivered, time.Second)
		b.now(func(b *broker) { b.lag = 0 })
		_, err := w.auditor().Reconcile(t.Context(), time.Now().Add(-time.Hour))
		require.NoError(t, err)
		all := told.told()
		last := all[len(all)-1]
		require.Equal(t, []any{trace, id, lead.State(""), lead.Confirmed}, []any{last.Trace, last.RemoteID, last.Was, last.State})
	})
}
