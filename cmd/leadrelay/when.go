package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// timeLayouts are the accepted forms of a time. A time without a zone is local.
var timeLayouts = []string{
	time.RFC3339, "2006-01-02T15:04Z07:00", "2006-01-02 15:04:05Z07:00", "2006-01-02 15:04Z07:00",
	"2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02 15:04",
}

// parseTime parses the value of a flag: a date, which means its first moment, a date
// with a time, or how long ago.
func parseTime(flag, s string, now time.Time) (time.Time, error) {
	if ago, ok := parseAgo(s); ok {
		return now.Add(-ago), nil
	}
	if day, err := time.ParseInLocation(time.DateOnly, s, now.Location()); err == nil {
		if day.Format(time.DateOnly) != s { // summer time begins at midnight, so that the day begins later
			_, day = day.ZoneBounds()
		}
		return day, nil
	}
	for _, form := range timeLayouts {
		if t, err := time.ParseInLocation(form, s, now.Location()); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%s wants a date or a time (%s), such as 2026-11-28 or 2026-11-28T10:00, a time with its zone, such as 2026-11-28T10:00:00-06:00, or how long ago, such as 36h or 7d",
		flag, now.Format("MST"))
}

// parseEnd parses the value of a flag that says when something ends: a time of the day,
// which is the next one, how long it lasts, or what [parseTime] takes.
func parseEnd(flag, s string, now time.Time) (time.Time, error) {
	if lasts, ok := parseAgo(s); ok {
		return now.Add(lasts), nil
	}
	if clock, err := time.Parse("15:04", s); err == nil {
		at := func(days int) time.Time {
			return time.Date(now.Year(), now.Month(), now.Day()+days, clock.Hour(), clock.Minute(), 0, 0, now.Location())
		}
		if today := at(0); today.After(now) {
			return today, nil
		}
		return at(1), nil
	}
	t, err := parseTime(flag, s, now)
	switch {
	case err != nil:
		return time.Time{}, fmt.Errorf("%s wants a time of the day (%s), such as 18:00, how long, such as 2h or 3d, or a time, such as 2026-11-28T18:00 or 2026-11-28T18:00:00-06:00",
			flag, now.Format("MST"))
	case !t.After(now):
		return time.Time{}, fmt.Errorf("%s wants a time to come, and %s is over", flag, formatTime(&t))
	}
	return t, nil
}

// parseAgo parses a duration, also in days.
func parseAgo(s string) (ago time.Duration, ok bool) {
	if days, isDays := strings.CutSuffix(s, "d"); isDays {
		const maxDays = 100 * 365
		n, err := strconv.Atoi(days)
		return time.Duration(n) * 24 * time.Hour, err == nil && n > 0 && n <= maxDays
	}
	ago, err := time.ParseDuration(s)
	return ago, err == nil && ago > 0
}

// formatTime returns a time for people, with its zone.
func formatTime(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.Local().Format("2006-01-02 15:04:05 MST")
}
