-- For which group a call was answered: what that group had this hour, this day and this month is read from here at a start.
ALTER TABLE calls ADD COLUMN target_group BLOB;
