// Package imagetest builds the container image from the Dockerfile and runs it
// the way a container engine would, with buildah and crun and without an engine
// or a registry. It needs root, since it makes namespaces and owns files as the
// image's user.
//
// Every stage of the Dockerfile runs as it is written. Only the base image of
// its first stage is replaced: a local image of the same name that borrows this
// machine's shell, Go toolchain, module cache and build cache, read-only where
// possible and with the module proxy switched off.
package imagetest

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/x509"
	"debug/buildinfo"
	"debug/elf"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	version = "1.2.3-imagetest"
	userID  = 65532
)

// root is the module's folder, which is the build context.
const root = "../.."

func TestImage(t *testing.T) {
	require.Zero(t, os.Geteuid(), "this test must run as root")
	for _, tool := range []string{"buildah", "crun"} {
		_, err := exec.LookPath(tool)
		require.NoError(t, err, "install the Debian packages buildah and crun")
	}
	img := build(t)

	t.Run("config", func(t *testing.T) { testConfig(t, img.config) })
	t.Run("files", func(t *testing.T) { testFiles(t, img) })
	t.Run("binary", func(t *testing.T) { testBinary(t, filepath.Join(img.rootfs, "leadrelay")) })
	t.Run("version", func(t *testing.T) { testVersion(t, img) })
	t.Run("healthcheck without a relay", func(t *testing.T) { testSick(t, img) })
	t.Run("demo", func(t *testing.T) { testDemo(t, img) })
	t.Run("serve", func(t *testing.T) { testServe(t, img) })
}

func testConfig(t *testing.T, c config) {
	assert.Equal(t, fmt.Sprintf("%d:%d", userID, userID), c.User)
	assert.Equal(t, []string{"/leadrelay"}, c.Entrypoint)
	assert.Equal(t, []string{"serve"}, c.Cmd)
	assert.Equal(t, map[string]struct{}{"/data": {}}, c.Volumes)
	assert.Equal(t, map[string]struct{}{"8080/tcp": {}}, c.ExposedPorts)
	assert.Equal(t, "SIGTERM", c.StopSignal)
	assert.Equal(t, []string{"CMD", "/leadrelay", "healthcheck"}, c.Healthcheck.Test)
	assert.Positive(t, c.Healthcheck.Interval)
	assert.Positive(t, c.Healthcheck.Timeout)
	assert.Equal(t, "leadrelay", c.Labels["org.opencontainers.image.title"])
	assert.Equal(t, "MIT", c.Labels["org.opencontainers.image.licenses"])
	assert.Equal(t, version, c.Labels["org.opencontainers.image.version"])
	var own []string
	for _, e := range c.Env {
		if !strings.HasPrefix(e, "PATH=") {
			own = append(own, e)
		}
	}
	assert.Equal(t, []string{"LEADRELAY_DATABASE=/data/leadrelay.db", "TMPDIR=/data"}, own)
}

func testFiles(t *testing.T, img image) {
	want := []string{
		"drwx------ 65532:65532 data",
		"drwxr-xr-x 0:0 etc",
		"drwxr-xr-x 0:0 etc/ssl",
		"drwxr-xr-x 0:0 etc/ssl/certs",
		"-rw-r--r-- 0:0 etc/ssl/certs/ca-certificates.crt",
		"-rwxr-xr-x 0:0 leadrelay",
	}
	assert.ElementsMatch(t, want, img.files)

	bundle, err := os.ReadFile(filepath.Join(img.rootfs, "etc/ssl/certs/ca-certificates.crt"))
	require.NoError(t, err)
	assert.True(t, x509.NewCertPool().AppendCertsFromPEM(bundle), "the bundle holds no certificate")
}

