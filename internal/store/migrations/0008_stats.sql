-- How many leads there are, by the hour in which they were received, their site and
-- what they are now. It is exact: whatever changes a lead changes this, in the same
-- transaction. A lead that is erased stays counted.
CREATE TABLE stats (
    hour  BIGINT NOT NULL, -- since 1970; -1 counts what waits now, of all hours
    site  TEXT   NOT NULL,
    what  TEXT   NOT NULL, -- of stat_kinds
    step  BIGINT NOT NULL, -- of what 'took' so long, of stat_steps; otherwise 0
    gone  BIGINT NOT NULL, -- 1: leads that were erased, which are not counted anew
    leads BIGINT NOT NULL,
    PRIMARY KEY (hour, site, what, step, gone)
) WITHOUT ROWID;

-- What a lead counts as. It counts for the hour in which it was received, or as one
-- that waits now.
CREATE TABLE stat_kinds (
    state  TEXT   NOT NULL,
    what   TEXT   NOT NULL,
    is_now BIGINT NOT NULL,
    PRIMARY KEY (state, what, is_now)
) WITHOUT ROWID;

INSERT INTO stat_kinds (state, what, is_now) VALUES
    ('quarantined', 'received', 0), ('quarantined', 'quarantined', 0), ('quarantined', 'quarantined', 1),
    ('queued', 'received', 0), ('queued', 'waiting', 1),
    ('sending', 'received', 0), ('sending', 'waiting', 1),
    ('doubtful', 'received', 0), ('doubtful', 'doubtful', 1),
    ('delivered', 'received', 0), ('delivered', 'took', 0),
    ('confirmed', 'received', 0), ('confirmed', 'took', 0), ('confirmed', 'confirmed', 0),
    ('failed', 'received', 0), ('failed', 'failed', 0), ('failed', 'failed', 1),
    ('discarded', 'received', 0), ('discarded', 'discarded', 0);

-- 'took' counts the leads that EasyBroker has by how many milliseconds that took: at
-- least so many, and fewer than the next step. Each step is the square root of two
-- times the one before.
CREATE TABLE stat_steps (ms BIGINT PRIMARY KEY) WITHOUT ROWID;

INSERT INTO stat_steps (ms) VALUES
    (0), (125), (177), (250), (354), (500), (707), (1000), (1414), (2000), (2828), (4000), (5657), (8000),
    (11314), (16000), (22627), (32000), (45255), (64000), (90510), (128000), (181019), (256000), (362039),
    (512000), (724077), (1024000), (1448155), (2048000), (2896309), (4096000), (5792619), (8192000), (11585238),
    (16384000), (23170475), (32768000), (46340950), (65536000), (92681900), (131072000), (185363800),
    (262144000), (370727600), (524288000), (741455200);

CREATE VIEW lead_stats AS
    SELECT CASE k.is_now WHEN 1 THEN -1 ELSE l.received_at / 3600000 END AS hour, l.site, k.what,
        CASE k.what WHEN 'took' THEN (SELECT COALESCE(max(ms), 0) FROM stat_steps
            WHERE ms <= COALESCE(l.delivered_at, l.confirmed_at) - l.received_at) ELSE 0 END AS step
    FROM leads AS l JOIN stat_kinds AS k ON k.state = l.state
    WHERE k.what <> 'took' OR COALESCE(l.delivered_at, l.confirmed_at) IS NOT NULL;

INSERT INTO stats SELECT hour, site, what, step, 0, count(*) FROM lead_stats GROUP BY 1, 2, 3, 4;

-- New leads are counted by the writer, many at once.
CREATE TRIGGER leads_changed AFTER UPDATE OF state, delivered_at, confirmed_at ON leads
    WHEN OLD.state <> NEW.state AND NOT (OLD.state IN ('queued', 'sending') AND NEW.state IN ('queued', 'sending'))
        OR OLD.delivered_at IS NOT NEW.delivered_at OR OLD.confirmed_at IS NOT NEW.confirmed_at
BEGIN
    INSERT INTO stats SELECT CASE k.is_now WHEN 1 THEN -1 ELSE OLD.received_at / 3600000 END, OLD.site, k.what,
        CASE k.what WHEN 'took' THEN (SELECT COALESCE(max(ms), 0) FROM stat_steps
            WHERE ms <= COALESCE(OLD.delivered_at, OLD.confirmed_at) - OLD.received_at) ELSE 0 END, 0, -1
        FROM stat_kinds AS k WHERE k.state = OLD.state AND k.what <> 'received'
            AND (k.what <> 'took' OR COALESCE(OLD.delivered_at, OLD.confirmed_at) IS NOT NULL)
        ON CONFLICT (hour, site, what, step, gone) DO UPDATE SET leads = leads + excluded.leads;
    INSERT INTO stats SELECT CASE k.is_now WHEN 1 THEN -1 ELSE NEW.received_at / 3600000 END, NEW.site, k.what,
        CASE k.what WHEN 'took' THEN (SELECT COALESCE(max(ms), 0) FROM stat_steps
            WHERE ms <= COALESCE(NEW.delivered_at, NEW.confirmed_at) - NEW.received_at) ELSE 0 END, 0, 1
        FROM stat_kinds AS k WHERE k.state = NEW.state AND k.what <> 'received'
            AND (k.what <> 'took' OR COALESCE(NEW.delivered_at, NEW.confirmed_at) IS NOT NULL)
        ON CONFLICT (hour, site, what, step, gone) DO UPDATE SET leads = leads + excluded.leads;
END;

CREATE TRIGGER leads_erased AFTER DELETE ON leads
BEGIN
    INSERT INTO stats SELECT CASE k.is_now WHEN 1 THEN -1 ELSE OLD.received_at / 3600000 END, OLD.site, k.what,
        CASE k.what WHEN 'took' THEN (SELECT COALESCE(max(ms), 0) FROM stat_steps
            WHERE ms <= COALESCE(OLD.delivered_at, OLD.confirmed_at) - OLD.received_at) ELSE 0 END, 0, -1
        FROM stat_kinds AS k WHERE k.state = OLD.state
            AND (k.what <> 'took' OR COALESCE(OLD.delivered_at, OLD.confirmed_at) IS NOT NULL)
        ON CONFLICT (hour, site, what, step, gone) DO UPDATE SET leads = leads + excluded.leads;
    INSERT INTO stats SELECT CASE k.is_now WHEN 1 THEN -1 ELSE OLD.received_at / 3600000 END, OLD.site, k.what,
        CASE k.what WHEN 'took' THEN (SELECT COALESCE(max(ms), 0) FROM stat_steps
            WHERE ms <= COALESCE(OLD.delivered_at, OLD.confirmed_at) - OLD.received_at) ELSE 0 END, 1, 1
        FROM stat_kinds AS k WHERE k.state = OLD.state AND k.is_now = 0
            AND (k.what <> 'took' OR COALESCE(OLD.delivered_at, OLD.confirmed_at) IS NOT NULL)
        ON CONFLICT (hour, site, what, step, gone) DO UPDATE SET leads = leads + excluded.leads;
END;
