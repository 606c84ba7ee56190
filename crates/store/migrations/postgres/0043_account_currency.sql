-- The money in which an account's calls are worth something (ISO 4217); NULL for that of its country.
ALTER TABLE accounts ADD COLUMN currency TEXT;
