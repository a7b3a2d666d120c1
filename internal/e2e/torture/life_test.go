package torture_test

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"leadrelay/internal/courier"
	"leadrelay/internal/easybroker"
	"leadrelay/internal/lead"
	"leadrelay/internal/secret"
	"leadrelay/internal/store"
)

var (
	errKilled = errors.New("the process is dead")
	errDisk   = errors.New("database or disk is full")
)

const site = "casas"

var account = easybroker.Account{URL: "http://127.0.0.1:1/v1", Key: secret.New("key-of-the-tests"), Country: "MX", API: easybroker.Partner}

// plainAccount has no partner's key, and a list without remote_id.
func plainAccount() easybroker.Account {
	a := account
	a.Key, a.API = secret.New("account-key-of-the-tests"), easybroker.Plain
	return a
}

// life is one process of the relay, from its start to its end. Nothing that it
// does after it was killed has any effect.
type life struct {
	bed    *bed
	host   *host
	store  *store.Store
	client *easybroker.Client

	courier *courier.Courier
	ctx     context.Context // ends when it is killed or told to stop
	stop    context.CancelFunc
	ran     chan error
	killed  chan struct{}
	stopped chan struct{} // as SIGTERM does

	mu    sync.Mutex
	dead  bool
	lines map[*line]bool
}

func (h *host) startLife() (*life, error) {
	b := h.bed
	s := b.shared
	if s == nil {
		var err error
		if s, err = store.Open(context.Background(), b.database); err != nil {
			return nil, err
		}
	}
	l := &life{
		bed: b, host: h, store: s, ran: make(chan error, 1), killed: make(chan struct{}), stopped: make(chan struct{}), lines: map[*line]bool{},
	}
	l.ctx, l.stop = context.WithCancel(context.Background())
	l.client = easybroker.New(easybroker.Options{
		Timeout: b.opt.Timeout,
		Dial:    func(ctx context.Context, _, _ string) (net.Conn, error) { return l.dial(ctx) },
	})
	opt := b.opt
	opt.Log, opt.Now = zerolog.Nop(), h.wall
	if b.shared != nil {
		opt.Leases = leases{l}
	}
	l.courier = courier.New(outbox{l}, broker{l}, []courier.Route{b.route()}, opt)
	go func() { l.ran <- l.courier.Run(l.ctx) }()
	return l, nil
}

// kill ends the process as kill -9 does.
func (l *life) kill() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.dead {
		return
	}
	l.dead = true
	l.stop()
	for line := range l.lines {
		_ = line.Conn.Close()
	}
	close(l.killed)
}

// end waits until nothing of the process is left.
func (l *life) end() error {
	l.stop()
	err := <-l.ran
	l.client.CloseIdle()
	if l.bed.shared != nil {
		return err
	}
	return errors.Join(err, l.store.Close())
}

// leave tells the process to stop: it ends its calls and hands over.
func (l *life) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.stopped:
	default:
		close(l.stopped)
	}
}

// alive waits while the process is frozen, and then says whether it lives.
func (l *life) alive() error {
	for wait := l.host.frozenFor(); wait > 0; wait = l.host.frozenFor() {
		time.Sleep(wait)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.dead {
		return errKilled
	}
	return nil
}

// at lets the fault strike when lead n is one that it hits at this instant,
// and then says whether the process goes on.
func (l *life) at(i instant, n int) error {
	if f := l.bed.hits(i, n); f != nil {
		f.befall(l, n)
	}
	return l.alive()
}

// mayWrite says whether the disk takes a write.
func (l *life) mayWrite() error {
	if err := l.alive(); err != nil {
		return err
	}
	if l.bed.diskIsFull() || l.host.isCutOff() {
		return errDisk
	}
	return nil
}

func (l *life) dial(ctx context.Context) (net.Conn, error) {
	if err := l.alive(); err != nil {
		return nil, err
	}
	if l.bed.refuses() {
		return nil, errRefused
	}
	return l.bed.wire.dial(ctx, l)
}

func (l *life) holds(line *line) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines[line] = true
	if l.dead {
		_ = line.Conn.Close()
	}
}

