-- What came lately, to know it again: by the id that its sender gave it, with
-- the digest of what it then was; and by what is in it, without one. Rows go
-- when they no longer count.
CREATE TABLE repeats (
    digest    BLOB   NOT NULL,
    content   BLOB,
    remote_id BIGINT NOT NULL,
    kept_at   BIGINT NOT NULL,
    PRIMARY KEY (digest)
) WITHOUT ROWID;
