-- beside: 6
-- What these tables mean stands in step 11 of SQLite's schema.
CREATE TABLE alerts (
    id        TEXT PRIMARY KEY,
    closed_at BIGINT,
    body      TEXT NOT NULL
);

CREATE TABLE seen_leads (
    remote_id BIGINT NOT NULL,
    what      TEXT   NOT NULL,
    fence     BIGINT NOT NULL,
    PRIMARY KEY (remote_id, what)
);

-- Which process tells people of trouble, and until when on the database's clock.
CREATE TABLE alert_turn (
    holder TEXT   NOT NULL,
    until  BIGINT NOT NULL
) WITH (fillfactor = 10);

INSERT INTO alert_turn (holder, until) VALUES ('', 0);
