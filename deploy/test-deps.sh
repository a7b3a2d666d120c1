#!/bin/sh
# Installs what the tests need beyond Go, where it is missing: a C compiler for
# the race detector, Chromium and Firefox for the pages, Node.js and curl for
# the clients that sites use, buildah and crun for the image, nginx, HAProxy and
# Caddy for the files in this folder, Prometheus for the rules, PostgreSQL and
# pgbouncer for the store, Exim for mails, PHP for a receiver of webhooks.
set -eu
PATH=$PATH:/usr/sbin:/sbin

missing=''
need() { command -v "$1" >/dev/null 2>&1 || missing="$missing $2"; }

need gcc 'gcc libc6-dev'
need chromium chromium
need chromium-headless-shell chromium-headless-shell
need firefox-esr firefox-esr
need node nodejs
need npm npm
need curl curl
need buildah buildah
need crun crun
need nginx nginx
need haproxy haproxy
need caddy caddy
command -v initdb >/dev/null 2>&1 || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing="$missing postgresql"
need pgbouncer pgbouncer
need exim4 exim4-daemon-light
need promtool prometheus
need php php-cli
[ -e /etc/ssl/certs/ca-certificates.crt ] || missing="$missing ca-certificates"
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null 2>&1; then
	echo "The tests need:$missing. Install them with your package manager." >&2
	exit 1
fi
sudo=''
[ "$(id -u)" = 0 ] || sudo=sudo
echo "Installing for the tests:$missing"
export DEBIAN_FRONTEND=noninteractive

# The tests run the proxies themselves: no service is started, now or at boot.
policy=/usr/sbin/policy-rc.d
if ! [ -e "$policy" ]; then
	printf '#!/bin/sh\nexit 101\n' | $sudo tee "$policy" >/dev/null
	$sudo chmod 755 "$policy"
	trap '$sudo rm -f "$policy"' EXIT
fi
$sudo apt-get update -qq
# shellcheck disable=SC2086 # the words are packages
$sudo apt-get install -y -qq --no-install-recommends $missing >/dev/null
if command -v systemctl >/dev/null 2>&1; then
	for service in nginx haproxy caddy postgresql pgbouncer exim4 prometheus; do
		case "$missing " in *" $service"*) $sudo systemctl disable --quiet "$service" || true ;; esac
	done
fi
