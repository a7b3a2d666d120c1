package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"syscall"

	"leadrelay/internal/server"
)

// openDoor opens a door at the address that the setting names. If somebody else has it,
// the error says how to go on.
func openDoor(ctx context.Context, addr, setting string, proxies server.Proxies, h http.Handler) (*server.Door, error) {
	door, err := server.Listen(ctx, addr, proxies, h)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, &addressInUseError{addr, setting, err}
	}
	return door, err
}

// addressInUseError means that another process listens on the address.
type addressInUseError struct {
	addr, setting string
	cause         error
}

// Error implements error.
func (e *addressInUseError) Error() string {
	return fmt.Sprintf("%s is in use, perhaps by a leadrelay or a demo that still runs: end that with Ctrl-C, or set another address with %s", e.addr, e.setting)
}

// Unwrap returns what the system said.
func (e *addressInUseError) Unwrap() error { return e.cause }
