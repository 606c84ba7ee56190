-- What reports by choice read in place of calls: the properties of an account's calls of a finished day of UTC (`day`,
-- counted from 1970), a column a part. See docs/decisions/0038-day-segments.md.
-- `state`: 0 due, 1 sealed, 2 being sealed by whoever wrote `seal`, 3 read call by call.
CREATE TABLE call_segments (
    account BLOB NOT NULL,
    day INTEGER NOT NULL,
    state INTEGER NOT NULL,
    seal INTEGER NOT NULL,
    calls INTEGER NOT NULL,
    PRIMARY KEY (account, day)
) STRICT, WITHOUT ROWID;
CREATE INDEX call_segments_due ON call_segments (account, day) WHERE state IN (0, 2);

-- Not WITHOUT ROWID, for a part is many pages long.
CREATE TABLE call_segment_parts (
    account BLOB NOT NULL,
    day INTEGER NOT NULL,
    part INTEGER NOT NULL,
    data BLOB NOT NULL,
    PRIMARY KEY (account, day, part)
) STRICT;

-- Finds the calls of a visit that is erased.
CREATE INDEX calls_visit ON calls (account, visit) WHERE visit IS NOT NULL;

-- Whoever changes what a segment was made of, in whatever way, takes the segment away in the same transaction.
-- It is written over with zeros first: pages that become free keep what they held.
CREATE TRIGGER call_segment_due AFTER UPDATE OF state ON call_segments WHEN NEW.state = 0 AND OLD.state = 1 BEGIN
    UPDATE call_segment_parts SET data = zeroblob(length(data)) WHERE account = NEW.account AND day = NEW.day;
    DELETE FROM call_segment_parts WHERE account = NEW.account AND day = NEW.day;
END;

CREATE TRIGGER call_added_to_segment AFTER INSERT ON calls BEGIN
    UPDATE call_segments SET state = 0
        WHERE account = NEW.account AND day = NEW.started_at / 86400000000 AND state <> 0;
END;

CREATE TRIGGER call_changed_in_segment AFTER UPDATE ON calls
WHEN OLD.account IS NOT NEW.account OR OLD.id IS NOT NEW.id OR OLD.started_at IS NOT NEW.started_at
    OR OLD.answered_at IS NOT NEW.answered_at OR OLD.ended_at IS NOT NEW.ended_at
    OR OLD.disposition IS NOT NEW.disposition OR OLD.target IS NOT NEW.target OR OLD.visit IS NOT NEW.visit
    OR OLD.source_name IS NOT NEW.source_name OR OLD.campaign IS NOT NEW.campaign
    OR OLD.keyword IS NOT NEW.keyword OR OLD.number IS NOT NEW.number OR OLD.dialled IS NOT NEW.dialled
BEGIN
    UPDATE call_segments SET state = 0
        WHERE account = OLD.account AND day = OLD.started_at / 86400000000 AND state <> 0;
END;

CREATE TRIGGER call_moved_to_segment AFTER UPDATE ON calls
WHEN OLD.account IS NOT NEW.account OR OLD.started_at IS NOT NEW.started_at
BEGIN
    UPDATE call_segments SET state = 0
        WHERE account = NEW.account AND day = NEW.started_at / 86400000000 AND state <> 0;
END;

CREATE TRIGGER call_removed_from_segment AFTER DELETE ON calls BEGIN
    UPDATE call_segments SET state = 0
        WHERE account = OLD.account AND day = OLD.started_at / 86400000000 AND state <> 0;
END;

CREATE TRIGGER call_worth_added_to_segment AFTER INSERT ON call_worths BEGIN
    UPDATE call_segments SET state = 0 WHERE account = NEW.account AND state <> 0
        AND day IN (SELECT started_at / 86400000000 FROM calls WHERE account = NEW.account AND id = NEW.call);
END;

CREATE TRIGGER call_worth_changed_in_segment AFTER UPDATE ON call_worths
WHEN OLD.account IS NOT NEW.account OR OLD.call IS NOT NEW.call OR OLD.lead IS NOT NEW.lead OR OLD.value IS NOT NEW.value
BEGIN
    UPDATE call_segments SET state = 0 WHERE account = OLD.account AND state <> 0
        AND day IN (SELECT started_at / 86400000000 FROM calls WHERE account = OLD.account AND id = OLD.call);
    UPDATE call_segments SET state = 0 WHERE account = NEW.account AND state <> 0
        AND day IN (SELECT started_at / 86400000000 FROM calls WHERE account = NEW.account AND id = NEW.call);
END;

CREATE TRIGGER call_worth_removed_from_segment AFTER DELETE ON call_worths BEGIN
    UPDATE call_segments SET state = 0 WHERE account = OLD.account AND state <> 0
        AND day IN (SELECT started_at / 86400000000 FROM calls WHERE account = OLD.account AND id = OLD.call);
END;

-- A day with a call whose visit is not there is not sealed, so a visit that comes changes no segment.
CREATE TRIGGER visit_changed_in_segment AFTER UPDATE OF account, id, landing_page, language, device ON visits
WHEN OLD.account IS NOT NEW.account OR OLD.id IS NOT NEW.id OR OLD.landing_page IS NOT NEW.landing_page
    OR OLD.language IS NOT NEW.language OR OLD.device IS NOT NEW.device
BEGIN
    UPDATE call_segments SET state = 0 WHERE account = OLD.account AND state <> 0
        AND day IN (SELECT started_at / 86400000000 FROM calls WHERE account = OLD.account AND visit = OLD.id);
END;

CREATE TRIGGER visit_removed_from_segment AFTER DELETE ON visits BEGIN
    UPDATE call_segments SET state = 0 WHERE account = OLD.account AND state <> 0
        AND day IN (SELECT started_at / 86400000000 FROM calls WHERE account = OLD.account AND visit = OLD.id);
END;
