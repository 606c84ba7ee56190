//! Carriers whose numbers are ordered here, and the orders: placed, claimed for an attempt, and closed.

use ringfence_model::{
    AccountId, Carrier, CarrierId, CarrierKind, E164, NumberOrder, NumberOrderId, NumberOrderKind,
    NumberOrderState, PlanId, PoolId, Timestamp, TrackingNumber,
};

use crate::commit::Statement;
use crate::numbers::add_number;
use crate::row::Reader;
use crate::value::args;
use crate::{Db, StoreError};

macro_rules! carrier_columns {
    () => {
        "id, account, kind, name, login, secret, trunk, created_at"
    };
}

macro_rules! order_columns {
    () => {
        "id, account, carrier, e164, kind, pool, plan, state, attempts, next_at, said, created_at, changed_at"
    };
}

const ADD: &str = concat!(
    "INSERT INTO carriers (",
    carrier_columns!(),
    ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
);
const ALL: &str = concat!(
    "SELECT ",
    carrier_columns!(),
    " FROM carriers WHERE account = $1 ORDER BY name, id"
);
const ONE: &str = concat!(
    "SELECT ",
    carrier_columns!(),
    " FROM carriers WHERE account = $1 AND id = $2"
);
/// Nothing is asked any more of a carrier that is not there.
const CLOSE_ORDERS: &str = "UPDATE number_orders SET state = 'failed', said = $4, changed_at = $3 \
    WHERE account = $1 AND carrier = $2 AND state = 'open'";
const REMOVE: &str = "DELETE FROM carriers WHERE account = $1 AND id = $2";

const PLACE: &str = concat!(
    "INSERT INTO number_orders (",
    order_columns!(),
    ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)"
);
const ORDERS: &str = concat!(
    "SELECT ",
    order_columns!(),
    " FROM number_orders WHERE account = $1 AND carrier = $2 ORDER BY created_at DESC, id DESC LIMIT $3"
);
const DUE: &str = concat!(
    "SELECT ",
    order_columns!(),
    " FROM number_orders WHERE state = 'open' AND next_at <= $1 ORDER BY next_at, id LIMIT $2"
);
/// Numbers that came from a carrier by an order, and are the account's still.
const ORDERED: &str = "SELECT DISTINCT o.e164 FROM number_orders AS o \
    JOIN tracking_numbers AS n ON n.account = o.account AND n.e164 = o.e164 AND n.state <> 'released' \
    WHERE o.account = $1 AND o.carrier = $2 AND o.kind = 'order' AND o.state = 'done' ORDER BY o.e164";
/// Only who finds the row as it was read has it: two servers over the same rows do not order the same at once.
const CLAIM: &str = "UPDATE number_orders SET next_at = $4, attempts = attempts + 1 \
    WHERE account = $1 AND id = $2 AND state = 'open' AND next_at = $3 AND attempts = $5";
const CLOSE: &str = "UPDATE number_orders SET state = $3, said = $4, changed_at = $5 \
    WHERE account = $1 AND id = $2 AND state = 'open'";
const LATER: &str = "UPDATE number_orders SET next_at = $3, said = $4, changed_at = $5 \
    WHERE account = $1 AND id = $2 AND state = 'open'";

/// What an attempt at an order came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrderResult {
    /// It was carried out; a number that was ordered becomes the account's with it.
    Done(Option<TrackingNumber>),
    /// To be tried again then.
    Later(Timestamp),
    /// It is given up.
    Failed,
}

impl Db {
    /// Adds a carrier.
    ///
    /// # Errors
    /// [`StoreError::MissingParent`] without the account.
    pub async fn add_carrier(&self, carrier: &Carrier) -> Result<(), StoreError> {
        let args = args![
            carrier.id,
            carrier.account,
            carrier.kind.as_str(),
            carrier.name.as_str(),
            carrier.user.as_str(),
            carrier.secret.as_slice(),
            carrier.trunk.as_str(),
            carrier.created_at,
        ];
        self.run_one(ADD, args).await.map(drop)
    }

