//! Deliveries on their way: signed, tried again with longer and longer pauses for three days, then given up. An endpoint
//! that took nothing for three days is switched off.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::StreamExt as _;
use futures::future::BoxFuture;
use hmac::{Hmac, Mac as _};
use parking_lot::Mutex;
use ringfence_model::{Delivery, DeliveryAttempt, DeliveryId, Timestamp, Webhook, WebhookId};
use ringfence_store::{AttemptResult, StoreError};
use sha2::Sha256;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{message, place};
use crate::Platform;

/// How long an endpoint may take to answer.
pub const ATTEMPT_TIME: Duration = Duration::from_secs(15);
/// How long a delivery is tried, from its first attempt.
pub const RETRY_FOR: Duration = Duration::from_hours(72);
/// Nobody else tries a delivery for so long once an attempt began: longer than one can take.
const CLAIMED_FOR: Duration = Duration::from_secs(30);
/// Pauses after the first attempts in seconds; after that the last one again and again. Up to a tenth is added.
const PAUSES: [u64; 9] = [5, 30, 120, 600, 1_800, 3_600, 7_200, 14_400, 28_800];
/// The longest pause that an endpoint can ask for with `Retry-After`.
const LONGEST_PAUSE: Duration = Duration::from_hours(8);
/// Between two looks for what is due.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Deliveries of one endpoint that are under way at once, and endpoints that are served at once: a slow one keeps its own
/// messages waiting and nobody else's.
const AT_ONCE: usize = 8;
const ENDPOINTS_AT_ONCE: usize = 64;
/// Deliveries that are read at once.
const BATCH: u32 = 200;
/// Between two clearings of the log, and how long what is over stays in it.
const CLEAR_EVERY: Duration = Duration::from_hours(1);
const KEEP_FOR: Duration = Duration::from_hours(30 * 24);

impl Platform {
    /// Sends what is due until the server stops.
    pub fn send_webhooks(self: Arc<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            let busy = Arc::new(Mutex::new(HashSet::<WebhookId>::new()));
            let mut beat = tokio::time::interval(LOOK_EVERY);
            beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            let mut cleared: Option<Instant> = None;
            let mut tasks = JoinSet::new();
            let stopping = self.stopping.clone();
            while stopping.run_until_cancelled(beat.tick()).await.is_some() {
                while tasks.try_join_next().is_some() {}
                if cleared.is_none_or(|at| at.elapsed() >= CLEAR_EVERY) {
                    cleared = Some(Instant::now());
                    if let Err(error) = self.db.forget_deliveries(crate::now() - KEEP_FOR).await {
                        tracing::warn!("the delivery log of webhooks was not cleared: {error}");
                    }
                }
                match self.db.due_webhooks(crate::now()).await {
                    Ok(due) => {
                        for webhook in due {
                            if tasks.len() >= ENDPOINTS_AT_ONCE || !busy.lock().insert(webhook.id) {
                                continue;
                            }
                            let (platform, busy) = (Arc::clone(&self), Arc::clone(&busy));
                            let stop = stopping.clone();
                            tasks.spawn(async move {
                                platform.send_to(&webhook, crate::now, &stop).await;
                                busy.lock().remove(&webhook.id);
                            });
                        }
                    }
                    Err(error) => tracing::warn!("webhooks wait for the database: {error}"),
                }
            }
            // An attempt that is under way is written down before the database is let go; its claim would pass by itself.
            while tasks.join_next().await.is_some() {}
        })
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
        futures::stream::iter(due)
            .take_until(stop.cancelled())
            .for_each_concurrent(AT_ONCE, |delivery| async move {
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

/// When the attempt after `number` is due; `chance` spreads those that failed together. The last one is made when the
/// three days are over.
fn next_attempt(
    number: u32,
    now: Timestamp,
    retry_until: Timestamp,
    wish: Option<Duration>,
    chance: u32,
) -> AttemptResult {
    if now >= retry_until {
        return AttemptResult::GivenUp;
    }
    let nth = usize::try_from(number.saturating_sub(1)).unwrap_or(usize::MAX);
    let pause = Duration::from_secs(PAUSES[nth.min(PAUSES.len() - 1)]);
    let spread = pause.mul_f64(f64::from(chance) / f64::from(u32::MAX) / 10.0);
    let wish = wish.unwrap_or_default().min(LONGEST_PAUSE);
    let next = now + (pause + spread).max(wish);
    AttemptResult::Later(next.min(retry_until))
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

    #[test]
    fn pauses_grow_and_end_after_three_days() {
        let mut now = Timestamp::from_micros(0);
        let until = now + RETRY_FOR;
        let mut pauses = Vec::new();
        for number in 1.. {
            match next_attempt(number, now, until, None, 0) {
                AttemptResult::Later(next) => {
                    pauses.push(next.since(now).as_secs());
                    now = next;
                }
                other => {
                    assert_eq!(other, AttemptResult::GivenUp);
                    break;
                }
            }
        }
        assert_eq!(now, until);
        assert_eq!(pauses[..9], PAUSES);
        assert!((15..=18).contains(&pauses.len()), "{pauses:?}");
        let asked = next_attempt(1, now, now + RETRY_FOR, Some(LONGEST_PAUSE * 2), 0);
        assert_eq!(asked, AttemptResult::Later(now + LONGEST_PAUSE));
    }
}
