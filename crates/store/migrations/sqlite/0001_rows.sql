-- What the program knows. The PostgreSQL twin of this file has the same tables, columns and index names.
-- Timestamps and lengths of time are microseconds; enums are their words; documents are JSON text.
-- A row of an account has (account, id) as its key, and what points to it names the account too: no tenant's row can
-- point to another's, and another tenant's identifier finds nothing.
-- Tables that grow with every visit and event are WITHOUT ROWID: one tree less to write per row, and their identifiers
-- begin with their time, so that rows are added at the end.

CREATE TABLE accounts (
    id BLOB NOT NULL,
    name TEXT NOT NULL,
    country TEXT NOT NULL,
    time_zone TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (id)
) STRICT;

CREATE TABLE users (
    id BLOB NOT NULL,
    account BLOB NOT NULL REFERENCES accounts (id),
    email TEXT NOT NULL,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (account, id)
) STRICT;
CREATE UNIQUE INDEX users_id ON users (id);
CREATE UNIQUE INDEX users_email ON users (email);

-- `user` is a reserved word of PostgreSQL.
CREATE TABLE sessions (
    id BLOB NOT NULL,
    user_id BLOB NOT NULL REFERENCES users (id),
    token_hash BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (id)
) STRICT;
CREATE UNIQUE INDEX sessions_token_hash ON sessions (token_hash);
CREATE INDEX sessions_user_id ON sessions (user_id);
CREATE INDEX sessions_expires_at ON sessions (expires_at);

CREATE TABLE call_plans (
    id BLOB NOT NULL,
    account BLOB NOT NULL REFERENCES accounts (id),
    name TEXT NOT NULL,
    document TEXT NOT NULL,
    version INTEGER NOT NULL,
    PRIMARY KEY (account, id)
) STRICT;

CREATE TABLE call_plan_versions (
    account BLOB NOT NULL,
    plan BLOB NOT NULL,
    version INTEGER NOT NULL,
    name TEXT NOT NULL,
    document TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (account, plan, version),
    FOREIGN KEY (account, plan) REFERENCES call_plans (account, id)
) STRICT;

CREATE TABLE pools (
    id BLOB NOT NULL,
    account BLOB NOT NULL REFERENCES accounts (id),
    name TEXT NOT NULL,
    hold INTEGER NOT NULL,
    overflow BLOB,
    PRIMARY KEY (account, id),
    FOREIGN KEY (account, overflow) REFERENCES tracking_numbers (account, id)
) STRICT;

CREATE TABLE tracking_numbers (
    id BLOB NOT NULL,
    account BLOB NOT NULL REFERENCES accounts (id),
    e164 TEXT NOT NULL,
    label TEXT NOT NULL,
    state TEXT NOT NULL,
    pool BLOB,
    plan BLOB,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (account, id),
    FOREIGN KEY (account, pool) REFERENCES pools (account, id),
    FOREIGN KEY (account, plan) REFERENCES call_plans (account, id)
) STRICT;
-- A number that was given back may be somebody else's one day.
CREATE UNIQUE INDEX tracking_numbers_e164 ON tracking_numbers (e164) WHERE state <> 'released';

CREATE TABLE sites (
    id BLOB NOT NULL,
    account BLOB NOT NULL REFERENCES accounts (id),
    name TEXT NOT NULL,
    key TEXT NOT NULL,
    swap_targets TEXT NOT NULL,
    pool BLOB,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (account, id),
    FOREIGN KEY (account, pool) REFERENCES pools (account, id)
) STRICT;
CREATE UNIQUE INDEX sites_key ON sites (key);

CREATE TABLE hosts (
    id BLOB NOT NULL,
    site BLOB NOT NULL,
    account BLOB NOT NULL,
    name TEXT NOT NULL,
    challenge TEXT NOT NULL,
    proof TEXT,
    proved_at INTEGER,
    PRIMARY KEY (account, id),
    FOREIGN KEY (account, site) REFERENCES sites (account, id)
) STRICT;
CREATE UNIQUE INDEX hosts_site_name ON hosts (account, site, name);
CREATE INDEX hosts_name ON hosts (name);

CREATE TABLE trunks (
    id BLOB NOT NULL,
    account BLOB NOT NULL REFERENCES accounts (id),
    name TEXT NOT NULL,
    addresses TEXT NOT NULL,
    country TEXT,
    PRIMARY KEY (account, id)
) STRICT;

