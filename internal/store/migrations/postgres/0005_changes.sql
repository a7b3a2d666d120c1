-- What it is for stands in step 9 of SQLite's schema. Numbers are given before the
-- commit, so a lower one may come later. Therefore those who watch read up to the oldest
-- transaction that still runs, in the order of transactions.
CREATE TABLE lead_changes (
    tx        xid8   NOT NULL DEFAULT pg_current_xact_id(),
    number    BIGINT NOT NULL GENERATED ALWAYS AS IDENTITY,
    remote_id BIGINT NOT NULL,
    site      TEXT   NOT NULL,
    state     TEXT   NOT NULL,
    PRIMARY KEY (tx, number)
);

CREATE FUNCTION note_changes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO lead_changes (remote_id, site, state) SELECT n.remote_id, n.site, n.state
        FROM new_leads AS n JOIN old_leads AS o ON o.remote_id = n.remote_id WHERE n.state <> o.state;
    RETURN NULL;
END $$;

CREATE TRIGGER leads_moved AFTER UPDATE ON leads REFERENCING OLD TABLE AS old_leads NEW TABLE AS new_leads
    FOR EACH STATEMENT EXECUTE FUNCTION note_changes();
