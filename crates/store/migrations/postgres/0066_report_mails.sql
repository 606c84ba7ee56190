-- Saved reports that are sent by mail: when, and to which users of the account.
CREATE TABLE report_mails (
    account UUID NOT NULL,
    report UUID NOT NULL,
    rhythm TEXT NOT NULL,
    weekday BIGINT NOT NULL,
    hour BIGINT NOT NULL,
    users TEXT NOT NULL,
    next_at BIGINT NOT NULL,
    PRIMARY KEY (account, report),
    FOREIGN KEY (account, report) REFERENCES saved_reports (account, id)
);
CREATE INDEX report_mails_due ON report_mails (next_at);

-- Outbox and log in one: a mail to each user.
CREATE TABLE outgoing_mails (
    id UUID NOT NULL,
    account UUID NOT NULL REFERENCES accounts (id),
    report UUID NOT NULL,
    user_id UUID NOT NULL,
    due_at BIGINT NOT NULL,
    state TEXT NOT NULL,
    next_at BIGINT NOT NULL,
    retry_until BIGINT,
    attempts BIGINT NOT NULL,
    sent_at BIGINT,
    said TEXT,
    PRIMARY KEY (account, id)
);
-- One mail a due time and user.
CREATE UNIQUE INDEX outgoing_mails_once ON outgoing_mails (account, report, user_id, due_at);
CREATE INDEX outgoing_mails_due ON outgoing_mails (account, next_at) WHERE state = 'pending';
CREATE INDEX outgoing_mails_log ON outgoing_mails (account, report, due_at);
