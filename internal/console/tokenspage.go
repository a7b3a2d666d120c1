package console

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"leadrelay/internal/access"
	"leadrelay/internal/lead"
	"leadrelay/internal/locale"
	"leadrelay/internal/problem"
	"leadrelay/web"
)

// tokenDays are how many days a token may last that is made on the page; 0 is for ever.
var tokenDays = []int{30, 90, 365, 0}

// usualDays are chosen until the person chooses others.
const usualDays = 365

// tokensPage returns the page with the tokens, and a form as it was sent, if it was.
func (p *Pages) tokensPage(r *http.Request) (page web.TokensPage, err error) {
	by, err := access.From(r.Context())
	if err != nil {
		return page, err
	}
	all, err := p.store.Tokens(r.Context())
	if err != nil {
		return page, storeProblem(r.Context(), err)
	}
	w := wordsFor(r)
	page.Frame = p.frame(r, "/tokens")
	for _, t := range all {
		page.Tokens = append(page.Tokens, w.token(t))
	}
	if by.Sites == nil {
		if page.First, page.IsGood, err = p.aboutFirst(r.Context(), w, all); err != nil {
			return page, err
		}
	}
	page.Name = strings.TrimSpace(r.PostFormValue("name"))
	for _, role := range access.Roles() {
		page.Roles = append(page.Roles, web.Choice{Value: string(role), Label: w.text("role." + string(role)), IsChosen: string(role) == r.PostFormValue("role")})
	}
	for _, site := range p.ids(r.Context()) {
		page.Sites = append(page.Sites, web.Choice{Value: site, Label: site, IsChosen: slices.Contains(r.PostForm["site"], site)})
	}
	page.None = w.text("tokens.sites.all")
	if by.Sites != nil {
		page.None = w.text("tokens.sites.yours")
	}
	chosen, err := strconv.Atoi(r.PostFormValue("lasts"))
	if err != nil {
		chosen = usualDays
	}
	for _, days := range tokenDays {
		label := w.text("tokens.never")
		if days > 0 {
			label = w.text("tokens.days", days)
		}
		page.Lasts = append(page.Lasts, web.Choice{Value: strconv.Itoa(days), Label: label, IsChosen: days == chosen})
	}
	return page, nil
}

func (w words) token(t access.Token) web.TokenView {
	v := web.TokenView{
		Name: t.Name, Role: string(t.Role), Sites: strings.Join(t.Sites, ", "), By: t.CreatedBy, Made: w.when(t.CreatedAt),
		Used: w.text("tokens.unused"), Ends: w.text("tokens.never"), Revoke: web.SafeURL(revokePath(t.Name)),
	}
	if t.Sites == nil {
		v.Sites = w.text("tokens.all")
	}
	if !t.UsedOn.IsZero() {
		v.Used = t.UsedOn.UTC().Format(time.DateOnly)
	}
	if !t.ExpiresAt.IsZero() {
		v.Ends, v.HasExpired = w.when(t.ExpiresAt).Text, !t.ExpiresAt.After(w.now)
	}
	return v
}

// revokePath returns the address that asks, and that revokes.
func revokePath(name string) string { return "/tokens/" + url.PathEscape(name) + "/revoke" }

// aboutFirst says whether the token of the settings, which is made at the first start and
// never expires, is still used beside those of owners, and how to replace it. Of its uses
// the audit knows those that changed something, and log-ins.
func (p *Pages) aboutFirst(ctx context.Context, w words, all []access.Token) (says string, isGood bool, err error) {
	isOwner := func(t access.Token) bool {
		return t.Role == access.Owner && t.Sites == nil && (t.ExpiresAt.IsZero() || t.ExpiresAt.After(w.now))
	}
	i := slices.IndexFunc(all, isOwner)
	if i < 0 {
		return w.text("tokens.first.only"), true, nil
	}
	made := all[i].CreatedAt
	for _, t := range all[i:] {
		if isOwner(t) && t.CreatedAt.Before(made) {
			made = t.CreatedAt
		}
	}
	const grace = time.Hour // in which it was used to set the relay up
	did, _, _, err := p.store.Audit(ctx, access.EntryFilter{Who: access.SettingsName, Limit: 1})
	if err != nil {
		return "", false, storeProblem(ctx, err)
	}
	if len(did) == 0 || did[0].At.Before(made.Add(grace)) {
		return w.text("tokens.first.unused"), true, nil
	}
	return w.text("tokens.first.used", w.when(did[0].At).Text), false, nil
}

