-- What the overview asks of people and not of calls. See docs/decisions/0041-callers-and-what-the-overview-sums.md.
-- A caller's number, while a call has it: when it called first, and the last call that was missed or abandoned unless a
-- later one was answered (`missed_at`): who is to be called back.
CREATE TABLE callers (
    account UUID NOT NULL,
    caller TEXT NOT NULL,
    first_at BIGINT NOT NULL,
    missed_at BIGINT,
    PRIMARY KEY (account, caller)
);
CREATE INDEX callers_to_call_back ON callers (account, missed_at, first_at) WHERE missed_at IS NOT NULL;

-- By quarter of an hour and by day of UTC, as `call_sums`: callers whose first call began in it, callers whose `missed_at`
-- lies in it, and calls with a recording.
CREATE TABLE overview_sums (
    account UUID NOT NULL,
    width BIGINT NOT NULL,
    start BIGINT NOT NULL,
    first_time BIGINT NOT NULL,
    to_call_back BIGINT NOT NULL,
    recorded BIGINT NOT NULL,
    PRIMARY KEY (account, width, start)
);

-- What was said of the calls of a source; calls of which nothing was said are not counted.
CREATE TABLE worth_sums (
    account UUID NOT NULL,
    width BIGINT NOT NULL,
    start BIGINT NOT NULL,
    source_kind TEXT NOT NULL,
    source_name TEXT NOT NULL,
    calls BIGINT NOT NULL,
    qualified BIGINT NOT NULL,
    converted BIGINT NOT NULL,
    value BIGINT NOT NULL,
    PRIMARY KEY (account, width, start, source_kind, source_name)
);

-- What triggers note, whoever changes a row; the writer carries it over at the end of the same transaction and empties them.
-- Callers to be looked at again; `decides` 1 when also whether they are to be called back may have changed.
CREATE TABLE caller_changes (
    account UUID NOT NULL,
    caller TEXT NOT NULL,
    decides BIGINT NOT NULL
);
CREATE TABLE overview_changes (
    account UUID NOT NULL,
    started_at BIGINT NOT NULL,
    first_time BIGINT NOT NULL,
    to_call_back BIGINT NOT NULL,
    recorded BIGINT NOT NULL
);
CREATE TABLE worth_changes (
    account UUID NOT NULL,
    sign BIGINT NOT NULL,
    started_at BIGINT NOT NULL,
    source_kind TEXT,
    source_name TEXT,
    lead TEXT,
    value BIGINT
);

-- Calls come many at a time.
CREATE FUNCTION note_called() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO caller_changes SELECT account, caller,
            CASE WHEN answered_at IS NOT NULL OR disposition IN ('missed', 'abandoned') THEN 1 ELSE 0 END
        FROM added WHERE caller IS NOT NULL;
    INSERT INTO worth_changes SELECT added.account, 1, added.started_at, added.source_kind, added.source_name,
            call_worths.lead, call_worths.value
        FROM added JOIN call_worths ON call_worths.account = added.account AND call_worths.call = added.id;
    RETURN NULL;
END
$$;
CREATE TRIGGER caller_called AFTER INSERT ON calls REFERENCING NEW TABLE AS added FOR EACH STATEMENT
    EXECUTE FUNCTION note_called();

CREATE FUNCTION note_caller() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.caller IS NOT NULL THEN
        INSERT INTO caller_changes VALUES (OLD.account, OLD.caller, 1);
    END IF;
    IF TG_OP = 'UPDATE' AND NEW.caller IS NOT NULL
        AND (OLD.account, OLD.caller) IS DISTINCT FROM (NEW.account, NEW.caller) THEN
        INSERT INTO caller_changes VALUES (NEW.account, NEW.caller, 1);
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER caller_call_changed AFTER UPDATE OF account, caller, started_at, answered_at, disposition ON calls FOR EACH ROW
    WHEN ((OLD.caller IS NOT NULL OR NEW.caller IS NOT NULL)
        AND ((OLD.account, OLD.caller, OLD.started_at) IS DISTINCT FROM (NEW.account, NEW.caller, NEW.started_at)
            OR (OLD.answered_at IS NULL) <> (NEW.answered_at IS NULL)
            OR (COALESCE(OLD.disposition, '') IN ('missed', 'abandoned'))
                <> (COALESCE(NEW.disposition, '') IN ('missed', 'abandoned'))))
    EXECUTE FUNCTION note_caller();
