-- When a person last moved the lead into the state that it is in; NULL when
-- nobody did. Those that were discarded before there was this column count from
-- when the database was last in use: what a person threw away yesterday is still
-- there tomorrow.
ALTER TABLE leads ADD COLUMN moved_at BIGINT;
UPDATE leads SET moved_at = (SELECT max(at) FROM (SELECT beat_at AS at FROM pulse
    UNION ALL SELECT received_at FROM leads WHERE remote_id = (SELECT max(remote_id) FROM leads)) AS writes)
    WHERE state = 'discarded';

-- What is erased some day, by when it came into its state.
CREATE INDEX leads_ended ON leads (state, (COALESCE(confirmed_at, moved_at, received_at)))
    WHERE state IN ('quarantined', 'discarded', 'confirmed');
