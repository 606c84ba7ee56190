-- What the program knows. The SQLite twin of this file has the same tables, columns and index names.
-- Timestamps and lengths of time are microseconds; enums are their words; documents are JSON text.
-- A row of an account has (account, id) as its key, and what points to it names the account too: no tenant's row can
-- point to another's, and another tenant's identifier finds nothing.

CREATE TABLE accounts (
    id UUID NOT NULL,
    name TEXT NOT NULL,
    country TEXT NOT NULL,
    time_zone TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (id)
);

CREATE TABLE users (
    id UUID NOT NULL,
    account UUID NOT NULL REFERENCES accounts (id),
    email TEXT NOT NULL,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (account, id)
);
CREATE UNIQUE INDEX users_id ON users (id);
CREATE UNIQUE INDEX users_email ON users (email);

-- `user` is a reserved word of PostgreSQL.
CREATE TABLE sessions (
    id UUID NOT NULL,
    user_id UUID NOT NULL REFERENCES users (id),
    token_hash BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (id)
);
CREATE UNIQUE INDEX sessions_token_hash ON sessions (token_hash);
CREATE INDEX sessions_user_id ON sessions (user_id);
CREATE INDEX sessions_expires_at ON sessions (expires_at);

CREATE TABLE call_plans (
    id UUID NOT NULL,
    account UUID NOT NULL REFERENCES accounts (id),
    name TEXT NOT NULL,
    document TEXT NOT NULL,
    version BIGINT NOT NULL,
    PRIMARY KEY (account, id)
);

CREATE TABLE call_plan_versions (
    account UUID NOT NULL,
    plan UUID NOT NULL,
    version BIGINT NOT NULL,
    name TEXT NOT NULL,
    document TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (account, plan, version),
    FOREIGN KEY (account, plan) REFERENCES call_plans (account, id)
);

CREATE TABLE pools (
    id UUID NOT NULL,
    account UUID NOT NULL REFERENCES accounts (id),
    name TEXT NOT NULL,
    hold BIGINT NOT NULL,
    overflow UUID,
    PRIMARY KEY (account, id)
);

CREATE TABLE tracking_numbers (
    id UUID NOT NULL,
    account UUID NOT NULL REFERENCES accounts (id),
    e164 TEXT NOT NULL,
    label TEXT NOT NULL,
    state TEXT NOT NULL,
    pool UUID,
    plan UUID,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (account, id),
    FOREIGN KEY (account, pool) REFERENCES pools (account, id),
    FOREIGN KEY (account, plan) REFERENCES call_plans (account, id)
);
-- A number that was given back may be somebody else's one day.
CREATE UNIQUE INDEX tracking_numbers_e164 ON tracking_numbers (e164) WHERE state <> 'released';
ALTER TABLE pools ADD FOREIGN KEY (account, overflow) REFERENCES tracking_numbers (account, id);

CREATE TABLE sites (
    id UUID NOT NULL,
    account UUID NOT NULL REFERENCES accounts (id),
    name TEXT NOT NULL,
    key TEXT NOT NULL,
    swap_targets TEXT NOT NULL,
    pool UUID,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (account, id),
    FOREIGN KEY (account, pool) REFERENCES pools (account, id)
);
CREATE UNIQUE INDEX sites_key ON sites (key);

CREATE TABLE hosts (
    id UUID NOT NULL,
    site UUID NOT NULL,
    account UUID NOT NULL,
    name TEXT NOT NULL,
    challenge TEXT NOT NULL,
    proof TEXT,
    proved_at BIGINT,
    PRIMARY KEY (account, id),
    FOREIGN KEY (account, site) REFERENCES sites (account, id)
);
CREATE UNIQUE INDEX hosts_site_name ON hosts (account, site, name);
CREATE INDEX hosts_name ON hosts (name);

CREATE TABLE trunks (
    id UUID NOT NULL,
    account UUID NOT NULL REFERENCES accounts (id),
    name TEXT NOT NULL,
    addresses TEXT NOT NULL,
    country TEXT,
    PRIMARY KEY (account, id)
);

CREATE TABLE targets (
    id UUID NOT NULL,
    account UUID NOT NULL REFERENCES accounts (id),
    name TEXT NOT NULL,
    uri TEXT NOT NULL,
    enabled BOOLEAN NOT NULL,
    PRIMARY KEY (account, id)
);

CREATE TABLE target_groups (
    id UUID NOT NULL,
    account UUID NOT NULL REFERENCES accounts (id),
    name TEXT NOT NULL,
    PRIMARY KEY (account, id)
);

