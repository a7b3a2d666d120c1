-- The ids that senders gave to inquiries, as digests, with the digest of what
-- each was: so that one which comes again is known. Rows go when they no
-- longer count.
CREATE TABLE repeats (
    digest    BLOB   NOT NULL,
    content   BLOB   NOT NULL,
    remote_id BIGINT NOT NULL,
    kept_at   BIGINT NOT NULL,
    PRIMARY KEY (digest)
) WITHOUT ROWID;
