//! Webhooks, and the deliveries to them. Deliveries are made by the tables themselves, in the transaction of the rows
//! that they tell of (migration 13); here they are found, claimed and closed.

use std::fmt;
use std::str::FromStr;

use ringfence_model::{
    AccountId, CallId, Delivery, DeliveryAttempt, DeliveryId, DeliveryState, RecordingId,
    Timestamp, Webhook, WebhookEvent, WebhookId,
};
use uuid::Uuid;

use crate::bulk::json;
use crate::calls::CursorError;
use crate::commit::Statement;
use crate::row::Reader;
use crate::value::args;
use crate::{Db, StoreError};

macro_rules! webhook_columns {
    () => {
        "id, account, url, events, secret, enabled, failing_since, off_reason, created_at"
    };
}

macro_rules! delivery_columns {
    () => {
        "id, account, webhook, event, call, recording, happened_at, state, next_at, retry_until, \
         attempts, delivered_at"
    };
}

const ADD: &str = concat!(
    "INSERT INTO webhooks (",
    webhook_columns!(),
    ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
);
const UPDATE: &str = "UPDATE webhooks SET url = $3, events = $4, enabled = $5, failing_since = $6, \
    off_reason = $7 WHERE account = $1 AND id = $2";
const ALL: &str = concat!(
    "SELECT ",
    webhook_columns!(),
    " FROM webhooks WHERE account = $1 ORDER BY created_at, id"
);
const ONE: &str = concat!(
    "SELECT ",
    webhook_columns!(),
    " FROM webhooks WHERE account = $1 AND id = $2"
);
const REMOVE_ATTEMPTS: &str = "DELETE FROM webhook_attempts WHERE account = $1 AND delivery IN \
    (SELECT id FROM webhook_deliveries WHERE account = $1 AND webhook = $2)";
const REMOVE_DELIVERIES: &str =
    "DELETE FROM webhook_deliveries WHERE account = $1 AND webhook = $2";
const REMOVE: &str = "DELETE FROM webhooks WHERE account = $1 AND id = $2";

const DUE_WEBHOOKS: &str = concat!(
    "SELECT ",
    webhook_columns!(),
    " FROM webhooks WHERE enabled AND EXISTS (SELECT 1 FROM webhook_deliveries \
     WHERE webhook_deliveries.account = webhooks.account AND webhook_deliveries.webhook = webhooks.id \
     AND state = 'pending' AND next_at <= $1) ORDER BY account, id"
);
const DUE: &str = concat!(
    "SELECT ",
    delivery_columns!(),
    " FROM webhook_deliveries WHERE account = $1 AND webhook = $2 AND state = 'pending' \
     AND next_at <= $3 ORDER BY next_at, id LIMIT $4"
);
/// Only who finds the row as it was read has it: two servers over the same rows do not send the same at once.
const CLAIM: &str = "UPDATE webhook_deliveries SET next_at = $4, attempts = attempts + 1, retry_until = $6 \
    WHERE account = $1 AND id = $2 AND state = 'pending' AND next_at = $3 AND attempts = $5";
pub(crate) const NOTE: &str = "INSERT INTO webhook_attempts (account, delivery, number, at, duration_ms, status, outcome) \
    VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (account, delivery, number) DO NOTHING";
const DELIVERED: &str = "UPDATE webhook_deliveries SET state = 'delivered', delivered_at = $3 \
    WHERE account = $1 AND id = $2";
const LATER: &str = "UPDATE webhook_deliveries SET next_at = $3 \
    WHERE account = $1 AND id = $2 AND state = 'pending'";
const GIVEN_UP: &str = "UPDATE webhook_deliveries SET state = 'failed' \
    WHERE account = $1 AND id = $2 AND state = 'pending'";
const WORKS: &str = "UPDATE webhooks SET failing_since = NULL WHERE account = $1 AND id = $2 AND failing_since IS NOT NULL";
const FAILS: &str = "UPDATE webhooks SET failing_since = COALESCE(failing_since, $3) WHERE account = $1 AND id = $2";
const OFF: &str =
    "UPDATE webhooks SET enabled = FALSE, off_reason = $3 WHERE account = $1 AND id = $2";
