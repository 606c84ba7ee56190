//! Conversions on their way: decided from the rows of that moment, then told, and tried again as the outbox has it.

use std::sync::Arc;
use std::time::Instant;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use ringfence_model::{Conversion, ConversionDestination, DeliveryAttempt, Money, Timestamp};
use ringfence_store::{ConversionResult, StoreError};
use ringfence_tracking::{CallKnown, NotCounted, ToldForConversions, counts};
use tokio_util::sync::CancellationToken;

use super::asking::Asking;
use super::request::{Counted, Verdict};
use crate::Platform;
use crate::outbox::{self, BATCH, CLAIMED_FOR, RETRY_FOR, next_attempt};

/// What is to be done with a conversion.
enum Decided {
    /// The platform is told this.
    Tell(String),
    /// The call does not count as things stand, or cannot be told.
    PassOver(String),
}

impl Platform {
    /// Tells platforms what is due until the server stops.
    pub fn send_conversions(self: Arc<Self>) -> BoxFuture<'static, ()> {
        let stopping = self.stopping.clone();
        let looking = Arc::clone(&self);
        let due = move || {
            let platform = Arc::clone(&looking);
            async move {
                let due = platform.db.due_conversion_destinations(crate::now()).await;
                due.inspect_err(|error| {
                    tracing::warn!("conversions wait for the database: {error}");
                })
                .unwrap_or_default()
            }
            .boxed()
        };
        let stop = stopping.clone();
        let send = move |destination: ConversionDestination| {
            let (platform, stop) = (Arc::clone(&self), stop.clone());
            async move {
                let sent = platform.send_conversions_to(&destination, crate::now, &stop);
                sent.await;
            }
            .boxed()
        };
        Box::pin(outbox::rounds(
            stopping,
            |destination: &ConversionDestination| destination.id.0,
            due,
            send,
        ))
    }

    /// Tells what is due at `now` once, and answers when all of it was tried. For tests, which own the time.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn send_due_conversions(&self, now: Timestamp) -> Result<(), StoreError> {
        let stop = CancellationToken::new();
        for destination in self.db.due_conversion_destinations(now).await? {
            self.send_conversions_to(&destination, move || now, &stop)
                .await;
        }
        Ok(())
    }

    /// One batch of a destination's conversions.
    async fn send_conversions_to(
        &self,
        destination: &ConversionDestination,
        clock: impl Fn() -> Timestamp + Copy,
        stop: &CancellationToken,
    ) {
        let (account, id) = (destination.account, destination.id);
        let due = self.db.due_conversions(account, id, clock(), BATCH).await;
        let due = match due {
            Ok(due) => due,
            Err(error) => {
                tracing::warn!(destination = %id, "conversions wait for the database: {error}");
                return;
            }
        };
        let asking = match Asking::of(self, destination) {
            Ok(asking) => asking,
            Err(error) => {
                tracing::warn!(destination = %id, "conversions wait: {error}");
                return;
            }
        };
        let asking = &asking;
        outbox::side_by_side(due, stop, |conversion| async move {
            let tried = self.try_conversion(destination, asking, &conversion, clock);
            if let Err(error) = tried.await {
                tracing::warn!(conversion = %conversion.id, "a conversion waits for the database: {error}");
            }
        })
        .await;
    }

    async fn try_conversion(
        &self,
        destination: &ConversionDestination,
        asking: &Asking<'_>,
        conversion: &Conversion,
        clock: impl Fn() -> Timestamp,
    ) -> Result<(), StoreError> {
        let began = clock();
        let body = match self.decide(destination, asking, conversion, began).await? {
            Decided::Tell(body) => body,
            Decided::PassOver(why) => {
                counted("passed_over");
                self.db.pass_conversion_over(conversion, &why).await?;
                return Ok(());
            }
        };
        let retry_until = conversion.retry_until.unwrap_or(began + RETRY_FOR);
        let until = began + CLAIMED_FOR;
        let claimed = self
            .db
            .claim_conversion(conversion, until, retry_until, &body);
        if !claimed.await? {
            return Ok(());
        }
        let since = Instant::now();
        let told = asking.tell(body).await;
        let number = conversion.attempts + 1;
        let attempt = DeliveryAttempt {
            number,
            at: began,
            duration_ms: u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX),
            status: told.status,
            outcome: told.verdict.said().to_owned(),
        };
        let result = match told.verdict {
            Verdict::Taken(_) => ConversionResult::Sent,
            Verdict::Refused(_) => ConversionResult::Failed,
            Verdict::Later(_, wish) => {
                next_attempt(number, began, retry_until, wish, rand::random())
                    .map_or(ConversionResult::Failed, ConversionResult::Later)
            }
        };
        counted(match result {
            ConversionResult::Sent => "sent",
            ConversionResult::Later(_) => "later",
            ConversionResult::Failed => "failed",
        });
        self.db.note_conversion(conversion, &attempt, result).await
    }

    /// Whether the call counts, from the rows of this moment, and what is told then.
    async fn decide(
        &self,
        destination: &ConversionDestination,
        asking: &Asking<'_>,
        conversion: &Conversion,
        now: Timestamp,
    ) -> Result<Decided, StoreError> {
        let (db, account) = (&self.db, destination.account);
        let call = db.call(account, conversion.call).await?;
        let (Some(call), Some(owner)) = (call, db.account(account).await?) else {
            return Ok(Decided::PassOver(NotCounted::Erased.to_string()));
        };
        let (mut visit, mut told) = (None, ToldForConversions::default());
        if let Some(id) = call.visit {
            visit = db.visit(account, id).await?;
            told = ToldForConversions::of(&db.visit_events(account, id).await?);
        }
        let worth = db.worth(account, call.id).await?;
        let rule = &destination.rule;
        let called_before = rule.first_only && self.db.earlier_calls(&call, 1).await? > 0;
        let known = CallKnown {
            call: &call,
            visit: visit.as_ref(),
            told: &told,
            lead: worth.as_ref().and_then(|worth| worth.lead),
            called_before,
        };
        if let Err(why) = counts(rule, &known) {
            return Ok(Decided::PassOver(why.to_string()));
        }
        let Some(visit) = &visit else {
            return Ok(Decided::PassOver(NotCounted::NoVisit.to_string()));
        };
        let counted = Counted {
            call: &call,
            visit,
            told: &told,
            value: worth.and_then(|worth| worth.value),
            money: Money::of(&owner),
            rule,
        };
        Ok(match asking.body(&counted, now) {
            Ok(body) => Decided::Tell(body.to_string()),
            Err(why) => Decided::PassOver(why.to_string()),
        })
    }
}

fn counted(result: &'static str) {
    metrics::counter!("ringfence_conversion_attempts_total", "result" => result).increment(1);
}
