-- The last changes of leads' states, in the order in which they were committed, for who
-- watches. New leads are not here: their ids tell of them. The sweep deletes all but the
-- newest.
CREATE TABLE lead_changes (
    number    INTEGER PRIMARY KEY,
    remote_id BIGINT NOT NULL,
    site      TEXT   NOT NULL,
    state     TEXT   NOT NULL
);

CREATE TRIGGER leads_moved AFTER UPDATE OF state ON leads WHEN OLD.state <> NEW.state
BEGIN
    INSERT INTO lead_changes (remote_id, site, state) VALUES (NEW.remote_id, NEW.site, NEW.state);
END;