const ALL_GIVEN_UP: &str = "UPDATE webhook_deliveries SET state = 'failed' \
    WHERE account = $1 AND webhook = $2 AND state = 'pending'";

const LOG: &str = concat!(
    "SELECT ",
    delivery_columns!(),
    " FROM webhook_deliveries WHERE account = $1 AND webhook = $2 AND (happened_at, id) < ($3, $4) \
     AND ($5 IS NULL OR state = $5) ORDER BY happened_at DESC, id DESC LIMIT $6"
);
const DELIVERY: &str = concat!(
    "SELECT ",
    delivery_columns!(),
    " FROM webhook_deliveries WHERE account = $1 AND webhook = $2 AND id = $3"
);
const ATTEMPTS: &str = "SELECT number, at, duration_ms, status, outcome FROM webhook_attempts \
    WHERE account = $1 AND delivery = $2 ORDER BY number";
const REPLAY_ONE: &str = "UPDATE webhook_deliveries SET state = 'pending', next_at = $4, retry_until = NULL, \
    delivered_at = NULL WHERE account = $1 AND webhook = $2 AND id = $3";
const REPLAY_FAILED: &str = "UPDATE webhook_deliveries SET state = 'pending', next_at = $4, retry_until = NULL \
    WHERE account = $1 AND webhook = $2 AND state = 'failed' AND happened_at >= $3";
const FORGET_ATTEMPTS: &str = "DELETE FROM webhook_attempts WHERE EXISTS (SELECT 1 FROM webhook_deliveries AS d \
    WHERE d.account = webhook_attempts.account AND d.id = webhook_attempts.delivery \
    AND d.state <> 'pending' AND d.happened_at < $1)";
const FORGET: &str = "DELETE FROM webhook_deliveries WHERE (state <> 'pending' AND happened_at < $1) \
    OR NOT EXISTS (SELECT 1 FROM webhooks WHERE webhooks.account = webhook_deliveries.account \
    AND webhooks.id = webhook_deliveries.webhook)";

/// Deliveries on a page of the log at most.
const MOST_ON_A_PAGE: u32 = 1000;

/// Where a page of the delivery log ended. Its text form fits in a URL's query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeliveryCursor {
    /// When what the last shown delivery tells of happened.
    pub happened_at: Timestamp,
    /// The last shown delivery.
    pub id: DeliveryId,
}

impl DeliveryCursor {
    /// Before the newest.
    pub(crate) const fn start() -> Self {
        Self {
            happened_at: Timestamp::from_micros(i64::MAX),
            id: DeliveryId(Uuid::max()),
        }
    }
}

/// Deliveries on a page at most, as asked for.
pub(crate) fn page_size(limit: u32) -> u32 {
    limit.clamp(1, MOST_ON_A_PAGE)
}

/// A page of `limit` rows, of which one more was read, and where the next one begins.
pub(crate) fn page_of<T>(
    mut rows: Vec<T>,
    limit: u32,
    place: impl Fn(&T) -> DeliveryCursor,
) -> (Vec<T>, Option<DeliveryCursor>) {
    let more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    let next = rows.last().filter(|_| more).map(place);
    (rows, next)
}

impl fmt::Display for DeliveryCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.happened_at.as_micros(), self.id)
    }
}

impl FromStr for DeliveryCursor {
    type Err = CursorError;
    fn from_str(text: &str) -> Result<Self, CursorError> {
        // The same shape as a place in the call log.
        let place: crate::CallCursor = text.parse()?;
        Ok(Self {
            happened_at: place.started_at,
            id: DeliveryId(place.id.0),
        })
    }
}

/// What an attempt came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AttemptResult {
    /// The endpoint took it.
    Delivered,
    /// To be tried again then.
    Later(Timestamp),
    /// It is given up; the others go on.
    GivenUp,
    /// The endpoint is switched off for this reason, and with it all that waits.
    SwitchedOff(String),
}

impl Db {
    /// Adds a webhook.
    ///
    /// # Errors
    /// [`StoreError::MissingParent`] without the account.
    pub async fn add_webhook(&self, webhook: &Webhook) -> Result<(), StoreError> {
        let args = args![
            webhook.id,
            webhook.account,
            webhook.url.as_str(),
            json(&webhook.events)?,
            webhook.secret.as_slice(),
            webhook.enabled,
            webhook.failing_since,
            webhook.off_reason.as_deref(),
            webhook.created_at,
        ];
        self.run_one(ADD, args).await.map(drop)
    }

