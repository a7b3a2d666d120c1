-- beside: 10
-- What people have asked for that is theirs by law, and how far it is. Whose it is stays
-- until it has ended. The sweep deletes a request two years after that.
CREATE TABLE person_requests (
    id          INTEGER PRIMARY KEY,
    kind        TEXT   NOT NULL,
    who         TEXT   NOT NULL,
    state       TEXT   NOT NULL,
    received_at BIGINT NOT NULL,
    checked_at  BIGINT,
    accepted_at BIGINT,
    ended_at    BIGINT
);
