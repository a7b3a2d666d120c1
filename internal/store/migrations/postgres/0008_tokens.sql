-- beside: 6
-- What this table means stands in step 12 of SQLite's schema.
CREATE TABLE tokens (
    id         BYTEA  PRIMARY KEY,
    name       TEXT   NOT NULL UNIQUE,
    digest     BYTEA  NOT NULL UNIQUE,
    role       TEXT   NOT NULL,
    sites      TEXT   NOT NULL,
    created_by TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    used_on    BIGINT
);
