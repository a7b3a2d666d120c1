-- Which process carries a credential's leads, and until when on the database's
-- clock. A holder leaves in the state what the next one must know. The others read
-- EasyBroker's list for a person, too: wanted counts the calls that they have asked
-- the holders for, and lent those that they were given.
CREATE TABLE leases (
    credential TEXT   PRIMARY KEY,
    holder     TEXT   NOT NULL,
    until      BIGINT NOT NULL,
    state      TEXT   NOT NULL,
    wanted     BIGINT NOT NULL DEFAULT 0,
    lent       BIGINT NOT NULL DEFAULT 0
) WITH (fillfactor = 10);
