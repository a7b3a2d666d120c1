package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/rs/zerolog"

	"leadrelay/internal/config"
	"leadrelay/internal/secret"
)

// errWeakToken is not worth another start.
var errWeakToken = fmt.Errorf("has fewer than %d characters", config.ShortestToken)

// tokenFile is where the operator's token lies when nobody set one: beside the
// database, for its owner alone.
func tokenFile(cfg config.Config) string {
	return filepath.Join(filepath.Dir(string(cfg.Database)), "operator-token")
}

// operatorToken returns the operator's token, and makes one at the first start.
func operatorToken(cfg config.Config) (secret.Text, error) {
	if cfg.OperatorToken.IsZero() {
		if err := checkTokenFile(tokenFile(cfg)); err != nil {
			return secret.Text{}, fmt.Errorf("operator token: %w", err)
		}
	}
	token, err := readToken(cfg)
	if !errors.Is(err, fs.ErrNotExist) {
		return token, err
	}
	made := rand.Text()
	f, err := os.OpenFile(tokenFile(cfg), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return secret.Text{}, fmt.Errorf("operator token: %w", err)
	}
	_, err = f.WriteString(made + "\n")
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return secret.Text{}, fmt.Errorf("operator token: %w", err)
	}
	return secret.New(made), nil
}

// checkTokenFile refuses a file that others can have read or put there: whoever
// knows what is in it reads every lead.
func checkTokenFile(path string) error {
	const remedy = "if you do not know how it came there, remove it, and the next start makes a new one"
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	switch stat, ok := info.Sys().(*syscall.Stat_t); {
	case info.Mode()&fs.ModeSymlink != 0:
		return fmt.Errorf("%s is a symbolic link, and none is followed: set LEADRELAY_OPERATOR_TOKEN_FILE to the file that it leads to; or %s", path, remedy)
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is no regular file: move it away", path)
	case ok && int(stat.Uid) != os.Geteuid():
		return fmt.Errorf("%s belongs to user %d, and leadrelay runs as %d: chown it if it is yours; %s", path, stat.Uid, os.Geteuid(), remedy)
	case info.Mode().Perm()&0o077 != 0:
		return fmt.Errorf("others on this machine can read or write %s: chmod 600 it; %s", path, remedy)
	}
	return nil
}

// warnOfFolder tells of a folder in which anybody can put files beside the
// database, or take them away.
func warnOfFolder(cfg config.Config, log zerolog.Logger) {
	dir := filepath.Dir(string(cfg.Database))
	if info, err := os.Stat(dir); err == nil && info.Mode().Perm()&0o002 != 0 {
		log.Warn().Str("folder", dir).Msg("everybody on this machine can write into the database's folder; chmod 700 it, or move the database")
	}
}

// readToken returns the token that a relay with these settings uses.
func readToken(cfg config.Config) (secret.Text, error) {
	if !cfg.OperatorToken.IsZero() {
		return cfg.OperatorToken, nil
	}
	data, err := os.ReadFile(tokenFile(cfg))
	if err != nil {
		return secret.Text{}, fmt.Errorf("operator token: %w", err)
	}
	token := strings.TrimSpace(string(data))
	if token == "" {
		return secret.Text{}, fmt.Errorf("operator token: %s is empty; remove it, and the next start makes a new one", tokenFile(cfg))
	}
	if len(token) < config.ShortestToken {
		return secret.Text{}, fmt.Errorf("operator token: %s %w; remove it, and the next start makes a new one", tokenFile(cfg), errWeakToken)
	}
	return secret.New(token), nil
}
