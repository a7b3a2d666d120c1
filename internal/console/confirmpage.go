package console

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync/atomic"

	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"leadrelay/internal/access"
	"leadrelay/internal/lead"
	"leadrelay/internal/locale"
	"leadrelay/internal/problem"
	"leadrelay/web"
)

// atOnce is how many leads can be moved at once. All of them are named in the form that
// confirms it, so nothing happens that was not told.
const atOnce = 500

var (
	errForm = errors.New("the form cannot be read, or lacks something")
	moves   = map[string]func(force bool) change{
		"retry":   retry,
		"release": func(bool) change { return release },
		"discard": func(bool) change { return discard },
	}
)

// confirmMove says what a move of the chosen leads would do, and asks.
func (p *Pages) confirmMove(w http.ResponseWriter, r *http.Request) error {
	if err := checkBody(w, r); err != nil {
		return err
	}
	do := r.PostFormValue("do")
	move, ok := moves[do]
	if !ok {
		return problem.New(problem.Unreadable, errForm)
	}
	f, err := chosen(r)
	if err != nil {
		return err
	}
	var leads []lead.Lead
	var more bool
	if len(f.RemoteIDs) > 0 || f.State != "" {
		var free func()
		if leads, more, free, err = p.find(r.Context(), f); err != nil {
			return err
		}
		defer free()
	}
	if more { // they are too many to name each of them
		return p.confirmJob(w, r)
	}
	page := confirmation(wordsFor(r), do, move, leads)
	page.Frame, page.Return = p.frame(r, ""), returnTo(r)
	page.Back = page.Return
	page.Hidden = append(page.Hidden, web.Pair{Name: "back", Value: page.Return})
	return writePage(w, r, http.StatusOK, func(b io.Writer, _ locale.Lang) error { return web.RenderConfirm(b, page) })
}

// chosen returns the leads that a form names: by their ids, or all in a state, of a site
// or of all.
func chosen(r *http.Request) (lead.Filter, error) {
	f := lead.Filter{Limit: atOnce}
	for _, text := range r.PostForm["id"] {
		id, err := lead.ParseRemoteID(text)
		if err != nil || len(f.RemoteIDs) == atOnce {
			return f, problem.New(problem.Unreadable, errForm)
		}
		f.RemoteIDs = append(f.RemoteIDs, id)
	}
	if len(f.RemoteIDs) > 0 {
		return f, nil
	}
	for _, name := range []string{"state", "site"} {
		if !setParameter(&f, name, r.PostFormValue(name)) {
			return f, problem.New(problem.Unreadable, errForm)
		}
	}
	return f, nil
}

// confirmation returns the page that asks.
func confirmation(w words, do string, move func(bool) change, leads []lead.Lead) web.ConfirmPage {
	const named = 20
	page := web.ConfirmPage{Action: "/leads/move", Hidden: []web.Pair{{Name: "do", Value: do}}, Grave: do == "discard"}
	movable, taken, others := 0, 0, map[lead.State]int{}
	for _, l := range leads {
		switch {
		case allows(l, move(false)):
			movable++
		case allows(l, move(true)):
			taken++
		default:
			others[l.State]++
			continue
		}
		page.Hidden = append(page.Hidden, web.Pair{Name: "id", Value: l.RemoteID.String()})
		if len(page.Names) < named {
			page.Names = append(page.Names, w.row(l).Who)
		}
	}
	page.More = movable + taken - len(page.Names)
	switch {
	case len(leads) == 0:
		page.Title, page.Effects = w.text("confirm.nobody"), []string{w.text("confirm.choose")}
	case movable+taken == 0:
		page.Title = w.text("confirm." + do + ".none")
	case movable == 0:
		page.Title, page.Button = w.count("confirm.again", taken), w.count("confirm.again.button", taken)
	default:
		page.Title, page.Button = w.count("confirm."+do, movable), w.count("confirm."+do+".button", movable)
		page.Effects = append(page.Effects, w.count("confirm."+do+".effect", movable))
	}
	if taken > 0 {
		page.Effects = append(page.Effects, w.count("confirm.taken", taken))
		page.Force = w.count("confirm.force", taken)
	}
	for _, s := range lead.States() {
		if others[s] > 0 {
			page.Effects = append(page.Effects, w.text("confirm.left", others[s], w.text("confirm.left."+string(s))))
		}
	}
	return page
}

// moveMany moves the leads that were confirmed. Whoever has moved meanwhile is left alone.
func (p *Pages) moveMany(w http.ResponseWriter, r *http.Request) error {
	if err := checkBody(w, r); err != nil {
		return err
	}
	do := r.PostFormValue("do")
	move, ok := moves[do]
	f, err := chosen(r)
	if !ok || err != nil || len(f.RemoteIDs) == 0 {
		return problem.New(problem.Unreadable, errForm)
	}
	moved, late, err := p.moveAll(access.Doing(r.Context(), do), f.RemoteIDs, move(r.PostFormValue("force") == "true"))
	if err != nil && moved == 0 {
		return moveProblem(r, err)
	}
	return redirect(w, withNotice(returnTo(r), fmt.Sprintf("%s.%d.%d", do, moved, late)))
}

// moveAll moves leads, some at a time, so that they share commits. It returns how many it
// has moved, and how many could not be moved any more.
func (p *Pages) moveAll(ctx context.Context, ids []lead.RemoteID, move change) (moved, late int, err error) {
	const together = 32
	zerolog.Ctx(ctx).UpdateContext(func(c zerolog.Context) zerolog.Context { return c.Int("leads", len(ids)) })
	var done, refused atomic.Int64
	var all errgroup.Group
	all.SetLimit(together)
	for _, id := range slices.Sorted(slices.Values(ids)) { // the oldest first
		all.Go(func() error {
			_, err := p.amend(ctx, id, move)
			switch wrongState := (*lead.MoveError)(nil); {
			case err == nil:
				done.Add(1)
			case errors.As(err, &wrongState), errors.Is(err, lead.ErrNotFound):
				refused.Add(1)
			default:
				return err
			}
			return nil
		})
	}
	err = all.Wait()
	p.counts.forget()
	return int(done.Load()), int(refused.Load()), err
}