func testBinary(t *testing.T, path string) {
	info, err := buildinfo.ReadFile(path)
	require.NoError(t, err)
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	assert.Equal(t, "0", settings["CGO_ENABLED"])
	assert.Equal(t, "true", settings["-trimpath"])

	bin, err := elf.Open(path)
	require.NoError(t, err)
	defer bin.Close()
	for _, p := range bin.Progs {
		assert.NotEqual(t, elf.PT_INTERP, p.Type, "the binary is not static")
	}
	assert.Nil(t, bin.Section(".symtab"), "the binary is not stripped")

	content, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.True(t, bytes.Contains(content, []byte("time/tzdata.")), "the time zones are not inside the binary")
}

// image is what a registry would be given, read back from the archive that
// buildah writes, and unpacked.
type image struct {
	config config
	files  []string // "mode uid:gid path", one for each entry of the layers
	rootfs string
}

// config is the part of an image's configuration that an engine acts on.
type config struct {
	User         string
	Env          []string
	Entrypoint   []string
	Cmd          []string
	Volumes      map[string]struct{}
	ExposedPorts map[string]struct{}
	Labels       map[string]string
	StopSignal   string
	Healthcheck  struct {
		Test              []string
		Interval, Timeout time.Duration
	}
}

func build(t *testing.T) image {
	t.Helper()
	dependOnSources(t)
	// All modules must be in the cache before the network is taken away.
	command(t, root, "go", "mod", "download")
	cache := goEnv(t, "GOROOT", "GOMODCACHE", "GOCACHE")
	require.NoError(t, os.MkdirAll(cache["GOCACHE"], 0o755))

	dir := t.TempDir()
	store := []string{"--root", filepath.Join(dir, "root"), "--runroot", filepath.Join(dir, "run"), "--storage-driver", "vfs"}
	buildah := func(args ...string) {
		t.Helper()
		command(t, root, "buildah", append(store, args...)...)
	}

	base := filepath.Join(dir, "base")
	writeBase(t, base)
	buildah("build", "--isolation", "chroot", "--file", filepath.Join(base, "Dockerfile"),
		"--tag", baseImage(t), filepath.Join(base, "files"))
	buildah("build", "--isolation", "chroot", "--format", "docker", "--pull-never",
		"--platform", "linux/"+runtime.GOARCH,
		"--volume", "/usr:/usr:ro",
		"--volume", "/etc/ssl/certs:/etc/ssl/certs:ro",
		"--volume", cache["GOROOT"]+":/goroot:ro",
		"--volume", cache["GOMODCACHE"]+":/go/pkg/mod:ro",
		"--volume", cache["GOCACHE"]+":/gocache",
		"--build-arg", "VERSION="+version,
		"--tag", "leadrelay:imagetest", ".")
	archive := filepath.Join(dir, "image.tar")
	buildah("push", "leadrelay:imagetest", "docker-archive:"+archive)
	return load(t, archive)
}

// baseImage is the full name of the first stage's base image. Its Go version
// must be the one that go.mod asks for.
func baseImage(t *testing.T) string {
	t.Helper()
	file, err := os.ReadFile(filepath.Join(root, "Dockerfile"))
	require.NoError(t, err)
	found := regexp.MustCompile(`(?m)^FROM \S+ (golang:([0-9.]+)) AS build$`).FindSubmatch(file)
	require.NotNil(t, found, "the Dockerfile has no build stage on golang")

	mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	require.NoError(t, err)
	line := regexp.MustCompile(`(?m)^go (\S+)$`).FindSubmatch(mod)
	require.NotNil(t, line, "go.mod has no go line")
	require.True(t, strings.HasPrefix(string(line[1])+".", string(found[2])+"."),
		"go.mod wants Go %s, the Dockerfile builds with %s", line[1], found[1])
	return "docker.io/library/" + string(found[1])
}

