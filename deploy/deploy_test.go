// Package deploy holds what is needed to run the relay in production. Its test
// checks that the files fit each other, since each repeats what another says:
// ports, paths, users, addresses and times.
package deploy

import (
	"net/netip"
	"os"
	"path"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

type composeFile struct {
	Services map[string]service `yaml:"services"`
	Networks map[string]struct {
		IPAM struct {
			Config []struct {
				Subnet string `yaml:"subnet"`
			} `yaml:"config"`
		} `yaml:"ipam"`
	} `yaml:"networks"`
	Volumes map[string]any `yaml:"volumes"`
	Secrets map[string]struct {
		File string `yaml:"file"`
	} `yaml:"secrets"`
}

type service struct {
	Environment map[string]string `yaml:"environment"`
	Secrets     []string          `yaml:"secrets"`
	Volumes     []string          `yaml:"volumes"`
	Ports       []string          `yaml:"ports"`
	User        string            `yaml:"user"`
	Networks    map[string]struct {
		Address string `yaml:"ipv4_address"`
	} `yaml:"networks"`
	GracePeriod string   `yaml:"stop_grace_period"`
	Restart     string   `yaml:"restart"`
	ReadOnly    bool     `yaml:"read_only"`
	CapDrop     []string `yaml:"cap_drop"`
	CapAdd      []string `yaml:"cap_add"`
	SecurityOpt []string `yaml:"security_opt"`
	Healthcheck any      `yaml:"healthcheck"`
	MemoryLimit string   `yaml:"mem_limit"`
}

func TestComposeConfinesBothServices(t *testing.T) {
	for name, s := range compose(t).Services {
		assert.True(t, s.ReadOnly, name)
		assert.Equal(t, []string{"ALL"}, s.CapDrop, name)
		assert.Equal(t, []string{"no-new-privileges:true"}, s.SecurityOpt, name)
		assert.Equal(t, "unless-stopped", s.Restart, name)
	}
}

func TestComposeKeepsTheImagesUserAndHealthCheck(t *testing.T) {
	relay := compose(t).Services["relay"]
	assert.Empty(t, relay.User)
	assert.Nil(t, relay.Healthcheck)
	assert.Empty(t, relay.CapAdd)
}

func TestComposePublishesOnlyCaddy(t *testing.T) {
	c := compose(t)
	assert.Empty(t, c.Services["relay"].Ports)
	assert.NotContains(t, c.Services["relay"].Environment, "LEADRELAY_OPERATOR_ADDR")
	assert.Equal(t, []string{"80:80", "443:443", "443:443/udp"}, c.Services["caddy"].Ports)
}

func TestComposeTrustsOnlyCaddysAddress(t *testing.T) {
	c := compose(t)
	caddy := netip.MustParseAddr(c.Services["caddy"].Networks["web"].Address)
	relay := netip.MustParseAddr(c.Services["relay"].Networks["web"].Address)
	subnet := netip.MustParsePrefix(c.Networks["web"].IPAM.Config[0].Subnet)

	assert.Equal(t, caddy.String()+"/32", c.Services["relay"].Environment["LEADRELAY_TRUSTED_PROXIES"])
	assert.True(t, subnet.Contains(caddy))
	assert.True(t, subnet.Contains(relay))
	assert.NotEqual(t, caddy, relay)
}

func TestComposeGivesTheKeyAsAFile(t *testing.T) {
	c := compose(t)
	relay := c.Services["relay"]
	require.Len(t, relay.Secrets, 1)
	secret := relay.Secrets[0]
	assert.Equal(t, "/run/secrets/"+secret, relay.Environment["EASYBROKER_API_KEY_FILE"])
	assert.NotContains(t, relay.Environment, "EASYBROKER_API_KEY")

	file := strings.TrimPrefix(c.Secrets[secret].File, ".")
	assert.Contains(t, strings.Split(read(t, ".gitignore"), "\n"), file)
	user := first(t, read(t, "../Dockerfile"), `(?m)^USER (\d+):\d+$`)
	assert.Contains(t, read(t, "README.md"), "-o "+user+" -m 0400 ", "the README makes the key's file for another user")
}

func TestDatabaseIsInTheVolume(t *testing.T) {
	c := compose(t)
	dockerfile := read(t, "../Dockerfile")
	volume := first(t, dockerfile, `(?m)^VOLUME (\S+)$`)
	assert.Equal(t, volume, path.Dir(first(t, dockerfile, `LEADRELAY_DATABASE=(\S+)`)))
	assert.Equal(t, []string{"data:" + volume}, c.Services["relay"].Volumes)
	assert.Contains(t, c.Volumes, "data")
	assert.NotContains(t, c.Services["relay"].Environment, "LEADRELAY_DATABASE")
}

func TestOnePublicPort(t *testing.T) {
	port := first(t, read(t, "../Dockerfile"), `(?m)^EXPOSE (\d+)$`)
	c := compose(t)
	assert.Equal(t, "relay:"+port, c.Services["caddy"].Environment["LEADRELAY_UPSTREAM"])
	assert.NotContains(t, c.Services["relay"].Environment, "LEADRELAY_ADDR")
	assert.Equal(t, 5, strings.Count(read(t, "Caddyfile"), "{$LEADRELAY_UPSTREAM:127.0.0.1:"+port+"}"))
	assert.Equal(t, "127.0.0.1:"+port, first(t, read(t, "nginx.conf"), `server (\S+) max_fails=0;`))
	assert.Equal(t, 2, strings.Count(read(t, "haproxy.cfg"), "server relay 127.0.0.1:"+port+" "))
	assert.Equal(t, "127.0.0.1:"+port, unitEnvironment(t)["LEADRELAY_ADDR"])
	assert.Equal(t, []string{"127.0.0.1:" + port}, unit(t, "leadrelay.socket")["ListenStream"])
}

// One unit brings the other along, in either direction: a relay without the socket
// would listen by itself, and a socket without the relay would start it again.
func TestTheSocketAndTheRelayBelongTogether(t *testing.T) {
	u := unit(t, "leadrelay.service")
	assert.Equal(t, []string{"leadrelay.socket"}, u["Requires"])
	assert.Contains(t, u["After"], "leadrelay.socket")
	assert.Equal(t, []string{"leadrelay.socket"}, u["Also"])
	assert.NotContains(t, unit(t, "leadrelay.socket"), "Accept")
}

func TestStoppingHasTimeForTheDrainAndOneAttempt(t *testing.T) {
	c := compose(t)
	for name, tc := range map[string]struct {
		env   map[string]string
		grace string
	}{
		"compose": {c.Services["relay"].Environment, c.Services["relay"].GracePeriod},
		"systemd": {unitEnvironment(t), unit(t, "leadrelay.service")["TimeoutStopSec"][0]},
	} {
		drain := duration(t, tc.env["LEADRELAY_DRAIN"])
		attempt := duration(t, tc.env["LEADRELAY_COURIER_TIMEOUT"])
		grace := duration(t, tc.grace)
		assert.Greater(t, grace, drain+attempt, name)

		hold := duration(t, first(t, read(t, "Caddyfile"), `lb_try_duration (\S+)`))
		assert.GreaterOrEqual(t, hold, grace, "%s: Caddy gives up before the relay is back", name)
	}
}

// A single relay that drains says that it is not ready, and still takes what
// comes: a proxy that asked would have nobody to turn to. Several are asked.
func TestNoProxyAsksASingleRelayWhetherItIsReady(t *testing.T) {
	const several = `(?ms)^\(several\) \{.*?^\}`
	caddy := read(t, "Caddyfile")
	assert.Contains(t, caddy, "import {$LEADRELAY_RELAYS:single}")
	assert.Contains(t, first(t, caddy, `(`+several+`)`), "health_uri /readyz")
	assert.Contains(t, read(t, "haproxy-replicas.cfg"), "option httpchk GET /readyz")
	for name, probe := range map[string]string{"Caddyfile": `(?m)^\s*health_`, "haproxy.cfg": `(?m)^\s*(server .* check\b|option httpchk)`, "nginx.conf": `(?m)^\s*health_check`} {
		assert.NotRegexp(t, probe, regexp.MustCompile(several).ReplaceAllString(read(t, name), ""), name)
	}
}

// A body of the largest inquiry is whole before the relay hears of it, and the
// relay's own limit is the one that visitors meet.
func TestProxiesTakeTheLargestInquiry(t *testing.T) {
	const largest = 64 << 10
	for name, pattern := range map[string]string{
		"haproxy.cfg": `tune.bufsize (\d+)`, "nginx.conf": `client_body_buffer_size (\d+)k;`, "Caddyfile": `request_buffers (\d+)KiB`,
	} {
		n, err := strconv.Atoi(first(t, read(t, name), pattern))
		require.NoError(t, err)
		if name != "haproxy.cfg" {
			n <<= 10
		}
		assert.Greater(t, n, largest, name)
	}
}

// The README's steps put the certificate where the proxy looks for it, and let certbot
// listen where HAProxy asks it.
func TestTheCertificateIsWhereTheProxyLooks(t *testing.T) {
	haproxy, readme := read(t, "haproxy.cfg"), read(t, "README.md")
	pem := first(t, readme, `(?m)^pem=(\S+)$`)
	assert.Equal(t, 2, strings.Count(haproxy, " ssl crt "+pem+" "))
	assert.Equal(t, first(t, haproxy, `server certbot 127\.0\.0\.1:(\d+)\n`), first(t, readme, `--http-01-port (\d+) `))
	domain := first(t, readme, `certbot certonly --nginx -d (\S+) `)
	assert.Contains(t, read(t, "nginx.conf"), "/etc/letsencrypt/live/"+domain+"/fullchain.pem;")
}

// The limit is for faults: what the relay lets itself have with all its
// connections, and what SQLite and the binary have beside, stays below it.
func TestMemoryIsLimitedAlike(t *testing.T) {
	u := unit(t, "leadrelay.service")
	assert.Equal(t, []string{"256M"}, u["MemoryMax"])
	assert.Equal(t, []string{"192M"}, u["MemoryHigh"])
	assert.Equal(t, "256m", compose(t).Services["relay"].MemoryLimit)
	assert.NotContains(t, unitEnvironment(t), "GOMEMLIMIT")
	assert.NotContains(t, compose(t).Services["relay"].Environment, "GOMEMLIMIT")
}

func TestUnitIsConfined(t *testing.T) {
	u := unit(t, "leadrelay.service")
	for name, want := range map[string]string{
		"TimeoutStartSec":         "infinity",
		"DynamicUser":             "yes",
		"StateDirectoryMode":      "0700",
		"UMask":                   "0077",
		"Restart":                 "always",
		"AmbientCapabilities":     "",
		"CapabilityBoundingSet":   "",
		"NoNewPrivileges":         "yes",
		"ProtectSystem":           "strict",
		"ProtectHome":             "yes",
		"MemoryDenyWriteExecute":  "yes",
		"RestrictAddressFamilies": "AF_INET AF_INET6 AF_UNIX",
		"SystemCallArchitectures": "native",
	} {
		assert.Equal(t, []string{want}, u[name], name)
	}
	assert.Equal(t, []string{"notify", "notify-reload"}, u["Type"], "the second is left out by a systemd that does not know it")
	assert.Equal(t, []string{"/usr/local/bin/leadrelay reload"}, u["ExecReload"])
	assert.Equal(t, []string{"@system-service", "~@privileged @resources"}, u["SystemCallFilter"])
}

func TestUnitPaths(t *testing.T) {
	u, env := unit(t, "leadrelay.service"), unitEnvironment(t)
	state := u["StateDirectory"][0]
	assert.Equal(t, "%S/"+state+"/leadrelay.db", env["LEADRELAY_DATABASE"])
	assert.Equal(t, "%S/"+state, u["WorkingDirectory"][0])

	credential, file, _ := strings.Cut(u["LoadCredential"][0], ":")
	assert.Equal(t, append([]string{file}, u["EnvironmentFile"]...), u["AssertPathExists"], "a file without which systemd would try again for ever")
	assert.Equal(t, "%d/"+credential, env["EASYBROKER_API_KEY_FILE"])
	assert.NotContains(t, env, "EASYBROKER_API_KEY")
	for _, p := range []string{file, u["EnvironmentFile"][0], strings.Fields(u["ExecStart"][0])[0]} {
		assert.Contains(t, read(t, "README.md"), p)
	}
}

// What compares every night is the same binary with the same settings, and is
// started by the timer of its name.
func TestTheTimerAsksTheUnitsRelay(t *testing.T) {
	u, nightly := unit(t, "leadrelay.service"), unit(t, "leadrelay-reconcile.service")
	binary := func(u map[string][]string) string { return strings.Fields(u["ExecStart"][0])[0] }
	assert.Equal(t, binary(u), binary(nightly))
	assert.Equal(t, u["EnvironmentFile"], nightly["EnvironmentFile"])
	assert.Equal(t, []string{"LEADRELAY_DATABASE=" + unitEnvironment(t)["LEADRELAY_DATABASE"]}, nightly["Environment"])
	assert.Equal(t, "oneshot", nightly["Type"][0])
	assert.NotEmpty(t, unit(t, "leadrelay-reconcile.timer")["OnCalendar"])
	cron := first(t, read(t, "README.md"), `(?m)^30 3 \* \* \* root out=\$\((\S+ reconcile --since \d+h) 2>&1\) \|\| echo "\$out"$`)
	assert.Equal(t, nightly["ExecStart"][0], cron)
}

// Each relay of the second file is like the one of the first, but for the database, and
// Caddy knows them all.
func TestReplicasOfCompose(t *testing.T) {
	one, c := compose(t), composeFile{}
	require.NoError(t, yaml.Unmarshal([]byte(read(t, "compose.replicas.yaml")), &c))
	subnet := netip.MustParsePrefix(one.Networks["web"].IPAM.Config[0].Subnet)
	addresses := map[string]bool{}
	for _, s := range []service{one.Services["relay"], one.Services["caddy"], c.Services["relay2"], c.Services["postgres"]} {
		address := s.Networks["web"].Address
		assert.False(t, addresses[address], address)
		addresses[address] = true
		assert.True(t, subnet.Contains(netip.MustParseAddr(address)), address)
	}
	var upstream []string
	for _, name := range []string{"relay", "relay2"} {
		env := c.Services[name].Environment
		own, isSet := env["LEADRELAY_DATABASE"]
		assert.True(t, isSet && own == "", "the image's own database is a file")
		for variable, file := range map[string]string{"LEADRELAY_DATABASE_FILE": "database", "LEADRELAY_OPERATOR_TOKEN_FILE": "operator_token"} {
			assert.Equal(t, "/run/secrets/"+file, env[variable])
			assert.Contains(t, c.Services[name].Secrets, file)
			assert.Equal(t, "./"+file, c.Secrets[file].File)
		}
		upstream = append(upstream, name+":8080")
	}
	assert.Equal(t, strings.Join(upstream, " "), c.Services["caddy"].Environment["LEADRELAY_UPSTREAM"])
	assert.Contains(t, read(t, "Caddyfile"), "("+c.Services["caddy"].Environment["LEADRELAY_RELAYS"]+") {")
	assert.Empty(t, c.Services["postgres"].Ports)
}

func compose(t *testing.T) composeFile {
	t.Helper()
	var c composeFile
	require.NoError(t, yaml.Unmarshal([]byte(read(t, "compose.yaml")), &c))
	require.Len(t, c.Services, 2)
	require.Contains(t, c.Services, "relay")
	require.Contains(t, c.Services, "caddy")
	return c
}

// unit is what a unit sets, each name with all its values in order.
func unit(t *testing.T, name string) map[string][]string {
	t.Helper()
	set := map[string][]string{}
	for line := range strings.Lines(read(t, name)) {
		line = strings.TrimSpace(line)
		if name, value, ok := strings.Cut(line, "="); ok && !strings.HasPrefix(line, "#") {
			set[name] = append(set[name], value)
		}
	}
	return set
}

func unitEnvironment(t *testing.T) map[string]string {
	t.Helper()
	env := map[string]string{}
	for _, line := range unit(t, "leadrelay.service")["Environment"] {
		name, value, _ := strings.Cut(line, "=")
		env[name] = value
	}
	return env
}

func read(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(name)
	require.NoError(t, err)
	return string(content)
}

// first is the first group of the pattern's only match.
func first(t *testing.T, text, pattern string) string {
	t.Helper()
	found := regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1)
	require.Len(t, found, 1, strconv.Quote(pattern))
	return found[0][1]
}

func duration(t *testing.T, text string) time.Duration {
	t.Helper()
	d, err := time.ParseDuration(text)
	require.NoError(t, err)
	return d
}
