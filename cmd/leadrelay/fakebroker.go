package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"leadrelay/internal/easybroker"
	"leadrelay/internal/fakebroker"
	"leadrelay/internal/fakebroker/fault"
	"leadrelay/internal/server"
)

type fakebrokerCmd struct {
	Addr   string   `default:"127.0.0.1:8001" help:"Where to listen. It answers for this host and for localhost alone."`
	Key    []string `placeholder:"HALF:KEY" help:"A key and the half of the API that it opens, as partner:KEY or account:KEY; KEY alone is a partner's. May be given again. Without one, any key is a partner's."`
	Faults string   `placeholder:"JSON" help:"How to misbehave, e.g. '{\"trouble\":[{\"do\":\"hang\",\"after\":true}]}', or @file. internal/fakebroker/README.md has the list; /_control/faults changes it later."`
}

// Validate implements kong's check of the command line.
func (c fakebrokerCmd) Validate() error {
	_, _, wrongKeys := c.keys()
	var wrongFaults error
	if !strings.HasPrefix(c.Faults, "@") {
		_, wrongFaults = readFaults(c.Faults)
	}
	return errors.Join(wrongKeys, wrongFaults)
}

// keys returns the keys by the half of the API that they open. Its errors do not
// contain keys, because one may be real.
func (c fakebrokerCmd) keys() (partner, account []string, err error) {
	for _, text := range c.Key {
		half, key, named := strings.Cut(text, ":")
		if !named {
			half, key = string(easybroker.Partner), text
		}
		switch {
		case key == "":
			return nil, nil, errors.New("--key is empty")
		case slices.Contains(partner, key) || slices.Contains(account, key):
			return nil, nil, errors.New("--key names one key twice; a key opens one half of the API")
		case half == string(easybroker.Partner):
			partner = append(partner, key)
		case half == string(easybroker.Plain):
			account = append(account, key)
		default:
			return nil, nil, errors.New("--key wants partner:KEY or account:KEY")
		}
	}
	return partner, account, nil
}

// Run serves the pretend EasyBroker until it is stopped.
func (c fakebrokerCmd) Run(p *program) error {
	partner, account, err := c.keys()
	if err != nil {
		return err
	}
	faults, err := readFaults(c.Faults)
	if err != nil {
		return err
	}
	broker := fakebroker.New(fakebroker.Options{PartnerKeys: partner, AccountKeys: account, Faults: faults})
	door, err := openDoor(p.ctx, c.Addr, "--addr", nil, named(c.Addr, broker.Handler()))
	if err != nil {
		return err
	}
	p.printf("The pretend EasyBroker\n  what arrives   http://%[1]s/\n  its API        EASYBROKER_URL=http://%[1]s/v1\n  its keys       %[2]s\n  its faults     http://%[1]s/_control/faults\n",
		door.Addr(), describeKeys(len(partner), len(account)))
	return serveUntil(p.ctx, broker.Close, door)
}

// named answers requests for localhost and the address alone. Somebody may try real
// people's data here, and a web page that points its own name at this machine's address
// (DNS rebinding) must not read them.
func named(addr string, h http.Handler) http.Handler {
	return server.NewHosts(addr).Only(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "this is reached as localhost, or as the address that it was told to listen on", http.StatusMisdirectedRequest)
	}))(h)
}

// describeKeys returns a text that says which keys are accepted.
func describeKeys(partner, account int) string {
	if partner+account == 0 {
		return "any, with EASYBROKER_API=partner"
	}
	return fmt.Sprintf("%d with EASYBROKER_API=partner, %d with EASYBROKER_API=account", partner, account)
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

// serveUntil serves the doors until ctx ends or one of them fails. stop ends
// requests that keep connections open.
func serveUntil(ctx context.Context, stop func(), doors ...*server.Door) error {
	parts, ctx := errgroup.WithContext(ctx)
	for _, d := range doors {
		parts.Go(d.Serve)
	}
	parts.Go(func() error {
		<-ctx.Done()
		stop()
		var errs []error
		for _, d := range doors {
			errs = append(errs, d.Close())
		}
		return errors.Join(errs...)
	})
	return parts.Wait()
}
