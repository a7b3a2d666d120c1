-- The search index. A block has the keys of the leads with ids from first to last:
-- no text, but which of them may mention one. Leads above all blocks are not
-- indexed yet and are read one by one. Decision 23 says why it is made this way.
CREATE TABLE search_blocks (
    number    INTEGER PRIMARY KEY,
    first     BIGINT NOT NULL UNIQUE,
    last      BIGINT NOT NULL,
    leads     BIGINT NOT NULL,
    since     BIGINT NOT NULL, -- when the earliest of them was received
    until     BIGINT NOT NULL, -- and the latest
    directory BLOB   NOT NULL, -- the first key of each page
    ids       BLOB   NOT NULL
);

-- The id is the block's number and, in its last 13 bits, the number of the page. A
-- row fills a page of the database.
CREATE TABLE search_pages (
    id   INTEGER PRIMARY KEY,
    keys BLOB NOT NULL
);

-- The leads that have changed or are gone since their block was made, and how often.
-- A block is made again for them, and meanwhile those that are there are looked at.
-- Triggers write it, so that no statement can forget to.
CREATE TABLE search_stale (
    remote_id INTEGER PRIMARY KEY,
    changes   BIGINT NOT NULL,
    is_gone   BIGINT NOT NULL
);

CREATE TRIGGER search_changed AFTER UPDATE OF property_id, body ON leads
WHEN OLD.property_id <> NEW.property_id OR OLD.body <> NEW.body
BEGIN
    INSERT INTO search_stale (remote_id, changes, is_gone) VALUES (NEW.remote_id, 1, 0)
        ON CONFLICT (remote_id) DO UPDATE SET changes = changes + 1;
END;

CREATE TRIGGER search_gone AFTER DELETE ON leads
BEGIN
    INSERT INTO search_stale (remote_id, changes, is_gone) VALUES (OLD.remote_id, 1, 1)
        ON CONFLICT (remote_id) DO UPDATE SET changes = changes + 1, is_gone = 1;
END;
