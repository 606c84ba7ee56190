//! Deliveries on their way: signed, and tried again as the outbox has it. An endpoint that took nothing for three days is
//! switched off.

use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use hmac::{Hmac, Mac as _};
use ringfence_model::{Delivery, DeliveryAttempt, DeliveryId, Timestamp, Webhook};
use ringfence_store::{AttemptResult, StoreError};
use sha2::Sha256;
use tokio_util::sync::CancellationToken;

use super::{message, place};
use crate::Platform;
use crate::outbox::{self, ATTEMPT_TIME, BATCH, CLAIMED_FOR, RETRY_FOR, next_attempt};

/// Between two clearings of the log, and how long what is over stays in it.
const CLEAR_EVERY: Duration = Duration::from_hours(1);
const KEEP_FOR: Duration = Duration::from_hours(30 * 24);

impl Platform {
    /// Sends what is due until the server stops.
    pub fn send_webhooks(self: Arc<Self>) -> BoxFuture<'static, ()> {
        let stopping = self.stopping.clone();
        let mut cleared: Option<Instant> = None;
        let looking = Arc::clone(&self);
        let due = move || {
            let clears = cleared.is_none_or(|at| at.elapsed() >= CLEAR_EVERY);
            if clears {
                cleared = Some(Instant::now());
            }
            let platform = Arc::clone(&looking);
            async move {
                if clears {
                    platform.clear_webhook_log().await;
                }
                let due = platform.db.due_webhooks(crate::now()).await;
                due.inspect_err(|error| tracing::warn!("webhooks wait for the database: {error}"))
                    .unwrap_or_default()
            }
            .boxed()
        };
        let stop = stopping.clone();
        let send = move |webhook: Webhook| {
            let (platform, stop) = (Arc::clone(&self), stop.clone());
            async move { platform.send_to(&webhook, crate::now, &stop).await }.boxed()
        };
        Box::pin(outbox::rounds(
            stopping,
            |webhook: &Webhook| webhook.id.0,
            due,
            send,
        ))
    }

    async fn clear_webhook_log(&self) {
        if let Err(error) = self.db.forget_deliveries(crate::now() - KEEP_FOR).await {
            tracing::warn!("the delivery log of webhooks was not cleared: {error}");
        }
    }

    /// Sends what is due at `now` once, and answers when all of it was tried. For tests, which own the time.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn send_due_webhooks(&self, now: Timestamp) -> Result<(), StoreError> {
        let stop = CancellationToken::new();
        let due = self.db.due_webhooks(now).await?;
        let sent = due
            .iter()
            .map(|webhook| self.send_to(webhook, move || now, &stop));
        futures::future::join_all(sent).await;
        Ok(())
    }

    /// One batch of a webhook's deliveries.
    async fn send_to(
        &self,
        webhook: &Webhook,
        clock: impl Fn() -> Timestamp + Copy,
        stop: &CancellationToken,
    ) {
        let due = self
            .db
            .due_deliveries(webhook.account, webhook.id, clock(), BATCH);
        let due = match due.await {
            Ok(due) => due,
            Err(error) => {
                tracing::warn!(webhook = %webhook.id, "deliveries wait for the database: {error}");
                return;
            }
        };
        outbox::side_by_side(due, stop, |delivery| async move {
            if let Err(error) = self.attempt(webhook, &delivery, clock).await {
                tracing::warn!(delivery = %delivery.id, "a delivery waits for the database: {error}");
            }
        })
        .await;
    }

    async fn attempt(
        &self,
        webhook: &Webhook,
        delivery: &Delivery,
        clock: impl Fn() -> Timestamp,
    ) -> Result<(), StoreError> {
        let began = clock();
        let retry_until = delivery.retry_until.unwrap_or(began + RETRY_FOR);
        let claimed = self
            .db
            .claim_delivery(delivery, began + CLAIMED_FOR, retry_until);
        if !claimed.await? {
            return Ok(());
        }
        let since = Instant::now();
        let answer = self.post(webhook, delivery, began).await?;
        let number = delivery.attempts + 1;
        let attempt = DeliveryAttempt {
            number,
            at: began,
            duration_ms: u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX),
            status: answer.status,
            outcome: answer.outcome,
        };
        let result = match answer.then {
            Then::Done => AttemptResult::Delivered,
            Then::GiveUp => AttemptResult::GivenUp,
            Then::SwitchOff(reason) => AttemptResult::SwitchedOff(reason),
            Then::Retry(wish) => {
                // Read again: another delivery may have come through meanwhile.
                let webhook = self.db.webhook(webhook.account, webhook.id).await?;
                let failing_since = webhook.and_then(|webhook| webhook.failing_since);
                if failing_since.is_some_and(|since| began.since(since) >= RETRY_FOR) {
                    AttemptResult::SwitchedOff(format!(
                        "nothing was delivered for three days; the last answer was: {}",
                        attempt.outcome
                    ))
                } else {
                    next_attempt(number, began, retry_until, wish, rand::random())
                        .map_or(AttemptResult::GivenUp, AttemptResult::Later)
                }
            }
        };
        let word = match &result {
            AttemptResult::Delivered => "delivered",
            AttemptResult::Later(_) => "later",
            AttemptResult::GivenUp => "given_up",
            AttemptResult::SwitchedOff(reason) => {
                tracing::warn!(webhook = %webhook.id, "a webhook was switched off: {reason}");
                "switched_off"
            }
        };
        metrics::counter!("ringfence_webhook_attempts_total", "result" => word).increment(1);
        self.db.note_attempt(delivery, &attempt, &result).await
    }

    async fn post(
        &self,
        webhook: &Webhook,
        delivery: &Delivery,
        now: Timestamp,
    ) -> Result<Answer, StoreError> {
        let Some(message) = message(self, delivery).await? else {
            let outcome = "its call or recording is not there any more, so nothing was sent";
            return Ok(Answer::without_status(outcome.into(), Then::GiveUp));
        };
        let place = place(webhook.account, webhook.id);
        let secret = match self.keys.secrets.open(place, &webhook.secret) {
            Ok(secret) => secret,
            Err(error) => {
                return Ok(Answer::without_status(error.to_string(), Then::Retry(None)));
            }
        };
        let body = message.to_string();
        let seconds = now.as_micros().div_euclid(1_000_000);
        let headers = [
            ("webhook-id", message_id(delivery.id)),
            ("webhook-timestamp", seconds.to_string()),
            (
                "webhook-signature",
                sign(&secret, &message_id(delivery.id), seconds, &body),
            ),
        ];
        let posted = self
            .outbound
            .post(&webhook.url, &headers, body.into_bytes(), ATTEMPT_TIME);
        Ok(match posted.await {
            Ok(posted) => Answer {
                status: Some(posted.status),
                outcome: match posted.status {
                    200..300 => "taken".into(),
                    300..400 => "a redirect, which is not followed; set the new URL".into(),
                    410 => "gone: it wants no more".into(),
                    status => format!("refused with {status}"),
                },
                then: match posted.status {
                    200..300 => Then::Done,
                    410 => Then::SwitchOff("it answered 410: it is gone and wants no more".into()),
                    429 | 503 => Then::Retry(posted.retry_after),
                    _ => Then::Retry(None),
                },
            },
            Err(error) => Answer::without_status(error.to_string(), Then::Retry(None)),
        })
    }
}

/// What became of a post.
struct Answer {
    status: Option<u16>,
    outcome: String,
    then: Then,
}

enum Then {
    Done,
    /// Again, not before this time from now.
    Retry(Option<Duration>),
    GiveUp,
    SwitchOff(String),
}

impl Answer {
    fn without_status(outcome: String, then: Then) -> Self {
        Self {
            status: None,
            outcome,
            then,
        }
    }
}

/// `webhook-id`: the same at each attempt, so that a receiver can know what it had already.
fn message_id(delivery: DeliveryId) -> String {
    format!("msg_{}", delivery.0.simple())
}

/// `webhook-signature`: `v1,` and HMAC-SHA256 over identifier, time in seconds and body, in base64.
pub fn sign(secret: &[u8], id: &str, seconds: i64, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes a key of any length");
    mac.update(format!("{id}.{seconds}.{body}").as_bytes());
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification's reference libraries.
    #[test]
    fn a_signature_is_that_of_the_specification() {
        let secret = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let body = r#"{"test": 2432232314}"#;
        let signed = sign(&secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }
}
