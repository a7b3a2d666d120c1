package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"time"

	"leadrelay/internal/server"
)

type healthcheckCmd struct{}

// Run asks the public door of the relay with these settings.
func (healthcheckCmd) Run(p *program) error {
	const timeout = 3 * time.Second
	// The running relay has checked its settings. Only the address matters here, and a
	// probe may not be allowed to read the key.
	cfg, err := p.config()
	if cfg.Addr == "" {
		return err
	}
	ctx, cancel := context.WithTimeout(p.ctx, timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+reachable(cfg.Addr)+server.HealthzPath, nil)
	if err != nil {
		return err
	}
	resp, err := (&http.Client{Transport: &http.Transport{}}).Do(req)
	if err != nil {
		return fmt.Errorf("healthcheck: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("healthcheck: %s", resp.Status)
	}
	return nil
}

// reachable returns the address to call for an address to listen on. A relay that
// listens on all addresses is called on the loopback address.
func reachable(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	if ip, err := netip.ParseAddr(host); host == "" || (err == nil && ip.IsUnspecified()) {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}
