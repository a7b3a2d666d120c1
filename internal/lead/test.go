package lead

import "time"

// Test is the state of a test inquiry, which is no lead: whoever runs the relay has sent it,
// to see that all works. It goes wherever a lead goes but to EasyBroker, and makes no move.
const Test State = "test"

// TestKept is for how long a test inquiry is kept.
const TestKept = 24 * time.Hour

// MarkTest makes a new lead a test inquiry, before it is kept.
func (l *Lead) MarkTest() { l.State, l.DueAt = Test, time.Time{} }