func (p *Pages) showTokens(w http.ResponseWriter, r *http.Request) error {
	page, err := p.tokensPage(r)
	if err != nil {
		return err
	}
	return writeTokens(w, r, http.StatusOK, page)
}

func writeTokens(w http.ResponseWriter, r *http.Request, status int, page web.TokensPage) error {
	return writePage(w, r, status, func(b io.Writer, _ locale.Lang) error { return web.RenderTokens(b, page) })
}

// makeTokenByForm makes a token and shows what is to be sent in its answer. It stands in no
// address, so there is no redirect.
func (p *Pages) makeTokenByForm(w http.ResponseWriter, r *http.Request) error {
	if err := checkBody(w, r); err != nil {
		return err
	}
	by, err := access.From(r.Context())
	if err != nil {
		return err
	}
	sites := r.PostForm["site"]
	if len(sites) == 0 {
		sites = by.Sites
	}
	days, err := strconv.Atoi(r.PostFormValue("lasts"))
	isUnknown := func(site string) bool { _, isKnown := p.rules[site]; return !isKnown }
	if err != nil || !slices.Contains(tokenDays, days) || slices.ContainsFunc(r.PostForm["site"], isUnknown) { // no browser sends that
		return problem.New(problem.Unreadable, errForm)
	}
	var expires time.Time
	if days > 0 {
		expires = p.courier.Now().AddDate(0, 0, days)
	}
	name := strings.TrimSpace(r.PostFormValue("name"))
	made, secret, err := p.store.MakeToken(r.Context(), name, access.Role(r.PostFormValue("role")), sites, expires)
	code := nameCode(err)
	if err != nil && code == "" {
		return tokenProblem(r, err)
	}
	page, readErr := p.tokensPage(r)
	if code != "" && readErr == nil {
		page.Error = wrongField(page.Lang, lead.FieldError{Field: "name", Code: code}).Message
		return writeTokens(w, r, http.StatusUnprocessableEntity, page)
	}
	if readErr != nil { // what was made must be shown all the same
		page = web.TokensPage{Frame: p.frame(r, "/tokens")}
	}
	page.Made, page.Secret, page.Name = made.Name, secret, ""
	return writeTokens(w, r, http.StatusOK, page)
}

// confirmRevoke shows what revoking a token does.
func (p *Pages) confirmRevoke(w http.ResponseWriter, r *http.Request) error {
	by, err := access.From(r.Context())
	if err != nil {
		return err
	}
	tokens, err := p.store.Tokens(r.Context())
	if err != nil {
		return storeProblem(r.Context(), err)
	}
	i := slices.IndexFunc(tokens, func(t access.Token) bool { return t.Name == chi.URLParam(r, "name") })
	if i < 0 {
		return problem.New(problem.NotFound, lead.ErrNotFound)
	}
	t, words := tokens[i], wordsFor(r)
	page := web.ConfirmPage{
		Frame: p.frame(r, "/tokens"), Title: words.text("tokens.revoke.of", t.Name), Effects: []string{words.text("tokens.revoke.effect")},
		Action: revokePath(t.Name), Button: words.text("tokens.revoke"), Grave: true, Return: "/tokens",
	}
	if t.ID == by.Token {
		page.Effects = append(page.Effects, words.text("tokens.revoke.own"))
	}
	return writePage(w, r, http.StatusOK, func(b io.Writer, _ locale.Lang) error { return web.RenderConfirm(b, page) })
}

func (p *Pages) revokeByForm(w http.ResponseWriter, r *http.Request) error {
	if err := checkBody(w, r); err != nil {
		return err
	}
	if _, err := p.store.RevokeToken(r.Context(), chi.URLParam(r, "name")); err != nil {
		return tokenProblem(r, err)
	}
	return redirect(w, withNotice("/tokens", "revoked"))
}
