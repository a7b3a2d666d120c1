-- beside: 10
-- Test inquiries. They are no leads: nothing that counts, lists or sends leads has them. The
-- sweep deletes them after a day.
CREATE TABLE tests (
    remote_id   INTEGER PRIMARY KEY,
    site        TEXT   NOT NULL,
    property_id TEXT   NOT NULL,
    body        TEXT   NOT NULL, -- as a lead's
    received_at BIGINT NOT NULL
);

-- Others are told of them, too, so a delivery need not be about a lead any more.
CREATE TABLE new_deliveries (
    remote_id INTEGER NOT NULL,
    channel   TEXT    NOT NULL,
    notice    TEXT    NOT NULL,
    number    BIGINT  NOT NULL,
    at        BIGINT  NOT NULL,
    state     TEXT    NOT NULL DEFAULT 'due' CHECK (state IN ('due', 'taken', 'given_up')),
    due_at    BIGINT,
    attempts  BIGINT  NOT NULL DEFAULT 0,
    message   TEXT    NOT NULL,
    status    BIGINT  NOT NULL DEFAULT 0,
    ended_at  BIGINT,
    PRIMARY KEY (remote_id, channel, notice, number)
) WITHOUT ROWID;

INSERT INTO new_deliveries SELECT remote_id, channel, notice, number, at, state, due_at, attempts, message, status, ended_at FROM deliveries;
DROP TABLE deliveries;
ALTER TABLE new_deliveries RENAME TO deliveries;

CREATE INDEX deliveries_due ON deliveries (channel, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX deliveries_ended ON deliveries (ended_at) WHERE ended_at IS NOT NULL;
