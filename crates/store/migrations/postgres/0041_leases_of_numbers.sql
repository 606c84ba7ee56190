-- Where several servers run, a call is attributed by rows: the lease may be another server's. Not by its end, which every
-- beat moves on.
CREATE INDEX leases_number ON leases (account, number, started_at);
