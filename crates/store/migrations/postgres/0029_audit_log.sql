-- Who changed what, with what was there before and after. Rows are only ever added.

CREATE TABLE audit_log (
    id UUID NOT NULL,
    account UUID NOT NULL REFERENCES accounts (id),
    at BIGINT NOT NULL,
    actor_kind TEXT NOT NULL,
    actor_id UUID,
    actor_name TEXT NOT NULL,
    action TEXT NOT NULL,
    object_kind TEXT NOT NULL,
    object_id UUID NOT NULL,
    object_name TEXT NOT NULL,
    before_json TEXT,
    after_json TEXT,
    PRIMARY KEY (account, id)
);
CREATE INDEX audit_log_object ON audit_log (account, object_id, id);

CREATE FUNCTION audit_log_refuses() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'the audit log is only ever added to'; END $$;
CREATE TRIGGER audit_log_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
FOR EACH STATEMENT EXECUTE FUNCTION audit_log_refuses();
