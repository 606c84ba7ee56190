-- A second factor of somebody who signs in. The secret is sealed with a key that is not in the database; until the first
-- code was right, `confirmed_at` is empty and nothing is asked for. `last_step` is the half minute of the last code that
-- was taken: none of it or before it is taken again. What was refused is counted until a code is right.
CREATE TABLE second_factors (
    account BLOB NOT NULL,
    user_id BLOB NOT NULL,
    secret BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    confirmed_at INTEGER,
    last_step INTEGER NOT NULL,
    refused INTEGER NOT NULL,
    refused_at INTEGER,
    PRIMARY KEY (account, user_id),
    FOREIGN KEY (account, user_id) REFERENCES users (account, id)
) STRICT;

-- Each works once, in place of a code: its row goes with its use.
CREATE TABLE recovery_codes (
    account BLOB NOT NULL,
    user_id BLOB NOT NULL,
    code_hash BLOB NOT NULL,
    PRIMARY KEY (account, user_id, code_hash),
    FOREIGN KEY (account, user_id) REFERENCES users (account, id)
) STRICT;

-- Somebody knew the password, or had a link, and has yet to show a code: no session, and over within minutes.
CREATE TABLE pending_sign_ins (
    token_hash BLOB NOT NULL PRIMARY KEY,
    account BLOB NOT NULL,
    user_id BLOB NOT NULL,
    tries INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    FOREIGN KEY (account, user_id) REFERENCES users (account, id)
) STRICT;
CREATE INDEX pending_sign_ins_user ON pending_sign_ins (account, user_id, created_at);

-- While an account has a row here, everybody of it needs a second factor.
CREATE TABLE second_factor_rules (
    account BLOB NOT NULL PRIMARY KEY REFERENCES accounts (id),
    required_since INTEGER NOT NULL
) STRICT;
