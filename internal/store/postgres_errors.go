package store

import (
	"context"
	"crypto/tls"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// The errors of PostgreSQL that are known by their codes.
const (
	serializationFailure = "40001"
	deadlockDetected     = "40P01"
	uniqueViolation      = "23505"
	readOnly             = "25006"
	beginReadOnly        = "0A000" // a standby says so when a transaction begins
	stoodStill           = "25P03" // for longer than a transaction may
	tooManyConnections   = "53300"
	wrongPassword        = "28P01"
	wrongUser            = "28000"
	noDatabase           = "3D000"
	notAllowed           = "42501"

	// What comes with a commit that was none, or that a standby may not have.
	noTransaction = "25P01"
	cancelledWait = "SyncRepWaitForLSN" // the place in the server, because the text has no code of its own

	// The first characters of some codes.
	badData, badRow, connectionException, shutdown = "22", "23", "08", "57P"
)

// isPostgresTrouble: see [dialect]. Trouble is all that is not in the data.
func isPostgresTrouble(err error) bool {
	if failed := (*pgconn.PgError)(nil); errors.As(err, &failed) {
		return !strings.HasPrefix(failed.Code, badData) && !strings.HasPrefix(failed.Code, badRow)
	}
	return isBroken(err) || errors.Is(err, context.DeadlineExceeded)
}

// mayRetryPostgres: see [dialect]. If the connection breaks during a commit, it may
// have been committed.
func mayRetryPostgres(err error, n int) bool {
	const races = 4 // to write the same row since we looked
	during := commitError{}
	isCommit := errors.As(err, &during)
	failed := (*pgconn.PgError)(nil)
	switch {
	case !errors.As(err, &failed):
		return pgconn.SafeToRetry(err) || !isCommit && isBroken(err)
	case failed.Code == serializationFailure, failed.Code == deadlockDetected:
		return true
	case failed.Code == uniqueViolation:
		return !isCommit && n < races
	default:
		return !isCommit && isAway(err)
	}
}

// isAway reports whether the database cannot be written to now, and may come back by
// itself, or another server in its place.
func isAway(err error) bool {
	if failed := (*pgconn.PgError)(nil); errors.As(err, &failed) {
		switch code := failed.Code; code {
		case readOnly, beginReadOnly, stoodStill, tooManyConnections:
			return true
		default:
			return strings.HasPrefix(code, connectionException) || strings.HasPrefix(code, shutdown)
		}
	}
	certificate := (*tls.CertificateVerificationError)(nil)
	return isBroken(err) && !errors.As(err, &certificate)
}

// isBroken reports whether the connection broke, or there was none.
func isBroken(err error) bool {
	connect, network := (*pgconn.ConnectError)(nil), net.Error(nil)
	return pgconn.SafeToRetry(err) || errors.As(err, &connect) || errors.As(err, &network) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) || errors.Is(err, pgconn.ErrConnClosed)
}

// explained says what to do about an error at the start.
func explained(err error) error {
	failed := (*pgconn.PgError)(nil)
	if !errors.As(err, &failed) {
		return err
	}
	switch failed.Code {
	case wrongPassword, wrongUser:
		return fmt.Errorf("%w: check the user and the password in the address", err)
	case noDatabase:
		return fmt.Errorf("%w: create it, or name another in the address", err)
	case notAllowed:
		return fmt.Errorf("%w: the user must be allowed to create tables (GRANT CREATE ON SCHEMA public), and own those that are there", err)
	default:
		return err
	}
}
