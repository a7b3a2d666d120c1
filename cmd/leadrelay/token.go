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

// errWeakToken is returned for a token that is too short. A restart does not help.
var errWeakToken = fmt.Errorf("has fewer than %d characters", config.MinTokenLength)

// tokenName is the name of the file with the operator's token.
const tokenName = "operator-token"

// unitFolder is the folder of the database with deploy/leadrelay.service.
const unitFolder = "/var/lib/leadrelay"

// tokenFile returns the path of the operator's token if no setting has one: beside the
// database, readable by its owner alone.
func tokenFile(cfg config.Config) string {
	return filepath.Join(filepath.Dir(string(cfg.Database)), tokenName)
}

// tokenFiles returns where a command looks for the token. If no setting names the
// database, the relay is either that of this folder or that of the unit, for which root
// needs no setting.
func tokenFiles(cfg config.Config) []string {
	if cfg.Database.IsServer() {
		return nil
	}
	files := []string{tokenFile(cfg)}
	if cfg.Database == config.DefaultDatabase {
		files = append(files, filepath.Join(unitFolder, tokenName))
	}
	return files
}

// findToken returns the token of the relay that a command calls, and where it was found.
func findToken(cfg config.Config, env map[string]string) (token secret.Text, from string, err error) {
	if !cfg.OperatorToken.IsZero() {
		return cfg.OperatorToken, tokenSetting(env), nil
	}
	return searchToken(tokenFiles(cfg))
}

// tokenSetting returns the name of the setting that has the token.
func tokenSetting(env map[string]string) string {
	for _, name := range []string{"LEADRELAY_OPERATOR_TOKEN", "LEADRELAY_OPERATOR_TOKEN_FILE"} {
		if strings.TrimSpace(env[name]) != "" {
			return name
		}
	}
	return "operator_token of " + env["LEADRELAY_CONFIG"]
}

// searchToken reads the first of the files that exists and can be read.
func searchToken(files []string) (token secret.Text, from string, err error) {
	var none noTokenError
	for _, path := range files {
		if absolute, err := filepath.Abs(path); err == nil {
			path = absolute
		}
		token, err := readTokenFile(path)
		if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission) {
			return token, path, err
		}
		none = append(none, err)
	}
	return secret.Text{}, "", none
}

// noTokenError is why each file with the token could not be read.
type noTokenError []error

func (e noTokenError) Error() string {
	if len(e) == 0 {
		return "no operator's token: set LEADRELAY_OPERATOR_TOKEN to that of the relays on this database"
	}
	lines := []string{"no operator's token: LEADRELAY_OPERATOR_TOKEN is not set, and no file has it:"}
	for _, err := range e {
		if failed, ok := errors.AsType[*fs.PathError](err); ok {
			err = fmt.Errorf("%s: %w", failed.Path, failed.Err)
		}
		lines = append(lines, "  "+err.Error())
	}
	return strings.Join(append(lines,
		"run this as root, or as the relay's own user in its folder; or set LEADRELAY_DATABASE to the relay's database, beside which the token lies, or LEADRELAY_OPERATOR_TOKEN",
		"the relay makes the token at its first start: has it started? systemctl status leadrelay"), "\n")
}

// Unwrap lets [errors.Is] find each reason.
func (e noTokenError) Unwrap() []error {
	if len(e) == 0 {
		return []error{fs.ErrNotExist}
	}
	return e
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

// removeHint says what to do with a file that somebody else may have put there.
const removeHint = "if you do not know how it came there, remove it, and the next start makes a new one"

// regularFile returns an error unless path is a regular file. A link could make a command
// of root's send another secret to whatever listens on the door's address.
func regularFile(path string) (fs.FileInfo, error) {
	info, err := os.Lstat(path)
	switch {
	case err != nil:
		return nil, err
	case info.Mode()&fs.ModeSymlink != 0:
		return nil, fmt.Errorf("%s is a symbolic link, and none is followed: set LEADRELAY_OPERATOR_TOKEN_FILE to the file that it leads to; or %s", path, removeHint)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is no regular file: move it away", path)
	}
	return info, nil
}

// checkTokenFile returns an error for a file that others could read or write, because
// anybody who knows the token can read every lead.
func checkTokenFile(path string) error {
	info, err := regularFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	switch stat, ok := info.Sys().(*syscall.Stat_t); {
	case ok && int(stat.Uid) != os.Geteuid():
		return fmt.Errorf("%s belongs to user %d, and leadrelay runs as %d: chown it if it is yours; %s", path, stat.Uid, os.Geteuid(), removeHint)
	case info.Mode().Perm()&0o077 != 0:
		return fmt.Errorf("others on this machine can read or write %s: chmod 600 it; %s", path, removeHint)
	}
	return nil
}

// warnOfFolder warns of a database's folder that everybody can write to.
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
	return readTokenFile(tokenFile(cfg))
}

func readTokenFile(path string) (secret.Text, error) {
	_, err := regularFile(path)
	if err != nil {
		return secret.Text{}, fmt.Errorf("operator token: %w", err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return secret.Text{}, fmt.Errorf("operator token: %w", err)
	}
	token := strings.TrimSpace(string(data))
	if token == "" {
		return secret.Text{}, fmt.Errorf("operator token: %s is empty; remove it, and the next start makes a new one", path)
	}
	if len(token) < config.MinTokenLength {
		return secret.Text{}, fmt.Errorf("operator token: %s %w; remove it, and the next start makes a new one", path, errWeakToken)
	}
	return secret.New(token), nil
}
