//! Changes of numbers' states: when, why, and until when a number rests.

use ringfence_model::{
    AccountId, NumberChange, NumberId, NumberState, PoolId, Timestamp, TrackingNumber,
};

use crate::commit::Statement;
use crate::numbers::{number_columns, read_number, update_number};
use crate::row::{Reader, read_count};
use crate::value::args;
use crate::{Db, StoreError};

const ADD_CHANGE: &str = "INSERT INTO number_states \
    (account, number, changed_at, state, why, until, left_pool) VALUES ($1, $2, $3, $4, $5, $6, $7)";
const CHANGES: &str = "SELECT account, number, changed_at, state, why, until, left_pool \
    FROM number_states WHERE account = $1 AND number = $2 ORDER BY changed_at";
const QUARANTINES: &str = "SELECT account, number, changed_at, state, why, until, left_pool \
    FROM number_states AS latest WHERE account = $1 AND state = 'quarantined' \
    AND changed_at = (SELECT MAX(changed_at) FROM number_states AS any_of_it \
        WHERE any_of_it.account = latest.account AND any_of_it.number = latest.number) \
    ORDER BY number";
/// What is over is looked for by its end; a number whose state changed since is not resting any more.
const RESTED: &str = concat!(
    "SELECT ",
    number_columns!(),
    " FROM tracking_numbers AS resting WHERE state = 'quarantined' AND EXISTS (\
        SELECT 1 FROM number_states AS latest WHERE latest.account = resting.account \
        AND latest.number = resting.id AND latest.until <= $1 AND latest.changed_at = (\
            SELECT MAX(changed_at) FROM number_states AS any_of_it \
            WHERE any_of_it.account = resting.account AND any_of_it.number = resting.id)) \
    ORDER BY account, e164"
);

const FORGET_OVERFLOW: &str =
    "UPDATE pools SET overflow = NULL WHERE account = $1 AND overflow = $2";

const CALLS_TO: &str = "SELECT COUNT(*) FROM calls \
    WHERE account = $1 AND number = $2 AND started_at >= $3 AND started_at < $4";

impl Db {
    /// How many calls to a number began from `from` on and before `to`.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn calls_to(
        &self,
        account: AccountId,
        number: NumberId,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<u64, StoreError> {
        let args = args![account, number, from, to];
        let count = self.written_row(CALLS_TO, args, read_count).await?;
        Ok(count.unwrap_or(0))
    }
    /// Changes a number's label, state, pool and plan, and writes down why its state changed; both or neither. `false`
    /// when there is no such number.
    ///
    /// # Errors
    /// As [`update_number`](Db::update_number); [`StoreError::MissingParent`] without the number;
    /// [`StoreError::Taken`] when the number changed at that very instant before.
    pub async fn change_number(
        &self,
        number: &TrackingNumber,
        change: &NumberChange,
    ) -> Result<bool, StoreError> {
        let statements = vec![update_number(number), add_change(change)];
        let changed = self.run(statements).await?;
        Ok(changed.first().is_some_and(|numbers| *numbers > 0))
    }
    /// Changes several numbers, each with why its state changed if it did; all of them or none.
    ///
    /// # Errors
    /// As [`change_number`](Db::change_number).
    pub async fn change_numbers(
        &self,
        numbers: &[(TrackingNumber, Option<NumberChange>)],
    ) -> Result<(), StoreError> {
        let mut statements = Vec::new();
        for (number, change) in numbers {
            statements.push(update_number(number));
            statements.extend(change.as_ref().map(add_change));
        }
        self.run(statements).await.map(drop)
    }
    /// Gives a number back: changes it as [`change_number`](Db::change_number) does, and takes it from pools that show it
    /// when all others are leased. `false` when there is no such number.
    ///
    /// # Errors
    /// As [`change_number`](Db::change_number).
    pub async fn release_number(
        &self,
        number: &TrackingNumber,
        change: &NumberChange,
    ) -> Result<bool, StoreError> {
        let forget = Statement::new(FORGET_OVERFLOW, args![number.account, number.id]);
        let statements = vec![update_number(number), add_change(change), forget];
        let changed = self.run(statements).await?;
        Ok(changed.first().is_some_and(|numbers| *numbers > 0))
    }
    /// The changes of a number's state, the first one first.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn number_changes(
        &self,
        account: AccountId,
        number: NumberId,
    ) -> Result<Vec<NumberChange>, StoreError> {
        self.rows(CHANGES, args![account, number], read_change)
            .await
    }
    /// The changes by which numbers of an account went into the quarantine that they are in.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn quarantines(&self, account: AccountId) -> Result<Vec<NumberChange>, StoreError> {
        self.rows(QUARANTINES, args![account], read_change).await
    }
    /// Numbers of every account whose quarantine is over at `now`: what the timer asks.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn rested_numbers(&self, now: Timestamp) -> Result<Vec<TrackingNumber>, StoreError> {
        self.rows(RESTED, args![now], read_number).await
    }
}

fn add_change(change: &NumberChange) -> Statement {
    let args = args![
        change.account,
        change.number,
        change.at,
        change.state.as_str(),
        change.why.as_str(),
        change.until,
        change.left,
    ];
    Statement::new(ADD_CHANGE, args)
}

fn read_change(row: &mut Reader<'_>) -> Result<NumberChange, StoreError> {
    Ok(NumberChange {
        account: AccountId(row.uuid()?),
        number: NumberId(row.uuid()?),
        at: row.time()?,
        state: row.word(NumberState::from_word)?,
        why: row.text()?,
        until: row.optional_time()?,
        left: row.optional_uuid()?.map(PoolId),
    })
}
