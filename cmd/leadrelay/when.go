package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// moments are how a time may be written; without a zone it is local.
var moments = []string{
	time.RFC3339, "2006-01-02T15:04Z07:00", "2006-01-02 15:04:05Z07:00", "2006-01-02 15:04Z07:00",
	"2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02 15:04",
}

// readTime reads a time that a person gives a flag: a date, which is its first
// moment, a date with a time, or how long ago.
func readTime(flag, s string, now time.Time) (time.Time, error) {
	if ago, ok := readAgo(s); ok {
		return now.Add(-ago), nil
	}
	if day, err := time.ParseInLocation(time.DateOnly, s, now.Location()); err == nil {
		if day.Format(time.DateOnly) != s { // the clock was set forward at midnight, so that the day begins later
			_, day = day.ZoneBounds()
		}
		return day, nil
	}
	for _, form := range moments {
		if t, err := time.ParseInLocation(form, s, now.Location()); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%s wants a date or a time (%s), such as 2026-11-28 or 2026-11-28T10:00, a time with its zone, such as 2026-11-28T10:00:00-06:00, or how long ago, such as 36h or 7d",
		flag, now.Format("MST"))
}

// readAgo reads a duration, also in days.
func readAgo(s string) (ago time.Duration, ok bool) {
	if days, isDays := strings.CutSuffix(s, "d"); isDays {
		const most = 100 * 365
		n, err := strconv.Atoi(days)
		return time.Duration(n) * 24 * time.Hour, err == nil && n > 0 && n <= most
	}
	ago, err := time.ParseDuration(s)
	return ago, err == nil && ago > 0
}

// local is a time as people read it, with its zone.
func local(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.Local().Format("2006-01-02 15:04:05 MST")
}
