#!/bin/sh
# Brings the list of disposable mail domains up to date. It comes from the npm
# package disposable-email-domains-js (CC0-1.0), which carries the blocklist of
# disposable-email-domains/disposable-email-domains. Look at the difference
# before you commit it.
set -eu

to="$(git rev-parse --show-toplevel)/internal/spam/disposable.txt"
dir="$(mktemp -d)"
trap 'rm -rf "$dir"' EXIT

cd "$dir"
package="$(npm pack --silent disposable-email-domains-js)"
tar -xzf "$package"
grep -q '"license": "CC0-1.0"' package/package.json || { echo "The package's licence is another one now." >&2; exit 1; }
version="$(sed -n 's/^ *"version": "\([0-9.]*\)".*/\1/p' package/package.json)"
{
	echo "# Domains of disposable mail addresses, sorted by bytes: disposable-email-domains-js $version."
	echo "# Licence: CC0 1.0 (public domain). Made by deploy/disposable-domains.sh; do not edit."
	tr ',' '\n' <package/dist/dict/disposable_email_blocklist.json | sed -n 's/^[^"]*"\([a-z0-9.-]*\)".*/\1/p' | LC_ALL=C sort -u
} >list
[ "$(wc -l <list)" -gt 5000 ] || { echo "The list is too short to be whole." >&2; exit 1; }
mv list "$to"
