package store

import (
	"context"
	"crypto/tls"
	"crypto/x509"
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
	noSchema             = "3F000"
	notAllowed           = "42501"
	lockNotAvailable     = "55P03"
	cancelled            = "57014"

	// What comes with a commit that was none, or that a standby may not have.
	noTransaction  = "25P01"
	cancelledWait  = "SyncRepWaitForLSN" // the place in the server, because the text has no code of its own
	noStatement    = "26000"             // was prepared in this session
	otherStatement = "42P05"             // has the name of one that is prepared

	// The first characters of some codes.
	badData, badRow, connectionException, notLetIn, shutdown, shortOf = "22", "23", "08", "28", "57P", "53"
)

// isPostgresTrouble: see [dialect]. Trouble is all that is not in the data.
func isPostgresTrouble(err error) bool {
	if failed := (*pgconn.PgError)(nil); errors.As(err, &failed) {
		return !strings.HasPrefix(failed.Code, badData) && !strings.HasPrefix(failed.Code, badRow)
	}
	return isBroken(err) || errors.Is(err, context.DeadlineExceeded)
}

// isPostgresLocked: see [dialect].
func isPostgresLocked(err error) bool {
	failed, ok := errors.AsType[*pgconn.PgError](err)
	return ok && failed.Code == lockNotAvailable
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
	case failed.Code == serializationFailure, failed.Code == deadlockDetected, failed.Code == stoodStill: // before it heard of a commit
		return true
	case failed.Code == noStatement, failed.Code == otherStatement: // the session is another
		return !isCommit
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
	return isBroken(err) && remedy(err) == ""
}

// isAwaited reports whether a start waits and tries again. It does not if somebody has to
// change something first. A pooler has one code for all of its errors, and is waited for.
func isAwaited(err error) bool {
	if failed := (*pgconn.PgError)(nil); errors.As(err, &failed) {
		switch code := failed.Code; code {
		case lockNotAvailable, cancelled, serializationFailure, deadlockDetected:
			return true
		default:
			return isAway(err) || strings.HasPrefix(code, shortOf)
		}
	}
	return isAway(err) || errors.Is(err, errOthersCarry)
}

// isRefused reports whether a server did not let us in, or we did not trust it. A pooler has
// one code for all of its errors.
func isRefused(err error) bool {
	if failed, ok := errors.AsType[*pgconn.PgError](err); ok {
		return strings.HasPrefix(failed.Code, notLetIn) || strings.HasPrefix(failed.Code, connectionException)
	}
	return remedy(err) != ""
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
	if text := remedy(err); text != "" {
		return fmt.Errorf("%w: %s", err, text)
	}
	return err
}

// remedies are for errors of the server that do not mend themselves, and for one that
// somebody may want to hurry.
var remedies = map[string]string{
	wrongPassword:    "check the user and the password in the address",
	wrongUser:        "check the user and sslmode in the address, and whom the server lets in from this machine (pg_hba.conf)",
	noDatabase:       "create it, or name another in the address",
	noSchema:         "the user's search_path names no schema that is there: create it, or set another (ALTER ROLE … SET search_path = public)",
	notAllowed:       "the user must be allowed to create tables (GRANT CREATE ON SCHEMA public), and own those that are there",
	lockNotAvailable: "somebody else uses the tables for long, such as pg_dump, and a new release has to change them",
}

// remedy returns what to do about an error of the server or of its TLS, or nothing.
func remedy(err error) string {
	if failed := (*pgconn.PgError)(nil); errors.As(err, &failed) {
		return remedies[failed.Code]
	}
	_, isUnknown := errors.AsType[x509.UnknownAuthorityError](err)
	_, isAnothers := errors.AsType[x509.HostnameError](err)
	_, isInvalid := errors.AsType[x509.CertificateInvalidError](err)
	_, isNoTLS := errors.AsType[tls.RecordHeaderError](err)
	network, isNetwork := errors.AsType[*net.OpError](err)
	switch {
	case strings.Contains(err.Error(), "server refused TLS connection"):
		return "set ssl = on there, or sslmode=disable in the address if nobody can listen between here and there"
	case isUnknown:
		return "name the file of the authority that has signed the server's certificate: sslrootcert=/etc/leadrelay/ca.pem"
	case isAnothers:
		return "the server's certificate is for another name: use that in the address, or sslmode=verify-ca"
	case isInvalid:
		return "renew the server's certificate"
	case isNoTLS, isNetwork && network.Op == "remote error":
		return "the server does not take our TLS: check sslcert and sslkey in the address"
	default:
		return ""
	}
}
