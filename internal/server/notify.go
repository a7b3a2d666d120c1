package server

import (
	"context"
	"net"
)

// Notify tells systemd the state of the service, such as READY=1, as described in
// sd_notify(3). It does nothing if systemd did not ask to be told.
func Notify(ctx context.Context, env map[string]string, state string) error {
	address := env["NOTIFY_SOCKET"]
	if address == "" {
		return nil
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "unixgram", address) // @ begins the name of an abstract socket
	if err != nil {
		return err
	}
	defer conn.Close() //nolint:errcheck // a datagram is sent at once
	_, err = conn.Write([]byte(state))
	return err
}
