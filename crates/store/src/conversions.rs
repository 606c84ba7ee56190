//! Where conversions go, and each of them. They are made by the tables themselves, in the transaction of the rows that they
//! tell of (migration 58); here they are found, claimed and closed. Attempts stand among those of webhooks.

use ringfence_model::{
    AccountId, CallId, Conversion, ConversionDestination, ConversionDestinationId,
    ConversionPlatform, ConversionState, DeliveryAttempt, DeliveryId, Timestamp, VisitId,
};

use crate::bulk::json;
use crate::commit::Statement;
use crate::row::Reader;
use crate::value::args;
use crate::webhooks::{NOTE, page_of, page_size};
use crate::{Db, DeliveryCursor, StoreError};

macro_rules! destination_columns {
    () => {
        "id, account, platform, target, event, rule, secret, enabled, failing_since, created_at"
    };
}

macro_rules! conversion_columns {
    () => {
        "id, account, destination, call, visit, happened_at, state, next_at, retry_until, attempts, \
         sent_at, sent, said"
    };
}

const ADD: &str = concat!(
    "INSERT INTO conversion_destinations (",
    destination_columns!(),
    ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
);
const UPDATE: &str = "UPDATE conversion_destinations SET target = $3, event = $4, rule = $5, secret = $6, \
    enabled = $7, failing_since = $8 WHERE account = $1 AND id = $2";
const ALL: &str = concat!(
    "SELECT ",
    destination_columns!(),
    " FROM conversion_destinations WHERE account = $1 ORDER BY created_at, id"
);
const ONE: &str = concat!(
    "SELECT ",
    destination_columns!(),
    " FROM conversion_destinations WHERE account = $1 AND id = $2"
);
const REMOVE_ATTEMPTS: &str = "DELETE FROM webhook_attempts WHERE account = $1 AND delivery IN \
    (SELECT id FROM conversions WHERE account = $1 AND destination = $2)";
const REMOVE_CONVERSIONS: &str = "DELETE FROM conversions WHERE account = $1 AND destination = $2";
const REMOVE: &str = "DELETE FROM conversion_destinations WHERE account = $1 AND id = $2";

/// Those of a frozen account wait: nothing is told for it.
const DUE_DESTINATIONS: &str = concat!(
    "SELECT ",
    destination_columns!(),
    " FROM conversion_destinations WHERE enabled AND NOT EXISTS (SELECT 1 FROM account_freezes \
     WHERE account_freezes.account = conversion_destinations.account AND ended_at IS NULL) \
     AND EXISTS (SELECT 1 FROM conversions \
     WHERE conversions.account = conversion_destinations.account \
     AND conversions.destination = conversion_destinations.id \
     AND state = 'pending' AND next_at <= $1) ORDER BY account, id"
);
const DUE: &str = concat!(
    "SELECT ",
    conversion_columns!(),
    " FROM conversions WHERE account = $1 AND destination = $2 AND state = 'pending' \
     AND next_at <= $3 ORDER BY next_at, id LIMIT $4"
);
/// Only who finds the row as it was read has it: two servers over the same rows do not send the same at once, and what was
/// said of the call meanwhile is looked at first.
const CLAIM: &str = "UPDATE conversions SET next_at = $4, attempts = attempts + 1, retry_until = $6, sent = $7 \
    WHERE account = $1 AND id = $2 AND state = 'pending' AND next_at = $3 AND attempts = $5";
const PASS_OVER: &str = "UPDATE conversions SET state = 'passed_over', said = $5 \
    WHERE account = $1 AND id = $2 AND state = 'pending' AND next_at = $3 AND attempts = $4";
const SENT: &str = "UPDATE conversions SET state = 'sent', sent_at = $3, said = $4 \
    WHERE account = $1 AND id = $2 AND state = 'pending'";
const LATER: &str = "UPDATE conversions SET next_at = $3, said = $4 \
    WHERE account = $1 AND id = $2 AND state = 'pending'";
const FAILED: &str = "UPDATE conversions SET state = 'failed', said = $3 \
    WHERE account = $1 AND id = $2 AND state = 'pending'";
const WORKS: &str = "UPDATE conversion_destinations SET failing_since = NULL \
    WHERE account = $1 AND id = $2 AND failing_since IS NOT NULL";
const FAILS: &str = "UPDATE conversion_destinations SET failing_since = COALESCE(failing_since, $3) \
    WHERE account = $1 AND id = $2";