CREATE TRIGGER caller_call_removed AFTER DELETE ON calls FOR EACH ROW WHEN (OLD.caller IS NOT NULL)
    EXECUTE FUNCTION note_caller();

-- A call is recorded once, however many recordings it has that did not fail. A row's own trigger would see what became of
-- the other rows of its statement, so recordings are looked at by the statement: `more` of a call's did not fail than before.
CREATE FUNCTION note_recordings(of_accounts UUID[], of_calls UUID[], more BIGINT[]) RETURNS VOID LANGUAGE sql AS $$
    INSERT INTO overview_changes SELECT account, started_at, 0, 0, CASE WHEN kept > 0 THEN 1 ELSE -1 END FROM (
        SELECT calls.account, calls.started_at, changed.more, (SELECT COUNT(*) FROM recordings
                WHERE recordings.account = calls.account AND recordings.call = calls.id AND recordings.state <> 'failed') AS kept
            FROM (SELECT account, call, SUM(more) AS more FROM unnest(of_accounts, of_calls, more) AS each (account, call, more)
                GROUP BY account, call HAVING SUM(more) <> 0) AS changed
            JOIN calls ON calls.account = changed.account AND calls.id = changed.call) AS counted
        WHERE (kept > 0) <> (kept - more > 0)
$$;
CREATE FUNCTION note_recordings_of_statement() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM note_recordings(array_agg(account), array_agg(call), array_agg(1::BIGINT))
            FROM added WHERE state <> 'failed' HAVING COUNT(*) > 0;
    ELSIF TG_OP = 'DELETE' THEN
        PERFORM note_recordings(array_agg(account), array_agg(call), array_agg(-1::BIGINT))
            FROM removed WHERE state <> 'failed' HAVING COUNT(*) > 0;
    ELSE
        PERFORM note_recordings(array_agg(account), array_agg(call), array_agg(more)) FROM (
            SELECT account, call, SUM(sign)::BIGINT AS more FROM (
                SELECT account, call, 1 AS sign FROM added WHERE state <> 'failed'
                UNION ALL SELECT account, call, -1 FROM removed WHERE state <> 'failed') AS signed
            GROUP BY account, call HAVING SUM(sign) <> 0) AS changed HAVING COUNT(*) > 0;
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER recording_added AFTER INSERT ON recordings REFERENCING NEW TABLE AS added FOR EACH STATEMENT
    EXECUTE FUNCTION note_recordings_of_statement();
CREATE TRIGGER recording_changed AFTER UPDATE ON recordings REFERENCING OLD TABLE AS removed NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION note_recordings_of_statement();
CREATE TRIGGER recording_removed AFTER DELETE ON recordings REFERENCING OLD TABLE AS removed FOR EACH STATEMENT
    EXECUTE FUNCTION note_recordings_of_statement();

CREATE FUNCTION note_recorded_call() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM recordings WHERE account = OLD.account AND call = OLD.id AND state <> 'failed') THEN
        INSERT INTO overview_changes VALUES (OLD.account, OLD.started_at, 0, 0, -1);
    END IF;
    IF TG_OP = 'UPDATE' AND EXISTS (SELECT 1 FROM recordings
        WHERE account = NEW.account AND call = NEW.id AND state <> 'failed') THEN
        INSERT INTO overview_changes VALUES (NEW.account, NEW.started_at, 0, 0, 1);
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER recorded_call_moved AFTER UPDATE OF account, id, started_at ON calls FOR EACH ROW
    WHEN ((OLD.account, OLD.id, OLD.started_at) IS DISTINCT FROM (NEW.account, NEW.id, NEW.started_at))
    EXECUTE FUNCTION note_recorded_call();
