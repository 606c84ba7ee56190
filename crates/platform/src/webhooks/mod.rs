//! Webhooks, as the Standard Webhooks specification has them (<https://www.standardwebhooks.com>, version 1.0.0): added,
//! changed, asked what was delivered, and told again. Sending is in `sending`, what is sent in `message`.

mod message;
mod sending;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ringfence_model::{
    AccountId, Delivery, DeliveryAttempt, DeliveryId, DeliveryState, Timestamp, Webhook,
    WebhookEvent, WebhookId,
};
use ringfence_outbound::OutboundError;
pub use ringfence_store::DeliveryCursor;
use ringfence_store::StoreError;

use serde_json::json;

use crate::audit::{self, Change};
use crate::secrets::{Place, SealedError};
use crate::{Platform, random, secret};

pub use crate::outbox::{ATTEMPT_TIME, RETRY_FOR};
pub use message::message;
pub use sending::sign;

/// What every signing secret begins with.
pub const SECRET_PREFIX: &str = "whsec_";
/// Webhooks of an account at most.
const MOST_WEBHOOKS: usize = 20;

/// Why a webhook was not added, changed or found.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// Nothing can be posted there.
    #[error("url: {0}")]
    Url(#[from] OutboundError),
    /// It would never be told anything.
    #[error("events: expected at least one event, got none; to be told nothing, switch it off")]
    NoEvents,
    /// There are enough.
    #[error("expected at most {MOST_WEBHOOKS} webhooks; delete one that is not used any more")]
    TooMany,
    /// The account has no such webhook or delivery.
    #[error("expected a webhook or delivery of this account")]
    NotFound,
    /// The signing secret does not open.
    #[error(transparent)]
    Sealed(#[from] SealedError),
    /// The rows could not be read or written.
    #[error("the database did not answer as it should; nothing was changed")]
    Store(#[from] StoreError),
}

/// What is to be changed of a webhook; what is not set stays.
#[derive(Debug, Clone, Default)]
pub struct WebhookChange {
    /// Where messages are posted.
    pub url: Option<String>,
    /// What it is told.
    pub events: Option<Vec<WebhookEvent>>,
    /// Whether it is told.
    pub enabled: Option<bool>,
}

impl Platform {
    /// Adds a webhook; its signing secret (`whsec_…`) is told to nobody else and never again.
    ///
    /// # Errors
    /// [`WebhookError`].
    pub async fn add_webhook(
        &self,
        account: AccountId,
        url: &str,
        events: &[WebhookEvent],
        now: Timestamp,
    ) -> Result<(Webhook, String), WebhookError> {
        let url = url.trim();
        self.outbound.check_target(url)?;
        if self.db.webhooks(account).await?.len() >= MOST_WEBHOOKS {
            return Err(WebhookError::TooMany);
        }
        let id = WebhookId::new(now, random());
        let key = secret();
        let webhook = Webhook {
            id,
            account,
            url: url.into(),
            events: some_events(events)?,
            secret: self
                .keys
                .secrets
                .seal(place(account, id), &key, rand::random()),
            enabled: true,
            failing_since: None,
            off_reason: None,
            created_at: now,
        };
        let change = Change::new(account, "webhook.add", audit::of_webhook(&webhook))
            .after(audit::webhook(&webhook));
        self.recorded(change).add_webhook(&webhook).await?;
        tracing::info!(webhook = %id, "a webhook was added");
        Ok((webhook, format!("{SECRET_PREFIX}{}", STANDARD.encode(key))))
    }

    /// An account's webhooks, the oldest first.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn webhooks(&self, account: AccountId) -> Result<Vec<Webhook>, StoreError> {
        self.db.webhooks(account).await
    }

    /// One webhook.
    ///
    /// # Errors
    /// [`WebhookError::NotFound`], [`WebhookError::Store`].
    pub async fn webhook(
        &self,
        account: AccountId,
        webhook: WebhookId,
    ) -> Result<Webhook, WebhookError> {
        let found = self.db.webhook(account, webhook).await?;
        found.ok_or(WebhookError::NotFound)
    }

    /// Changes a webhook. Switched on again it begins anew: nothing counts that failed before.
    ///
    /// # Errors
    /// [`WebhookError`].
    pub async fn change_webhook(
        &self,
        account: AccountId,
        webhook: WebhookId,
        change: WebhookChange,
    ) -> Result<Webhook, WebhookError> {
        let mut webhook = self.webhook(account, webhook).await?;
        let before = audit::webhook(&webhook);
        if let Some(url) = change.url {
            self.outbound.check_target(url.trim())?;
            webhook.url = url.trim().into();
        }
        if let Some(events) = change.events {
            webhook.events = some_events(&events)?;
        }
        if let Some(enabled) = change.enabled {
            webhook.enabled = enabled;
            webhook.off_reason = None;
            webhook.failing_since = None;
        }
        let change = Change::new(account, "webhook.change", audit::of_webhook(&webhook))
            .before(before)
            .after(audit::webhook(&webhook));
        if !self.recorded(change).update_webhook(&webhook).await? {
            return Err(WebhookError::NotFound);
        }
        Ok(webhook)
    }

    /// Takes a webhook away, with its log and what waits for it.
    ///
    /// # Errors
    /// [`WebhookError::NotFound`], [`WebhookError::Store`].
    pub async fn remove_webhook(
        &self,
        account: AccountId,
        webhook: WebhookId,
    ) -> Result<(), WebhookError> {
        let known = self.webhook(account, webhook).await?;
        let change = Change::new(account, "webhook.remove", audit::of_webhook(&known))
            .before(audit::webhook(&known));
        if !self
            .recorded(change)
            .remove_webhook(account, webhook)
            .await?
        {
            return Err(WebhookError::NotFound);
        }
        tracing::info!(%webhook, "a webhook was removed");
        Ok(())
    }

    /// A page of the delivery log, newest first, and where the next one begins.
    ///
    /// # Errors
    /// [`WebhookError::NotFound`], [`WebhookError::Store`].
    pub async fn deliveries(
        &self,
        account: AccountId,
        webhook: WebhookId,
        state: Option<DeliveryState>,
        after: Option<DeliveryCursor>,
        limit: u32,
    ) -> Result<(Vec<Delivery>, Option<DeliveryCursor>), WebhookError> {
        self.webhook(account, webhook).await?;
        let page = self.db.deliveries(account, webhook, state, after, limit);
        Ok(page.await?)
    }

    /// One delivery, its attempts in order, and the message as it is sent.
    ///
    /// # Errors
    /// [`WebhookError::NotFound`], [`WebhookError::Store`].
    pub async fn delivery(
        &self,
        account: AccountId,
        webhook: WebhookId,
        delivery: DeliveryId,
    ) -> Result<(Delivery, Vec<DeliveryAttempt>, serde_json::Value), WebhookError> {
        let found = self.db.delivery(account, webhook, delivery).await?;
        let delivery = found.ok_or(WebhookError::NotFound)?;
        let attempts = self.db.delivery_attempts(account, delivery.id).await?;
        let message = message(self, &delivery).await?;
        let message = message.ok_or(WebhookError::NotFound)?;
        Ok((delivery, attempts, message))
    }

    /// Sends a delivery again, whatever became of it.
    ///
    /// # Errors
    /// [`WebhookError::NotFound`], [`WebhookError::Store`].
    pub async fn replay_delivery(
        &self,
        account: AccountId,
        webhook: WebhookId,
        delivery: DeliveryId,
        now: Timestamp,
    ) -> Result<(), WebhookError> {
        let known = self.webhook(account, webhook).await?;
        let change = Change::new(account, "webhook.replay", audit::of_webhook(&known))
            .after(json!({"delivery_id": delivery.0}));
        let replaying = self.recorded(change);
        let replayed = replaying.replay_delivery(account, webhook, delivery, now);
        if replayed.await? {
            Ok(())
        } else {
            Err(WebhookError::NotFound)
        }
    }

    /// Sends again what was given up of what happened at or after `since`; answers how many deliveries that is.
    ///
    /// # Errors
    /// [`WebhookError::NotFound`], [`WebhookError::Store`].
    pub async fn replay_failed_deliveries(
        &self,
        account: AccountId,
        webhook: WebhookId,
        since: Timestamp,
        now: Timestamp,
    ) -> Result<u64, WebhookError> {
        let known = self.webhook(account, webhook).await?;
        let change = Change::new(account, "webhook.replay", audit::of_webhook(&known))
            .after(json!({"failed_since": since.to_string()}));
        let replaying = self.recorded(change);
        let replayed = replaying.replay_failed_deliveries(account, webhook, since, now);
        Ok(replayed.await?)
    }
}

/// Sorted, each once.
fn some_events(events: &[WebhookEvent]) -> Result<Vec<WebhookEvent>, WebhookError> {
    let mut events = events.to_vec();
    events.sort();
    events.dedup();
    if events.is_empty() {
        return Err(WebhookError::NoEvents);
    }
    Ok(events)
}

fn place(account: AccountId, webhook: WebhookId) -> Place {
    Place {
        account,
        column: "webhooks.secret",
        row: webhook.0,
    }
}
