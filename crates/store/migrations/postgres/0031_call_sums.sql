-- Sums of calls by quarter of an hour (`width` 900, in seconds) and by day of UTC (86400), so that reports do not read
-- every call. A row of `call_sums` counts all calls of an account that began in its span; the others those of a source
-- or of a number. Calls without a source have an empty `source_kind`. See docs/decisions/0031-call-sums.md.
CREATE TABLE call_sums (
    account UUID NOT NULL,
    width BIGINT NOT NULL,
    start BIGINT NOT NULL,
    calls BIGINT NOT NULL,
    answered BIGINT NOT NULL,
    missed BIGINT NOT NULL,
    abandoned BIGINT NOT NULL,
    voicemail BIGINT NOT NULL,
    rejected BIGINT NOT NULL,
    failed BIGINT NOT NULL,
    under_way BIGINT NOT NULL,
    failed_over BIGINT NOT NULL,
    attributed BIGINT NOT NULL,
    talk BIGINT NOT NULL,
    talked BIGINT NOT NULL,
    PRIMARY KEY (account, width, start)
);

CREATE TABLE call_sums_by_source (
    account UUID NOT NULL,
    width BIGINT NOT NULL,
    start BIGINT NOT NULL,
    source_kind TEXT NOT NULL,
    source_name TEXT NOT NULL,
    calls BIGINT NOT NULL,
    answered BIGINT NOT NULL,
    missed BIGINT NOT NULL,
    abandoned BIGINT NOT NULL,
    voicemail BIGINT NOT NULL,
    rejected BIGINT NOT NULL,
    failed BIGINT NOT NULL,
    under_way BIGINT NOT NULL,
    failed_over BIGINT NOT NULL,
    attributed BIGINT NOT NULL,
    talk BIGINT NOT NULL,
    talked BIGINT NOT NULL,
    PRIMARY KEY (account, width, start, source_kind, source_name)
);

CREATE TABLE call_sums_by_number (
    account UUID NOT NULL,
    width BIGINT NOT NULL,
    start BIGINT NOT NULL,
    number UUID NOT NULL,
    calls BIGINT NOT NULL,
    answered BIGINT NOT NULL,
    missed BIGINT NOT NULL,
    abandoned BIGINT NOT NULL,
    voicemail BIGINT NOT NULL,
    rejected BIGINT NOT NULL,
    failed BIGINT NOT NULL,
    under_way BIGINT NOT NULL,
    failed_over BIGINT NOT NULL,
    attributed BIGINT NOT NULL,
    talk BIGINT NOT NULL,
    talked BIGINT NOT NULL,
    PRIMARY KEY (account, width, start, number)
);

-- What a call was counted as (`sign` -1) and is counted as now (1). Triggers write it, whoever changes the call; the
-- writer adds it to the sums at the end of the same transaction and empties it.
CREATE TABLE call_changes (
    account UUID NOT NULL,
    sign BIGINT NOT NULL,
    started_at BIGINT NOT NULL,
    number UUID NOT NULL,
    source_kind TEXT,
    source_name TEXT,
    disposition TEXT,
    ended_at BIGINT,
    failed_over BOOLEAN NOT NULL,
    talk BIGINT
);

CREATE FUNCTION note_call_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO call_changes VALUES (OLD.account, -1, OLD.started_at, OLD.number, OLD.source_kind,
            OLD.source_name, OLD.disposition, OLD.ended_at, OLD.failed_over,
            CASE WHEN OLD.disposition = 'answered' THEN OLD.ended_at - OLD.answered_at END);
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO call_changes VALUES (NEW.account, 1, NEW.started_at, NEW.number, NEW.source_kind,
            NEW.source_name, NEW.disposition, NEW.ended_at, NEW.failed_over,
            CASE WHEN NEW.disposition = 'answered' THEN NEW.ended_at - NEW.answered_at END);
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER call_added AFTER INSERT ON calls FOR EACH ROW EXECUTE FUNCTION note_call_change();
CREATE TRIGGER call_changed AFTER UPDATE ON calls FOR EACH ROW
    WHEN ((OLD.account, OLD.started_at, OLD.number, OLD.source_kind, OLD.source_name, OLD.disposition, OLD.ended_at,
            OLD.failed_over)
        IS DISTINCT FROM (NEW.account, NEW.started_at, NEW.number, NEW.source_kind, NEW.source_name, NEW.disposition,
            NEW.ended_at, NEW.failed_over)
        OR (NEW.disposition = 'answered' AND OLD.answered_at IS DISTINCT FROM NEW.answered_at))
    EXECUTE FUNCTION note_call_change();
CREATE TRIGGER call_removed AFTER DELETE ON calls FOR EACH ROW EXECUTE FUNCTION note_call_change();

-- Accounts whose sums have to be made from their calls: all of those that were there before the sums.
CREATE TABLE call_sums_due (
    account UUID NOT NULL,
    PRIMARY KEY (account)
);
INSERT INTO call_sums_due SELECT id FROM accounts;
