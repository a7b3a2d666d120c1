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
