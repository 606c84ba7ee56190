-- Trunks at which we register, and how that stands. Registrars are URIs with a space between them.
CREATE TABLE trunk_registers (
    account BLOB NOT NULL,
    trunk BLOB NOT NULL,
    registrars TEXT NOT NULL,
    identity TEXT,
    expiry INTEGER NOT NULL,
    registered_until INTEGER,
    failing_since INTEGER,
    reason TEXT,
    registrar TEXT,
    PRIMARY KEY (account, trunk),
    FOREIGN KEY (account, trunk) REFERENCES trunks (account, id)
) STRICT;
