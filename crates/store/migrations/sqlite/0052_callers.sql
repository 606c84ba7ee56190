-- What the overview asks of people and not of calls. See docs/decisions/0041-callers-and-what-the-overview-sums.md.
-- A caller's number, while a call has it: when it called first, and the last call that was missed or abandoned unless a
-- later one was answered (`missed_at`): who is to be called back.
CREATE TABLE callers (
    account BLOB NOT NULL,
    caller TEXT NOT NULL,
    first_at INTEGER NOT NULL,
    missed_at INTEGER,
    PRIMARY KEY (account, caller)
) STRICT, WITHOUT ROWID;
CREATE INDEX callers_to_call_back ON callers (account, missed_at, first_at) WHERE missed_at IS NOT NULL;

-- By quarter of an hour and by day of UTC, as `call_sums`: callers whose first call began in it, callers whose `missed_at`
-- lies in it, and calls with a recording.
CREATE TABLE overview_sums (
    account BLOB NOT NULL,
    width INTEGER NOT NULL,
    start INTEGER NOT NULL,
    first_time INTEGER NOT NULL,
    to_call_back INTEGER NOT NULL,
    recorded INTEGER NOT NULL,
    PRIMARY KEY (account, width, start)
) STRICT, WITHOUT ROWID;

-- What was said of the calls of a source; calls of which nothing was said are not counted.
CREATE TABLE worth_sums (
    account BLOB NOT NULL,
    width INTEGER NOT NULL,
    start INTEGER NOT NULL,
    source_kind TEXT NOT NULL,
    source_name TEXT NOT NULL,
    calls INTEGER NOT NULL,
    qualified INTEGER NOT NULL,
    converted INTEGER NOT NULL,
    value INTEGER NOT NULL,
    PRIMARY KEY (account, width, start, source_kind, source_name)
) STRICT, WITHOUT ROWID;

-- What triggers note, whoever changes a row; the writer carries it over at the end of the same transaction and empties them.
-- Callers to be looked at again; `decides` 1 when also whether they are to be called back may have changed.
CREATE TABLE caller_changes (
    account BLOB NOT NULL,
    caller TEXT NOT NULL,
    decides INTEGER NOT NULL
) STRICT;
CREATE TABLE overview_changes (
    account BLOB NOT NULL,
    started_at INTEGER NOT NULL,
    first_time INTEGER NOT NULL,
    to_call_back INTEGER NOT NULL,
    recorded INTEGER NOT NULL
) STRICT;
CREATE TABLE worth_changes (
    account BLOB NOT NULL,
    sign INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    source_kind TEXT,
    source_name TEXT,
    lead TEXT,
    value INTEGER
) STRICT;

-- Where a caller's row says already what a call would, nothing is noted; where it is behind, a note that waits says so.
CREATE TRIGGER caller_called AFTER INSERT ON calls
WHEN NEW.caller IS NOT NULL
    AND (NEW.answered_at IS NOT NULL OR NEW.disposition IN ('missed', 'abandoned')
        OR NOT EXISTS (SELECT 1 FROM callers
            WHERE account = NEW.account AND caller = NEW.caller AND first_at <= NEW.started_at))
BEGIN
    INSERT INTO caller_changes VALUES (NEW.account, NEW.caller,
        CASE WHEN NEW.answered_at IS NOT NULL OR NEW.disposition IN ('missed', 'abandoned') THEN 1 ELSE 0 END);
END;

CREATE TRIGGER caller_call_changed AFTER UPDATE OF account, caller, started_at, answered_at, disposition ON calls
WHEN OLD.account IS NOT NEW.account OR OLD.caller IS NOT NEW.caller OR OLD.started_at IS NOT NEW.started_at
    OR (OLD.answered_at IS NOT NULL AND NEW.answered_at IS NULL)
    OR (COALESCE(OLD.disposition, '') IN ('missed', 'abandoned')) <> (COALESCE(NEW.disposition, '') IN ('missed', 'abandoned'))
    OR (OLD.answered_at IS NULL AND NEW.answered_at IS NOT NULL AND EXISTS (SELECT 1 FROM callers
        WHERE account = NEW.account AND caller = NEW.caller AND missed_at IS NOT NULL))
BEGIN
    INSERT INTO caller_changes SELECT OLD.account, OLD.caller, 1 WHERE OLD.caller IS NOT NULL;
    INSERT INTO caller_changes SELECT NEW.account, NEW.caller, 1 WHERE NEW.caller IS NOT NULL
        AND (OLD.account IS NOT NEW.account OR OLD.caller IS NOT NEW.caller);
END;

CREATE TRIGGER caller_call_removed AFTER DELETE ON calls WHEN OLD.caller IS NOT NULL BEGIN
    INSERT INTO caller_changes VALUES (OLD.account, OLD.caller, 1);
END;

-- A call is recorded once, however many recordings it has that did not fail.
CREATE TRIGGER recording_added AFTER INSERT ON recordings WHEN NEW.state <> 'failed' BEGIN
    INSERT INTO overview_changes SELECT account, started_at, 0, 0, 1 FROM calls
        WHERE account = NEW.account AND id = NEW.call AND NOT EXISTS (SELECT 1 FROM recordings AS other
            WHERE other.account = NEW.account AND other.call = NEW.call AND other.state <> 'failed' AND other.id <> NEW.id);
END;

