-- What these tables mean stands in step 7 of SQLite's schema.
CREATE TABLE shared_secret (
    id    BIGINT PRIMARY KEY CHECK (id = 1),
    value BYTEA  NOT NULL
);

CREATE TABLE ended_sessions (
    id      BYTEA  PRIMARY KEY,
    ends_at BIGINT NOT NULL
);

CREATE TABLE pauses (
    site     TEXT   PRIMARY KEY,
    begun_at BIGINT NOT NULL,
    ends_at  BIGINT NOT NULL,
    why      TEXT   NOT NULL
);

-- What is done with many leads, a few at a time. Whoever holds a job works on it
-- until its lease ends. Its leads are apart, because its own row changes often.
CREATE TABLE jobs (
    id          BIGINT PRIMARY KEY,
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
);
