-- beside: 10
-- What people and programs did. Rows are added and, after two years, deleted; nobody
-- changes one. It has no personal data.
CREATE TABLE audit (
    id         INTEGER PRIMARY KEY, -- grows with time, and no two processes give the same
    at         BIGINT NOT NULL,
    who        TEXT   NOT NULL,
    came_from  TEXT   NOT NULL,
    what       TEXT   NOT NULL,
    sites      TEXT   NOT NULL, -- JSON; null if it is about all
    remote_ids TEXT   NOT NULL, -- with commas before, between and behind
    leads      BIGINT NOT NULL,
    job        BIGINT NOT NULL,
    about      TEXT   NOT NULL
);

CREATE TRIGGER audit_stays BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit is only added to');
END;
