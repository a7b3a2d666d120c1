package mx_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"leadrelay/internal/lead"
	"leadrelay/internal/mx"
)

// resolver answers for every domain what its function returns for mail servers. It has
// no addresses.
type resolver func(ctx context.Context, name string) ([]*net.MX, error)

func (r resolver) LookupMX(ctx context.Context, name string) ([]*net.MX, error) { return r(ctx, name) }

func (resolver) LookupNetIP(context.Context, string, string) ([]netip.Addr, error) {
	return nil, &net.DNSError{IsNotFound: true}
}

func (resolver) LookupNS(context.Context, string) ([]*net.NS, error) { return make([]*net.NS, 1), nil }

func absent(context.Context, string) ([]*net.MX, error) {
	return nil, &net.DNSError{IsNotFound: true}
}

// hangs answers when ctx ends, and no earlier.
func hangs(ctx context.Context, _ string) ([]*net.MX, error) {
	<-ctx.Done()
	return nil, &net.DNSError{Err: "canceled", IsTimeout: true}
}

// pile is where leads are quarantined.
type pile struct {
	mu    sync.Mutex
	apart []lead.RemoteID
	why   []string
	fails error
}

func (p *pile) Quarantine(_ context.Context, id lead.RemoteID, _ time.Time, reason string) (bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fails != nil {
		return false, p.fails
	}
	p.apart, p.why = append(p.apart, id), append(p.why, reason)
	return true, nil
}

func (p *pile) ids() []lead.RemoteID {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Sorted(slices.Values(p.apart))
}

const moment = 10 * time.Second

// delayed returns lead n, as intake hands it over.
func delayed(n int, email string) lead.Lead {
	l := lead.Lead{RemoteID: lead.RemoteID(n)}
	l.Site, l.Email = "casas", email
	l.DelayUntil(time.Now().Add(moment))
	return l
}

// check checks a lead whose store has the same clock.
func check(a *mx.Checker, l lead.Lead, reason string) { a.Check(l, l.DueAt, reason) }

// run runs a checker until the test is over.
func run(t *testing.T, p *pile, r mx.Resolver) (a *mx.Checker, log *bytes.Buffer, stop func()) {
	t.Helper()
	log = &bytes.Buffer{}
	a = mx.New(p, mx.Options{Resolver: r, Log: zerolog.New(zerolog.SyncWriter(log))})
	ctx, cancel := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	go func() { ran <- a.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		require.NoError(t, <-ran)
	})
	t.Cleanup(stop)
	return a, log, stop
}

func TestALeadWhoseDomainTakesNoMailIsQuarantined(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pile{}
		asked := make(chan string, 1)
		a, log, _ := run(t, p, resolver(func(ctx context.Context, name string) ([]*net.MX, error) {
			asked <- name
			return absent(ctx, name)
		}))
		check(a, delayed(7, "ana@robot.example"), "captcha, no_mail")
		synctest.Wait()
		require.Equal(t, "robot.example.", <-asked)
		require.Equal(t, []lead.RemoteID{7}, p.ids())
		require.Equal(t, []string{"captcha, no_mail"}, p.why)
		require.JSONEq(t, `{"level":"info","remote_id":7,"site":"casas","mail":"takes no mail","took":0,"state":"quarantined","reason":"captcha, no_mail","message":"mail domain looked up"}`, log.String())
	})
}

func TestALeadWhoseDomainMayTakeMailIsLeftAlone(t *testing.T) {
	for name, r := range map[string]resolver{
		"it does": func(context.Context, string) ([]*net.MX, error) { return []*net.MX{{Host: "mx.casas.mx."}}, nil },
		"DNS fails": func(_ context.Context, name string) ([]*net.MX, error) {
			return nil, &net.DNSError{Err: "server misbehaving", Name: name}
		},
		"DNS hangs":           hangs,
		"an error of its own": func(context.Context, string) ([]*net.MX, error) { return nil, errors.New("?") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &pile{}
				a, log, _ := run(t, p, r)
				check(a, delayed(7, "ana@casas.mx"), "captcha, no_mail")
				time.Sleep(moment)
				synctest.Wait()
				require.Empty(t, p.ids())
				require.Contains(t, log.String(), "mail domain looked up")
				require.NotContains(t, log.String(), "casas.mx")
				require.NotContains(t, log.String(), "no_mail")
			})
		})
	}
}

func TestAStoreThatFailsIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, log, _ := run(t, &pile{fails: errors.New("the disk is full")}, resolver(absent))
		check(a, delayed(7, "ana@robot.example"), "captcha, no_mail")
		synctest.Wait()
		require.Contains(t, log.String(), `"cause":"the disk is full"`)
		require.NotContains(t, log.String(), "quarantined")
	})
}

