-- Which process carries a credential's leads, and until when on the database's
-- clock. A holder leaves in the state what the next one must know.
CREATE TABLE leases (
    credential TEXT   PRIMARY KEY,
    holder     TEXT   NOT NULL,
    until      BIGINT NOT NULL,
    state      TEXT   NOT NULL
) WITH (fillfactor = 10);
