-- beside: 6
-- What this table means stands in step 16 of SQLite's schema.
CREATE TABLE person_requests (
    id          BIGINT PRIMARY KEY,
    kind        TEXT   NOT NULL,
    who         TEXT   NOT NULL,
    state       TEXT   NOT NULL,
    received_at BIGINT NOT NULL,
    checked_at  BIGINT,
    accepted_at BIGINT,
    ended_at    BIGINT
);
