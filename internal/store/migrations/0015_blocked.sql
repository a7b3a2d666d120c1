-- beside: 10
-- What the visitors of leads wrote who are blocked. Here alone it is kept until its time
-- is over; in the lead nothing is left of it, as if it were erased.
CREATE TABLE blocked_leads (
    remote_id INTEGER PRIMARY KEY REFERENCES leads (remote_id) ON DELETE CASCADE,
    at        BIGINT NOT NULL,
    until     BIGINT NOT NULL,
    contents  TEXT   NOT NULL -- JSON
);

CREATE INDEX blocked_leads_until ON blocked_leads (until);
