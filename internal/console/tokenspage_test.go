package console_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/access"
)

var secretShape = regexp.MustCompile(`lr_[A-Z2-7]{26}`)

// What is to be sent is in the answer to the form, and in no other answer, address or entry.
func TestATokenIsShownOnce(t *testing.T) {
	h := newHouse(t)
	made := h.request("POST /tokens", "name=ana&role=operator&site=casas&lasts=30", token)
	require.Equal(t, http.StatusOK, made.Code, made.Body.String())
	require.Equal(t, "no-store", made.Header().Get("Cache-Control"))
	found := secretShape.FindAllString(made.Body.String(), -1)
	require.Len(t, found, 1)
	require.Equal(t, http.StatusOK, h.send("Bearer "+found[0], "GET", "/api/v1/leads", "").Code)
	require.NotContains(t, h.send("Bearer "+found[0], "GET", "/api/v1/leads", "").Body.String(), "lofts")
	for _, line := range []string{"GET /tokens", "GET /tokens/ana/revoke", "GET /audit"} {
		page := h.request(line, "", token)
		require.Equal(t, http.StatusOK, page.Code, line)
		require.Contains(t, page.Body.String(), "ana", line)
		require.NotRegexp(t, secretShape, page.Body.String(), line)
	}
	list := h.request("GET /tokens", "", token).Body.String()
	require.Contains(t, list, `<b>ana</b> · operator · casas`)
	require.Contains(t, list, "Last used: "+time.Now().UTC().Format(time.DateOnly), "today")

	revoked := h.request("POST /tokens/ana/revoke", "", token)
	require.Equal(t, http.StatusSeeOther, revoked.Code)
	require.Equal(t, "/tokens?done=revoked", revoked.Header().Get("Location"))
	require.Equal(t, http.StatusUnauthorized, h.send("Bearer "+found[0], "GET", "/api/v1/leads", "").Code)
	require.Equal(t, http.StatusNotFound, h.request("GET /tokens/ana/revoke", "", token).Code)
	require.Equal(t, http.StatusNotFound, h.request("POST /tokens/ana/revoke", "", token).Code)
}

// A form makes no token beyond the one that sends it, and says what is wrong.
func TestATokenByForm(t *testing.T) {
	h := newHouse(t)
	bound := h.give(access.Owner, "casas")
	for name, tt := range map[string]struct {
		by, form string
		code     int
		says     string
	}{
		"of another site":     {bound, "name=a&role=viewer&site=lofts&lasts=0", http.StatusForbidden, ""},
		"of both":             {bound, "name=a&role=viewer&site=casas&site=lofts&lasts=0", http.StatusForbidden, ""},
		"of no site":          {token, "name=a&role=viewer&site=nowhere&lasts=0", http.StatusBadRequest, ""},
		"for some other time": {token, "name=a&role=viewer&lasts=7", http.StatusBadRequest, ""},
		"without a time":      {token, "name=a&role=viewer", http.StatusBadRequest, ""},
		"of no role":          {token, "name=a&role=root&lasts=0", http.StatusUnprocessableEntity, ""},
		"with a name":         {token, "name=Ana&role=operator&site=lofts&lasts=90", http.StatusUnprocessableEntity, `id="name-error"`},
		"what was chosen":     {token, "name=Ana&role=operator&site=lofts&lasts=90", http.StatusUnprocessableEntity, `value="lofts" checked`},
		"how long, too":       {token, "name=Ana&role=operator&site=lofts&lasts=90", http.StatusUnprocessableEntity, `value="90" selected`},
	} {
		w := h.request("POST /tokens", tt.form, tt.by)
		require.Equal(t, tt.code, w.Code, "%s: %s", name, w.Body)
		require.Contains(t, w.Body.String(), tt.says, name)
		require.NotRegexp(t, secretShape, w.Body.String(), name)
	}
	made := h.request("POST /tokens", "name=mia&role=viewer&lasts=0", bound)
	require.Equal(t, http.StatusOK, made.Code)
	require.Contains(t, made.Body.String(), `<b>mia</b> · viewer · casas`, "without a site it is of theirs")
	require.Equal(t, http.StatusUnprocessableEntity, h.request("POST /tokens", "name=mia&role=viewer&lasts=0", token).Code, "of the same name")
	require.Contains(t, h.request("GET /tokens/mia/revoke", "", secretShape.FindString(h.request("POST /tokens", "name=mio&role=owner&lasts=0", token).Body.String())).Body.String(), "Revoke mia")
}

// The token of the first start is not to stay in use: once owners have their own, the page
// says that it does, and how to replace it.
func TestTheFirstTokenIsToBeReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		defer h.close()
		const stillUsed = "is still used"
		require.Contains(t, h.request("GET /tokens", "", token).Body.String(), "Make an owner&#39;s token for each person")
		bound := h.give(access.Owner, "casas")
		ana := secretShape.FindString(h.request("POST /tokens", "name=ana&role=owner&lasts=0", token).Body.String())
		page := func(by string) string { return h.see("/tokens", h.session(by)).Body.String() }
		require.Contains(t, page(ana), "has done nothing since")
		time.Sleep(2 * time.Hour)
		require.NotContains(t, page(ana), stillUsed)
		h.session(token)
		require.Contains(t, page(ana), stillUsed)
		require.Contains(t, page(ana), "delete the file operator-token")
		require.Contains(t, h.see("/tokens/ana/revoke", h.session(ana)).Body.String(), "the one that you are here with")
		require.Equal(t, 0, strings.Count(page(bound), "LEADRELAY_OPERATOR_TOKEN,"), "an owner of some sites cannot replace it")
	})
}
