#!/bin/sh
# Fuzzes each target of the repository for the given time, one after another.
set -eu

for file in $(git ls-files '*_test.go'); do
	for target in $(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$file"); do
		echo "== $target (./$(dirname "$file"))"
		go test -run '^$' -fuzz "^$target\$" -fuzztime "$1" -fuzzminimizetime 1x "./$(dirname "$file")"
	done
done
