package web

import (
	"fmt"
	"math"
	"strconv"
)

// rgb are the parts of a color, from 0 to 1, as a screen has them.
type rgb [3]float64

// The backgrounds of tokens.css that an accent must stand out from: a page is
// the card on a phone, so of paper and card the one that is nearer to it.
var (
	white, black         = rgb{1, 1, 1}, rgb{}
	lightPaper, darkCard = mustColor("#faf9f6"), mustColor("#181d25")
)

// Theme is a style sheet that gives the pages a site's color, "#0e6657". On
// light and dark pages it is made darker or lighter until everybody can read
// it: 4.5 to 1, as WCAG asks for. A color that is none gives an empty sheet.
func Theme(color string) []byte {
	c, ok := parseColor(color)
	if !ok {
		return nil
	}
	light, dark := readable(c, lightPaper, black), readable(c, darkCard, white)
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
		panic("web: no color: " + s) // it stands in the program
	}
	return c
}

func (c rgb) String() string {
	part := func(x float64) int { return int(math.Round(x * 255)) }
	return fmt.Sprintf("#%02x%02x%02x", part(c[0]), part(c[1]), part(c[2]))
}

// readable goes from the color towards another until it stands out from its
// background.
func readable(c, background, towards rgb) rgb {
	const steps, enough = 50, 4.6 // a little more, for it is rounded
	for i := range steps + 1 {
		if mixed := c.mix(towards, float64(i)/steps); contrast(mixed, background) >= enough {
			return mixed
		}
	}
	return towards
}

// textOn is white or black: one of the two stands out from any color.
func textOn(c rgb) rgb {
	if contrast(white, c) >= contrast(black, c) {
		return white
	}
	return black
}

func (c rgb) mix(other rgb, share float64) rgb {
	var mixed rgb
	for i := range c {
		mixed[i] = c[i] + (other[i]-c[i])*share
	}
	return mixed
}

// contrast is WCAG's ratio of the two luminances.
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
