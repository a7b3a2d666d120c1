-- beside: 6
-- What this table means stands in step 15 of SQLite's schema.
CREATE TABLE blocked_leads (
    remote_id BIGINT PRIMARY KEY REFERENCES leads (remote_id) ON DELETE CASCADE,
    at        BIGINT NOT NULL,
    until     BIGINT NOT NULL,
    contents  TEXT   NOT NULL
);

CREATE INDEX blocked_leads_until ON blocked_leads (until);
