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
