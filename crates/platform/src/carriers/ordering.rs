//! Orders carried out: placed in rows before the carrier is asked, looked for at the carrier before it is asked again, so
//! that neither a crash nor a lost answer buys a number twice or loses one that was paid for.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use futures::future::BoxFuture;
use ringfence_model::{
    Account, AccountId, Carrier, CarrierId, E164, NumberId, NumberOrder, NumberOrderId,
    NumberOrderKind, NumberOrderState, NumberState, PlanId, PoolId, Timestamp, TrackingNumber,
};
use ringfence_store::{OrderResult, StoreError};
use serde_json::json;

use super::asking::Asking;
use super::request::{CarrierFault, Placed, Standing};
use super::{CarrierError, of_carrier};
use crate::audit::{Change, object};
use crate::number_edit::NumberError;
use crate::{Platform, random};

/// Numbers that are ordered at once.
pub const MOST_ORDERED: usize = 50;

/// How long an order is tried.
const RETRY_FOR: Duration = Duration::from_hours(24);
/// Nobody else tries an order for so long once an attempt began: longer than its requests can take.
const CLAIMED_FOR: Duration = Duration::from_mins(2);
/// Pauses after the first attempts in seconds; after that the last one again and again.
const PAUSES: [u64; 6] = [5, 15, 60, 300, 900, 1_800];
/// The longest pause that a carrier can ask for.
const LONGEST_PAUSE: Duration = Duration::from_hours(1);
/// Between two looks for what is due.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Orders that are under way at once, and that are read at once.
const AT_ONCE: usize = 4;
const BATCH: u32 = 100;
/// Orders of a carrier that are shown.
const SHOWN: u32 = 100;

/// Numbers to order.
#[derive(Debug, Clone, Default)]
pub struct NewOrders {
    /// The numbers.
    pub numbers: Vec<E164>,
    /// The pool that they belong to.
    pub pool: Option<PoolId>,
    /// What happens to their calls.
    pub plan: Option<PlanId>,
}

/// How an attempt ended, with what people are told.
struct Attempt {
    result: OrderResult,
    said: Option<String>,
}

impl Attempt {
    fn failed(said: impl Into<String>) -> Self {
        Self {
            result: OrderResult::Failed,
            said: Some(said.into()),
        }
    }
}