    /// Changes everything of a webhook but its secret; `false` when the account has no such webhook.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be written.
    pub async fn update_webhook(&self, webhook: &Webhook) -> Result<bool, StoreError> {
        let args = args![
            webhook.account,
            webhook.id,
            webhook.url.as_str(),
            json(&webhook.events)?,
            webhook.enabled,
            webhook.failing_since,
            webhook.off_reason.as_deref(),
        ];
        Ok(self.run_one(UPDATE, args).await? > 0)
    }

    /// Takes a webhook and its deliveries away; `false` when the account has no such webhook.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be written.
    pub async fn remove_webhook(
        &self,
        account: AccountId,
        webhook: WebhookId,
    ) -> Result<bool, StoreError> {
        let statements = [REMOVE_ATTEMPTS, REMOVE_DELIVERIES, REMOVE]
            .map(|sql| Statement::new(sql, args![account, webhook]));
        let changed = self.run(statements.into()).await?;
        Ok(changed.last().is_some_and(|rows| *rows > 0))
    }

    /// An account's webhooks, the oldest first.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn webhooks(&self, account: AccountId) -> Result<Vec<Webhook>, StoreError> {
        self.rows(ALL, args![account], read_webhook).await
    }

    /// One webhook.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn webhook(
        &self,
        account: AccountId,
        webhook: WebhookId,
    ) -> Result<Option<Webhook>, StoreError> {
        self.row(ONE, args![account, webhook], read_webhook).await
    }

    /// Every account's webhooks that are on and have something due at `now`: what the sender has to do.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn due_webhooks(&self, now: Timestamp) -> Result<Vec<Webhook>, StoreError> {
        self.rows(DUE_WEBHOOKS, args![now], read_webhook).await
    }

    /// What a webhook is to be told at `now`, the longest due first.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn due_deliveries(
        &self,
        account: AccountId,
        webhook: WebhookId,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<Delivery>, StoreError> {
        let args = args![account, webhook, now, limit];
        self.rows(DUE, args, read_delivery).await
    }

    /// Takes a delivery for one attempt: nobody else tries it before `until`. `false` when somebody else has it.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be written.
    pub async fn claim_delivery(
        &self,
        delivery: &Delivery,
        until: Timestamp,
        retry_until: Timestamp,
    ) -> Result<bool, StoreError> {
        let args = args![
            delivery.account,
            delivery.id,
            delivery.next_at,
            until,
            delivery.attempts,
            retry_until,
        ];
        Ok(self.run_one(CLAIM, args).await? > 0)
    }

    /// Writes down an attempt of a delivery and what it means for it and its webhook, all or nothing.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be written.
    pub async fn note_attempt(
        &self,
        delivery: &Delivery,
        attempt: &DeliveryAttempt,
        result: &AttemptResult,
    ) -> Result<(), StoreError> {
        let (account, id, webhook) = (delivery.account, delivery.id, delivery.webhook);
        let note = args![
            account,
            id,
            attempt.number,
            attempt.at,
            attempt.duration_ms,
            attempt.status,
            attempt.outcome.as_str(),
        ];
        let mut statements = vec![Statement::new(NOTE, note)];
        let mut also = |sql, args| statements.push(Statement::new(sql, args));
        match result {
            AttemptResult::Delivered => {
                also(DELIVERED, args![account, id, attempt.at]);
                also(WORKS, args![account, webhook]);
            }
            AttemptResult::Later(at) => {
                also(LATER, args![account, id, *at]);
                also(FAILS, args![account, webhook, attempt.at]);
            }
            AttemptResult::GivenUp => {
                also(GIVEN_UP, args![account, id]);
                also(FAILS, args![account, webhook, attempt.at]);
            }
            AttemptResult::SwitchedOff(reason) => {
                also(FAILS, args![account, webhook, attempt.at]);
                also(OFF, args![account, webhook, reason.as_str()]);
                also(ALL_GIVEN_UP, args![account, webhook]);
            }
        }
        self.run(statements).await.map(drop)
    }

    /// A page of a webhook's deliveries, newest first: at most `limit` (1 to 1,000) after `after`, and where the next
    /// page begins.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn deliveries(
        &self,
        account: AccountId,
        webhook: WebhookId,
        state: Option<DeliveryState>,
        after: Option<DeliveryCursor>,
        limit: u32,
    ) -> Result<(Vec<Delivery>, Option<DeliveryCursor>), StoreError> {
        let limit = page_size(limit);
        let after = after.unwrap_or(DeliveryCursor::start());
        let args = args![
            account,
            webhook,
            after.happened_at,
            after.id,
            state.map(DeliveryState::as_str),
            limit + 1,
        ];
        let deliveries = self.written_rows(LOG, args, read_delivery).await?;
        Ok(page_of(deliveries, limit, |last| DeliveryCursor {
            happened_at: last.happened_at,
            id: last.id,
        }))
    }

    /// One delivery to a webhook.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn delivery(
        &self,
        account: AccountId,
        webhook: WebhookId,
        delivery: DeliveryId,
    ) -> Result<Option<Delivery>, StoreError> {
        let args = args![account, webhook, delivery];
        self.written_row(DELIVERY, args, read_delivery).await
    }

    /// The attempts of a delivery, in order.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn delivery_attempts(
        &self,
        account: AccountId,
        delivery: DeliveryId,
    ) -> Result<Vec<DeliveryAttempt>, StoreError> {
        self.rows(ATTEMPTS, args![account, delivery], read_attempt)
            .await
    }

    /// Makes a delivery due again, whatever became of it; `false` when the webhook has none such.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be written.
    pub async fn replay_delivery(
        &self,
        account: AccountId,
        webhook: WebhookId,
        delivery: DeliveryId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let args = args![account, webhook, delivery, now];
        Ok(self.run_one(REPLAY_ONE, args).await? > 0)
    }

    /// Makes due again what was given up of what happened at or after `since`; answers how many deliveries that is.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be written.
    pub async fn replay_failed_deliveries(
        &self,
        account: AccountId,
        webhook: WebhookId,
        since: Timestamp,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        self.run_one(REPLAY_FAILED, args![account, webhook, since, now])
            .await
    }

    /// Forgets, of every account, deliveries that are over and tell of what happened before `before`, and those whose
    /// webhook is gone.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be written.
    pub async fn forget_deliveries(&self, before: Timestamp) -> Result<u64, StoreError> {
        let changed = self
            .run(vec![
                Statement::new(FORGET_ATTEMPTS, args![before]),
                Statement::new(FORGET, args![before]),
            ])
            .await?;
        Ok(changed.last().copied().unwrap_or_default())
    }
}

