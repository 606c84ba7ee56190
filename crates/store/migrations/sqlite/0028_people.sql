-- People: who was disabled, who signed in when and from what, and links that make users.

ALTER TABLE users ADD COLUMN disabled_at INTEGER;
ALTER TABLE users ADD COLUMN last_sign_in_at INTEGER;
ALTER TABLE sessions ADD COLUMN browser TEXT NOT NULL DEFAULT '';

-- A link's token is 32 random octets; its row holds their SHA-256. A row goes when the link is used or withdrawn.
CREATE TABLE invitations (
    id BLOB NOT NULL,
    account BLOB NOT NULL REFERENCES accounts (id),
    email TEXT NOT NULL,
    role TEXT NOT NULL,
    token_hash BLOB NOT NULL,
    invited_by BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (account, id),
    FOREIGN KEY (account, invited_by) REFERENCES users (account, id)
) STRICT;
CREATE UNIQUE INDEX invitations_token_hash ON invitations (token_hash);
CREATE UNIQUE INDEX invitations_email ON invitations (account, email);
