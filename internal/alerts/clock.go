package alerts

import "time"

// clock notices when the clock of the machine is set. The zero clock has seen nothing yet.
type clock struct {
	wall, mono time.Time // at the last look
	jump       time.Duration
	jumpedAt   time.Time // monotonic
}

// jumped returns by how much the clock was set within the last minutes. A machine that was
// suspended looks the same.
func (c *clock) jumped(wall time.Time) time.Duration {
	mono, wall := time.Now(), wall.Round(0)
	if !c.wall.IsZero() {
		if jump := wall.Sub(c.wall) - mono.Sub(c.mono); jump.Abs() > maxJump {
			c.jump, c.jumpedAt = jump, mono
		}
	}
	c.wall, c.mono = wall, mono
	if c.jumpedAt.IsZero() || mono.Sub(c.jumpedAt) > maxAway {
		return 0
	}
	return c.jump
}