fn read_webhook(row: &mut Reader<'_>) -> Result<Webhook, StoreError> {
    Ok(Webhook {
        id: WebhookId(row.uuid()?),
        account: AccountId(row.uuid()?),
        url: row.text()?,
        events: row.json()?,
        secret: row.bytes()?,
        enabled: row.flag()?,
        failing_since: row.optional_time()?,
        off_reason: row.optional_text()?,
        created_at: row.time()?,
    })
}

fn read_delivery(row: &mut Reader<'_>) -> Result<Delivery, StoreError> {
    Ok(Delivery {
        id: DeliveryId(row.uuid()?),
        account: AccountId(row.uuid()?),
        webhook: WebhookId(row.uuid()?),
        event: row.word(WebhookEvent::from_word)?,
        call: CallId(row.uuid()?),
        recording: row.optional_uuid()?.map(RecordingId),
        happened_at: row.time()?,
        state: row.word(DeliveryState::from_word)?,
        next_at: row.time()?,
        retry_until: row.optional_time()?,
        attempts: row.number()?,
        delivered_at: row.optional_time()?,
    })
}

fn read_attempt(row: &mut Reader<'_>) -> Result<DeliveryAttempt, StoreError> {
    Ok(DeliveryAttempt {
        number: row.number()?,
        at: row.time()?,
        duration_ms: row.number()?,
        status: row.optional_number()?,
        outcome: row.text()?,
    })
}
