-- What programs show to use the API. A key is 32 random octets; its row holds their SHA-256.

CREATE TABLE api_keys (
    id BLOB NOT NULL,
    account BLOB NOT NULL REFERENCES accounts (id),
    name TEXT NOT NULL,
    scope TEXT NOT NULL,
    key_hash BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    revoked_at INTEGER,
    PRIMARY KEY (account, id)
) STRICT;
CREATE UNIQUE INDEX api_keys_key_hash ON api_keys (key_hash);
