-- What was found when our leads were compared with EasyBroker's list. The
-- body has ids and names of fields, and nothing that a visitor wrote.
CREATE TABLE reconciliations (
    number INTEGER PRIMARY KEY,
    at     BIGINT NOT NULL,
    body   TEXT   NOT NULL -- JSON
);