// writeBase writes the stand-in for the golang image: no file of its own, only
// the links by which a system finds its programs under /usr.
func writeBase(t *testing.T, dir string) {
	t.Helper()
	files := filepath.Join(dir, "files")
	require.NoError(t, os.MkdirAll(filepath.Join(files, "tmp"), 0o700))
	for _, name := range []string{"bin", "lib", "lib64"} {
		require.NoError(t, os.Symlink("usr/"+name, filepath.Join(files, name)))
	}
	text := "FROM scratch\nCOPY . /\n" +
		"ENV PATH=/goroot/bin:/usr/bin GOPATH=/go GOCACHE=/gocache GOTOOLCHAIN=local GOPROXY=off\n"
	require.NoError(t, os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(text), 0o600))
}

// load unpacks an archive that buildah wrote.
func load(t *testing.T, archive string) image {
	t.Helper()
	dir := t.TempDir()
	_, err := unpack(archive, dir)
	require.NoError(t, err)

	var manifest []struct {
		Config string
		Layers []string
	}
	readJSON(t, filepath.Join(dir, "manifest.json"), &manifest)
	require.Len(t, manifest, 1)
	var blob struct {
		Config config `json:"config"`
	}
	readJSON(t, filepath.Join(dir, manifest[0].Config), &blob)

	img := image{config: blob.Config, rootfs: filepath.Join(dir, "rootfs")}
	require.NoError(t, os.Mkdir(img.rootfs, 0o755))
	for _, layer := range manifest[0].Layers {
		files, err := unpack(filepath.Join(dir, layer), img.rootfs)
		require.NoError(t, err)
		img.files = append(img.files, files...)
	}
	return img
}

// unpack extracts a tar file with its owners and modes, and lists its entries.
func unpack(archive, dir string) ([]string, error) {
	f, err := os.Open(archive)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var list []string
	for r := tar.NewReader(f); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return list, nil
		}
		if err != nil {
			return nil, err
		}
		name := filepath.Clean(h.Name)
		list = append(list, fmt.Sprintf("%v %d:%d %s", h.FileInfo().Mode(), h.Uid, h.Gid, name))
		if err := extract(r, h, filepath.Join(dir, name)); err != nil {
			return nil, err
		}
	}
}

func extract(r io.Reader, h *tar.Header, path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	switch h.Typeflag {
	case tar.TypeDir:
		if err := os.MkdirAll(path, 0o700); err != nil {
			return err
		}
	case tar.TypeSymlink:
		return os.Symlink(h.Linkname, path)
	case tar.TypeReg:
		f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		_, err = io.Copy(f, r)
		if err := errors.Join(err, f.Close()); err != nil {
			return err
		}
	default:
		return fmt.Errorf("%s: unexpected kind of entry %q", h.Name, h.Typeflag)
	}
	if err := os.Chown(path, h.Uid, h.Gid); err != nil {
		return err
	}
	return os.Chmod(path, h.FileInfo().Mode().Perm())
}

// dependOnSources looks at each file that goes into the image, since otherwise
// the go command would answer with an old result after a change: it can not see
// what buildah reads.
func dependOnSources(t *testing.T) {
	t.Helper()
	for _, name := range []string{"Dockerfile", ".dockerignore", "go.mod", "go.sum", "cmd", "internal", "web"} {
		err := filepath.WalkDir(filepath.Join(root, name), func(path string, _ fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			_, err = os.Stat(path)
			return err
		})
		require.NoError(t, err)
	}
}

func goEnv(t *testing.T, names ...string) map[string]string {
	t.Helper()
	out := command(t, root, "go", append([]string{"env", "-json"}, names...)...)
	var env map[string]string
	require.NoError(t, json.Unmarshal(out, &env))
	return env
}

// command runs a program to its end and returns its standard output.
func command(t *testing.T, dir, name string, args ...string) []byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	// buildah keeps its scratch files in TMPDIR and would leave some elsewhere.
	cmd.Env = append(os.Environ(), "TMPDIR="+t.TempDir())
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, "%s %s\n%s%s", name, strings.Join(args, " "), out, &stderr)
	return out
}

func readJSON(t *testing.T, path string, v any) {
	t.Helper()
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(content, v))
}
