-- When the lead was last queued, by the door or by a person; its deadline
-- counts from there. NULL means when it was received.
ALTER TABLE leads ADD COLUMN queued_at BIGINT;

-- When the lead was due before it was claimed: one that is put back through no
-- fault of its own keeps its place in the queue.
ALTER TABLE leads ADD COLUMN turn_at BIGINT;

-- The courier sends queued leads and looks up the others, each in the order in
-- which they are due; and the metrics count leads by state. One index serves
-- all three, and none of them reads the leads themselves to find its way.
DROP INDEX leads_due;
CREATE INDEX leads_by_state ON leads (site, state, due_at);

-- What a person must look at besides the failed ones is rare and must be found.
CREATE INDEX leads_odd ON leads (reason) WHERE reason IN ('missing', 'twice');
