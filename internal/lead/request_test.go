package lead_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/lead"
)

// A request is due twenty working days after it was received, and fifteen more once it was
// accepted: weekends do not count, and neither does the day itself.
func TestWhenARequestIsDue(t *testing.T) {
	zone, err := time.LoadLocation("America/Mexico_City")
	require.NoError(t, err)
	at := func(day, clock string) time.Time {
		parsed, err := time.ParseInLocation("2006-01-02 15:04", day+" "+clock, zone)
		require.NoError(t, err)
		return parsed
	}
	for received, due := range map[string]string{
		"2026-11-02": "2026-11-30", // a Monday
		"2026-11-06": "2026-12-04", // a Friday
		"2026-11-07": "2026-12-04", // a Saturday
		"2026-11-08": "2026-12-04", // a Sunday
	} {
		r := lead.PersonRequest{State: lead.RequestOpen, ReceivedAt: at(received, "23:59").UTC()}
		require.Equal(t, due, r.DueOn(zone).Format(time.DateOnly), received)
	}
	r := lead.PersonRequest{Kind: lead.RequestCancellation, Who: "ana@ejemplo.mx", State: lead.RequestOpen, ReceivedAt: at("2026-11-02", "10:00")}
	for day, left := range map[string]int{
		"2026-11-02": 20, "2026-11-03": 19, "2026-11-07": 16, "2026-11-08": 16, "2026-11-27": 1, "2026-11-28": 1, "2026-11-30": 0, "2026-12-01": -1, "2026-12-07": -5,
	} {
		require.Equal(t, left, r.WorkingDaysLeft(at(day, "12:00")), day)
	}
	require.Error(t, r.Take(lead.AcceptRequest, at("2026-11-03", "10:00")), "before it is known who asks")
	require.Error(t, r.Take(lead.FinishRequest, at("2026-11-03", "10:00")))
	require.NoError(t, r.Take(lead.CheckRequest, at("2026-11-03", "10:00")))
	require.Equal(t, "2026-11-30", r.DueOn(zone).Format(time.DateOnly))
	require.NoError(t, r.Take(lead.AcceptRequest, at("2026-11-27", "10:00")))
	require.Equal(t, "2026-12-18", r.DueOn(zone).Format(time.DateOnly), "from the answer on")
	require.Error(t, r.Take(lead.RefuseRequest, at("2026-11-30", "10:00")), "it was promised")
	require.Equal(t, "ana@ejemplo.mx", r.Who)
	require.NoError(t, r.Take(lead.FinishRequest, at("2026-11-30", "10:00")))
	require.Empty(t, r.Who)
	require.True(t, r.DueOn(zone).IsZero())
	require.Zero(t, r.WorkingDaysLeft(at("2027-11-30", "10:00")))
	for _, s := range lead.RequestSteps() {
		require.False(t, r.Allows(s))
	}

	late := lead.PersonRequest{State: lead.RequestOpen, ReceivedAt: at("2026-11-06", "10:00")}
	require.Equal(t, 0, late.WorkingDaysLeft(at("2026-12-04", "23:00")))
	require.Equal(t, -1, late.WorkingDaysLeft(at("2026-12-05", "12:00")), "on the Saturday after that")
	require.Equal(t, -1, late.WorkingDaysLeft(at("2026-12-07", "12:00")))
}