const LOG: &str = concat!(
    "SELECT ",
    conversion_columns!(),
    " FROM conversions WHERE account = $1 AND destination = $2 AND (happened_at, id) < ($3, $4) \
     AND ($5 IS NULL OR state = $5) ORDER BY happened_at DESC, id DESC LIMIT $6"
);
const CONVERSION: &str = concat!(
    "SELECT ",
    conversion_columns!(),
    " FROM conversions WHERE account = $1 AND destination = $2 AND id = $3"
);
const OF_CALL: &str = concat!(
    "SELECT ",
    conversion_columns!(),
    " FROM conversions WHERE account = $1 AND call = $2 ORDER BY destination"
);
/// What was taken is never sent again.
const AGAIN: &str = "UPDATE conversions SET state = 'pending', next_at = $4, retry_until = NULL \
    WHERE account = $1 AND destination = $2 AND id = $3 AND state IN ('failed', 'passed_over')";

/// What an attempt came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConversionResult {
    /// The platform took it.
    Sent,
    /// To be tried again then.
    Later(Timestamp),
    /// It is given up.
    Failed,
}

impl Db {
    /// Adds a destination.
    ///
    /// # Errors
    /// [`StoreError::MissingParent`] without the account.
    pub async fn add_conversion_destination(
        &self,
        destination: &ConversionDestination,
    ) -> Result<(), StoreError> {
        let args = args![
            destination.id,
            destination.account,
            destination.platform.as_str(),
            destination.target.as_str(),
            destination.event.as_str(),
            json(&destination.rule)?,
            destination.secret.as_slice(),
            destination.enabled,
            destination.failing_since,
            destination.created_at,
        ];
        self.run_one(ADD, args).await.map(drop)
    }

    /// Changes everything of a destination but its platform; `false` when the account has no such destination.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be written.
    pub async fn update_conversion_destination(
        &self,
        destination: &ConversionDestination,
    ) -> Result<bool, StoreError> {
        let args = args![
            destination.account,
            destination.id,
            destination.target.as_str(),
            destination.event.as_str(),
            json(&destination.rule)?,
            destination.secret.as_slice(),
            destination.enabled,
            destination.failing_since,
        ];
        Ok(self.run_one(UPDATE, args).await? > 0)
    }

    /// Takes a destination away, with its log and what waits for it; `false` when the account has no such destination.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be written.
    pub async fn remove_conversion_destination(
        &self,
        account: AccountId,
        destination: ConversionDestinationId,
    ) -> Result<bool, StoreError> {
        let statements = [REMOVE_ATTEMPTS, REMOVE_CONVERSIONS, REMOVE]
            .map(|sql| Statement::new(sql, args![account, destination]));
        let changed = self.run(statements.into()).await?;
        Ok(changed.last().is_some_and(|rows| *rows > 0))
    }