CREATE TRIGGER recording_changed AFTER UPDATE OF account, call, state ON recordings
WHEN OLD.account IS NOT NEW.account OR OLD.call IS NOT NEW.call OR (OLD.state = 'failed') <> (NEW.state = 'failed')
BEGIN
    INSERT INTO overview_changes SELECT account, started_at, 0, 0, -1 FROM calls
        WHERE OLD.state <> 'failed' AND account = OLD.account AND id = OLD.call
        AND NOT EXISTS (SELECT 1 FROM recordings AS other WHERE other.account = OLD.account AND other.call = OLD.call
            AND other.state <> 'failed' AND other.id <> OLD.id);
    INSERT INTO overview_changes SELECT account, started_at, 0, 0, 1 FROM calls
        WHERE NEW.state <> 'failed' AND account = NEW.account AND id = NEW.call
        AND NOT EXISTS (SELECT 1 FROM recordings AS other WHERE other.account = NEW.account AND other.call = NEW.call
            AND other.state <> 'failed' AND other.id <> NEW.id);
END;

CREATE TRIGGER recording_removed AFTER DELETE ON recordings WHEN OLD.state <> 'failed' BEGIN
    INSERT INTO overview_changes SELECT account, started_at, 0, 0, -1 FROM calls
        WHERE account = OLD.account AND id = OLD.call AND NOT EXISTS (SELECT 1 FROM recordings AS other
            WHERE other.account = OLD.account AND other.call = OLD.call AND other.state <> 'failed');
END;

CREATE TRIGGER recorded_call_moved AFTER UPDATE OF account, id, started_at ON calls
WHEN OLD.account IS NOT NEW.account OR OLD.id IS NOT NEW.id OR OLD.started_at IS NOT NEW.started_at
BEGIN
    INSERT INTO overview_changes SELECT OLD.account, OLD.started_at, 0, 0, -1 WHERE EXISTS (SELECT 1 FROM recordings
        WHERE account = OLD.account AND call = OLD.id AND state <> 'failed');
    INSERT INTO overview_changes SELECT NEW.account, NEW.started_at, 0, 0, 1 WHERE EXISTS (SELECT 1 FROM recordings
        WHERE account = NEW.account AND call = NEW.id AND state <> 'failed');
END;

CREATE TRIGGER recorded_call_removed AFTER DELETE ON calls BEGIN
    INSERT INTO overview_changes SELECT OLD.account, OLD.started_at, 0, 0, -1 WHERE EXISTS (SELECT 1 FROM recordings
        WHERE account = OLD.account AND call = OLD.id AND state <> 'failed');
END;

CREATE TRIGGER worth_added AFTER INSERT ON call_worths BEGIN
    INSERT INTO worth_changes SELECT account, 1, started_at, source_kind, source_name, NEW.lead, NEW.value FROM calls
        WHERE account = NEW.account AND id = NEW.call;
END;

CREATE TRIGGER worth_changed AFTER UPDATE ON call_worths
WHEN OLD.account IS NOT NEW.account OR OLD.call IS NOT NEW.call OR OLD.lead IS NOT NEW.lead OR OLD.value IS NOT NEW.value
BEGIN
    INSERT INTO worth_changes SELECT account, -1, started_at, source_kind, source_name, OLD.lead, OLD.value FROM calls
        WHERE account = OLD.account AND id = OLD.call;
    INSERT INTO worth_changes SELECT account, 1, started_at, source_kind, source_name, NEW.lead, NEW.value FROM calls
        WHERE account = NEW.account AND id = NEW.call;
END;

CREATE TRIGGER worth_removed AFTER DELETE ON call_worths BEGIN
    INSERT INTO worth_changes SELECT account, -1, started_at, source_kind, source_name, OLD.lead, OLD.value FROM calls
        WHERE account = OLD.account AND id = OLD.call;
END;

CREATE TRIGGER worth_call_added AFTER INSERT ON calls BEGIN
    INSERT INTO worth_changes SELECT account, 1, NEW.started_at, NEW.source_kind, NEW.source_name, lead, value
        FROM call_worths WHERE account = NEW.account AND call = NEW.id;
END;

CREATE TRIGGER worth_call_changed AFTER UPDATE OF account, id, started_at, source_kind, source_name ON calls
WHEN OLD.account IS NOT NEW.account OR OLD.id IS NOT NEW.id OR OLD.started_at IS NOT NEW.started_at
    OR OLD.source_kind IS NOT NEW.source_kind OR OLD.source_name IS NOT NEW.source_name
BEGIN
    INSERT INTO worth_changes SELECT account, -1, OLD.started_at, OLD.source_kind, OLD.source_name, lead, value
        FROM call_worths WHERE account = OLD.account AND call = OLD.id;
    INSERT INTO worth_changes SELECT account, 1, NEW.started_at, NEW.source_kind, NEW.source_name, lead, value
        FROM call_worths WHERE account = NEW.account AND call = NEW.id;
END;

CREATE TRIGGER worth_call_removed AFTER DELETE ON calls BEGIN
    INSERT INTO worth_changes SELECT account, -1, OLD.started_at, OLD.source_kind, OLD.source_name, lead, value
        FROM call_worths WHERE account = OLD.account AND call = OLD.id;
END;

-- All accounts of which calls were there before: their sums are made after the migration.
INSERT INTO call_sums_due SELECT id FROM accounts WHERE id NOT IN (SELECT account FROM call_sums_due);