CREATE TABLE target_group_members (
    account UUID NOT NULL,
    target_group UUID NOT NULL,
    position BIGINT NOT NULL,
    target UUID NOT NULL,
    ring_timeout BIGINT NOT NULL,
    PRIMARY KEY (account, target_group, position),
    FOREIGN KEY (account, target_group) REFERENCES target_groups (account, id),
    FOREIGN KEY (account, target) REFERENCES targets (account, id)
);

CREATE TABLE visits (
    id UUID NOT NULL,
    account UUID NOT NULL,
    site UUID NOT NULL,
    visitor UUID NOT NULL,
    started_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL,
    landing_page TEXT NOT NULL,
    referrer TEXT,
    source_kind TEXT NOT NULL,
    source_name TEXT NOT NULL,
    campaign TEXT,
    keyword TEXT,
    utm TEXT NOT NULL,
    click_id_parameter TEXT,
    click_id_value TEXT,
    language TEXT,
    device TEXT,
    address_prefix TEXT,
    PRIMARY KEY (account, id),
    FOREIGN KEY (account, site) REFERENCES sites (account, id)
);
CREATE INDEX visits_started_at ON visits (account, started_at);

CREATE TABLE leases (
    id UUID NOT NULL,
    account UUID NOT NULL,
    pool UUID NOT NULL,
    number UUID NOT NULL,
    e164 TEXT NOT NULL,
    visit UUID NOT NULL,
    started_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    overflow BOOLEAN NOT NULL,
    PRIMARY KEY (account, id),
    FOREIGN KEY (account, visit) REFERENCES visits (account, id),
    FOREIGN KEY (account, number) REFERENCES tracking_numbers (account, id)
);
CREATE INDEX leases_expires_at ON leases (expires_at);

-- `visit` and `target` point to rows that may go before the call does, so they are not checked.
CREATE TABLE calls (
    id UUID NOT NULL,
    account UUID NOT NULL,
    number UUID NOT NULL,
    dialled TEXT NOT NULL,
    caller TEXT,
    trunk UUID NOT NULL,
    plan UUID,
    sip_call_id TEXT NOT NULL,
    started_at BIGINT NOT NULL,
    answered_at BIGINT,
    ended_at BIGINT,
    disposition TEXT,
    reason TEXT,
    target UUID,
    failed_over BOOLEAN NOT NULL,
    visit UUID,
    source_kind TEXT,
    source_name TEXT,
    campaign TEXT,
    keyword TEXT,
    confidence TEXT NOT NULL,
    PRIMARY KEY (account, id),
    FOREIGN KEY (account, number) REFERENCES tracking_numbers (account, id)
);
CREATE INDEX calls_started_at ON calls (account, started_at, id);
CREATE INDEX calls_number ON calls (account, number, started_at);
CREATE INDEX calls_caller ON calls (account, caller, started_at);
CREATE INDEX calls_open ON calls (started_at) WHERE ended_at IS NULL;

CREATE TABLE legs (
    id UUID NOT NULL,
    call UUID NOT NULL,
    account UUID NOT NULL,
    target UUID NOT NULL,
    position BIGINT NOT NULL,
    started_at BIGINT NOT NULL,
    answered_at BIGINT,
    ended_at BIGINT,
    outcome TEXT,
    code BIGINT,
    PRIMARY KEY (account, id),
    FOREIGN KEY (account, call) REFERENCES calls (account, id)
);
CREATE INDEX legs_call ON legs (account, call, position);
CREATE INDEX legs_started_at ON legs (account, started_at);

CREATE TABLE call_events (
    call UUID NOT NULL,
    account UUID NOT NULL,
    sequence BIGINT NOT NULL,
    at BIGINT NOT NULL,
    kind TEXT NOT NULL,
    PRIMARY KEY (account, call, sequence),
    FOREIGN KEY (account, call) REFERENCES calls (account, id)
);

CREATE TABLE recordings (
    id UUID NOT NULL,
    call UUID NOT NULL,
    account UUID NOT NULL,
    path TEXT NOT NULL,
    started_at BIGINT NOT NULL,
    duration_ms BIGINT NOT NULL,
    size BIGINT NOT NULL,
    sha256 BYTEA,
    state TEXT NOT NULL,
    PRIMARY KEY (account, id),
    FOREIGN KEY (account, call) REFERENCES calls (account, id)
);
CREATE INDEX recordings_call ON recordings (account, call, started_at);
CREATE INDEX recordings_started_at ON recordings (account, started_at);
CREATE INDEX recordings_open ON recordings (started_at) WHERE state = 'open';
