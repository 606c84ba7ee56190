-- Targets that register where they are reached. What a phone proves itself with is sealed with a key that is not in
-- the database. The user is unique among all accounts: it is all that a REGISTER says of whose phone it is.
CREATE TABLE phones (
    account BLOB NOT NULL,
    target BLOB NOT NULL,
    user_name TEXT NOT NULL,
    secret BLOB NOT NULL,
    PRIMARY KEY (account, target),
    FOREIGN KEY (account, target) REFERENCES targets (account, id)
) STRICT;
CREATE UNIQUE INDEX phones_user ON phones (user_name);

-- Where phones are reached, so that a restart forgets none of them.
CREATE TABLE registrations (
    account BLOB NOT NULL,
    target BLOB NOT NULL,
    contact TEXT NOT NULL,
    instance TEXT,
    transport TEXT NOT NULL,
    address TEXT NOT NULL,
    call_id TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    agent TEXT,
    registered_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (account, target, contact),
    FOREIGN KEY (account, target) REFERENCES phones (account, target)
) STRICT;

-- With what trunks prove themselves, or are asked to.
CREATE TABLE trunk_logins (
    account BLOB NOT NULL,
    trunk BLOB NOT NULL,
    user_name TEXT NOT NULL,
    secret BLOB NOT NULL,
    realm TEXT,
    challenge INTEGER NOT NULL,
    md5_only INTEGER NOT NULL,
    PRIMARY KEY (account, trunk),
    FOREIGN KEY (account, trunk) REFERENCES trunks (account, id)
) STRICT;
