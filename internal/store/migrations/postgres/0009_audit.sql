-- beside: 6
-- What this table means stands in step 13 of SQLite's schema.
CREATE TABLE audit (
    id         BIGINT PRIMARY KEY,
    at         BIGINT NOT NULL,
    who        TEXT   NOT NULL,
    came_from  TEXT   NOT NULL,
    what       TEXT   NOT NULL,
    sites      TEXT   NOT NULL,
    remote_ids TEXT   NOT NULL,
    leads      BIGINT NOT NULL,
    job        BIGINT NOT NULL,
    about      TEXT   NOT NULL
);

CREATE FUNCTION audit_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit is only added to';
END $$;

CREATE TRIGGER audit_stays BEFORE UPDATE ON audit FOR EACH ROW EXECUTE FUNCTION audit_stays();
