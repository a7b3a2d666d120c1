-- A random number that the database's relays share, and nobody else knows. They
-- make keys of it. The first relay that starts writes the row.
CREATE TABLE shared_secret (
    id    INTEGER PRIMARY KEY CHECK (id = 1),
    value BLOB NOT NULL
);

-- Sessions of the console that have ended before their time. A row goes when the
-- session would have ended by itself. One row may stand for many: see the code.
CREATE TABLE ended_sessions (
    id      BLOB   PRIMARY KEY,
    ends_at BIGINT NOT NULL
) WITHOUT ROWID;

-- Each site's last pause that a person has ordered. It stays when it is over: the
-- deadline of leads that waited for its end is later.
CREATE TABLE pauses (
    site     TEXT   PRIMARY KEY,
    begun_at BIGINT NOT NULL,
    ends_at  BIGINT NOT NULL,
    why      TEXT   NOT NULL
) WITHOUT ROWID;

-- What is done with many leads, a few at a time. Whoever holds a job works on it
-- until its lease ends. Its leads are apart, because its own row changes often.
CREATE TABLE jobs (
    id          INTEGER PRIMARY KEY,
    do_what     TEXT   NOT NULL,
    filter      TEXT   NOT NULL, -- JSON
    state       TEXT   NOT NULL,
    matched     BIGINT NOT NULL,
    left_out    BIGINT NOT NULL,
    done        BIGINT NOT NULL DEFAULT 0,
    moved       BIGINT NOT NULL DEFAULT 0,
    changed     BIGINT NOT NULL DEFAULT 0,
    ordered_at  BIGINT NOT NULL,
    ended_at    BIGINT,
    holder      TEXT   NOT NULL DEFAULT '',
    lease_until BIGINT NOT NULL DEFAULT 0
);

CREATE TABLE job_leads (
    job BIGINT PRIMARY KEY,
    ids TEXT   NOT NULL -- JSON, in their order
) WITHOUT ROWID;
