-- When the lead was last queued, by the door or by a person; its deadline
-- counts from there. NULL means when it was received.
ALTER TABLE leads ADD COLUMN queued_at BIGINT;

-- When the lead was due before it was claimed: one that is put back through no
-- fault of its own keeps its place in the queue.
ALTER TABLE leads ADD COLUMN turn_at BIGINT;

-- The number of the lead's last attempt, so that the next one need not be
-- counted.
ALTER TABLE leads ADD COLUMN attempt BIGINT NOT NULL DEFAULT 0;
UPDATE leads SET attempt = (SELECT COALESCE(max(number), 0) FROM attempts WHERE attempts.remote_id = leads.remote_id);

-- The courier sends queued leads and looks up the others, each in the order in
-- which they are due; and the metrics count leads by state. One index serves
-- all three, and none of them reads the leads themselves to find its way.
DROP INDEX leads_due;
CREATE INDEX leads_by_state ON leads (site, state, due_at);

-- What a person must look at besides the failed ones is rare and must be found.
CREATE INDEX leads_odd ON leads (reason) WHERE reason IN ('missing', 'twice');

-- An attempt is found by its lead alone, so its key is the table.
CREATE TABLE attempts_by_lead (
    remote_id BIGINT NOT NULL REFERENCES leads (remote_id),
    number    BIGINT NOT NULL,
    begun_at  BIGINT NOT NULL,
    ended_at  BIGINT,
    outcome   TEXT   NOT NULL DEFAULT '' CHECK (outcome IN ('', 'delivered', 'refused', 'deferred', 'unsure')),
    status    BIGINT NOT NULL DEFAULT 0,
    detail    TEXT   NOT NULL DEFAULT '',
    PRIMARY KEY (remote_id, number)
) WITHOUT ROWID;

INSERT INTO attempts_by_lead SELECT remote_id, number, begun_at, ended_at, outcome, status, detail FROM attempts;
DROP TABLE attempts;
ALTER TABLE attempts_by_lead RENAME TO attempts;
