-- Saved reports that are sent by mail: when, and to which users of the account.
CREATE TABLE report_mails (
    account BLOB NOT NULL,
    report BLOB NOT NULL,
    rhythm TEXT NOT NULL,
    weekday INTEGER NOT NULL,
    hour INTEGER NOT NULL,
    users TEXT NOT NULL,
    next_at INTEGER NOT NULL,
    PRIMARY KEY (account, report),
    FOREIGN KEY (account, report) REFERENCES saved_reports (account, id)
) STRICT;
CREATE INDEX report_mails_due ON report_mails (next_at);

-- Outbox and log in one: a mail to each user.
CREATE TABLE outgoing_mails (
    id BLOB NOT NULL,
    account BLOB NOT NULL REFERENCES accounts (id),
    report BLOB NOT NULL,
    user_id BLOB NOT NULL,
    due_at INTEGER NOT NULL,
    state TEXT NOT NULL,
    next_at INTEGER NOT NULL,
    retry_until INTEGER,
    attempts INTEGER NOT NULL,
    sent_at INTEGER,
    said TEXT,
    PRIMARY KEY (account, id)
) STRICT;
-- One mail a due time and user.
CREATE UNIQUE INDEX outgoing_mails_once ON outgoing_mails (account, report, user_id, due_at);
CREATE INDEX outgoing_mails_due ON outgoing_mails (account, next_at) WHERE state = 'pending';
CREATE INDEX outgoing_mails_log ON outgoing_mails (account, report, due_at);
