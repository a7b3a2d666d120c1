package store

import (
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/store/postgrestest"
)

// The life of a lead is four versions of its row. Its table and its indexes stay about
// as large as leads take that never change: what is dead is used again, if the server
// cleans up as often as the tables tell it to, and few leads wait at a time. An index by
// time is filled at its end alone, so the dead entries of a page leave it half empty.
func TestLeadsThatComeAndGoLeaveLittleBehind(t *testing.T) {
	if testing.Short() {
		t.Skip("it has nothing to race with")
	}
	t.Parallel()
	leads, step := 20_000, 2_000
	if os.Getenv("LEADRELAY_TORTURE") == "full" {
		leads, step = 1_000_000, 10_000
	}
	grown := map[string]int64{}
	for _, moves := range []bool{false, true} {
		s, err := OpenPostgres(t.Context(), postgrestest.Database(t), PostgresOptions{})
		require.NoError(t, err)
		for from := 0; from < leads; from += step {
			life := []string{fmt.Sprintf(`INSERT INTO leads (remote_id, site, state, property_id, body, received_at, due_at)
				SELECT i, 'casas', 'queued', 'EB-1', repeat('x', 400), i, i FROM generate_series(%d, %d) AS i`, from+1, from+step)}
			const due, ended = `UPDATE leads SET state = '%s', due_at = due_at + 1000000, fence = fence + 1 WHERE due_at IS NOT NULL`,
				`UPDATE leads SET state = 'confirmed', due_at = NULL, confirmed_at = received_at WHERE due_at IS NOT NULL`
			if moves {
				life = append(life, fmt.Sprintf(due, "sending"), fmt.Sprintf(due, "delivered"), fmt.Sprintf(due, "delivered"))
			}
			for _, statement := range append(life, ended, `VACUUM leads`) {
				_, err := s.people.ExecContext(t.Context(), statement)
				require.NoError(t, err)
			}
		}
		for _, relation := range []string{"leads", "leads_pkey", "leads_due", "leads_settled", "leads_taken", "leads_ended"} {
			var size int64
			require.NoError(t, s.people.QueryRowContext(t.Context(), `SELECT pg_relation_size($1::text::regclass)`, relation).Scan(&size))
			if !moves {
				grown[relation] = size
				continue
			}
			t.Logf("%s: %d kB, without moves %d kB", relation, size>>10, grown[relation]>>10)
			most := grown[relation] * 5 / 2
			if relation == "leads_due" { // has those that wait alone, however many have come
				most = int64(step) * 4 * 256
			}
			require.LessOrEqual(t, size, most, relation)
		}
		require.NoError(t, s.Close())
	}
}
