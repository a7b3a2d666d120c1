-- beside: 10
-- What others than EasyBroker are told of leads. A row is written in the transaction that
-- makes it true, and carried later, by whoever claims it. It has nothing of the lead's
-- contents, which are read when it is sent.
CREATE TABLE deliveries (
    remote_id INTEGER NOT NULL REFERENCES leads (remote_id) ON DELETE CASCADE,
    channel   TEXT    NOT NULL,
    notice    TEXT    NOT NULL,
    number    BIGINT  NOT NULL, -- a lead may fail twice
    at        BIGINT  NOT NULL,
    state     TEXT    NOT NULL DEFAULT 'due' CHECK (state IN ('due', 'taken', 'given_up')),
    due_at    BIGINT,           -- of the next attempt, or the end of the lease of one; NULL when it has ended
    attempts  BIGINT  NOT NULL DEFAULT 0, -- rises with every claim; who settles an older one changes nothing
    message   TEXT    NOT NULL, -- the id that the receiver knows it by
    status    BIGINT  NOT NULL DEFAULT 0,
    ended_at  BIGINT,
    PRIMARY KEY (remote_id, channel, notice, number)
) WITHOUT ROWID;

CREATE INDEX deliveries_due ON deliveries (channel, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX deliveries_ended ON deliveries (ended_at) WHERE ended_at IS NOT NULL;

-- A channel that takes nothing, since when, and whether it was switched off.
CREATE TABLE delivery_channels (
    channel       TEXT PRIMARY KEY,
    failing_since BIGINT NOT NULL,
    off_at        BIGINT,
    why           TEXT NOT NULL DEFAULT ''
) WITHOUT ROWID;
