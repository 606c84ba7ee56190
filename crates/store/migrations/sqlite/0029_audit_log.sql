-- Who changed what, with what was there before and after. Rows are only ever added.

CREATE TABLE audit_log (
    id BLOB NOT NULL,
    account BLOB NOT NULL REFERENCES accounts (id),
    at INTEGER NOT NULL,
    actor_kind TEXT NOT NULL,
    actor_id BLOB,
    actor_name TEXT NOT NULL,
    action TEXT NOT NULL,
    object_kind TEXT NOT NULL,
    object_id BLOB NOT NULL,
    object_name TEXT NOT NULL,
    before_json TEXT,
    after_json TEXT,
    PRIMARY KEY (account, id)
) STRICT;
CREATE INDEX audit_log_object ON audit_log (account, object_id, id);

CREATE TRIGGER audit_log_stays BEFORE UPDATE ON audit_log
BEGIN SELECT RAISE(ABORT, 'the audit log is only ever added to'); END;
CREATE TRIGGER audit_log_is_kept BEFORE DELETE ON audit_log
BEGIN SELECT RAISE(ABORT, 'the audit log is only ever added to'); END;
