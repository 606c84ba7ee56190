-- Where an account's programs are told what happens. The secret is sealed with a key that is not in the database.
CREATE TABLE webhooks (
    id UUID NOT NULL,
    account UUID NOT NULL REFERENCES accounts (id),
    url TEXT NOT NULL,
    events TEXT NOT NULL,
    secret BYTEA NOT NULL,
    enabled BOOLEAN NOT NULL,
    failing_since BIGINT,
    off_reason TEXT,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (account, id)
);

-- The outbox and the log in one. No foreign key: a call's rows must not be refused because its account takes a
-- webhook away at the same moment.
CREATE TABLE webhook_deliveries (
    id UUID NOT NULL,
    account UUID NOT NULL,
    webhook UUID NOT NULL,
    event TEXT NOT NULL,
    call UUID NOT NULL,
    recording UUID,
    happened_at BIGINT NOT NULL,
    state TEXT NOT NULL,
    next_at BIGINT NOT NULL,
    retry_until BIGINT,
    attempts BIGINT NOT NULL,
    delivered_at BIGINT,
    PRIMARY KEY (account, id)
);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (account, webhook, next_at) WHERE state = 'pending';
CREATE INDEX webhook_deliveries_log ON webhook_deliveries (account, webhook, happened_at, id);

CREATE TABLE webhook_attempts (
    account UUID NOT NULL,
    delivery UUID NOT NULL,
    number BIGINT NOT NULL,
    at BIGINT NOT NULL,
    duration_ms BIGINT NOT NULL,
    status BIGINT,
    outcome TEXT NOT NULL,
    PRIMARY KEY (account, delivery, number)
);

-- A delivery is made in the transaction that writes what it tells of: a row of a call and its deliveries are there
-- together or not at all (docs/decisions/0019).
CREATE FUNCTION add_webhook_deliveries(owner UUID, what TEXT, of_call UUID, of_recording UUID, happened BIGINT)
RETURNS VOID LANGUAGE sql AS $$
    INSERT INTO webhook_deliveries (id, account, webhook, event, call, recording, happened_at, state, next_at, attempts)
    SELECT gen_random_uuid(), account, id, what, of_call, of_recording, happened, 'pending', happened, 0
    FROM webhooks WHERE account = owner AND enabled AND strpos(events, '"' || what || '"') > 0
$$;

CREATE FUNCTION call_started_webhooks() RETURNS TRIGGER LANGUAGE plpgsql AS $$ BEGIN
    PERFORM add_webhook_deliveries(NEW.account, 'call.started', NEW.id, NULL, NEW.started_at);
    RETURN NULL;
END $$;
CREATE TRIGGER call_started_webhooks AFTER INSERT ON calls
FOR EACH ROW EXECUTE FUNCTION call_started_webhooks();

CREATE FUNCTION call_answered_webhooks() RETURNS TRIGGER LANGUAGE plpgsql AS $$ BEGIN
    PERFORM add_webhook_deliveries(NEW.account, 'call.answered', NEW.id, NULL, NEW.answered_at);
    RETURN NULL;
END $$;
CREATE TRIGGER call_answered_webhooks AFTER UPDATE OF answered_at ON calls
FOR EACH ROW WHEN (OLD.answered_at IS NULL AND NEW.answered_at IS NOT NULL) EXECUTE FUNCTION call_answered_webhooks();

CREATE FUNCTION call_ended_webhooks() RETURNS TRIGGER LANGUAGE plpgsql AS $$ BEGIN
    PERFORM add_webhook_deliveries(NEW.account, 'call.ended', NEW.id, NULL, NEW.ended_at);
    RETURN NULL;
END $$;
CREATE TRIGGER call_ended_webhooks AFTER UPDATE OF ended_at ON calls
FOR EACH ROW WHEN (OLD.ended_at IS NULL AND NEW.ended_at IS NOT NULL) EXECUTE FUNCTION call_ended_webhooks();

CREATE FUNCTION recording_ready_webhooks() RETURNS TRIGGER LANGUAGE plpgsql AS $$ BEGIN
    PERFORM add_webhook_deliveries(
        NEW.account, 'recording.ready', NEW.call, NEW.id, NEW.started_at + NEW.duration_ms * 1000);
    RETURN NULL;
END $$;
CREATE TRIGGER recording_ready_webhooks AFTER UPDATE OF state ON recordings
FOR EACH ROW WHEN (OLD.state = 'open' AND NEW.state IN ('closed', 'recovered')) EXECUTE FUNCTION recording_ready_webhooks();
