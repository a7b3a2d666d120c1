-- beside: 10
-- Trouble that people are told of, as long as it lasts and for a day after. The body is
-- JSON. Who tells of it writes it, and nobody else.
CREATE TABLE alerts (
    id        TEXT PRIMARY KEY,
    closed_at BIGINT,
    body      TEXT NOT NULL
) WITHOUT ROWID;

-- Leads that a person has looked at, so that nobody is told of them any more. A failed
-- lead that was moved since, which raises its fence, is to be looked at again.
CREATE TABLE seen_leads (
    remote_id INTEGER NOT NULL,
    what      TEXT    NOT NULL, -- failed, missing or twice
    fence     BIGINT  NOT NULL,
    PRIMARY KEY (remote_id, what)
) WITHOUT ROWID;
