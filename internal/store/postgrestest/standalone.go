package postgrestest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Server is the server of a program that is no test. It waits for the disk.
type Server struct{ server }

// Start starts a server, with its files below a folder, which any user may enter.
func Start(folder string) (*Server, error) {
	folder, err := filepath.Abs(folder)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(folder, "pg")
	if err != nil {
		return nil, err
	}
	s := &Server{server{dir: dir, settings: []string{"fsync=on"}}}
	if err := s.create("local all all trust\n"); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	if err := s.start(); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

// Database returns the address of an empty database.
func (s *Server) Database() (string, error) {
	name := fmt.Sprintf("test%d", databases.Add(1))
	return address(s.dir, name), execute(s.dir, "CREATE DATABASE "+name)
}

// PID is the server's process, whose children do its work.
func (s *Server) PID() (int, error) { return s.pid() }

// Stop ends the server, and removes its files.
func (s *Server) Stop() error {
	return errors.Join(s.end(), os.RemoveAll(s.dir), os.RemoveAll(template.dir))
}