    /// An account's destinations, the oldest first.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn conversion_destinations(
        &self,
        account: AccountId,
    ) -> Result<Vec<ConversionDestination>, StoreError> {
        self.rows(ALL, args![account], read_destination).await
    }

    /// One destination.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn conversion_destination(
        &self,
        account: AccountId,
        destination: ConversionDestinationId,
    ) -> Result<Option<ConversionDestination>, StoreError> {
        self.row(ONE, args![account, destination], read_destination)
            .await
    }

    /// Every account's destinations that are on and have something due at `now`: what the sender has to do.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn due_conversion_destinations(
        &self,
        now: Timestamp,
    ) -> Result<Vec<ConversionDestination>, StoreError> {
        self.rows(DUE_DESTINATIONS, args![now], read_destination)
            .await
    }

    /// What a destination is to be told at `now`, the longest due first.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn due_conversions(
        &self,
        account: AccountId,
        destination: ConversionDestinationId,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<Conversion>, StoreError> {
        let args = args![account, destination, now, limit];
        self.rows(DUE, args, read_conversion).await
    }

    /// Takes a conversion for one attempt, in which `sent` is sent: nobody else tries it before `until`. `false` when
    /// somebody else has it, or something was said of its call since it was read.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be written.
    pub async fn claim_conversion(
        &self,
        conversion: &Conversion,
        until: Timestamp,
        retry_until: Timestamp,
        sent: &str,
    ) -> Result<bool, StoreError> {
        let args = args![
            conversion.account,
            conversion.id,
            conversion.next_at,
            until,
            conversion.attempts,
            retry_until,
            sent,
        ];
        Ok(self.run_one(CLAIM, args).await? > 0)
    }

    /// Says that the call does not count as things stand, and why; `false` as with [`claim_conversion`](Self::claim_conversion).
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be written.
    pub async fn pass_conversion_over(
        &self,
        conversion: &Conversion,
        why: &str,
    ) -> Result<bool, StoreError> {
        let args = args![
            conversion.account,
            conversion.id,
            conversion.next_at,
            conversion.attempts,
            why,
        ];
        Ok(self.run_one(PASS_OVER, args).await? > 0)
    }

    /// Writes down an attempt of a conversion and what it means for it and its destination, all or nothing.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be written.
    pub async fn note_conversion(
        &self,
        conversion: &Conversion,
        attempt: &DeliveryAttempt,
        result: ConversionResult,
    ) -> Result<(), StoreError> {
        let (account, id) = (conversion.account, conversion.id);
        let said = attempt.outcome.as_str();
        let note = args![
            account,
            id,
            attempt.number,
            attempt.at,
            attempt.duration_ms,
            attempt.status,
            said,
        ];
        let close = match result {
            ConversionResult::Sent => Statement::new(SENT, args![account, id, attempt.at, said]),
            ConversionResult::Later(at) => Statement::new(LATER, args![account, id, at, said]),
            ConversionResult::Failed => Statement::new(FAILED, args![account, id, said]),
        };
        let destination = conversion.destination;
        let stands = match result {
            ConversionResult::Sent => Statement::new(WORKS, args![account, destination]),
            ConversionResult::Later(_) | ConversionResult::Failed => {
                Statement::new(FAILS, args![account, destination, attempt.at])
            }
        };
        self.run(vec![Statement::new(NOTE, note), close, stands])
            .await
            .map(drop)
    }

    /// A page of a destination's conversions, newest call first: at most `limit` (1 to 1,000) after `after`, and where the
    /// next page begins.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn conversions(
        &self,
        account: AccountId,
        destination: ConversionDestinationId,
        state: Option<ConversionState>,
        after: Option<DeliveryCursor>,
        limit: u32,
    ) -> Result<(Vec<Conversion>, Option<DeliveryCursor>), StoreError> {
        let limit = page_size(limit);
        let after = after.unwrap_or(DeliveryCursor::start());
        let args = args![
            account,
            destination,
            after.happened_at,
            after.id,
            state.map(ConversionState::as_str),
            limit + 1,
        ];
        let page = self.written_rows(LOG, args, read_conversion).await?;
        Ok(page_of(page, limit, |last| DeliveryCursor {
            happened_at: last.happened_at,
            id: last.id,
        }))
    }

    /// One conversion of a destination.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn conversion(
        &self,
        account: AccountId,
        destination: ConversionDestinationId,
        conversion: DeliveryId,
    ) -> Result<Option<Conversion>, StoreError> {
        let args = args![account, destination, conversion];
        self.written_row(CONVERSION, args, read_conversion).await
    }

    /// What became of a call as a conversion, at each destination that was to be told.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn conversions_of_call(
        &self,
        account: AccountId,
        call: CallId,
    ) -> Result<Vec<Conversion>, StoreError> {
        self.written_rows(OF_CALL, args![account, call], read_conversion)
            .await
    }

    /// Makes a conversion due again that was given up or passed over; `false` when the destination has none such.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be written.
    pub async fn replay_conversion(
        &self,
        account: AccountId,
        destination: ConversionDestinationId,
        conversion: DeliveryId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let args = args![account, destination, conversion, now];
        Ok(self.run_one(AGAIN, args).await? > 0)
    }
}

fn read_destination(row: &mut Reader<'_>) -> Result<ConversionDestination, StoreError> {
    Ok(ConversionDestination {
        id: ConversionDestinationId(row.uuid()?),
        account: AccountId(row.uuid()?),
        platform: row.word(ConversionPlatform::from_word)?,
        target: row.text()?,
        event: row.text()?,
        rule: row.json()?,
        secret: row.bytes()?,
        enabled: row.flag()?,
        failing_since: row.optional_time()?,
        created_at: row.time()?,
    })
}

fn read_conversion(row: &mut Reader<'_>) -> Result<Conversion, StoreError> {
    Ok(Conversion {
        id: DeliveryId(row.uuid()?),
        account: AccountId(row.uuid()?),
        destination: ConversionDestinationId(row.uuid()?),
        call: CallId(row.uuid()?),
        visit: row.optional_uuid()?.map(VisitId),
        happened_at: row.time()?,
        state: row.word(ConversionState::from_word)?,
        next_at: row.time()?,
        retry_until: row.optional_time()?,
        attempts: row.number()?,
        sent_at: row.optional_time()?,
        sent: row.optional_text()?,
        said: row.optional_text()?,
    })
}
