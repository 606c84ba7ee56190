-- Trunks at which we register, and how that stands. Registrars are URIs with a space between them.
CREATE TABLE trunk_registers (
    account UUID NOT NULL,
    trunk UUID NOT NULL,
    registrars TEXT NOT NULL,
    identity TEXT,
    expiry BIGINT NOT NULL,
    registered_until BIGINT,
    failing_since BIGINT,
    reason TEXT,
    registrar TEXT,
    PRIMARY KEY (account, trunk),
    FOREIGN KEY (account, trunk) REFERENCES trunks (account, id)
);
