-- A lead is one row for life. due_at is when the courier must look at it
-- again, whatever for: the next attempt of a queued lead, the end of the lease
-- of one that is being sent, the next look-up of a doubtful one; NULL when
-- nothing is left to do. So one partial index finds all the work, and it holds
-- only the leads that are on their way, however many have arrived.
CREATE TABLE leads (
    remote_id    INTEGER PRIMARY KEY, -- which is the table; a BIGINT key would be an index beside it
    site         TEXT   NOT NULL,
    state        TEXT   NOT NULL CHECK (state IN ('quarantined', 'queued', 'sending',
                                                  'doubtful', 'delivered', 'confirmed', 'failed', 'discarded')),
    property_id  TEXT   NOT NULL,
    body         TEXT   NOT NULL, -- JSON: name, email, phone, message, source, context
    received_at  BIGINT NOT NULL, -- all times are Unix milliseconds
    due_at       BIGINT,
    fence        BIGINT NOT NULL DEFAULT 0, -- rises with every claim
    tries        BIGINT NOT NULL DEFAULT 0, -- how far the lead is on its schedule
    reason       TEXT   NOT NULL DEFAULT '',
    delivered_at BIGINT,
    confirmed_at BIGINT
);

CREATE INDEX leads_due ON leads (site, due_at) WHERE due_at IS NOT NULL;

-- An attempt without an end is open: its bytes may have left.
CREATE TABLE attempts (
    remote_id BIGINT NOT NULL REFERENCES leads (remote_id),
    number    BIGINT NOT NULL,
    begun_at  BIGINT NOT NULL,
    ended_at  BIGINT,
    outcome   TEXT   NOT NULL DEFAULT '' CHECK (outcome IN ('', 'delivered', 'refused', 'deferred', 'unsure')),
    status    BIGINT NOT NULL DEFAULT 0,
    detail    TEXT   NOT NULL DEFAULT '',
    PRIMARY KEY (remote_id, number)
);

-- The last remote_id that was given, for each tick. Ids that count
-- milliseconds begin above all that seconds will reach until 2162, so the two
-- never meet.
CREATE TABLE remote_ids (
    tick TEXT   PRIMARY KEY,
    last BIGINT NOT NULL
);

INSERT INTO remote_ids (tick, last) VALUES ('ms', 4294967296), ('s', 0);

-- One row that is written when nobody else proves that the disk takes writes.
CREATE TABLE pulse (
    id      INTEGER PRIMARY KEY,
    beat_at BIGINT NOT NULL
);

INSERT INTO pulse (id, beat_at) VALUES (1, 0);