impl Platform {
    /// A carrier's orders, the newest first, a hundred at most.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn number_orders(
        &self,
        account: AccountId,
        carrier: CarrierId,
    ) -> Result<Vec<NumberOrder>, StoreError> {
        self.db.number_orders(account, carrier, SHOWN).await
    }

    /// Places orders for numbers, all of them or none. What the account has at the carrier already is brought in without
    /// being ordered again.
    ///
    /// # Errors
    /// [`CarrierError`]; nothing was ordered.
    pub async fn order_numbers(
        &self,
        account: &Account,
        carrier: CarrierId,
        new: &NewOrders,
        now: Timestamp,
    ) -> Result<(), CarrierError> {
        let carrier = self.carrier(account.id, carrier).await?;
        let wrong = |text: String| Err(CarrierError::of_field("numbers", text));
        match new.numbers.len() {
            0 => return wrong("expected at least one number, got none: tick it first".into()),
            1..=MOST_ORDERED => {}
            many => {
                return wrong(format!(
                    "expected at most {MOST_ORDERED} numbers at once, got {many}"
                ));
            }
        }
        let missing = self.missing_parts(account.id, new.pool, new.plan).await?;
        if !missing.is_empty() {
            return Err(CarrierError::Problems(missing));
        }
        for e164 in &new.numbers {
            if let Some(owned) = self.db.number_by_e164(e164).await? {
                let whose = if owned.account == account.id {
                    "this account"
                } else {
                    "another account"
                };
                return wrong(format!("{} belongs to {whose} already", e164.as_str()));
            }
        }
        let one = |e164: &E164| NumberOrder {
            pool: new.pool,
            plan: new.plan,
            ..order(&carrier, e164.clone(), NumberOrderKind::Order, now)
        };
        let orders: Vec<_> = new.numbers.iter().map(one).collect();
        let change = Change::new(account.id, "number.order", of_carrier(&carrier));
        self.place_orders(&orders, change).await
    }

    /// Gives a number back to its carrier, and then takes it out of the account.
    ///
    /// # Errors
    /// [`CarrierError`]; nothing was done.
    pub async fn give_back_number(
        &self,
        account: AccountId,
        carrier: CarrierId,
        e164: &E164,
        now: Timestamp,
    ) -> Result<(), CarrierError> {
        let carrier = self.carrier(account, carrier).await?;
        let owner = self.db.number_by_e164(e164).await?;
        if owner.is_some_and(|number| number.account != account) {
            return Err(CarrierError::NotFound);
        }
        let order = order(&carrier, e164.clone(), NumberOrderKind::GiveBack, now);
        let change = Change::new(account, "number.give_back", of_carrier(&carrier));
        self.place_orders(&[order], change).await
    }

    async fn place_orders(
        &self,
        orders: &[NumberOrder],
        change: Change,
    ) -> Result<(), CarrierError> {
        let numbers: Vec<&str> = orders.iter().map(|order| order.e164.as_str()).collect();
        let change = change.after(json!({"numbers": numbers}));
        match self.recorded(change).place_number_orders(orders).await {
            Ok(()) => Ok(()),
            Err(StoreError::Taken(what)) if what == "number_orders.e164" => {
                let text = "an order for one of these numbers is open already: see it below";
                Err(CarrierError::of_field("numbers", text))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Carries out what is due until the server stops.
    pub fn carry_out_orders(self: Arc<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            let mut beat = tokio::time::interval(LOOK_EVERY);
            beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            let stopping = self.stopping.clone();
            while stopping.run_until_cancelled(beat.tick()).await.is_some() {
                if let Err(error) = self.carry_out_due_orders(crate::now()).await {
                    tracing::warn!("orders of numbers wait for the database: {error}");
                }
            }
        })
    }

    /// Tries what is due at `now` once, and answers when all of it was tried.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn carry_out_due_orders(&self, now: Timestamp) -> Result<(), StoreError> {
        let due = self.db.due_number_orders(now, BATCH).await?;
        futures::stream::iter(due)
            .for_each_concurrent(AT_ONCE, |order| async move {
                if let Err(error) = self.attempt_order(&order, now).await {
                    tracing::warn!(order = %order.id, "an order waits for the database: {error}");
                }
            })
            .await;
        Ok(())
    }

    async fn attempt_order(&self, order: &NumberOrder, now: Timestamp) -> Result<(), StoreError> {
        if !self.db.claim_number_order(order, now + CLAIMED_FOR).await? {
            return Ok(());
        }
        let attempt = match self.db.carrier(order.account, order.carrier).await? {
            None => Attempt::failed("The carrier is not here any more."),
            Some(carrier) => match Asking::of(self, &carrier) {
                Err(error) => later(order, now, None, &error.to_string()),
                Ok(asking) => match order.kind {
                    NumberOrderKind::Order => self.attempt_number(&asking, order, now).await?,
                    NumberOrderKind::GiveBack => self.attempt_parting(&asking, order, now).await?,
                },
            },
        };
        let word = match &attempt.result {
            OrderResult::Done(_) => "done",
            OrderResult::Later(_) => "later",
            OrderResult::Failed => "failed",
        };
        metrics::counter!("ringfence_number_order_attempts_total", "result" => word).increment(1);
        self.note(order, attempt, now).await
    }

    async fn note(
        &self,
        order: &NumberOrder,
        attempt: Attempt,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let Attempt { result, said } = attempt;
        let rows = match &result {
            OrderResult::Done(Some(number)) => {
                let object = object("number", number.id.0, number.e164.as_str());
                let change = Change::new(order.account, "number.add", object);
                self.recorded(change.after(json!({
                    "e164": number.e164.as_str(),
                    "label": number.label,
                    "state": number.state.as_str(),
                })))
            }
            _ => self.db.clone(),
        };
        let noted = rows.note_number_order(order, &result, said.as_deref(), now);
        match noted.await {
            Ok(_) => {}
            // Somebody was quicker, or the pool or plan was taken away: the number is at the carrier, and told as such.
            Err(StoreError::NumberTaken(_)) => {
                let said = "The carrier gave the number, but it belongs to somebody here by now.";
                let failed = OrderResult::Failed;
                self.db
                    .note_number_order(order, &failed, Some(said), now)
                    .await?;
            }
            Err(StoreError::MissingParent(_)) => {
                let OrderResult::Done(Some(number)) = result else {
                    return Ok(());
                };
                let said = "Its pool or plan is not there any more: it came without them.";
                let alone = OrderResult::Done(Some(TrackingNumber {
                    pool: None,
                    plan: None,
                    state: NumberState::Available,
                    ..number
                }));
                self.db
                    .note_number_order(order, &alone, Some(said), now)
                    .await?;
            }
            Err(error) => return Err(error),
        }
        self.tag_facts.changed();
        Ok(())
    }

    async fn attempt_number(
        &self,
        asking: &Asking<'_>,
        order: &NumberOrder,
        now: Timestamp,
    ) -> Result<Attempt, StoreError> {
        Ok(match self.have_number(asking, order, now).await {
            Ok(attempt) => attempt,
            Err(CarrierFault::Refused(why)) => Attempt::failed(format!("Refused: {why}.")),
            Err(fault) => put_off(order, now, &fault),
        })
    }

    /// The steps of an order. Each of them may have been taken at an earlier attempt whose answer was lost.
    async fn have_number(
        &self,
        asking: &Asking<'_>,
        order: &NumberOrder,
        now: Timestamp,
    ) -> Result<Attempt, CarrierFault> {
        let mut held = asking.find(&order.e164).await?;
        if held.is_none() {
            match asking.placed_before(order).await? {
                Placed::Failed => {
                    return Ok(Attempt::failed("The carrier could not get the number."));
                }
                Placed::Pending(waits) => {
                    let said = waits.unwrap_or_else(|| "The carrier is about it.".into());
                    return Ok(later(order, now, None, &said));
                }
                Placed::Nothing => {}
            }
            asking.order(order).await?;
            held = asking.find(&order.e164).await?;
        }
        let Some(held) = held else {
            return Ok(later(order, now, None, "The carrier is about it."));
        };
        match held.standing {
            Standing::Active => {}
            Standing::Pending => return Ok(later(order, now, None, "The carrier is about it.")),
            Standing::Failed => {
                return Ok(Attempt::failed("The carrier could not get the number."));
            }
        }
        asking.set_trunk(&held).await?;
        Ok(Attempt {
            result: OrderResult::Done(Some(TrackingNumber {
                id: NumberId::new(now, random()),
                account: order.account,
                label: order.e164.international(),
                e164: order.e164.clone(),
                state: if order.pool.is_some() {
                    NumberState::Assigned
                } else {
                    NumberState::Available
                },
                pool: order.pool,
                plan: order.plan,
                created_at: now,
            })),
            said: None,
        })
    }

    async fn attempt_parting(
        &self,
        asking: &Asking<'_>,
        order: &NumberOrder,
        now: Timestamp,
    ) -> Result<Attempt, StoreError> {
        let given = async {
            if let Some(held) = asking.find(&order.e164).await? {
                asking.give_back(&held).await?;
            }
            Ok(())
        };
        match given.await {
            Ok(()) => {}
            Err(CarrierFault::Refused(why)) => {
                return Ok(Attempt::failed(format!("Refused: {why}.")));
            }
            Err(fault) => return Ok(put_off(order, now, &fault)),
        }
        let number = self.db.number_by_e164(&order.e164).await?;
        if let Some(number) = number.filter(|number| number.account == order.account) {
            match self.remove_number(order.account, number.id, now).await {
                Ok(()) | Err(NumberError::NotFound) => {}
                Err(NumberError::Store(error)) => return Err(error),
                Err(error) => return Ok(later(order, now, None, &error.to_string())),
            }
        }
        Ok(Attempt {
            result: OrderResult::Done(None),
            said: None,
        })
    }
}

