-- Who made a version of a call plan, as known at the time. Versions that were there before have nobody.

ALTER TABLE call_plan_versions ADD COLUMN actor_kind TEXT;
ALTER TABLE call_plan_versions ADD COLUMN actor_id UUID;
ALTER TABLE call_plan_versions ADD COLUMN actor_name TEXT;
