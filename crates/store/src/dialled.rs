//! Minutes of calls to telephone numbers: limits of accounts, what was dialled, and what holds an account's dialling.

use ringfence_model::{AccountId, DiallingHold, Timestamp};
use uuid::Uuid;

use crate::commit::Statement;
use crate::row::{Reader, read_count};
use crate::value::args;
use crate::{Db, StoreError};

const SET_LIMIT: &str = "INSERT INTO dialling_limits (account, minutes_per_hour) VALUES ($1, $2) \
    ON CONFLICT (account) DO UPDATE SET minutes_per_hour = excluded.minutes_per_hour \
    WHERE dialling_limits.minutes_per_hour <> excluded.minutes_per_hour";
const DROP_LIMIT: &str = "DELETE FROM dialling_limits WHERE account = $1";
const LIMIT: &str = "SELECT account, minutes_per_hour FROM dialling_limits WHERE account = $1";
const LIMITS: &str = "SELECT account, minutes_per_hour FROM dialling_limits";
const COUNT: &str = "INSERT INTO dialled_minutes (account, writer, minute, minutes) \
    VALUES ($1, $2, $3, $4) \
    ON CONFLICT (account, writer, minute) DO UPDATE SET minutes = excluded.minutes";
const FORGET: &str = "DELETE FROM dialled_minutes WHERE minute < $1";
/// What was dialled before the last hold of an account ended is forgiven.
const ELSEWHERE: &str = "SELECT account, CAST(SUM(minutes) AS BIGINT) FROM dialled_minutes AS d \
    WHERE writer <> $1 AND minute > $2 AND minute > COALESCE((SELECT MAX(ended_at) FROM dialling_holds AS h \
        WHERE h.account = d.account), 0) GROUP BY account";
const DIALLED: &str = "SELECT CAST(COALESCE(SUM(minutes), 0) AS BIGINT) FROM dialled_minutes \
    WHERE account = $1 AND minute > $2 AND minute > COALESCE((SELECT MAX(ended_at) FROM dialling_holds AS h \
        WHERE h.account = $1), 0)";
const HOLD: &str = "INSERT INTO dialling_holds (account, placed_at, minutes, minutes_per_hour) \
    VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";
const RELEASE: &str =
    "UPDATE dialling_holds SET ended_at = $2 WHERE account = $1 AND ended_at IS NULL";
/// The last of each account that was placed or ended lately, and all that stand.
const HOLDS: &str = "SELECT account, placed_at, ended_at, minutes, minutes_per_hour FROM dialling_holds \
    WHERE ended_at IS NULL OR ended_at > $1 ORDER BY placed_at, account";
const LIVE_HOLD: &str = "SELECT account, placed_at, ended_at, minutes, minutes_per_hour FROM dialling_holds \
    WHERE account = $1 AND ended_at IS NULL";

impl Db {
    /// Sets how many minutes an account may dial within an hour, or leaves it to the server's own limit.
    ///
    /// # Errors
    /// [`StoreError::MissingParent`] when there is no such account.
    pub async fn set_dialling_limit(
        &self,
        account: AccountId,
        minutes_per_hour: Option<u32>,
    ) -> Result<(), StoreError> {
        let changed = match minutes_per_hour {
            Some(minutes) => self.run_one(SET_LIMIT, args![account, minutes]).await,
            None => self.run_one(DROP_LIMIT, args![account]).await,
        };
        changed.map(drop)
    }

    /// How many minutes an account may dial within an hour, when that is set.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn dialling_limit(&self, account: AccountId) -> Result<Option<u32>, StoreError> {
        let found = self.row(LIMIT, args![account], read_limit).await?;
        Ok(found.map(|(_, minutes)| minutes))
    }

    /// The same of every account for which it is set: for the platform itself, never for a tenant.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn dialling_limits(&self) -> Result<Vec<(AccountId, u32)>, StoreError> {
        self.rows(LIMITS, args![], read_limit).await
    }

    /// Keeps what a run of a server has dialled of an account, by when each minute of the clock began, and forgets minutes
    /// before `oldest`.
    ///
    /// # Errors
    /// [`StoreError::MissingParent`] when there is no such account.
    pub async fn count_dialled(
        &self,
        account: AccountId,
        writer: Uuid,
        minutes: &[(Timestamp, u32)],
        oldest: Timestamp,
    ) -> Result<(), StoreError> {
        let counts = minutes
            .iter()
            .map(|(began, count)| Statement::new(COUNT, args![account, writer, *began, *count]));
        let mut statements: Vec<_> = counts.collect();
        statements.push(Statement::new(FORGET, args![oldest]));
        self.run(statements).await.map(drop)
    }

    /// Minutes of each account that began after `after` and were counted by other runs than `writer`, without those that a
    /// release forgave: for the platform itself, never for a tenant.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn dialled_elsewhere(
        &self,
        writer: Uuid,
        after: Timestamp,
    ) -> Result<Vec<(AccountId, u64)>, StoreError> {
        self.rows(ELSEWHERE, args![writer, after], |row| {
            Ok((AccountId(row.uuid()?), row.number()?))
        })
        .await
    }

    /// Minutes of an account that began after `after`, without those that a release forgave.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn dialled(&self, account: AccountId, after: Timestamp) -> Result<u64, StoreError> {
        let found = self.row(DIALLED, args![account, after], read_count).await?;
        Ok(found.unwrap_or(0))
    }

    /// Holds an account's dialling; does nothing when that is held.
    ///
    /// # Errors
    /// [`StoreError::MissingParent`] when there is no such account.
    pub async fn hold_dialling(&self, hold: &DiallingHold) -> Result<bool, StoreError> {
        let args = args![
            hold.account,
            hold.placed_at,
            hold.minutes,
            hold.minutes_per_hour,
        ];
        Ok(self.run_one(HOLD, args).await? > 0)
    }

    /// Ends what holds an account's dialling; `false` when nothing does.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be written.
    pub async fn release_dialling(
        &self,
        account: AccountId,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        Ok(self.run_one(RELEASE, args![account, at]).await? > 0)
    }

    /// What holds the dialling of any account now, and what ended after `since`, oldest first: for operators and the
    /// platform itself, never for a tenant.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn dialling_holds(&self, since: Timestamp) -> Result<Vec<DiallingHold>, StoreError> {
        self.rows(HOLDS, args![since], read_hold).await
    }

    /// What holds an account's dialling now.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn dialling_hold(
        &self,
        account: AccountId,
    ) -> Result<Option<DiallingHold>, StoreError> {
        self.row(LIVE_HOLD, args![account], read_hold).await
    }
}

fn read_limit(row: &mut Reader<'_>) -> Result<(AccountId, u32), StoreError> {
    Ok((AccountId(row.uuid()?), row.number()?))
}

fn read_hold(row: &mut Reader<'_>) -> Result<DiallingHold, StoreError> {
    Ok(DiallingHold {
        account: AccountId(row.uuid()?),
        placed_at: row.time()?,
        ended_at: row.optional_time()?,
        minutes: row.number()?,
        minutes_per_hour: row.number()?,
    })
}