fn order(carrier: &Carrier, e164: E164, kind: NumberOrderKind, now: Timestamp) -> NumberOrder {
    NumberOrder {
        id: NumberOrderId::new(now, random()),
        account: carrier.account,
        carrier: carrier.id,
        e164,
        kind,
        pool: None,
        plan: None,
        state: NumberOrderState::Open,
        attempts: 0,
        next_at: now,
        said: None,
        created_at: now,
        changed_at: now,
    }
}

fn put_off(order: &NumberOrder, now: Timestamp, fault: &CarrierFault) -> Attempt {
    let wish = match fault {
        CarrierFault::Limited(wish) => *wish,
        _ => None,
    };
    later(order, now, wish, &fault.to_string())
}

/// When an order is tried again; given up when it was tried for a day.
fn later(order: &NumberOrder, now: Timestamp, wish: Option<Duration>, said: &str) -> Attempt {
    if now.since(order.created_at) >= RETRY_FOR {
        return Attempt::failed(format!(
            "Given up after a day; look at the carrier's own pages before you order it again. {said}"
        ));
    }
    let nth = usize::try_from(order.attempts).unwrap_or(usize::MAX);
    let pause = Duration::from_secs(PAUSES[nth.min(PAUSES.len() - 1)]);
    let wish = wish.unwrap_or_default().min(LONGEST_PAUSE);
    Attempt {
        result: OrderResult::Later(now + pause.max(wish)),
        said: Some(said.to_owned()),
    }
}
