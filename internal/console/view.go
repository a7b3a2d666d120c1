package console

import (
	"context"
	"time"

	"leadrelay/internal/lead"
)

// Page is a list of leads, newest first. NextCursor is null on the last page.
type Page struct {
	Leads      []Lead  `json:"leads"`
	NextCursor *string `json:"next_cursor"`
}

// Lead is a lead in the API. A value that is absent is null.
type Lead struct {
	RemoteID      lead.RemoteID `json:"remote_id"`
	Site          string        `json:"site"`
	State         lead.State    `json:"state"`
	Reason        *string       `json:"reason"`
	PropertyID    *string       `json:"property_id"`
	Name          *string       `json:"name"`
	Email         *string       `json:"email"`
	Phone         *string       `json:"phone"`
	Message       *string       `json:"message"`
	Source        *string       `json:"source"`
	ReceivedAt    *time.Time    `json:"received_at"`
	NextAttemptAt *time.Time    `json:"next_attempt_at"`
	DeliveredAt   *time.Time    `json:"delivered_at"`
	ConfirmedAt   *time.Time    `json:"confirmed_at"`
}

// LeadDetail is everything that we know of one lead: besides its fields what else
// came with it, and its attempts, oldest first.
type LeadDetail struct {
	Lead
	WaitsFor *Standing         `json:"waits_for"` // why it waits, if that is not about the lead itself
	Context  map[string]string `json:"context"`   // where it came from; may be empty
	Extra    []lead.Pair       `json:"extra"`     // the form's other fields, in its order
	Attempts []Attempt         `json:"attempts"`
	LeftOut  int               `json:"left_out"` // how many more attempts there were between the first and the newest
}

// Attempt is one POST to EasyBroker.
type Attempt struct {
	Number  int        `json:"number"`
	BegunAt *time.Time `json:"begun_at"`
	EndedAt *time.Time `json:"ended_at"`
	Outcome *string    `json:"outcome"`
	Status  *int       `json:"status"`
	Detail  *string    `json:"detail"`
}

// View returns a lead as the API shows it.
func View(l lead.Lead) Lead { return view(l) }

func view(l lead.Lead) Lead {
	v := Lead{
		RemoteID: l.RemoteID, Site: l.Site, State: l.State, Reason: orNull(l.Reason),
		Source:     orNull(l.Source),
		ReceivedAt: timeOrNull(l.ReceivedAt), DeliveredAt: timeOrNull(l.DeliveredAt), ConfirmedAt: timeOrNull(l.ConfirmedAt),
	}
	for _, f := range lead.Fields() {
		*v.pointer(f) = orNull(l.Get(f))
	}
	// While a lead is being sent, DueAt is the end of its lease.
	if l.State == lead.Queued || l.State == lead.Doubtful {
		v.NextAttemptAt = timeOrNull(l.DueAt)
	}
	return v
}

// Get returns the value of a field, or nil if it has none.
func (l *Lead) Get(f lead.Field) *string { return *l.pointer(f) }

// pointer returns where the value of a field is.
func (l *Lead) pointer(f lead.Field) **string {
	switch f {
	case lead.PropertyID:
		return &l.PropertyID
	case lead.Name:
		return &l.Name
	case lead.Email:
		return &l.Email
	case lead.Phone:
		return &l.Phone
	case lead.Message:
		return &l.Message
	}
	return new(*string)
}

func (a api) detail(ctx context.Context, l lead.Lead, attempts []lead.Attempt) LeadDetail {
	d := LeadDetail{Lead: view(l), Context: l.Context, Extra: l.Extra, Attempts: viewAttempts(attempts)}
	if now := standing(a.courier.Status(ctx), l.Site); now.keepsWaiting(l.State) {
		d.WaitsFor = &now
	}
	if d.Context == nil {
		d.Context = map[string]string{}
	}
	if d.Extra == nil {
		d.Extra = []lead.Pair{}
	}
	if n := len(attempts); n > 0 {
		d.LeftOut = attempts[n-1].Number - n
	}
	return d
}

func viewAttempts(attempts []lead.Attempt) []Attempt {
	views := make([]Attempt, len(attempts))
	for i, a := range attempts {
		views[i] = Attempt{
			Number: a.Number, BegunAt: timeOrNull(a.BegunAt), EndedAt: timeOrNull(a.EndedAt),
			Outcome: orNull(string(a.Outcome)), Status: orNull(a.Status), Detail: orNull(a.Detail),
		}
	}
	return views
}

func orNull[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

func timeOrNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