// cut breaks every connection.
func (l *life) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range l.lines {
		line.reset()
	}
	clear(l.lines)
}

// outbox is the store as the courier of one life sees it.
type outbox struct{ life *life }

// Begin implements [courier.Outbox]. Before its commit nobody knows which
// leads it will find; but they come in order, so it is about time for the one
// that would be next.
func (o outbox) Begin(ctx context.Context, site string, q lead.Due) ([]lead.Claim, time.Time, error) {
	if err := errors.Join(o.life.at(beforeIntent, o.life.bed.nextUp()), o.life.mayWrite()); err != nil {
		return nil, time.Time{}, err
	}
	claims, next, err := o.life.store.Begin(ctx, site, q)
	for _, c := range claims {
		n := number(c.Lead.Message)
		o.life.bed.begun(n)
		if dead := o.life.at(intended, n); dead != nil {
			return nil, time.Time{}, dead
		}
	}
	if dead := o.life.alive(); dead != nil {
		return nil, time.Time{}, dead
	}
	return claims, next, err
}

// ClaimLookups implements [courier.Outbox].
func (o outbox) ClaimLookups(ctx context.Context, sites []string, q lead.Due) ([]lead.Claim, time.Time, error) {
	if err := o.life.mayWrite(); err != nil {
		return nil, time.Time{}, err
	}
	claims, next, err := o.life.store.ClaimLookups(ctx, sites, q)
	if dead := o.life.alive(); dead != nil {
		return nil, time.Time{}, dead
	}
	return claims, next, err
}

// Settle implements [courier.Outbox].
func (o outbox) Settle(ctx context.Context, c lead.Claim, to lead.Settlement) error {
	if err := errors.Join(o.life.at(settling, number(c.Lead.Message)), o.life.mayWrite()); err != nil {
		return err
	}
	err := o.life.store.Settle(ctx, c, to)
	return errors.Join(o.life.alive(), err)
}

// Unclaim implements [courier.Outbox].
func (o outbox) Unclaim(ctx context.Context, c lead.Claim) error {
	if err := o.life.mayWrite(); err != nil {
		return err
	}
	err := o.life.store.Unclaim(ctx, c)
	return errors.Join(o.life.alive(), err)
}

// Expire implements [courier.Outbox].
func (o outbox) Expire(ctx context.Context, site string, before time.Time, q lead.Due) ([]lead.RemoteID, error) {
	if err := o.life.mayWrite(); err != nil {
		return nil, err
	}
	ids, err := o.life.store.Expire(ctx, site, before, q)
	return ids, errors.Join(o.life.alive(), err)
}

// broker is EasyBroker as the courier of one life sees it.
type broker struct{ life *life }

// Create implements [courier.Broker].
func (b broker) Create(ctx context.Context, a easybroker.Account, cr easybroker.ContactRequest) (easybroker.Receipt, error) {
	n := number(cr.Message)
	if err := b.life.at(sending, n); err != nil {
		return easybroker.Receipt{}, err
	}
	b.life.bed.sends(n, b.life)
	b.life.bed.called()
	ctx, done := b.life.within(ctx)
	defer done()
	receipt, err := b.life.client.Create(ctx, a, cr)
	if dead := b.life.at(answered, n); dead != nil {
		return easybroker.Receipt{}, dead
	}
	return receipt, err
}

// List implements [courier.Broker].
func (b broker) List(ctx context.Context, a easybroker.Account, q easybroker.Query) (easybroker.Page, error) {
	if err := b.life.alive(); err != nil {
		return easybroker.Page{}, err
	}
	b.life.bed.called()
	ctx, done := b.life.within(ctx)
	defer done()
	page, err := b.life.client.List(ctx, a, q)
	if dead := b.life.alive(); dead != nil {
		return easybroker.Page{}, dead
	}
	return page, err
}

// within ends a call when the process is killed; a stop lets it finish.
func (l *life) within(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	over := make(chan struct{})
	go func() {
		select {
		case <-l.killed:
			cancel()
		case <-over:
		}
	}()
	return ctx, func() { close(over); cancel() }
}
