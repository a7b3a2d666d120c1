package courier_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/courier"
	"leadrelay/internal/easybroker"
	"leadrelay/internal/lead"
)

func TestAnInquiryReachesAHealthyBrokerAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := start(t, &broker{}, courier.Options{})
		id := w.post("casas")
		w.await(id, lead.Delivered, 100*time.Millisecond)

		require.Equal(t, easybroker.ContactRequest{
			PropertyID: "EB-XX1234", Name: "Ana", Email: "ana@ejemplo.mx", Phone: "+525512345678",
			Message: "Hola", Source: "casas.mx", RemoteID: int64(id),
		}, w.broker.all()[0].ContactRequest)
		l, attempts := w.find(id)
		require.NotZero(t, l.DeliveredAt)
		require.Len(t, attempts, 1)
		require.Equal(t, lead.OutcomeDelivered, attempts[0].Outcome)
	})
}

func TestHowTheFirstAttemptEnds(t *testing.T) {
	for name, test := range map[string]struct {
		first   answer
		state   lead.State // right after the attempt
		outcome lead.Outcome
		end     lead.State // after an hour
		kept    int
	}{
		"taken":                           {answer{keep: true}, lead.Delivered, lead.OutcomeDelivered, lead.Confirmed, 1},
		"refused":                         {answer{err: status(422)}, lead.Failed, lead.OutcomeRefused, lead.Failed, 0},
		"an unknown property":             {answer{err: status(404)}, lead.Failed, lead.OutcomeRefused, lead.Failed, 0},
		"a revoked key":                   {answer{err: status(401)}, lead.Queued, lead.OutcomeDeferred, lead.Confirmed, 1},
		"a plan without the API":          {answer{err: status(403)}, lead.Queued, lead.OutcomeDeferred, lead.Confirmed, 1},
		"too early":                       {answer{err: status(425)}, lead.Queued, lead.OutcomeDeferred, lead.Confirmed, 1},
		"nobody has seen that yet":        {answer{err: status(402)}, lead.Queued, lead.OutcomeDeferred, lead.Confirmed, 1},
		"too large":                       {answer{err: status(413)}, lead.Failed, lead.OutcomeRefused, lead.Failed, 0},
		"too many calls":                  {answer{err: status(429)}, lead.Queued, lead.OutcomeDeferred, lead.Confirmed, 1},
		"nothing left this machine":       {answer{err: &easybroker.NotSentError{Err: errReset}}, lead.Queued, lead.OutcomeDeferred, lead.Confirmed, 1},
		"connection lost before":          {answer{err: errReset}, lead.Doubtful, lead.OutcomeUnsure, lead.Confirmed, 1},
		"taken, but the answer lost":      {answer{err: errReset, keep: true}, lead.Doubtful, lead.OutcomeUnsure, lead.Confirmed, 1},
		"not taken, and 500 answered":     {answer{err: status(500)}, lead.Doubtful, lead.OutcomeUnsure, lead.Confirmed, 1},
		"taken, but 500 answered":         {answer{err: status(500), keep: true}, lead.Doubtful, lead.OutcomeUnsure, lead.Confirmed, 1},
		"taken, but 503 answered":         {answer{err: status(503), keep: true}, lead.Doubtful, lead.OutcomeUnsure, lead.Confirmed, 1},
		"taken, but redirected":           {answer{err: status(302), keep: true}, lead.Doubtful, lead.OutcomeUnsure, lead.Confirmed, 1},
		"taken, but 409 answered":         {answer{err: status(409), keep: true}, lead.Doubtful, lead.OutcomeUnsure, lead.Confirmed, 1},
		"taken, but 408 answered":         {answer{err: status(408), keep: true}, lead.Doubtful, lead.OutcomeUnsure, lead.Confirmed, 1},
		"taken, but nothing readable":     {answer{err: &easybroker.UnreadableError{Status: 200}, keep: true}, lead.Doubtful, lead.OutcomeUnsure, lead.Confirmed, 1},
		"not taken, and nothing readable": {answer{err: &easybroker.UnreadableError{Status: 204}}, lead.Doubtful, lead.OutcomeUnsure, lead.Confirmed, 1},
		"an error that nobody knows":      {answer{err: errors.New("?"), keep: true}, lead.Doubtful, lead.OutcomeUnsure, lead.Confirmed, 1},
		"taken, but never answered":       {answer{keep: true, took: time.Hour}, lead.Doubtful, lead.OutcomeUnsure, lead.Confirmed, 1},
		"never answered":                  {answer{took: time.Hour}, lead.Doubtful, lead.OutcomeUnsure, lead.Confirmed, 1},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				b := &broker{lag: 2 * time.Minute, answer: func(call int, _ easybroker.Account) answer {
					if call == 1 {
						return test.first
					}
					return answer{keep: true}
				}}
				w := start(t, b, courier.Options{})
				id := w.post("casas")
				time.Sleep(min(test.first.took, 15*time.Second) + 500*time.Millisecond)
				l, attempts := w.find(id)
				require.Equal(t, test.state, l.State)
				require.Equal(t, test.outcome, attempts[0].Outcome)
				time.Sleep(time.Hour)
				l, _ = w.find(id)
				require.Equal(t, test.end, l.State, l.Reason)
				require.Equal(t, test.kept, b.timesKept(id))
			})
		})
	}
}

func TestAStrangeRefusalIsBelievedTheThirdTime(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := &broker{answer: func(int, easybroker.Account) answer { return answer{err: status(451)} }}
		told := make(chan lead.Outcome, 3)
		w := start(t, b, courier.Options{Attempt: func(o lead.Outcome, _ time.Duration) { told <- o }})
		id := w.post("casas")
		time.Sleep(50 * time.Minute)
		l, _ := w.find(id)
		require.Equal(t, lead.Queued, l.State)
		time.Sleep(30 * time.Minute)
		l, attempts := w.find(id)
		require.Equal(t, lead.Failed, l.State)
		require.Equal(t, "no se pudo", l.Reason)
		require.Len(t, attempts, 3)
		for _, a := range attempts {
			require.Equal(t, a.Outcome, <-told, "the metric and the row agree")
		}
		require.GreaterOrEqual(t, attempts[2].BegunAt.Sub(attempts[0].BegunAt), time.Hour)
	})
}

func TestOneStrangeRefusalAfterOtherTroubleFailsNoLead(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := &broker{answer: func(call int, _ easybroker.Account) answer {
			switch call {
			case 1, 2:
				return answer{err: &easybroker.StatusError{Status: 500}}
			case 3:
				return answer{err: &easybroker.StatusError{Status: 410}}
			}
			return answer{keep: true}
		}}
		w := start(t, b, courier.Options{})
		w.await(w.post("casas"), lead.Confirmed, 3*time.Hour)
	})
}

func TestALeadThatIsNotDeliveredByItsDeadlineWaitsForAPerson(t *testing.T) {
	if testing.Short() {
		t.Skip("what races is found by the others")
	}
	bubble(t, func(t *testing.T) {
		b := &broker{answer: func(int, easybroker.Account) answer { return answer{err: &easybroker.StatusError{Status: 503}} }}
		w := start(t, b, courier.Options{Schedule: courier.Schedule{time.Minute, time.Hour, 12 * time.Hour}})
		id := w.post("casas")
		time.Sleep(8 * 24 * time.Hour)
		l, attempts := w.find(id)
		require.Equal(t, lead.Failed, l.State)
		require.Equal(t, "deadline", l.Reason)
		require.InDelta(t, 15, len(attempts), 3) // a week of half days
	})
}
