-- PostgreSQL has an index `leases_number` since this version. One server alone works over a file and attributes calls from
-- memory, so it is spared the work.
SELECT 1;
