package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"leadrelay/internal/lead"
)

// relay asks the operator's door of the running relay how it is.
func (d Doctor) relay(ctx context.Context) []Finding {
	if d.Operator == "" {
		return nil
	}
	about := "relay"
	answer, body, err := d.get(ctx, http.MethodGet, d.Operator+"/readyz?verbose", nil)
	if err != nil {
		return []Finding{{Trouble, about, "none answers at " + d.Operator, "Start it, or look at its log: journalctl -u leadrelay -n 20. LEADRELAY_OPERATOR_ADDR says where it is."}}
	}
	var says struct {
		Ready       bool
		Store       string
		Draining    bool
		Credentials []lead.Credential
		HeldBack    int `json:"vacuum_held_back_seconds"`
	}
	if err := json.Unmarshal(body, &says); err != nil {
		return []Finding{{Trouble, about, fmt.Sprintf("what answers at %s is no relay (%s)", d.Operator, answer.Status), "See what else has that address, or set another one: LEADRELAY_OPERATOR_ADDR."}}
	}
	var all []Finding
	switch {
	case says.Draining:
		all = append(all, Finding{Warning, about, "it is about to stop", "Run doctor again once it has started."})
	case !says.Ready:
		all = append(all, Finding{Trouble, about, "it takes no inquiries: " + says.Store, "See what is said of the database here, and the relay's log."})
	default:
		all = append(all, fine(about, "it takes inquiries"))
	}
	if says.HeldBack >= int(time.Minute.Seconds()) {
		all = append(all, Finding{Warning, "database", fmt.Sprintf("another program's transaction, which has been open for %s, keeps PostgreSQL from cleaning up, and the tables grow",
			(time.Duration(says.HeldBack) * time.Second).String()), "End it: the relay's log names its process, for pg_terminate_backend, once it is ten minutes old."})
	}
	for _, c := range says.Credentials {
		if c.State == lead.CredentialWorking {
			continue
		}
		all = append(all, stopped(c))
	}
	return all
}

// stopped says why a credential or a site sends nothing.
func stopped(c lead.Credential) Finding {
	f := Finding{Trouble, "sending for " + strings.Join(c.Sites, ", "), fmt.Sprintf("%s since %s: %s", c.State, c.Since.Local().Format("2006-01-02 15:04:05"), c.Reason), ""}
	switch c.State {
	case lead.CredentialHeld:
		f.Remedy = "Set the right key (EASYBROKER_API_KEY, or the site's api_key) and restart: all that waits goes out by itself."
	case lead.SitePaused:
		f.Remedy = "EasyBroker refuses this site's leads, for different properties: see why with leadrelay leads list --state failed, and retry them when it is mended."
	case lead.CredentialDown:
		f.Remedy = "Nothing to do but to wait, unless what is said of the key here tells more: all that waits goes out by itself."
	default:
		f.Level, f.Remedy = Warning, "Nothing to do: it is for a moment."
	}
	return f
}

// doors looks at the public door as a browser does.
func (d Doctor) doors(ctx context.Context) []Finding {
	base, where := d.Settings.URL.String(), "LEADRELAY_URL, "
	if d.Settings.URL.IsZero() {
		base, where = d.Public, ""
	}
	if base == "" {
		return nil
	}
	about := "public door " + base
	answer, body, err := d.get(ctx, http.MethodGet, base+"/healthz", nil)
	switch {
	case err != nil:
		return []Finding{{Trouble, about, "it cannot be reached from here: " + err.Error(), "See that " + where + "the proxy in front, its certificate and the name's address are right, and that the relay runs."}}
	case answer.StatusCode != http.StatusOK || strings.TrimSpace(string(body)) != "ok":
		return []Finding{{Trouble, about, "somebody else answers there: " + answer.Status, "See where the proxy passes this address on to: it must be LEADRELAY_ADDR, with the path that LEADRELAY_URL has."}}
	}
	all := []Finding{fine(about, "it answers")}
	all = append(all, d.widget(ctx, base))
	return append(all, d.origins(ctx, base)...)
}