    /// An account's carriers, by name.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn carriers(&self, account: AccountId) -> Result<Vec<Carrier>, StoreError> {
        self.rows(ALL, args![account], read_carrier).await
    }

    /// One carrier.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn carrier(
        &self,
        account: AccountId,
        carrier: CarrierId,
    ) -> Result<Option<Carrier>, StoreError> {
        self.row(ONE, args![account, carrier], read_carrier).await
    }

    /// Takes a carrier away and closes its open orders with the reason `said`; `false` when the account has no such
    /// carrier.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be written.
    pub async fn remove_carrier(
        &self,
        account: AccountId,
        carrier: CarrierId,
        now: Timestamp,
        said: &str,
    ) -> Result<bool, StoreError> {
        let statements = vec![
            Statement::new(REMOVE, args![account, carrier]).decides(),
            Statement::new(CLOSE_ORDERS, args![account, carrier, now, said]),
        ];
        let changed = self.run(statements).await?;
        Ok(changed.first().is_some_and(|rows| *rows > 0))
    }

    /// Places orders, all of them or none.
    ///
    /// # Errors
    /// [`StoreError::Taken`] with `number_orders.e164` when an order for one of the numbers is open already.
    pub async fn place_number_orders(&self, orders: &[NumberOrder]) -> Result<(), StoreError> {
        let statement = |order: &NumberOrder| {
            let args = args![
                order.id,
                order.account,
                order.carrier,
                &order.e164,
                order.kind.as_str(),
                order.pool,
                order.plan,
                order.state.as_str(),
                order.attempts,
                order.next_at,
                order.said.as_deref(),
                order.created_at,
                order.changed_at,
            ];
            Statement::new(PLACE, args)
        };
        let statements = orders.iter().map(statement).collect();
        self.run(statements).await.map(drop)
    }

    /// A carrier's orders, the newest first.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn number_orders(
        &self,
        account: AccountId,
        carrier: CarrierId,
        limit: u32,
    ) -> Result<Vec<NumberOrder>, StoreError> {
        self.rows(ORDERS, args![account, carrier, limit], read_order)
            .await
    }

    /// Every account's open orders that are due at `now`, the longest due first.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn due_number_orders(
        &self,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<NumberOrder>, StoreError> {
        self.rows(DUE, args![now, limit], read_order).await
    }

    /// The account's numbers that came from a carrier by an order, by their digits.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn numbers_ordered_from(
        &self,
        account: AccountId,
        carrier: CarrierId,
    ) -> Result<Vec<E164>, StoreError> {
        let read = |row: &mut Reader<'_>| row.e164();
        self.rows(ORDERED, args![account, carrier], read).await
    }

    /// Takes an order for one attempt: nobody else tries it before `until`. `false` when somebody else has it.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be written.
    pub async fn claim_number_order(
        &self,
        order: &NumberOrder,
        until: Timestamp,
    ) -> Result<bool, StoreError> {
        let args = args![
            order.account,
            order.id,
            order.next_at,
            until,
            order.attempts
        ];
        Ok(self.run_one(CLAIM, args).await? > 0)
    }

    /// Writes down what an attempt came to and what was said; with what is done, the number becomes the account's in the
    /// same transaction. `false` when the order is not open any more, and then nothing is written.
    ///
    /// # Errors
    /// [`StoreError::NumberTaken`] when somebody owns the number already, [`StoreError::MissingParent`] when its pool or
    /// plan is not there any more.
    pub async fn note_number_order(
        &self,
        order: &NumberOrder,
        result: &OrderResult,
        said: Option<&str>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let (account, id) = (order.account, order.id);
        let close = |state: NumberOrderState| args![account, id, state.as_str(), said, now];
        let first = match result {
            OrderResult::Done(_) => Statement::new(CLOSE, close(NumberOrderState::Done)),
            OrderResult::Failed => Statement::new(CLOSE, close(NumberOrderState::Failed)),
            OrderResult::Later(at) => Statement::new(LATER, args![account, id, *at, said, now]),
        };
        let mut statements = vec![first.decides()];
        if let OrderResult::Done(Some(number)) = result {
            statements.push(add_number(number));
        }
        let changed = self.run(statements).await?;
        Ok(changed.first().is_some_and(|rows| *rows > 0))
    }
}

fn read_carrier(row: &mut Reader<'_>) -> Result<Carrier, StoreError> {
    Ok(Carrier {
        id: CarrierId(row.uuid()?),
        account: AccountId(row.uuid()?),
        kind: row.word(CarrierKind::from_word)?,
        name: row.text()?,
        user: row.text()?,
        secret: row.bytes()?,
        trunk: row.text()?,
        created_at: row.time()?,
    })
}

fn read_order(row: &mut Reader<'_>) -> Result<NumberOrder, StoreError> {
    Ok(NumberOrder {
        id: NumberOrderId(row.uuid()?),
        account: AccountId(row.uuid()?),
        carrier: CarrierId(row.uuid()?),
        e164: row.e164()?,
        kind: row.word(NumberOrderKind::from_word)?,
        pool: row.optional_uuid()?.map(PoolId),
        plan: row.optional_uuid()?.map(PlanId),
        state: row.word(NumberOrderState::from_word)?,
        attempts: row.number()?,
        next_at: row.time()?,
        said: row.optional_text()?,
        created_at: row.time()?,
        changed_at: row.time()?,
    })
}
