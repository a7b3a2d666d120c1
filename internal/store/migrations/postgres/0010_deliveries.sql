-- beside: 6
-- What these tables mean stands in step 12 of SQLite's schema. Keys are sorted as SQLite
-- sorts them, for a transfer compares them in this order.
CREATE TABLE deliveries (
    remote_id BIGINT NOT NULL REFERENCES leads (remote_id) ON DELETE CASCADE,
    channel   TEXT   COLLATE "C" NOT NULL,
    notice    TEXT   COLLATE "C" NOT NULL,
    number    BIGINT NOT NULL,
    at        BIGINT NOT NULL,
    state     TEXT   NOT NULL DEFAULT 'due' CHECK (state IN ('due', 'taken', 'given_up')),
    due_at    BIGINT,
    attempts  BIGINT NOT NULL DEFAULT 0,
    message   TEXT   NOT NULL,
    status    BIGINT NOT NULL DEFAULT 0,
    ended_at  BIGINT,
    PRIMARY KEY (remote_id, channel, notice, number)
) WITH (fillfactor = 85, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0.02);

CREATE INDEX deliveries_due ON deliveries (channel, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX deliveries_ended ON deliveries (ended_at) WHERE ended_at IS NOT NULL;

CREATE TABLE delivery_channels (
    channel       TEXT COLLATE "C" PRIMARY KEY,
    failing_since BIGINT NOT NULL,
    off_at        BIGINT,
    why           TEXT NOT NULL DEFAULT ''
);
