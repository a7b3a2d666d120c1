package browser

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"leadrelay/internal/e2e/relaytest"
)

// The READMEs' pictures are of the demo that really runs. `make pictures` keeps
// them; here they only must come out, and be small.
func TestPictures(t *testing.T) {
	t.Parallel()
	d := relaytest.StartDemo(t)
	v := visitor{browser: openBrowser(t)}
	v.open(d.Page+"?lang=es", "form.leadrelay")
	v.see(1280, "light")
	v.writeTo("name", "María José Ñ.", "email", "mj@correo.mx", "phone", "55 1234 5678")
	keepPicture(t, "widget.png", v.picture(1280, 920))

	v.writeTo("email", "mj@correo")
	v.do(chromedp.Click(chromedp.CSS(".lr-button")), visible(".lr-error"))
	wrong := v.picture(390, 920)
	v.writeTo("email", "mj@correo.mx")
	v.do(chromedp.Click(chromedp.CSS(".lr-button")), visible(".lr-done"))
	v.do(chromedp.Evaluate[chromedp.Void](`document.querySelector(".lr-folio").textContent = "28 252 880 123"`)) // each time it is another
	thanks := v.picture(390, 920)

	v.open(d.Page+"?lang=es", "form.leadrelay")
	v.see(390, "dark")
	v.writeTo("name", "María José Ñ.", "email", "mj@correo.mx", "message", "¿Sigue disponible?")
	(&host{browser: v.browser}).offline(true)
	v.do(chromedp.Click(chromedp.CSS(".lr-button")), visible(".lr-notice .lr-links"))
	keepPicture(t, "widget-phone.png", sideBySide(wrong, thanks, v.picture(390, 920)))
	(&host{browser: v.browser}).offline(false)

	v.speak("es")
	v.see(1280, "light")
	v.open(d.Console, ".trouble .main") // the key of the other agency is held
	v.do(visible(".live[data-how=now]"))
	keepPicture(t, "console.png", v.screen(1280, 1120))
	var phones []image.Image
	for _, path := range []string{"", "leads", "leads?state=failed"} {
		v.see(390, "dark")
		v.open(d.Console+path, ".leads .who a")
		v.do(visible(".live[data-how=now]"))
		if path == "leads?state=failed" {
			v.do(chromedp.Click(chromedp.CSS(".leads .who a")), visible(".story"), visible(".live[data-how=now]"))
		}
		phones = append(phones, v.screen(390, 844))
	}
	keepPicture(t, "console-phone.png", sideBySide(phones...))
}

// screen is what a screen of that size shows of the page.
func (v visitor) screen(width, height int64) image.Image {
	v.t.Helper()
	v.do(chromedp.EmulateViewport(width, height, chromedp.EmulateScale(1.5)))
	shot, err := png.Decode(bytes.NewReader(ask(v.browser, chromedp.CaptureScreenshot())))
	require.NoError(v.t, err)
	return shot
}

// writeTo writes into the widget's fields, by their names, over what is there.
func (v visitor) writeTo(pairs ...string) {
	v.t.Helper()
	for pair := range slices.Chunk(pairs, 2) {
		field := `#preguntar [name="` + pair[0] + `"]`
		v.do(chromedp.Evaluate[chromedp.Void](`document.querySelector('`+field+`').select()`), chromedp.SendKeys(chromedp.CSS(field), pair[1]))
	}
}

// picture is what a screen of that size shows of the page, down to the end of its card,
// without a blinking caret.
func (v visitor) picture(width, height int64) image.Image {
	v.t.Helper()
	v.do(chromedp.EmulateViewport(width, height, chromedp.EmulateScale(1.5)),
		chromedp.Evaluate[chromedp.Void](`document.activeElement.blur(); document.querySelector("#preguntar").scrollIntoView({ block: "end", behavior: "instant" })`))
	return v.screen(width, height)
}

func sideBySide(pictures ...image.Image) image.Image {
	const gap = 24
	size := pictures[0].Bounds().Size()
	all := image.NewNRGBA(image.Rect(0, 0, len(pictures)*(size.X+gap)-gap, size.Y))
	for i, one := range pictures {
		draw.Draw(all, one.Bounds().Add(image.Pt(i*(size.X+gap), 0)), one, image.Point{}, draw.Src)
	}
	return all
}

// keepPicture writes the picture in the colors that it has most of.
func keepPicture(t *testing.T, name string, picture image.Image) {
	t.Helper()
	var file bytes.Buffer
	require.NoError(t, (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&file, inFewColors(picture)))
	require.Less(t, file.Len(), 150_000, name)
	if dir := os.Getenv("LEADRELAY_PICTURES"); dir != "" {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), file.Bytes(), 0o644))
	}
}

// inFewColors returns the picture in its 256 most frequent colors. It looks for the
// nearest of them once for each color, and not for each pixel.
func inFewColors(picture image.Image) *image.Paletted {
	whole := image.NewNRGBA(picture.Bounds())
	draw.Draw(whole, whole.Bounds(), picture, whole.Bounds().Min, draw.Src)
	count := map[uint32]int{}
	for pixel := range slices.Chunk(whole.Pix, 4) {
		count[binary.BigEndian.Uint32(pixel)]++
	}
	colors := slices.SortedFunc(maps.Keys(count), func(a, b uint32) int { return cmp.Or(count[b]-count[a], cmp.Compare(a, b)) })
	palette := make(color.Palette, min(len(colors), 256))
	for i := range palette {
		palette[i] = colorOf(colors[i])
	}
	nearest := make(map[uint32]uint8, len(colors))
	for _, one := range colors {
		nearest[one] = uint8(palette.Index(colorOf(one)))
	}
	few := image.NewPaletted(whole.Bounds(), palette)
	for i := range few.Pix {
		few.Pix[i] = nearest[binary.BigEndian.Uint32(whole.Pix[4*i:])]
	}
	return few
}

func colorOf(n uint32) color.NRGBA {
	return color.NRGBA{R: uint8(n >> 24), G: uint8(n >> 16), B: uint8(n >> 8), A: uint8(n)}
}
