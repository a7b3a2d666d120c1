package lead_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/lead"
)

// in returns a lead in the state, an hour after it was received.
func in(t *testing.T, state lead.State) lead.Lead {
	t.Helper()
	q := fullInquiry()
	q.Context = map[string]string{"utm_source": "feria"}
	l, err := lead.New(q, "casas.mx", lead.DefaultRules(), noon)
	require.NoError(t, err)
	l.RemoteID, l.State, l.Reason = 7, state, "no se pudo"
	switch state {
	case lead.Delivered:
		l.DeliveredAt = noon.Add(time.Minute)
	case lead.Confirmed:
		l.DeliveredAt, l.ConfirmedAt = noon.Add(time.Minute), noon.Add(time.Hour)
	}
	return l
}

func TestWhatAPersonMayDoWithALeadInEachState(t *testing.T) {
	later := noon.Add(24 * time.Hour)
	tests := map[string]struct {
		verb string
		move func(*lead.Lead) error
		from []lead.State
		to   lead.State
	}{
		"retry": {
			"retry", func(l *lead.Lead) error { return l.Retry(later, false) },
			[]lead.State{lead.Failed, lead.Discarded}, lead.Queued,
		},
		"retry by force": {
			"retry", func(l *lead.Lead) error { return l.Retry(later, true) },
			[]lead.State{lead.Failed, lead.Discarded, lead.Delivered, lead.Confirmed}, lead.Queued,
		},
		"release": {
			"release", func(l *lead.Lead) error { return l.Release(later) },
			[]lead.State{lead.Quarantined}, lead.Queued,
		},
		"discard": {
			"discard", (*lead.Lead).Discard,
			[]lead.State{lead.Failed, lead.Quarantined}, lead.Discarded,
		},
		"edit": {
			"edit", func(l *lead.Lead) error { return l.Edit(nil, lead.DefaultRules()) },
			[]lead.State{lead.Failed, lead.Discarded, lead.Quarantined, lead.Delivered, lead.Confirmed}, "",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			for _, from := range append(lead.States(), "", "unknown") {
				l := in(t, from)
				err := tt.move(&l)
				if slices.Contains(tt.from, from) {
					require.NoError(t, err, from)
					require.Contains(t, []lead.State{tt.to, from}, l.State)
					continue
				}
				require.Equal(t, &lead.MoveError{From: from, Verb: tt.verb}, err)
				require.Equal(t, in(t, from), l, "it is as it was")
			}
		})
	}
}

// A lead that a person queues is due at once, and its deadline counts anew.
func TestAQueuedLeadBeginsAnew(t *testing.T) {
	later := noon.Add(24 * 365 * time.Hour)
	for _, state := range []lead.State{lead.Failed, lead.Discarded, lead.Delivered, lead.Confirmed} {
		l, want := in(t, state), in(t, lead.Queued)
		require.NoError(t, l.Retry(later, true))
		want.Reason, want.QueuedAt, want.DueAt = "", later, later
		require.Equal(t, want, l, "only that; it is the same lead under the same folio")
	}
}

func TestADiscardedLeadKeepsItsReasonAndIsDueNoMore(t *testing.T) {
	l := in(t, lead.Failed)
	require.NoError(t, l.Discard())
	require.Equal(t, "no se pudo", l.Reason)
	require.Zero(t, l.DueAt)
}

