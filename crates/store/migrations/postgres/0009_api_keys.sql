-- What programs show to use the API. A key is 32 random octets; its row holds their SHA-256.

CREATE TABLE api_keys (
    id UUID NOT NULL,
    account UUID NOT NULL REFERENCES accounts (id),
    name TEXT NOT NULL,
    scope TEXT NOT NULL,
    key_hash BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    revoked_at BIGINT,
    PRIMARY KEY (account, id)
);
CREATE UNIQUE INDEX api_keys_key_hash ON api_keys (key_hash);