CREATE TABLE targets (
    id BLOB NOT NULL,
    account BLOB NOT NULL REFERENCES accounts (id),
    name TEXT NOT NULL,
    uri TEXT NOT NULL,
    enabled INTEGER NOT NULL,
    PRIMARY KEY (account, id)
) STRICT;

CREATE TABLE target_groups (
    id BLOB NOT NULL,
    account BLOB NOT NULL REFERENCES accounts (id),
    name TEXT NOT NULL,
    PRIMARY KEY (account, id)
) STRICT;

CREATE TABLE target_group_members (
    account BLOB NOT NULL,
    target_group BLOB NOT NULL,
    position INTEGER NOT NULL,
    target BLOB NOT NULL,
    ring_timeout INTEGER NOT NULL,
    PRIMARY KEY (account, target_group, position),
    FOREIGN KEY (account, target_group) REFERENCES target_groups (account, id),
    FOREIGN KEY (account, target) REFERENCES targets (account, id)
) STRICT;

CREATE TABLE visits (
    id BLOB NOT NULL,
    account BLOB NOT NULL,
    site BLOB NOT NULL,
    visitor BLOB NOT NULL,
    started_at INTEGER NOT NULL,
    seen_at INTEGER NOT NULL,
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
) STRICT;
CREATE INDEX visits_started_at ON visits (account, started_at);

CREATE TABLE leases (
    id BLOB NOT NULL,
    account BLOB NOT NULL,
    pool BLOB NOT NULL,
    number BLOB NOT NULL,
    e164 TEXT NOT NULL,
    visit BLOB NOT NULL,
    started_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    overflow INTEGER NOT NULL,
    PRIMARY KEY (account, id),
    FOREIGN KEY (account, visit) REFERENCES visits (account, id),
    FOREIGN KEY (account, number) REFERENCES tracking_numbers (account, id)
) STRICT;
CREATE INDEX leases_expires_at ON leases (expires_at);

-- `visit` and `target` point to rows that may go before the call does, so they are not checked.
CREATE TABLE calls (
    id BLOB NOT NULL,
    account BLOB NOT NULL,
    number BLOB NOT NULL,
    dialled TEXT NOT NULL,
    caller TEXT,
    trunk BLOB NOT NULL,
    plan BLOB,
    sip_call_id TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    answered_at INTEGER,
    ended_at INTEGER,
    disposition TEXT,
    reason TEXT,
    target BLOB,
    failed_over INTEGER NOT NULL,
    visit BLOB,
    source_kind TEXT,
    source_name TEXT,
    campaign TEXT,
    keyword TEXT,
    confidence TEXT NOT NULL,
    PRIMARY KEY (account, id),
    FOREIGN KEY (account, number) REFERENCES tracking_numbers (account, id)
) STRICT;
CREATE INDEX calls_started_at ON calls (account, started_at, id);
CREATE INDEX calls_number ON calls (account, number, started_at);
CREATE INDEX calls_caller ON calls (account, caller, started_at);
CREATE INDEX calls_open ON calls (started_at) WHERE ended_at IS NULL;

CREATE TABLE legs (
    id BLOB NOT NULL,
    call BLOB NOT NULL,
    account BLOB NOT NULL,
    target BLOB NOT NULL,
    position INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    answered_at INTEGER,
    ended_at INTEGER,
    outcome TEXT,
    code INTEGER,
    PRIMARY KEY (account, id),
    FOREIGN KEY (account, call) REFERENCES calls (account, id)
) STRICT;
CREATE INDEX legs_call ON legs (account, call, position);
CREATE INDEX legs_started_at ON legs (account, started_at);

CREATE TABLE call_events (
    call BLOB NOT NULL,
    account BLOB NOT NULL,
    sequence INTEGER NOT NULL,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    PRIMARY KEY (account, call, sequence),
    FOREIGN KEY (account, call) REFERENCES calls (account, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE recordings (
    id BLOB NOT NULL,
    call BLOB NOT NULL,
    account BLOB NOT NULL,
    path TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    duration_ms INTEGER NOT NULL,
    size INTEGER NOT NULL,
    sha256 BLOB,
    state TEXT NOT NULL,
    PRIMARY KEY (account, id),
    FOREIGN KEY (account, call) REFERENCES calls (account, id)
) STRICT;
CREATE INDEX recordings_call ON recordings (account, call, started_at);
CREATE INDEX recordings_started_at ON recordings (account, started_at);
CREATE INDEX recordings_open ON recordings (started_at) WHERE state = 'open';
