-- What the tables and columns mean stands in the schema of SQLite. Here is what
-- is different.

-- A lead is written four times or so on its way. Its state or due_at changes each
-- time, and both are indexed, so each version needs an entry in the indexes.
-- Therefore the leads that wait have an index of their own, which stays small, and
-- dead versions are taken away early.
CREATE TABLE leads (
    remote_id    BIGINT PRIMARY KEY,
    site         TEXT   NOT NULL,
    state        TEXT   NOT NULL CHECK (state IN ('quarantined', 'queued', 'sending',
                                                  'doubtful', 'delivered', 'confirmed', 'failed', 'discarded')),
    property_id  TEXT   NOT NULL,
    body         TEXT   NOT NULL,
    received_at  BIGINT NOT NULL,
    due_at       BIGINT,
    fence        BIGINT NOT NULL DEFAULT 0,
    tries        BIGINT NOT NULL DEFAULT 0,
    reason       TEXT   NOT NULL DEFAULT '',
    delivered_at BIGINT,
    confirmed_at BIGINT,
    queued_at    BIGINT,
    turn_at      BIGINT,
    attempt      BIGINT NOT NULL DEFAULT 0,
    moved_at     BIGINT
) WITH (fillfactor = 85, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0.01,
        autovacuum_vacuum_insert_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);

-- The id is in both, so that leads are counted without being read.
CREATE INDEX leads_due ON leads (site, state, due_at, remote_id) WHERE due_at IS NOT NULL;
CREATE INDEX leads_settled ON leads (site, state, remote_id) WHERE due_at IS NULL;

-- A reconciliation asks what EasyBroker has taken since a time.
CREATE INDEX leads_taken ON leads (site, (COALESCE(delivered_at, received_at))) WHERE state IN ('delivered', 'confirmed');

CREATE INDEX leads_odd ON leads (reason) WHERE reason IN ('missing', 'twice');

CREATE INDEX leads_ended ON leads (state, (COALESCE(confirmed_at, moved_at, received_at)))
    WHERE state IN ('quarantined', 'discarded', 'confirmed') AND due_at IS NULL;

-- No column that changes is indexed, so an attempt ends in the page in which it
-- began, if there is room.
CREATE TABLE attempts (
    remote_id BIGINT NOT NULL REFERENCES leads (remote_id),
    number    BIGINT NOT NULL,
    begun_at  BIGINT NOT NULL,
    ended_at  BIGINT,
    outcome   TEXT   NOT NULL DEFAULT '' CHECK (outcome IN ('', 'delivered', 'refused', 'deferred', 'unsure')),
    status    BIGINT NOT NULL DEFAULT 0,
    detail    TEXT   NOT NULL DEFAULT '',
    sent      BYTEA,
    PRIMARY KEY (remote_id, number)
) WITH (fillfactor = 70, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0.01);

-- The ids are sequences, because a row that every commit changes leaves a version
-- behind each time, and another session's long transaction would keep them all.
-- Decision 20 says why no id comes twice.
CREATE SEQUENCE remote_ids_ms MINVALUE 0;
CREATE SEQUENCE remote_ids_s MINVALUE 0;
SELECT setval('remote_ids_ms', 4294967296), setval('remote_ids_s', 0);

CREATE TABLE pulse (
    id      BIGINT PRIMARY KEY,
    beat_at BIGINT NOT NULL
) WITH (fillfactor = 10);

INSERT INTO pulse (id, beat_at) VALUES (1, 0);

CREATE TABLE reconciliations (
    number BIGINT PRIMARY KEY,
    at     BIGINT NOT NULL,
    body   TEXT   NOT NULL
);

-- Keys, and the words of the last minutes, whose content is their own digest.
CREATE TABLE repeats (
    digest    BYTEA  PRIMARY KEY,
    content   BYTEA  NOT NULL,
    remote_id BIGINT NOT NULL,
    kept_at   BIGINT NOT NULL
) WITH (fillfactor = 85, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0.05);
