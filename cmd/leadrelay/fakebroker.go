package main

import (
	"context"
	"errors"
	"os"

	"golang.org/x/sync/errgroup"

	"leadrelay/internal/fakebroker"
	"leadrelay/internal/fakebroker/fault"
	"leadrelay/internal/server"
)

type fakebrokerCmd struct {
	Addr   string   `default:"127.0.0.1:8001" help:"Where to listen."`
	Key    []string `help:"A key that is accepted; may be given again. Without one, any key is."`
	Faults string   `placeholder:"JSON" help:"How to misbehave, e.g. '{\"trouble\":[{\"do\":\"hang\",\"after\":true}]}', or @file. The README has the list; /_control/faults changes it later."`
}

// Run serves the pretend EasyBroker until it is told to stop.
func (c fakebrokerCmd) Run(p *program) error {
	faults, err := readFaults(c.Faults)
	if err != nil {
		return err
	}
	broker := fakebroker.New(fakebroker.Options{Keys: c.Key, Faults: faults})
	door, err := server.Listen(p.ctx, c.Addr, broker.Handler())
	if err != nil {
		return err
	}
	p.printf("The pretend EasyBroker\n  what arrives   http://%[1]s/\n  its API        EASYBROKER_URL=http://%[1]s/v1\n  its faults     http://%[1]s/_control/faults\n", door.Addr())
	return serveUntil(p.ctx, broker.Close, door)
}

func readFaults(text string) (fault.Faults, error) {
	if text == "" {
		return fault.Faults{}, nil
	}
	data := []byte(text)
	if text[0] == '@' {
		var err error
		if data, err = os.ReadFile(text[1:]); err != nil {
			return fault.Faults{}, err
		}
	}
	return fault.Parse(fault.Faults{}, data)
}

// serveUntil serves the doors until ctx ends or one of them fails; release
// ends what keeps connections open.
func serveUntil(ctx context.Context, release func(), doors ...*server.Door) error {
	parts, ctx := errgroup.WithContext(ctx)
	for _, d := range doors {
		parts.Go(d.Serve)
	}
	parts.Go(func() error {
		<-ctx.Done()
		release()
		var errs []error
		for _, d := range doors {
			errs = append(errs, d.Close())
		}
		return errors.Join(errs...)
	})
	return parts.Wait()
}
