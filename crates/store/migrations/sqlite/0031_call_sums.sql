-- Sums of calls by quarter of an hour (`width` 900, in seconds) and by day of UTC (86400), so that reports do not read
-- every call. A row of `call_sums` counts all calls of an account that began in its span; the others those of a source
-- or of a number. Calls without a source have an empty `source_kind`. See docs/decisions/0031-call-sums.md.
CREATE TABLE call_sums (
    account BLOB NOT NULL,
    width INTEGER NOT NULL,
    start INTEGER NOT NULL,
    calls INTEGER NOT NULL,
    answered INTEGER NOT NULL,
    missed INTEGER NOT NULL,
    abandoned INTEGER NOT NULL,
    voicemail INTEGER NOT NULL,
    rejected INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    under_way INTEGER NOT NULL,
    failed_over INTEGER NOT NULL,
    attributed INTEGER NOT NULL,
    talk INTEGER NOT NULL,
    talked INTEGER NOT NULL,
    PRIMARY KEY (account, width, start)
) STRICT, WITHOUT ROWID;

CREATE TABLE call_sums_by_source (
    account BLOB NOT NULL,
    width INTEGER NOT NULL,
    start INTEGER NOT NULL,
    source_kind TEXT NOT NULL,
    source_name TEXT NOT NULL,
    calls INTEGER NOT NULL,
    answered INTEGER NOT NULL,
    missed INTEGER NOT NULL,
    abandoned INTEGER NOT NULL,
    voicemail INTEGER NOT NULL,
    rejected INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    under_way INTEGER NOT NULL,
    failed_over INTEGER NOT NULL,
    attributed INTEGER NOT NULL,
    talk INTEGER NOT NULL,
    talked INTEGER NOT NULL,
    PRIMARY KEY (account, width, start, source_kind, source_name)
) STRICT, WITHOUT ROWID;

CREATE TABLE call_sums_by_number (
    account BLOB NOT NULL,
    width INTEGER NOT NULL,
    start INTEGER NOT NULL,
    number BLOB NOT NULL,
    calls INTEGER NOT NULL,
    answered INTEGER NOT NULL,
    missed INTEGER NOT NULL,
    abandoned INTEGER NOT NULL,
    voicemail INTEGER NOT NULL,
    rejected INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    under_way INTEGER NOT NULL,
    failed_over INTEGER NOT NULL,
    attributed INTEGER NOT NULL,
    talk INTEGER NOT NULL,
    talked INTEGER NOT NULL,
    PRIMARY KEY (account, width, start, number)
) STRICT, WITHOUT ROWID;

-- What a call was counted as (`sign` -1) and is counted as now (1). Triggers write it, whoever changes the call; the
-- writer adds it to the sums at the end of the same transaction and empties it.
CREATE TABLE call_changes (
    account BLOB NOT NULL,
    sign INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    number BLOB NOT NULL,
    source_kind TEXT,
    source_name TEXT,
    disposition TEXT,
    ended_at INTEGER,
    failed_over INTEGER NOT NULL,
    talk INTEGER
) STRICT;

CREATE TRIGGER call_added AFTER INSERT ON calls BEGIN
    INSERT INTO call_changes VALUES (NEW.account, 1, NEW.started_at, NEW.number, NEW.source_kind,
        NEW.source_name, NEW.disposition, NEW.ended_at, NEW.failed_over,
        CASE WHEN NEW.disposition = 'answered' THEN NEW.ended_at - NEW.answered_at END);
END;

CREATE TRIGGER call_changed AFTER UPDATE ON calls
WHEN OLD.account IS NOT NEW.account OR OLD.started_at IS NOT NEW.started_at OR OLD.number IS NOT NEW.number
    OR OLD.source_kind IS NOT NEW.source_kind OR OLD.source_name IS NOT NEW.source_name
    OR OLD.disposition IS NOT NEW.disposition OR OLD.ended_at IS NOT NEW.ended_at
    OR OLD.failed_over IS NOT NEW.failed_over
    OR (NEW.disposition = 'answered' AND OLD.answered_at IS NOT NEW.answered_at)
BEGIN
    INSERT INTO call_changes VALUES
        (OLD.account, -1, OLD.started_at, OLD.number, OLD.source_kind, OLD.source_name, OLD.disposition,
            OLD.ended_at, OLD.failed_over,
            CASE WHEN OLD.disposition = 'answered' THEN OLD.ended_at - OLD.answered_at END),
        (NEW.account, 1, NEW.started_at, NEW.number, NEW.source_kind, NEW.source_name, NEW.disposition,
            NEW.ended_at, NEW.failed_over,
            CASE WHEN NEW.disposition = 'answered' THEN NEW.ended_at - NEW.answered_at END);
END;

CREATE TRIGGER call_removed AFTER DELETE ON calls BEGIN
    INSERT INTO call_changes VALUES (OLD.account, -1, OLD.started_at, OLD.number, OLD.source_kind,
        OLD.source_name, OLD.disposition, OLD.ended_at, OLD.failed_over,
        CASE WHEN OLD.disposition = 'answered' THEN OLD.ended_at - OLD.answered_at END);
END;

-- Accounts whose sums have to be made from their calls: all of those that were there before the sums.
CREATE TABLE call_sums_due (
    account BLOB NOT NULL,
    PRIMARY KEY (account)
) STRICT;
INSERT INTO call_sums_due SELECT id FROM accounts;