// However many leads wait for an answer, Check does not block and few lookups run. A lead
// that finds no room, or is due before its turn, is not looked up.
func TestTooManyQuestionsAreNotAsked(t *testing.T) {
	for answersIn, want := range map[time.Duration]int{
		moment / 20:      mx.MaxRunning + mx.MaxWaiting,
		moment * 11 / 20: 2 * mx.MaxRunning, // these begin after 0 and 5.5 s
	} {
		synctest.Test(t, func(t *testing.T) {
			now, most := atomic.Int64{}, atomic.Int64{}
			p := &pile{}
			a, _, _ := run(t, p, resolver(func(ctx context.Context, name string) ([]*net.MX, error) {
				most.Store(max(most.Load(), now.Add(1)))
				defer now.Add(-1)
				time.Sleep(answersIn)
				return absent(ctx, name)
			}))
			begun := time.Now()
			for n := range 2 * want {
				check(a, delayed(n+1, fmt.Sprintf("ana@robot%d.example", n)), "no_mail")
				synctest.Wait() // those that can have begun
			}
			require.Zero(t, time.Since(begun), "nobody waits")
			time.Sleep(2 * moment)
			require.EqualValues(t, mx.MaxRunning, most.Load())
			require.Len(t, p.ids(), want)

			check(a, delayed(9999, "ana@robot.example"), "no_mail")
			time.Sleep(moment)
			require.Contains(t, p.ids(), lead.RemoteID(9999), "and then it goes on")
		})
	}
}

// An owner whose servers never answer takes no worker for long, and few of the other
// domains of that owner are looked up. So no other lead goes out unchecked because of it.
func TestASlowDomainHoldsFewHands(t *testing.T) {
	for _, domain := range []string{"x%d.robot.com.mx", "robot.com.mx", "%d.x.robot.com.mx", "%d.x.ROBOT.com.mx"} {
		synctest.Test(t, func(t *testing.T) {
			p, hung := &pile{}, atomic.Int64{}
			a, _, _ := run(t, p, resolver(func(ctx context.Context, name string) ([]*net.MX, error) {
				if strings.HasSuffix(name, "robot.com.mx.") {
					hung.Add(1)
					return hangs(ctx, name)
				}
				return absent(ctx, name)
			}))
			for n := range 10 * (mx.MaxRunning + mx.MaxWaiting) {
				check(a, delayed(1000+n, "ana@"+strings.ReplaceAll(domain, "%d", strconv.Itoa(n))), "no_mail")
			}
			synctest.Wait()
			require.EqualValues(t, mx.MaxPerOwner, hung.Load())
			for n := range mx.MaxWaiting {
				check(a, delayed(n+1, fmt.Sprintf("ana@agencia%d.com.mx", n)), "no_mail")
			}
			synctest.Wait()
			require.Len(t, p.ids(), mx.MaxWaiting, "all others, at once")
			time.Sleep(mx.Timeout)
			synctest.Wait()
			check(a, delayed(999, "ana@robot.com.mx"), "no_mail")
			synctest.Wait()
			require.EqualValues(t, mx.MaxPerOwner+1, hung.Load(), "and then one more of him")
		})
	}
}

func TestAQuestionIsCutWhenItsLeadIsDue(t *testing.T) {
	for before, want := range map[time.Duration]time.Duration{0: mx.Timeout, moment - time.Second: time.Second} {
		synctest.Test(t, func(t *testing.T) {
			cut := make(chan time.Duration, 1)
			a, _, _ := run(t, &pile{}, resolver(func(ctx context.Context, name string) ([]*net.MX, error) {
				begun := time.Now()
				defer func() { cut <- time.Since(begun) }()
				return hangs(ctx, name)
			}))
			l := delayed(7, "ana@casas.mx")
			time.Sleep(before)
			check(a, l, "no_mail")
			require.Equal(t, want, <-cut)
		})
	}
}

// Stopping waits neither for DNS nor for those who wait for it.
func TestStoppingEndsAllQuestions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pile{}
		a, _, stop := run(t, p, resolver(hangs))
		for n := range mx.MaxRunning + mx.MaxWaiting {
			check(a, delayed(n+1, fmt.Sprintf("ana@casas%d.mx", n)), "no_mail")
		}
		synctest.Wait()
		begun := time.Now()
		stop()
		require.Zero(t, time.Since(begun))
		require.Empty(t, p.ids())
		check(a, delayed(9999, "ana@casas.mx"), "no_mail") // intake may still be closing
	})
}
