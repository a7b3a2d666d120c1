package web

import (
	"fmt"
	"math"
	"strconv"
)

// rgb has the parts of a color in sRGB, from 0 to 1.
type rgb [3]float64

// The backgrounds in tokens.css that an accent must contrast with: of paper and card the
// one with less contrast, because on a phone the whole page is the card.
var (
	white, black         = rgb{1, 1, 1}, rgb{}
	lightPaper, darkCard = mustColor("#faf9f6"), mustColor("#181d25")
)

// Theme returns a style sheet with a site's color, such as "#0e6657". The color is made
// darker for light pages and lighter for dark ones until its contrast is 4.5 to 1, as WCAG
// requires. It returns nil if the color is invalid.
func Theme(color string) []byte {
	c, ok := parseColor(color)
	if !ok {
		return nil
	}
	light, dark := readableOn(c, lightPaper, black), readableOn(c, darkCard, white)
	return fmt.Appendf(nil, ":root { --accent: %s; --on-accent: %s }\n@media (prefers-color-scheme: dark) { :root { --accent: %s; --on-accent: %s } }\n",
		light, textOn(light), dark, textOn(dark))
}

func parseColor(s string) (rgb, bool) {
	if len(s) != 7 || s[0] != '#' {
		return rgb{}, false
	}
	n, err := strconv.ParseUint(s[1:], 16, 24)
	if err != nil {
		return rgb{}, false
	}
	part := func(shift int) float64 { return float64(n>>shift&0xff) / 255 }
	return rgb{part(16), part(8), part(0)}, true
}

func mustColor(s string) rgb {
	c, ok := parseColor(s)
	if !ok {
		panic("web: no color: " + s) // it is a constant
	}
	return c
}

func (c rgb) String() string {
	part := func(x float64) int { return int(math.Round(x * 255)) }
	return fmt.Sprintf("#%02x%02x%02x", part(c[0]), part(c[1]), part(c[2]))
}

// readableOn mixes the color with another until it contrasts enough with the background.
func readableOn(c, background, towards rgb) rgb {
	const steps, minContrast = 50, 4.6 // a little more than 4.5, because colors are rounded
	for i := range steps + 1 {
		if mixed := c.mixWith(towards, float64(i)/steps); contrast(mixed, background) >= minContrast {
			return mixed
		}
	}
	return towards
}

// textOn returns white or black, whichever contrasts more with the color.
func textOn(c rgb) rgb {
	if contrast(white, c) >= contrast(black, c) {
		return white
	}
	return black
}

func (c rgb) mixWith(other rgb, share float64) rgb {
	var mixed rgb
	for i := range c {
		mixed[i] = c[i] + (other[i]-c[i])*share
	}
	return mixed
}

// contrast returns WCAG's ratio of the two luminances.
func contrast(a, b rgb) float64 {
	la, lb := a.luminance(), b.luminance()
	return (max(la, lb) + .05) / (min(la, lb) + .05)
}

func (c rgb) luminance() float64 {
	linear := func(x float64) float64 {
		if x <= .04045 {
			return x / 12.92
		}
		return math.Pow((x+.055)/1.055, 2.4)
	}
	return .2126*linear(c[0]) + .7152*linear(c[1]) + .0722*linear(c[2])
}
