package console

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"leadrelay/internal/access"
	"leadrelay/internal/lead"
	"leadrelay/internal/locale"
	"leadrelay/internal/problem"
	"leadrelay/web"
)

// frame returns what stands around a page. here is the page's path in the navigation.
func (p *Pages) frame(r *http.Request, here string) web.Frame {
	w := wordsFor(r)
	f := web.Frame{Lang: w.lang, Here: here, Back: here, Notice: w.notice(r), Quarantined: p.counts.of(r.Context(), "", lead.Quarantined).Leads}
	if r.Method == http.MethodGet {
		f.Back = withoutNotice(r.URL)
	}
	by, err := access.From(r.Context())
	f.CanAct = err == nil && by.May(access.Act)
	f.SeesPeople = err == nil && by.May(access.Own)
	f.SeesAll = err == nil && by.May(allSites(access.See))
	f.SeesSettings = err == nil && by.May(allSites(access.Own))
	name, offset := w.now.Zone()
	if strings.ContainsAny(name, "+-0123456789") || name == "" { // a zone without a name of its own
		name = "UTC"
		if offset != 0 {
			name += w.now.Format("-07:00")
		}
	}
	f.Zone = name
	return f
}

// liveFrame returns what stands around a page that shows changes as they come. It must be
// called before what the page shows is read.
func (p *Pages) liveFrame(r *http.Request, here string) web.Frame {
	f := p.frame(r, here)
	f.Cursor = p.cursor(r.Context())
	return f
}

// wordsFor returns the words in the language of whoever asks.
func wordsFor(r *http.Request) words { return words{lang: language(r), now: time.Now()} }

const languageCookie = "leadrelay_language"

// language returns the language that the person has chosen, or that of the browser.
func language(r *http.Request) locale.Lang {
	if cookie, err := r.Cookie(cookieName(r, languageCookie)); err == nil {
		if l := locale.Lang(cookie.Value); l == locale.ES || l == locale.EN {
			return l
		}
	}
	return locale.Match(r.Header.Get("Accept-Language"))
}

// setLanguage remembers a language, and returns to the page.
func (p *Pages) setLanguage(w http.ResponseWriter, r *http.Request) error {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	const year = 365 * 24 * time.Hour
	if l := locale.Lang(r.PostFormValue("language")); l == locale.ES || l == locale.EN {
		http.SetCookie(w, &http.Cookie{
			Name: cookieName(r, languageCookie), Value: string(l), Path: "/", MaxAge: int(year / time.Second), HttpOnly: true, SameSite: http.SameSiteStrictMode,
			Secure: isOverTLS(r),
		})
	}
	return redirect(w, returnTo(r))
}

// returnTo returns the address on this door that a form wants to return to. One that is
// not on this door is ignored.
func returnTo(r *http.Request) string {
	u, err := url.Parse(r.PostFormValue("back"))
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || !strings.HasPrefix(u.Path, "/") || strings.HasPrefix(u.Path, "//") || strings.Contains(u.Path, `\`) {
		return "/"
	}
	return withoutNotice(u)
}

func withoutNotice(u *url.URL) string {
	query := u.Query()
	query.Del("done")
	maps.DeleteFunc(query, func(_ string, values []string) bool { return len(values) == 1 && values[0] == "" }) // a filter that was left blank
	back := url.URL{Path: u.Path, RawQuery: query.Encode()}
	return back.String()
}

// withNotice returns an address of ours that tells what was done.
func withNotice(address, done string) string {
	if strings.Contains(address, "?") {
		return address + "&done=" + done
	}
	return address + "?done=" + done
}

var (
	movesDone = regexp.MustCompile(`^(retry|release|discard)\.(\d{1,3})\.(\d{1,3})$`)
	probeDone = regexp.MustCompile(`^probe\.([a-z_]{1,20})\.(\d{1,3})$`)
)

// notice tells what was done just now. It stands in the address, so only what we would
// write there is told.
func (w words) notice(r *http.Request) string {
	done := r.URL.Query().Get("done")
	switch done {
	case "edit", "report", "seen", "job", "abort", "revoked":
		return w.text("done." + done)
	case "probe.works":
		return w.text("done.probe.works")
	}
	if m := movesDone.FindStringSubmatch(done); m != nil {
		moved, _ := strconv.Atoi(m[2])
		late, _ := strconv.Atoi(m[3])
		text := w.count("done."+m[1], moved)
		if late > 0 {
			text += " " + w.count("done.late", late)
		}
		return text
	}
	if m := probeDone.FindStringSubmatch(done); m != nil && !strings.HasPrefix(w.text("reason."+m[1]), "reason.") {
		status, _ := strconv.Atoi(m[2])
		return w.text("done.probe.fails", w.reasonByKey(m[1], status))
	}
	return ""
}

// checkBody limits the body of a form, and reports whether it can be read.
func checkBody(w http.ResponseWriter, r *http.Request) error {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if err := r.ParseForm(); err != nil {
		return problem.New(problem.Unreadable, errForm)
	}
	return nil
}

// counts remembers for a moment how many leads wait for something, in each state: each page
// wants to know. Those that have arrived or were discarded are not counted, because a million
// of them take a while.
type counts struct {
	counter counter

	mu  sync.Mutex
	at  time.Time
	all []lead.Count
}

// list returns the counts of each of their sites and state, or nothing if they cannot be
// read. What is remembered is of all sites, whoever has asked first.
func (c *counts) list(ctx context.Context) []lead.Count {
	by, err := access.Check(ctx, access.See)
	if err != nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(c.ofAll(ctx)), func(one lead.Count) bool { return !by.Sees(one.Site) })
}

func (c *counts) ofAll(ctx context.Context) []lead.Count {
	const fresh, timeout = time.Second, 2 * time.Second
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.at) < fresh {
		return c.all
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if all, err := c.counter.CountsOf(ctx, lead.Quarantined, lead.Queued, lead.Sending, lead.Doubtful, lead.Failed); err == nil {
		c.all, c.at = all, time.Now()
	}
	return c.all
}

// forget has the leads counted anew, after a person has moved some.
func (c *counts) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = time.Time{}
}

// of adds up the leads in the states, of one site or, if it is "", of all.
func (c *counts) of(ctx context.Context, site string, states ...lead.State) (sum lead.Count) {
	for _, one := range c.list(ctx) {
		for _, state := range states {
			if one.State != state || site != "" && one.Site != site {
				continue
			}
			if sum.Leads += one.Leads; sum.Oldest.IsZero() || one.Oldest.Before(sum.Oldest) {
				sum.Oldest = one.Oldest
			}
		}
	}
	return sum
}
