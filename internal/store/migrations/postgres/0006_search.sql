-- What the tables and columns mean stands in step 10 of SQLite's schema. Here is what
-- is different.
CREATE TABLE search_blocks (
    number    BIGINT PRIMARY KEY,
    first     BIGINT NOT NULL UNIQUE,
    last      BIGINT NOT NULL,
    leads     BIGINT NOT NULL,
    since     BIGINT NOT NULL,
    until     BIGINT NOT NULL,
    directory BYTEA  NOT NULL,
    ids       BYTEA  NOT NULL
);

-- A page is read by its id and does not get smaller, so it stands in its row.
CREATE TABLE search_pages (
    id   BIGINT PRIMARY KEY,
    keys BYTEA NOT NULL
);
ALTER TABLE search_pages ALTER COLUMN keys SET STORAGE PLAIN;

CREATE TABLE search_stale (
    remote_id BIGINT PRIMARY KEY,
    changes   BIGINT NOT NULL,
    is_gone   BIGINT NOT NULL
);

-- Which process makes blocks, and until when on the database's clock. Two that made
-- the same block would only lose their time.
CREATE TABLE search_turn (
    holder TEXT   NOT NULL,
    until  BIGINT NOT NULL
) WITH (fillfactor = 10);

INSERT INTO search_turn (holder, until) VALUES ('', 0);

CREATE FUNCTION search_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO search_stale AS known (remote_id, changes, is_gone) VALUES (OLD.remote_id, 1, CASE TG_OP WHEN 'DELETE' THEN 1 ELSE 0 END)
        ON CONFLICT (remote_id) DO UPDATE SET changes = known.changes + 1, is_gone = excluded.is_gone;
    RETURN NULL;
END $$;

CREATE TRIGGER search_changed AFTER UPDATE OF property_id, body ON leads
    FOR EACH ROW WHEN (OLD.property_id <> NEW.property_id OR OLD.body <> NEW.body) EXECUTE FUNCTION search_changed();

CREATE TRIGGER search_gone AFTER DELETE ON leads FOR EACH ROW EXECUTE FUNCTION search_changed();
