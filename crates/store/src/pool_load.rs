//! How leases begin and end, minute by minute: what pools are measured by.

use std::collections::BTreeMap;

use ringfence_model::{AccountId, Duration, PoolId, Timestamp};

use crate::row::{Reader, read_count};
use crate::value::args;
use crate::{Db, StoreError};

/// A lease never ends before it begins, so the index on its end finds it. Division of whole numbers: both engines drop
/// the remainder.
const BEGUN: &str = "SELECT pool, started_at / 60000000, COUNT(*), COUNT(CASE WHEN overflow THEN 1 END), \
    CAST(SUM(expires_at - started_at) AS BIGINT) \
    FROM leases WHERE account = $1 AND expires_at >= $2 AND started_at >= $2 GROUP BY 1, 2";
const ENDED: &str = "SELECT pool, expires_at / 60000000, COUNT(*) FROM leases \
    WHERE account = $1 AND expires_at >= $2 AND expires_at < $3 AND NOT overflow GROUP BY 1, 2";
const STANDING: &str = "SELECT pool, COUNT(*) FROM leases \
    WHERE account = $1 AND expires_at >= $2 AND started_at < $2 AND NOT overflow GROUP BY 1";

/// A minute of a pool.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PoolMinute {
    /// Visits that were given one of its numbers, or its overflow number.
    pub begun: u64,
    /// Of these, those that were shown its overflow number.
    pub overflow: u64,
    /// How long these leases last, all together.
    pub length: Duration,
    /// Leases of its own numbers that end in it.
    pub ended: u64,
}

/// A pool over a time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PoolLoad {
    /// Leases of its own numbers when the time began.
    pub standing: u64,
    /// By minutes since 1970; those in which nothing happened are left out.
    pub minutes: BTreeMap<i64, PoolMinute>,
}

impl Db {
    /// What came to an account's pools since `from`; leases that end after `now` have not ended.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn pool_loads(
        &self,
        account: AccountId,
        from: Timestamp,
        now: Timestamp,
    ) -> Result<BTreeMap<PoolId, PoolLoad>, StoreError> {
        let mut loads: BTreeMap<PoolId, PoolLoad> = BTreeMap::new();
        let read = |row: &mut Reader<'_>| {
            Ok((
                PoolId(row.uuid()?),
                row.int()?,
                row.number()?,
                row.number()?,
                row.duration()?,
            ))
        };
        for (pool, minute, begun, overflow, length) in
            self.written_rows(BEGUN, args![account, from], read).await?
        {
            let found = loads
                .entry(pool)
                .or_default()
                .minutes
                .entry(minute)
                .or_default();
            (found.begun, found.overflow, found.length) = (begun, overflow, length);
        }
        let read = |row: &mut Reader<'_>| Ok((PoolId(row.uuid()?), row.int()?, row.number()?));
        for (pool, minute, ended) in self
            .written_rows(ENDED, args![account, from, now], read)
            .await?
        {
            loads
                .entry(pool)
                .or_default()
                .minutes
                .entry(minute)
                .or_default()
                .ended = ended;
        }
        let read = |row: &mut Reader<'_>| Ok((PoolId(row.uuid()?), read_count(row)?));
        for (pool, standing) in self
            .written_rows(STANDING, args![account, from], read)
            .await?
        {
            loads.entry(pool).or_default().standing = standing;
        }
        Ok(loads)
    }
}
