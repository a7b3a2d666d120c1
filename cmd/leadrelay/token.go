package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"leadrelay/internal/config"
	"leadrelay/internal/secret"
)

// tokenFile is where the operator's token lies when nobody set one: beside the
// database, for its owner alone.
func tokenFile(cfg config.Config) string {
	return filepath.Join(filepath.Dir(string(cfg.Database)), "operator-token")
}

// operatorToken returns the operator's token, and makes one at the first start.
func operatorToken(cfg config.Config) (secret.Text, error) {
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
	return secret.New(token), nil
}
