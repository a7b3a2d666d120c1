-- beside: 6
-- What this means stands in step 17 of SQLite's schema.
CREATE TABLE tests (
    remote_id   BIGINT PRIMARY KEY,
    site        TEXT   NOT NULL,
    property_id TEXT   NOT NULL,
    body        TEXT   NOT NULL,
    received_at BIGINT NOT NULL
);

ALTER TABLE deliveries DROP CONSTRAINT deliveries_remote_id_fkey;
