package main

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// asvsLevels has the level of each requirement of ASVS 5.0.0, in their order, by section.
const asvsLevels = `
1.1:22 1.2:1111122223 1.3:112222222223 1.4:222 1.5:123
2.1:122 2.2:112 2.3:12223 2.4:23
3.1:3 3.2:113 3.3:12223 3.4:11222233 3.5:11122333 3.6:3 3.7:22333
4.1:12233 4.2:23333 4.3:22 4.4:1222
5.1:2 5.2:112333 5.3:113 5.4:222
6.1:122 6.2:111111112222 6.3:11223333 6.4:112233 6.5:22222333 6.6:2223 6.7:33 6.8:2222
7.1:222 7.2:1111 7.3:22 7.4:11222 7.5:223 7.6:22
8.1:1233 8.2:1123 8.3:133 8.4:23
9.1:111 9.2:1222
10.1:22 10.2:223 10.3:22223 10.4:1111122222233333 10.5:22222 10.6:22 10.7:222
11.1:2233 11.2:22233 11.3:11233 11.4:1222 11.5:23 11.6:23 11.7:33
12.1:12233 12.2:11 12.3:22223
13.1:2333 13.2:222223 13.3:2233 13.4:1222233
14.1:22 14.2:12223333 14.3:122
15.1:12233 15.2:12233 15.3:1222222 15.4:3333
16.1:2 16.2:22222 16.3:2222 16.4:222 16.5:2223
17.1:23 17.2:22223333 17.3:22`

// asvsRow is what the table says of a requirement.
type asvsRow struct{ level, met, shown string }

var asvsLine = regexp.MustCompile(`(?m)^\| (\d+\.\d+)\.(\d+)(?:–\d+\.\d+\.(\d+))? \| (\d) \| [^|]+ \| ([^|]+) \| ?([^|]*?) ?\|$`)

// asvsTable reads the rows of the page by their numbers. One row may have several.
func asvsTable(t *testing.T, page string) map[string]asvsRow {
	t.Helper()
	rows := map[string]asvsRow{}
	for _, m := range asvsLine.FindAllStringSubmatch(page, -1) {
		first, _ := strconv.Atoi(m[2])
		last, err := strconv.Atoi(m[3])
		if err != nil {
			last = first
		}
		for n := first; n <= last; n++ {
			number := m[1] + "." + strconv.Itoa(n)
			require.NotContains(t, rows, number, "twice")
			rows[number] = asvsRow{m[4], m[5], m[6]}
		}
	}
	return rows
}

// The table has each requirement of the first two levels, says whether it is met, and its
// summary leaves out nothing that counts.
func TestTheTableOfASVSIsWhole(t *testing.T) {
	text, err := os.ReadFile("../../.github/ASVS.md")
	require.NoError(t, err)
	rows := asvsTable(t, string(text))
	_, summary, _ := strings.Cut(string(text), "## What is not met")
	summary, _, _ = strings.Cut(summary, "\n## ")
	for _, section := range strings.Fields(asvsLevels) {
		section, levels, _ := strings.Cut(section, ":")
		for i, level := range levels {
			number := section + "." + strconv.Itoa(i+1)
			row, ok := rows[number]
			delete(rows, number)
			if level == '3' {
				require.False(t, ok, "%s is of level 3", number)
				continue
			}
			require.True(t, ok, "%s is left out", number)
			require.Equal(t, string(level), row.level, number)
			require.Contains(t, []string{"yes", "partly", "**no**", "–"}, row.met, number)
			if row.met != "–" {
				require.NotEmpty(t, row.shown, number)
			}
			if row.met == "**no**" || row.met == "partly" && level == '1' {
				require.Regexp(t, `\b`+regexp.QuoteMeta(number)+`\b`, summary)
			}
		}
	}
	require.Empty(t, rows, "there is no such requirement")
}
