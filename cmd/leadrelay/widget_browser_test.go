package main

import (
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

func TestTheWidgetOnAPage(t *testing.T) {
	h := openHost(t)
	h.show("<h1>Casa</h1>" + h.tag(`data-property-id="EB-WI1" data-whatsapp="55 1234 5678" data-privacy="https://casas.mx/aviso"`))
	h.do(chromedp.WaitVisible(chromedp.CSS("form.leadrelay")))
	h.shoot("empty")
	h.send()
	h.do(chromedp.WaitVisible(chromedp.CSS(".lr-error")))
	h.shoot("errors")
	h.fill("name", "Ana López", "email", "ana@ejemplo.mx", "message", "¿Sigue disponible?")
	h.send()
	l := h.thanked("EB-WI1")
	h.shoot("done")
	require.Equal(t, "¿Sigue disponible?", *l.Message)
	h.quiet()
}
