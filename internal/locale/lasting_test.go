package locale_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/locale"
)

func TestHowLongSomethingLasts(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "1 min", 10 * time.Minute: "10 min", 30 * time.Minute: "30 min", time.Hour: "1 h", 9*time.Hour + 5*time.Minute: "9 h 5 min",
		10*time.Hour + 29*time.Second: "10 h", 47 * time.Hour: "47 h", 48 * time.Hour: "2 d", 240*time.Hour + 3*time.Hour: "10 d 3 h",
	} {
		require.Equal(t, want, locale.Lasting(d))
	}
}