func TestEdit(t *testing.T) {
	either, err := lead.ParseRules([]string{"property_id", "email|phone"})
	require.NoError(t, err)
	tests := map[string]struct {
		changes map[lead.Field]string
		rules   lead.Rules
		wrong   []string
		want    map[lead.Field]string // besides what was there
	}{
		"nothing":                      {nil, lead.DefaultRules(), nil, nil},
		"a property":                   {map[lead.Field]string{lead.PropertyID: "EB-2"}, lead.DefaultRules(), nil, map[lead.Field]string{lead.PropertyID: "EB-2"}},
		"what is typed is cleaned":     {map[lead.Field]string{lead.Name: " Luz\r\nPaz ", lead.Email: "mailto:Luz@CASAS.mx"}, lead.DefaultRules(), nil, map[lead.Field]string{lead.Name: "Luz Paz", lead.Email: "Luz@casas.mx"}},
		"a field is taken away":        {map[lead.Field]string{lead.Name: "", lead.Phone: " "}, lead.DefaultRules(), nil, map[lead.Field]string{lead.Name: "", lead.Phone: ""}},
		"one of two may go":            {map[lead.Field]string{lead.Email: "", lead.Message: ""}, either, nil, map[lead.Field]string{lead.Email: "", lead.Message: ""}},
		"both of two may not":          {map[lead.Field]string{lead.Email: "", lead.Phone: ""}, either, []string{"email EMAIL_OR_PHONE", "phone EMAIL_OR_PHONE"}, nil},
		"a required field must stay":   {map[lead.Field]string{lead.Message: "\x00"}, lead.DefaultRules(), []string{"message REQUIRED_FIELD_MISSING"}, nil},
		"every wrong field is named":   {map[lead.Field]string{lead.Email: "x", lead.PropertyID: "a b", lead.Name: strings.Repeat("x", 201)}, lead.DefaultRules(), []string{"email TYPE_EMAIL", "name TOO_LONG", "property_id TYPE_PROPERTY"}, nil},
		"one wrong field spoils all":   {map[lead.Field]string{lead.Name: "Luz", lead.Email: "x"}, lead.DefaultRules(), []string{"email TYPE_EMAIL"}, nil},
		"a field that is none of ours": {map[lead.Field]string{"remote_id": "8", "site": "lofts"}, lead.DefaultRules(), nil, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			l, want := in(t, lead.Failed), in(t, lead.Failed)
			err := l.Edit(tt.changes, tt.rules)
			require.Equal(t, tt.wrong, slices.Sorted(slices.Values(codes(t, err))))
			for f, value := range tt.want {
				want.Set(f, value)
			}
			require.Equal(t, want, l)
		})
	}
}

// A caller may edit a copy of the lead. Its context is the same map.
func TestEditLeavesTheContextOfACopyAlone(t *testing.T) {
	l := in(t, lead.Failed)
	before := maps.Clone(l.Context)
	edited := l
	require.NoError(t, edited.Edit(map[lead.Field]string{lead.Phone: strings.Repeat("5 ", 60)}, lead.DefaultRules()))
	require.Contains(t, edited.Context, "phone_typed")
	require.Equal(t, before, l.Context)
}

// A lead that EasyBroker has says which fields are others there, until it is sent again.
func TestALeadThatIsTakenIsRectified(t *testing.T) {
	l := in(t, lead.Confirmed)
	before := l
	require.NoError(t, l.Edit(map[lead.Field]string{lead.Name: "Luz"}, lead.DefaultRules()))
	require.NoError(t, l.Edit(map[lead.Field]string{lead.Phone: "55 9999 0000"}, lead.DefaultRules()))
	require.NoError(t, l.Edit(nil, lead.DefaultRules()))
	require.Equal(t, []lead.Field{lead.Name, lead.Phone}, l.Rectified())
	require.Empty(t, before.Rectified(), "a copy is as it was")
	require.Equal(t, lead.Confirmed, l.State)
	again := l
	require.Equal(t, []string{"property_id TAKEN"}, codes(t, again.Edit(map[lead.Field]string{lead.PropertyID: "EB-2", lead.Name: "Paz"}, lead.DefaultRules())))
	require.Equal(t, l, again)
	require.NoError(t, again.Retry(noon, true))
	require.Empty(t, again.Rectified(), "what is sent is what stands here")
	require.NotEmpty(t, l.Rectified())
	waits := in(t, lead.Failed)
	require.NoError(t, waits.Edit(map[lead.Field]string{lead.Name: "Luz"}, lead.DefaultRules()))
	require.Empty(t, waits.Rectified(), "nobody has it yet")
}

func TestMoveErrorSaysWhatWasWantedOfWhat(t *testing.T) {
	require.EqualError(t, &lead.MoveError{From: lead.Sending, Verb: "retry"}, "cannot retry a lead that is sending")
}
