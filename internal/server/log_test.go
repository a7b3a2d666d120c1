package server_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"leadrelay/internal/server"
)

// failingWriter is a pipe without a reader.
type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestTheLogWritesEveryLine(t *testing.T) {
	var out bytes.Buffer
	log, flush := server.NewLog(&out, zerolog.InfoLevel)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range server.MaxLines / 8 {
				log.Debug().Msg("too low")
				log.Info().Str("name", "value").Msg("line")
			}
		})
	}
	all.Wait()
	flush()
	flush() // the second call does nothing
	count := 0
	for line := range strings.Lines(out.String()) {
		read := readLine(t, line)
		require.Equal(t, "value", read["name"])
		require.NotEmpty(t, read["time"])
		count++
	}
	require.Equal(t, server.MaxLines, count)
}

// A line is written even if no other line follows.
func TestALoneLineDoesNotWaitForTheNext(t *testing.T) {
	out, in := io.Pipe()
	log, flush := server.NewLog(in, zerolog.InfoLevel)
	lines := bufio.NewReader(out)
	for range 2000 {
		log.Info().Msg("line")
		_, err := lines.ReadString('\n')
		require.NoError(t, err)
	}
	flush()
}

func TestABlockedReaderStopsNobodyAndLosesNothingInSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const written = 3 * server.MaxLines
		out, in := io.Pipe() // nobody reads
		log, flush := server.NewLog(in, zerolog.InfoLevel)
		for i := range written {
			log.Info().Int("line", i).Msg("line")
		}
		synctest.Wait()

		read := make(chan []byte, 1)
		go func() { all, _ := io.ReadAll(out); read <- all }()
		synctest.Wait() // until the reader has all waiting lines
		log.Info().Msg("line")
		flush()
		require.NoError(t, in.Close())
		got, lost := count(t, <-read)
		require.Equal(t, written+1, got+lost)
		require.GreaterOrEqual(t, got, server.MaxLines)
		require.Positive(t, lost)
	})
}

// count returns the number of lines of a log, and of those that it reports as dropped.
func count(t *testing.T, log []byte) (got, lost int) {
	t.Helper()
	for text := range bytes.Lines(log) {
		line := readLine(t, string(text))
		if n, ok := line["dropped"]; ok {
			require.Equal(t, "warn", line["level"])
			require.Equal(t, "log lines dropped", line["message"])
			require.NotEmpty(t, line["time"])
			lost += int(n.(float64))
			continue
		}
		got++
	}
	return got, lost
}

func TestNobodyWaitsLongForALogThatIsNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out, in := io.Pipe()
		log, flush := server.NewLog(in, zerolog.InfoLevel)
		log.Info().Msg("line")
		begun := time.Now()
		flush()
		require.Equal(t, time.Second, time.Since(begun))
		log.Info().Msg("after the end") // is lost without an error
		require.NoError(t, out.Close())
	})
}

func TestALogWhoseReaderWentAway(t *testing.T) {
	log, flush := server.NewLog(failingWriter{}, zerolog.InfoLevel)
	for range 100 {
		log.Info().Msg("line")
	}
	flush()
}

// The same with a pipe of the operating system, which blocks when it has 64 KiB.
func TestAPipeOfTheSystem(t *testing.T) {
	r, w, err := os.Pipe()
	require.NoError(t, err)
	log, flush := server.NewLog(w, zerolog.InfoLevel)
	long := strings.Repeat("x", 1000)
	for range 2 * server.MaxLines {
		log.Info().Msg(long)
	}
	require.NoError(t, r.Close())
	flush()
	require.NoError(t, w.Close(), "the pipe is its owner's to close")
}