func (d Doctor) widget(ctx context.Context, base string) Finding {
	about := base + "/widget.js"
	answer, _, err := d.get(ctx, http.MethodGet, about, nil)
	if err != nil {
		return Finding{Trouble, about, err.Error(), "Pages that have the tag show no form: see that the proxy passes this address on."}
	}
	if media, _, _ := mime.ParseMediaType(answer.Header.Get("Content-Type")); answer.StatusCode != http.StatusOK || media != "text/javascript" {
		return Finding{Trouble, about, fmt.Sprintf("it is no script (%s, %s)", answer.Status, media), "Pages that have the tag show no form: see that the proxy passes this address on as it is."}
	}
	return fine(about, "it is the widget")
}

// origins asks before each page's first post, as a browser does.
func (d Doctor) origins(ctx context.Context, base string) []Finding {
	type page struct{ site, origin string }
	var pages []page
	for _, s := range d.Settings.Sites {
		for _, origin := range s.Origins.List() {
			if !strings.Contains(origin, "*") {
				pages = append(pages, page{s.ID, origin})
			}
		}
	}
	const most = 50 // a portal may have thousands, and they are all alike
	pages = pages[:min(len(pages), most)]
	found := make([]Finding, len(pages))
	var asking sync.WaitGroup
	turns := make(chan struct{}, 8)
	for i, p := range pages {
		asking.Go(func() {
			turns <- struct{}{}
			defer func() { <-turns }()
			found[i] = d.origin(ctx, base+"/f/"+p.site, p.origin)
		})
	}
	asking.Wait()
	isFine := func(f Finding) bool { return f.Level == Fine }
	if len(found) > 0 && !slices.ContainsFunc(found, func(f Finding) bool { return !isFine(f) }) {
		return []Finding{fine("origins", fmt.Sprintf("pages of %d listed origins may post", len(found)))}
	}
	return slices.DeleteFunc(found, isFine)
}

func (d Doctor) origin(ctx context.Context, form, origin string) Finding {
	about := "origin " + origin
	answer, _, err := d.get(ctx, http.MethodOptions, form, http.Header{
		"Origin": {origin}, "Access-Control-Request-Method": {http.MethodPost}, "Access-Control-Request-Headers": {"content-type"},
	})
	allowed := []string(nil)
	if err == nil {
		allowed = answer.Header.Values("Access-Control-Allow-Origin")
	}
	switch {
	case err != nil:
		return Finding{Trouble, about, err.Error(), "See that the proxy passes OPTIONS on to " + form + "."}
	case len(allowed) > 1:
		return Finding{Trouble, about, fmt.Sprintf("browsers refuse an answer with %d headers Access-Control-Allow-Origin", len(allowed)), "Take the header out of the proxy's configuration: the relay sends its own."}
	case answer.StatusCode >= http.StatusMultipleChoices || len(allowed) == 0 || allowed[0] != origin:
		return Finding{Trouble, about, fmt.Sprintf("a browser is not allowed to post from there (%s)", answer.Status), "If the running relay has these settings, see that the proxy passes OPTIONS and its headers on as they are. If not, restart it."}
	}
	return fine(about, "its pages may post")
}

// get makes a request and reads the answer. It follows no redirect.
func (d Doctor) get(ctx context.Context, method, address string, header http.Header) (*http.Response, []byte, error) {
	return d.send(ctx, method, address, header, "")
}

// send is get with a body.
func (d Doctor) send(ctx context.Context, method, address string, header http.Header, text string) (*http.Response, []byte, error) {
	const most = 1 << 20
	req, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(text))
	if err != nil {
		return nil, nil, err
	}
	for name, values := range header {
		req.Header[name] = values
	}
	client := *d.Client
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	answer, err := client.Do(req)
	if err != nil {
		return nil, nil, errors.Unwrap(err) // the address is in the finding
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(answer.Body, most))
	return answer, body, err
}
