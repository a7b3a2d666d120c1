-- beside: 10
-- Tokens of people and programs, beside the one of the settings. Of the token itself only
-- a digest is kept. Whoever is not here is nobody: a token that is revoked has no row.
CREATE TABLE tokens (
    id         BLOB   PRIMARY KEY, -- random; sessions have it
    name       TEXT   NOT NULL UNIQUE,
    digest     BLOB   NOT NULL UNIQUE, -- SHA-256 of a token that was drawn at random
    role       TEXT   NOT NULL,
    sites      TEXT   NOT NULL, -- JSON; null for all
    created_by TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    used_on    BIGINT -- the first moment of the last day on which it was used, in UTC
) WITHOUT ROWID;
