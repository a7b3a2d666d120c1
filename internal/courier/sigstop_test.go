package courier_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/courier"
	"leadrelay/internal/courier/couriertest"
	"leadrelay/internal/easybroker"
	"leadrelay/internal/lead"
	"leadrelay/internal/store"
)

const (
	childDatabase = "LEADRELAY_TEST_DATABASE"
	childBroker   = "LEADRELAY_TEST_BROKER"
)

// runChild runs the process that the test stops: a replica that says when it
// connects to EasyBroker, and does a moment later.
func runChild() {
	const moment = time.Second
	ctx, end := context.WithCancel(context.Background())
	go func() { _, _ = io.Copy(io.Discard, os.Stdin); end() }() // until the test's process ends
	s, err := store.OpenPostgres(ctx, os.Getenv(childDatabase), store.PostgresOptions{})
	if err != nil {
		panic(err)
	}
	client := easybroker.New(easybroker.Options{Timeout: time.Minute, Dial: func(_ context.Context, network, address string) (net.Conn, error) {
		fmt.Println("connecting")
		time.Sleep(moment)
		return net.Dial(network, address)
	}})
	route := casas
	route.Account.URL = os.Getenv(childBroker)
	_ = courier.New(s, client, []courier.Route{route}, couriertest.WithDefaults(courier.Options{Leases: s})).Run(ctx)
}

// A process that is stopped in the middle of a call, and goes on when another replica
// has taken its place, sends nothing.
func TestAReplicaThatIsStoppedSendsNothing(t *testing.T) {
	w := startRelays(t, 0)
	self, err := os.Executable()
	require.NoError(t, err)
	child := exec.Command(self)
	child.Env = append(os.Environ(), childDatabase+"="+w.address, childBroker+"="+w.route.Account.URL)
	out, err := child.StdoutPipe()
	require.NoError(t, err)
	_, err = child.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	t.Cleanup(func() { _ = child.Process.Kill(); _ = child.Wait() })

	s, err := store.OpenPostgres(t.Context(), w.address, store.PostgresOptions{})
	require.NoError(t, err)
	id := w.post(&relay{Store: s})
	require.NoError(t, s.Close())
	said := bufio.NewScanner(out)
	require.True(t, said.Scan())
	require.Equal(t, "connecting", said.Text())
	require.NoError(t, child.Process.Signal(syscall.SIGSTOP))
	w.start()
	w.await(15*time.Second, func(find func(lead.RemoteID) lead.State) bool { return find(id) == lead.Doubtful })
	require.NoError(t, child.Process.Signal(syscall.SIGCONT))
	time.Sleep(3 * time.Second)
	require.Empty(t, w.broker.Book())
}