CREATE TRIGGER recorded_call_removed AFTER DELETE ON calls FOR EACH ROW EXECUTE FUNCTION note_recorded_call();

CREATE FUNCTION note_worth() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO worth_changes SELECT account, -1, started_at, source_kind, source_name, OLD.lead, OLD.value FROM calls
            WHERE account = OLD.account AND id = OLD.call;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO worth_changes SELECT account, 1, started_at, source_kind, source_name, NEW.lead, NEW.value FROM calls
            WHERE account = NEW.account AND id = NEW.call;
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER worth_added AFTER INSERT ON call_worths FOR EACH ROW EXECUTE FUNCTION note_worth();
CREATE TRIGGER worth_changed AFTER UPDATE ON call_worths FOR EACH ROW
    WHEN ((OLD.account, OLD.call, OLD.lead, OLD.value) IS DISTINCT FROM (NEW.account, NEW.call, NEW.lead, NEW.value))
    EXECUTE FUNCTION note_worth();
CREATE TRIGGER worth_removed AFTER DELETE ON call_worths FOR EACH ROW EXECUTE FUNCTION note_worth();

CREATE FUNCTION note_worth_of_call() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO worth_changes SELECT account, -1, OLD.started_at, OLD.source_kind, OLD.source_name, lead, value
        FROM call_worths WHERE account = OLD.account AND call = OLD.id;
    IF TG_OP = 'UPDATE' THEN
        INSERT INTO worth_changes SELECT account, 1, NEW.started_at, NEW.source_kind, NEW.source_name, lead, value
            FROM call_worths WHERE account = NEW.account AND call = NEW.id;
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER worth_call_changed AFTER UPDATE OF account, id, started_at, source_kind, source_name ON calls FOR EACH ROW
    WHEN ((OLD.account, OLD.id, OLD.started_at, OLD.source_kind, OLD.source_name)
        IS DISTINCT FROM (NEW.account, NEW.id, NEW.started_at, NEW.source_kind, NEW.source_name))
    EXECUTE FUNCTION note_worth_of_call();
CREATE TRIGGER worth_call_removed AFTER DELETE ON calls FOR EACH ROW EXECUTE FUNCTION note_worth_of_call();

-- Carries over what was noted. Whoever does so for an account waits for whoever did before, in the order of the locks, and
-- then sees the calls of both: each statement of a function sees what was committed before it began. The first lock is that
-- which who makes sums anew takes.
CREATE FUNCTION add_overview_changes() RETURNS VOID LANGUAGE plpgsql AS $$
DECLARE
    of_accounts UUID[];
    numbers TEXT[];
    decided BIGINT[];
