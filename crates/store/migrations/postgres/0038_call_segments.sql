-- What reports by choice read in place of calls: the properties of an account's calls of a finished day of UTC (`day`,
-- counted from 1970), a column a part. See docs/decisions/0038-day-segments.md.
-- `state`: 0 due, 1 sealed, 2 being sealed by whoever wrote `seal`, 3 read call by call.
CREATE TABLE call_segments (
    account UUID NOT NULL,
    day BIGINT NOT NULL,
    state BIGINT NOT NULL,
    seal BIGINT NOT NULL,
    calls BIGINT NOT NULL,
    PRIMARY KEY (account, day)
);
CREATE INDEX call_segments_due ON call_segments (account, day) WHERE state IN (0, 2);

CREATE TABLE call_segment_parts (
    account UUID NOT NULL,
    day BIGINT NOT NULL,
    part BIGINT NOT NULL,
    data BYTEA NOT NULL,
    PRIMARY KEY (account, day, part)
);
-- Packed already.
ALTER TABLE call_segment_parts ALTER COLUMN data SET STORAGE EXTERNAL;

-- Finds the calls of a visit that is erased.
CREATE INDEX calls_visit ON calls (account, visit) WHERE visit IS NOT NULL;

-- Who seals a day asks first, by this lock, whether a transaction that is still open has changed a call of it. There are
-- a thousand of them at most, so that a change to many days does not fill the table of locks.
CREATE FUNCTION call_segment_lock(of_account UUID, of_day BIGINT) RETURNS INTEGER LANGUAGE sql IMMUTABLE AS $$
    SELECT (uuid_hash(of_account) # (of_day & 1048575)::INTEGER) & 1023
$$;

-- Whoever changes what a segment was made of, in whatever way, takes the segment away in the same transaction.
CREATE FUNCTION make_call_segment_due(of_account UUID, of_day BIGINT) RETURNS VOID LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(3800, (uuid_hash(of_account) # (of_day & 1048575)::INTEGER) & 1023);
    UPDATE call_segments SET state = 0 WHERE account = of_account AND day = of_day AND state <> 0;
    IF FOUND THEN
        DELETE FROM call_segment_parts WHERE account = of_account AND day = of_day;
    END IF;
END
$$;

CREATE FUNCTION note_call_of_segment() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        PERFORM make_call_segment_due(OLD.account, OLD.started_at / 86400000000);
    END IF;
    IF TG_OP = 'INSERT' OR (TG_OP = 'UPDATE'
        AND (OLD.account, OLD.started_at) IS DISTINCT FROM (NEW.account, NEW.started_at)) THEN
        PERFORM make_call_segment_due(NEW.account, NEW.started_at / 86400000000);
    END IF;
    RETURN NULL;
END
$$;
-- Calls of a day that is not over by this server's clock pay nothing: such a day is not sealed.
CREATE TRIGGER call_added_to_segment AFTER INSERT ON calls FOR EACH ROW
    WHEN (NEW.started_at / 86400000000 < floor(date_part('epoch', now()) / 86400))
    EXECUTE FUNCTION note_call_of_segment();
CREATE TRIGGER call_changed_in_segment AFTER UPDATE ON calls FOR EACH ROW
    WHEN ((OLD.started_at / 86400000000 < floor(date_part('epoch', now()) / 86400)
            OR NEW.started_at / 86400000000 < floor(date_part('epoch', now()) / 86400))
        AND (OLD.account, OLD.id, OLD.started_at, OLD.answered_at, OLD.ended_at, OLD.disposition, OLD.target, OLD.visit,
            OLD.source_name, OLD.campaign, OLD.keyword, OLD.number, OLD.dialled)
        IS DISTINCT FROM (NEW.account, NEW.id, NEW.started_at, NEW.answered_at, NEW.ended_at, NEW.disposition,
            NEW.target, NEW.visit, NEW.source_name, NEW.campaign, NEW.keyword, NEW.number, NEW.dialled))
    EXECUTE FUNCTION note_call_of_segment();
CREATE TRIGGER call_removed_from_segment AFTER DELETE ON calls FOR EACH ROW EXECUTE FUNCTION note_call_of_segment();

CREATE FUNCTION note_call_worth_of_segment() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        PERFORM make_call_segment_due(account, started_at / 86400000000) FROM calls
            WHERE account = OLD.account AND id = OLD.call;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        PERFORM make_call_segment_due(account, started_at / 86400000000) FROM calls
            WHERE account = NEW.account AND id = NEW.call;
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER call_worth_added_to_segment AFTER INSERT ON call_worths FOR EACH ROW
    EXECUTE FUNCTION note_call_worth_of_segment();
CREATE TRIGGER call_worth_changed_in_segment AFTER UPDATE ON call_worths FOR EACH ROW
    WHEN ((OLD.account, OLD.call, OLD.lead, OLD.value) IS DISTINCT FROM (NEW.account, NEW.call, NEW.lead, NEW.value))
    EXECUTE FUNCTION note_call_worth_of_segment();
CREATE TRIGGER call_worth_removed_from_segment AFTER DELETE ON call_worths FOR EACH ROW
    EXECUTE FUNCTION note_call_worth_of_segment();

-- A day with a call whose visit is not there is not sealed, so a visit that comes changes no segment.
CREATE FUNCTION note_visit_of_segment() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM make_call_segment_due(account, started_at / 86400000000) FROM calls
        WHERE account = OLD.account AND visit = OLD.id;
    RETURN NULL;
END
$$;
CREATE TRIGGER visit_changed_in_segment AFTER UPDATE OF account, id, landing_page, language, device ON visits FOR EACH ROW
    WHEN ((OLD.account, OLD.id, OLD.landing_page, OLD.language, OLD.device)
        IS DISTINCT FROM (NEW.account, NEW.id, NEW.landing_page, NEW.language, NEW.device))
    EXECUTE FUNCTION note_visit_of_segment();
CREATE TRIGGER visit_removed_from_segment AFTER DELETE ON visits FOR EACH ROW EXECUTE FUNCTION note_visit_of_segment();
