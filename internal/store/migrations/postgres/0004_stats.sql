-- What these tables mean stands in step 8 of SQLite's schema. Keys are sorted as
-- SQLite sorts them, for a transfer compares them in this order.
CREATE TABLE stats (
    hour  BIGINT NOT NULL,
    site  TEXT   COLLATE "C" NOT NULL,
    what  TEXT   COLLATE "C" NOT NULL,
    step  BIGINT NOT NULL,
    gone  BIGINT NOT NULL,
    leads BIGINT NOT NULL,
    PRIMARY KEY (hour, site, what, step, gone)
);

CREATE TABLE stat_kinds (
    state  TEXT   NOT NULL,
    what   TEXT   NOT NULL,
    is_now BIGINT NOT NULL,
    PRIMARY KEY (state, what, is_now)
);

INSERT INTO stat_kinds (state, what, is_now) VALUES
    ('quarantined', 'received', 0), ('quarantined', 'quarantined', 0), ('quarantined', 'quarantined', 1),
    ('queued', 'received', 0), ('queued', 'waiting', 1),
    ('sending', 'received', 0), ('sending', 'waiting', 1),
    ('doubtful', 'received', 0), ('doubtful', 'doubtful', 1),
    ('delivered', 'received', 0), ('delivered', 'took', 0),
    ('confirmed', 'received', 0), ('confirmed', 'took', 0), ('confirmed', 'confirmed', 0),
    ('failed', 'received', 0), ('failed', 'failed', 0), ('failed', 'failed', 1),
    ('discarded', 'received', 0), ('discarded', 'discarded', 0);

CREATE TABLE stat_steps (ms BIGINT PRIMARY KEY);

INSERT INTO stat_steps (ms) VALUES
    (0), (125), (177), (250), (354), (500), (707), (1000), (1414), (2000), (2828), (4000), (5657), (8000),
    (11314), (16000), (22627), (32000), (45255), (64000), (90510), (128000), (181019), (256000), (362039),
    (512000), (724077), (1024000), (1448155), (2048000), (2896309), (4096000), (5792619), (8192000), (11585238),
    (16384000), (23170475), (32768000), (46340950), (65536000), (92681900), (131072000), (185363800),
    (262144000), (370727600), (524288000), (741455200);

-- What a lead counts as.
CREATE FUNCTION stats_of(state TEXT, received_at BIGINT, delivered_at BIGINT, confirmed_at BIGINT)
    RETURNS TABLE (hour BIGINT, what TEXT, step BIGINT) LANGUAGE sql STABLE AS $$
    SELECT CASE k.is_now WHEN 1 THEN -1 ELSE $2 / 3600000 END, k.what,
        CASE k.what WHEN 'took' THEN (SELECT COALESCE(max(ms), 0) FROM stat_steps
            WHERE ms <= COALESCE($3, $4) - $2) ELSE 0 END
    FROM stat_kinds AS k WHERE k.state = $1 AND (k.what <> 'took' OR COALESCE($3, $4) IS NOT NULL)
$$;

CREATE VIEW lead_stats AS SELECT s.hour, l.site, s.what, s.step
    FROM leads AS l, stats_of(l.state, l.received_at, l.delivered_at, l.confirmed_at) AS s;

-- Changes are appended, and put into the stats some time later. A row that all change
-- would be a lock that they wait for, and leave a version behind with each commit.
CREATE TABLE stat_changes (
    hour  BIGINT NOT NULL,
    site  TEXT   NOT NULL,
    what  TEXT   NOT NULL,
    step  BIGINT NOT NULL,
    gone  BIGINT NOT NULL,
    leads BIGINT NOT NULL
) WITH (autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_scale_factor = 0);

-- The database counts and not the relay, so that an older release that runs beside this
-- one is counted, too.
CREATE FUNCTION count_leads() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        -- Most of them are alike, and are counted as one.
        INSERT INTO stat_changes SELECT s.hour, l.site, s.what, s.step, 0, sum(l.n)
            FROM (SELECT site, state, delivered_at, confirmed_at,
                    CASE WHEN COALESCE(delivered_at, confirmed_at) IS NULL THEN received_at - received_at % 3600000 ELSE received_at END AS received_at,
                    count(*) AS n FROM new_leads GROUP BY 1, 2, 3, 4, 5) AS l,
                stats_of(l.state, l.received_at, l.delivered_at, l.confirmed_at) AS s
            GROUP BY 1, 2, 3, 4;
    ELSIF TG_OP = 'UPDATE' THEN
        INSERT INTO stat_changes SELECT hour, site, what, step, 0, sum(n)
            FROM (SELECT s.hour, l.site, s.what, s.step, -1 AS n
                    FROM old_leads AS l, stats_of(l.state, l.received_at, l.delivered_at, l.confirmed_at) AS s
                UNION ALL SELECT s.hour, l.site, s.what, s.step, 1
                    FROM new_leads AS l, stats_of(l.state, l.received_at, l.delivered_at, l.confirmed_at) AS s) AS both_sides
            GROUP BY 1, 2, 3, 4 HAVING sum(n) <> 0;
    ELSE
        INSERT INTO stat_changes SELECT s.hour, l.site, s.what, s.step, g.gone, sum(g.n)
            FROM old_leads AS l, stats_of(l.state, l.received_at, l.delivered_at, l.confirmed_at) AS s,
                (VALUES (0, -1), (1, 1)) AS g (gone, n)
            WHERE g.gone = 0 OR s.hour >= 0 GROUP BY 1, 2, 3, 4, 5;
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER leads_kept AFTER INSERT ON leads REFERENCING NEW TABLE AS new_leads
    FOR EACH STATEMENT EXECUTE FUNCTION count_leads();
CREATE TRIGGER leads_changed AFTER UPDATE ON leads REFERENCING OLD TABLE AS old_leads NEW TABLE AS new_leads
    FOR EACH STATEMENT EXECUTE FUNCTION count_leads();
CREATE TRIGGER leads_erased AFTER DELETE ON leads REFERENCING OLD TABLE AS old_leads
    FOR EACH STATEMENT EXECUTE FUNCTION count_leads();

-- The triggers have locked the leads against changes until the end of this step.
INSERT INTO stats SELECT hour, site, what, step, 0, count(*) FROM lead_stats GROUP BY 1, 2, 3, 4;
