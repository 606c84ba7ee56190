-- How often something of an account was changed: whoever read it says with a change what it was then, and is refused when
-- somebody was quicker.
CREATE TABLE object_marks (
    account UUID NOT NULL REFERENCES accounts (id),
    object UUID NOT NULL,
    mark BIGINT NOT NULL,
    PRIMARY KEY (account, object)
);