BEGIN
    LOCK TABLE call_sums IN ROW EXCLUSIVE MODE;
    WITH changes AS (DELETE FROM caller_changes RETURNING *),
        grouped AS (SELECT account, caller, MAX(decides) AS decides FROM changes GROUP BY account, caller)
    SELECT array_agg(account), array_agg(caller), array_agg(decides) INTO of_accounts, numbers, decided FROM grouped;
    IF numbers IS NOT NULL THEN
        PERFORM pg_advisory_xact_lock(4100, bucket) FROM (SELECT DISTINCT uuid_hash(account) & 1023 AS bucket
            FROM unnest(of_accounts) AS accounts (account) ORDER BY 1) AS buckets;
        INSERT INTO overview_changes
            SELECT account, first_at, -1, 0, 0 FROM unnest(of_accounts, numbers) AS touched (account, caller)
                JOIN callers USING (account, caller)
            UNION ALL SELECT account, missed_at, 0, -1, 0 FROM unnest(of_accounts, numbers) AS touched (account, caller)
                JOIN callers USING (account, caller) WHERE missed_at IS NOT NULL;
        INSERT INTO callers (account, caller, first_at, missed_at)
            SELECT account, caller, first_at, missed_at FROM (SELECT touched.account, touched.caller,
                (SELECT MIN(started_at) FROM calls
                    WHERE calls.account = touched.account AND calls.caller = touched.caller) AS first_at,
                CASE WHEN touched.decides = 1 THEN
                    (SELECT CASE WHEN disposition IN ('missed', 'abandoned') THEN started_at END FROM calls
                        WHERE calls.account = touched.account AND calls.caller = touched.caller
                        AND (answered_at IS NOT NULL OR disposition IN ('missed', 'abandoned'))
                        ORDER BY started_at DESC, CASE WHEN disposition IN ('missed', 'abandoned') THEN 0 ELSE 1 END LIMIT 1)
                ELSE (SELECT missed_at FROM callers AS known
                    WHERE known.account = touched.account AND known.caller = touched.caller) END AS missed_at
                FROM unnest(of_accounts, numbers, decided) AS touched (account, caller, decides)) AS counted
            WHERE first_at IS NOT NULL
            ON CONFLICT (account, caller) DO UPDATE SET first_at = excluded.first_at, missed_at = excluded.missed_at
                WHERE (callers.first_at, callers.missed_at) IS DISTINCT FROM (excluded.first_at, excluded.missed_at);
        DELETE FROM callers USING unnest(of_accounts, numbers) AS touched (account, caller)
            WHERE callers.account = touched.account AND callers.caller = touched.caller
            AND NOT EXISTS (SELECT 1 FROM calls WHERE calls.account = touched.account AND calls.caller = touched.caller);
        INSERT INTO overview_changes
            SELECT account, first_at, 1, 0, 0 FROM unnest(of_accounts, numbers) AS touched (account, caller)
                JOIN callers USING (account, caller)
            UNION ALL SELECT account, missed_at, 0, 1, 0 FROM unnest(of_accounts, numbers) AS touched (account, caller)
                JOIN callers USING (account, caller) WHERE missed_at IS NOT NULL;
    END IF;
    WITH changes AS (DELETE FROM overview_changes RETURNING *)
    INSERT INTO overview_sums SELECT account, width, started_at / (width * 1000000) * (width * 1000000),
            SUM(first_time), SUM(to_call_back), SUM(recorded)
        FROM changes CROSS JOIN (VALUES (900::BIGINT), (86400)) AS widths (width) GROUP BY 1, 2, 3
        HAVING SUM(first_time) <> 0 OR SUM(to_call_back) <> 0 OR SUM(recorded) <> 0 ORDER BY 1, 2, 3
        ON CONFLICT (account, width, start) DO UPDATE SET first_time = overview_sums.first_time + excluded.first_time,
            to_call_back = overview_sums.to_call_back + excluded.to_call_back,
            recorded = overview_sums.recorded + excluded.recorded;
    WITH changes AS (DELETE FROM worth_changes RETURNING *)
    INSERT INTO worth_sums SELECT account, width, started_at / (width * 1000000) * (width * 1000000),
            COALESCE(source_kind, ''), COALESCE(source_name, ''), SUM(sign),
            SUM(CASE WHEN lead IN ('qualified', 'converted') THEN sign ELSE 0 END),
            SUM(CASE WHEN lead = 'converted' THEN sign ELSE 0 END), SUM(COALESCE(value, 0) * sign)
        FROM changes CROSS JOIN (VALUES (900::BIGINT), (86400)) AS widths (width) GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5
        ON CONFLICT (account, width, start, source_kind, source_name) DO UPDATE SET calls = worth_sums.calls + excluded.calls,
            qualified = worth_sums.qualified + excluded.qualified, converted = worth_sums.converted + excluded.converted,
            value = worth_sums.value + excluded.value;
END
$$;

-- All accounts of which calls were there before: their sums are made after the migration.
INSERT INTO call_sums_due SELECT id FROM accounts ON CONFLICT DO NOTHING;
