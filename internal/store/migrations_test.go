package store

import (
	"io/fs"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var (
	comment  = regexp.MustCompile(`(?m)--.*$`)
	function = regexp.MustCompile(`(?s)\$\$.*?\$\$`)
	madeHere = regexp.MustCompile(`CREATE TABLE (\w+)`)
	// adds matches what an older release does not notice: something new, also in a table that
	// it knows, if it need not fill it; and a rule less.
	adds = regexp.MustCompile(`^(CREATE (TABLE|INDEX|FUNCTION|VIEW|SEQUENCE) |` +
		`ALTER TABLE \w+ ADD COLUMN \w+ [\w ]*(DEFAULT [^,]+)?$|ALTER TABLE \w+ DROP CONSTRAINT \w+$)`)
	// ofTable matches what may be done with a table that the step itself makes.
	ofTable  = regexp.MustCompile(`(?s)^(?:INSERT INTO|CREATE UNIQUE INDEX \w+ ON|ALTER TABLE|CREATE TRIGGER \w+ .*? ON) (\w+)`)
	mustFill = regexp.MustCompile(`ADD COLUMN .*NOT NULL`)
)

// unbearable returns those statements of a step that an older release might not bear.
func unbearable(step string) (all []string) {
	step = function.ReplaceAllString(comment.ReplaceAllString(step, ""), "''")
	own := map[string]bool{}
	for _, made := range madeHere.FindAllStringSubmatch(step, -1) {
		own[made[1]] = true
	}
	for statement := range strings.SplitSeq(step, ";") {
		statement = strings.Join(strings.Fields(statement), " ")
		of := ofTable.FindStringSubmatch(statement)
		isNew := of != nil && own[of[1]]
		isAdded := adds.MatchString(statement) && (!mustFill.MatchString(statement) || strings.Contains(statement, "DEFAULT"))
		if statement != "" && !isNew && !isAdded {
			all = append(all, statement)
		}
	}
	return all
}

// A step that says that older releases bear it adds, and changes nothing that they use.
func TestAStepThatOlderReleasesBearOnlyAdds(t *testing.T) {
	files, err := fs.Glob(embedded, postgresDialect.migrations)
	require.NoError(t, err)
	steps := 0
	for _, file := range files {
		text, err := fs.ReadFile(embedded, file)
		require.NoError(t, err)
		if beside.Match(text) {
			steps++
			assert.Empty(t, unbearable(string(text)), file)
		}
	}
	require.NotZero(t, steps)
	for _, step := range []string{
		"ALTER TABLE leads DROP COLUMN tries", "ALTER TABLE leads RENAME COLUMN tries TO tried", "ALTER TABLE leads ADD COLUMN a TEXT NOT NULL",
		"ALTER TABLE leads ADD CONSTRAINT c CHECK (tries < 9)", "DROP INDEX leads_due", "DROP TABLE pauses", "CREATE UNIQUE INDEX i ON leads (body)",
		"UPDATE leads SET body = ''", "CREATE TABLE a (b TEXT); INSERT INTO leads SELECT * FROM a",
		"CREATE TRIGGER t BEFORE INSERT ON leads FOR EACH ROW EXECUTE FUNCTION f()", "ALTER TABLE leads ALTER COLUMN body TYPE JSON",
	} {
		require.Len(t, unbearable("-- beside: 6\n"+step), 1, step)
	}
	for _, step := range []string{
		"CREATE TABLE a (b TEXT); INSERT INTO a VALUES (''); CREATE UNIQUE INDEX i ON a (b)", "ALTER TABLE leads ADD COLUMN a TEXT",
		"ALTER TABLE leads ADD COLUMN a TEXT NOT NULL DEFAULT ''", "CREATE INDEX i ON leads (body)",
	} {
		require.Empty(t, unbearable("-- beside: 6\n"+step), step)
	}
}
