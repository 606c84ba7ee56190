-- Places at advertising platforms that are told of conversions. The secret is sealed with a key that is not in the database.
CREATE TABLE conversion_destinations (
    id UUID NOT NULL,
    account UUID NOT NULL REFERENCES accounts (id),
    platform TEXT NOT NULL,
    target TEXT NOT NULL,
    event TEXT NOT NULL,
    rule TEXT NOT NULL,
    secret BYTEA NOT NULL,
    enabled BOOLEAN NOT NULL,
    failing_since BIGINT,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (account, id)
);

-- Outbox and log in one, as that of webhooks, but for good: that a call was told is why it is not told again. Attempts
-- stand among those of webhooks. No foreign key: a call's rows must not be refused because a destination is removed.
CREATE TABLE conversions (
    id UUID NOT NULL,
    account UUID NOT NULL,
    destination UUID NOT NULL,
    call UUID NOT NULL,
    visit UUID,
    happened_at BIGINT NOT NULL,
    state TEXT NOT NULL,
    next_at BIGINT NOT NULL,
    retry_until BIGINT,
    attempts BIGINT NOT NULL,
    sent_at BIGINT,
    sent TEXT,
    said TEXT,
    PRIMARY KEY (account, id)
);
-- One conversion a call and destination.
CREATE UNIQUE INDEX conversions_once ON conversions (account, call, destination);
CREATE INDEX conversions_due ON conversions (account, destination, next_at) WHERE state = 'pending';
CREATE INDEX conversions_log ON conversions (account, destination, happened_at, id);
CREATE INDEX conversions_of_visits ON conversions (account, visit);

-- Made in the transaction of what they tell of (docs/decisions/0019). Whether a call counts is decided when it is sent.
CREATE FUNCTION call_ended_conversions() RETURNS TRIGGER LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO conversions (id, account, destination, call, visit, happened_at, state, next_at, attempts)
    SELECT gen_random_uuid(), account, id, NEW.id, NEW.visit, NEW.started_at, 'pending', NEW.ended_at, 0
    FROM conversion_destinations WHERE account = NEW.account AND enabled AND created_at <= NEW.ended_at
    ON CONFLICT (account, call, destination) DO NOTHING;
    RETURN NULL;
END $$;
CREATE TRIGGER call_ended_conversions AFTER UPDATE OF ended_at ON calls
FOR EACH ROW WHEN (OLD.ended_at IS NULL AND NEW.ended_at IS NOT NULL AND NEW.visit IS NOT NULL
    AND NEW.confidence IN ('certain', 'likely')) EXECUTE FUNCTION call_ended_conversions();

-- What is said of a call afterwards may make it count.
CREATE FUNCTION worth_said_conversions() RETURNS TRIGGER LANGUAGE plpgsql AS $$ BEGIN
    UPDATE conversions SET state = 'pending', next_at = NEW.changed_at, retry_until = NULL
    WHERE account = NEW.account AND call = NEW.call
    AND (state = 'passed_over' OR (state = 'pending' AND attempts = 0))
    AND destination IN (SELECT id FROM conversion_destinations WHERE account = NEW.account AND enabled);
    RETURN NULL;
END $$;
CREATE TRIGGER worth_said_conversions AFTER INSERT OR UPDATE OF lead, value ON call_worths
FOR EACH ROW EXECUTE FUNCTION worth_said_conversions();
