-- Where an account's programs are told what happens. The secret is sealed with a key that is not in the database.
CREATE TABLE webhooks (
    id BLOB NOT NULL,
    account BLOB NOT NULL REFERENCES accounts (id),
    url TEXT NOT NULL,
    events TEXT NOT NULL,
    secret BLOB NOT NULL,
    enabled INTEGER NOT NULL,
    failing_since INTEGER,
    off_reason TEXT,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (account, id)
) STRICT;

-- The outbox and the log in one. No foreign key: a call's rows must not be refused because its account takes a
-- webhook away at the same moment.
CREATE TABLE webhook_deliveries (
    id BLOB NOT NULL,
    account BLOB NOT NULL,
    webhook BLOB NOT NULL,
    event TEXT NOT NULL,
    call BLOB NOT NULL,
    recording BLOB,
    happened_at INTEGER NOT NULL,
    state TEXT NOT NULL,
    next_at INTEGER NOT NULL,
    retry_until INTEGER,
    attempts INTEGER NOT NULL,
    delivered_at INTEGER,
    PRIMARY KEY (account, id)
) STRICT;
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (account, webhook, next_at) WHERE state = 'pending';
CREATE INDEX webhook_deliveries_log ON webhook_deliveries (account, webhook, happened_at, id);

CREATE TABLE webhook_attempts (
    account BLOB NOT NULL,
    delivery BLOB NOT NULL,
    number INTEGER NOT NULL,
    at INTEGER NOT NULL,
    duration_ms INTEGER NOT NULL,
    status INTEGER,
    outcome TEXT NOT NULL,
    PRIMARY KEY (account, delivery, number)
) STRICT, WITHOUT ROWID;

-- A delivery is made in the transaction that writes what it tells of: a row of a call and its deliveries are there
-- together or not at all, also when the rows come out of the journal after a crash (docs/decisions/0019).
CREATE TRIGGER call_started_webhooks AFTER INSERT ON calls BEGIN
    INSERT INTO webhook_deliveries (id, account, webhook, event, call, happened_at, state, next_at, attempts)
    SELECT randomblob(16), account, id, 'call.started', NEW.id, NEW.started_at, 'pending', NEW.started_at, 0
    FROM webhooks WHERE account = NEW.account AND enabled AND instr(events, '"call.started"') > 0;
END;

CREATE TRIGGER call_answered_webhooks AFTER UPDATE OF answered_at ON calls
WHEN OLD.answered_at IS NULL AND NEW.answered_at IS NOT NULL BEGIN
    INSERT INTO webhook_deliveries (id, account, webhook, event, call, happened_at, state, next_at, attempts)
    SELECT randomblob(16), account, id, 'call.answered', NEW.id, NEW.answered_at, 'pending', NEW.answered_at, 0
    FROM webhooks WHERE account = NEW.account AND enabled AND instr(events, '"call.answered"') > 0;
END;

CREATE TRIGGER call_ended_webhooks AFTER UPDATE OF ended_at ON calls
WHEN OLD.ended_at IS NULL AND NEW.ended_at IS NOT NULL BEGIN
    INSERT INTO webhook_deliveries (id, account, webhook, event, call, happened_at, state, next_at, attempts)
    SELECT randomblob(16), account, id, 'call.ended', NEW.id, NEW.ended_at, 'pending', NEW.ended_at, 0
    FROM webhooks WHERE account = NEW.account AND enabled AND instr(events, '"call.ended"') > 0;
END;

CREATE TRIGGER recording_ready_webhooks AFTER UPDATE OF state ON recordings
WHEN OLD.state = 'open' AND NEW.state IN ('closed', 'recovered') BEGIN
    INSERT INTO webhook_deliveries (id, account, webhook, event, call, recording, happened_at, state, next_at, attempts)
    SELECT randomblob(16), account, id, 'recording.ready', NEW.call, NEW.id, NEW.started_at + NEW.duration_ms * 1000,
        'pending', NEW.started_at + NEW.duration_ms * 1000, 0
    FROM webhooks WHERE account = NEW.account AND enabled AND instr(events, '"recording.ready"') > 0;
END;
