//! Tracking numbers and pools.

use ringfence_model::{
    AccountId, E164, NumberId, NumberState, PlanId, Pool, PoolId, TrackingNumber,
};

use crate::commit::Statement;
use crate::row::Reader;
use crate::value::args;
use crate::{Db, StoreError};

macro_rules! number_columns {
    () => {
        "id, account, e164, label, state, pool, plan, created_at"
    };
}
pub(crate) use number_columns;

macro_rules! pool_columns {
    () => {
        "id, account, name, hold, overflow, quarantine"
    };
}

const ADD_NUMBER: &str = concat!(
    "INSERT INTO tracking_numbers (",
    number_columns!(),
    ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
);
const NUMBERS: &str = concat!(
    "SELECT ",
    number_columns!(),
    " FROM tracking_numbers WHERE account = $1 ORDER BY e164, id"
);
const NUMBER: &str = concat!(
    "SELECT ",
    number_columns!(),
    " FROM tracking_numbers WHERE account = $1 AND id = $2"
);
const NUMBER_BY_E164: &str = concat!(
    "SELECT ",
    number_columns!(),
    " FROM tracking_numbers WHERE e164 = $1 AND state <> 'released'"
);
const NUMBERS_MARK: &str = "SELECT mark FROM number_changes WHERE account = $1";
const UPDATE_NUMBER: &str = "UPDATE tracking_numbers SET label = $3, state = $4, pool = $5, \
    plan = $6 WHERE account = $1 AND id = $2";
const ADD_POOL: &str = concat!(
    "INSERT INTO pools (",
    pool_columns!(),
    ") VALUES ($1, $2, $3, $4, $5, $6)"
);
const POOLS: &str = concat!(
    "SELECT ",
    pool_columns!(),
    " FROM pools WHERE account = $1 ORDER BY name, id"
);
const POOL: &str = concat!(
    "SELECT ",
    pool_columns!(),
    " FROM pools WHERE account = $1 AND id = $2"
);
const UPDATE_POOL: &str = "UPDATE pools SET name = $3, hold = $4, overflow = $5, quarantine = $6 \
    WHERE account = $1 AND id = $2";
const REMOVE_POOL: &str = "DELETE FROM pools WHERE account = $1 AND id = $2";

impl Db {
    /// Adds numbers, all of them or none.
    ///
    /// # Errors
    /// [`StoreError::NumberTaken`] with the first that is owned already (or stands twice in `numbers`).
    pub async fn add_numbers(&self, numbers: Vec<TrackingNumber>) -> Result<(), StoreError> {
        let statements = numbers.iter().map(add_number).collect();
        self.run(statements).await.map(drop)
    }
    /// The numbers of an account, by their digits.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn numbers(&self, account: AccountId) -> Result<Vec<TrackingNumber>, StoreError> {
        self.rows(NUMBERS, args![account], read_number).await
    }
    /// What tells whether an account's numbers are still what they were: the same as long as none was added, changed or
    /// removed, whoever did it. Asked for before the numbers are read, it is never newer than they are.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn numbers_mark(&self, account: AccountId) -> Result<Option<i64>, StoreError> {
        self.row(NUMBERS_MARK, args![account], read_mark).await
    }
    /// One number.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn number(
        &self,
        account: AccountId,
        number: NumberId,
    ) -> Result<Option<TrackingNumber>, StoreError> {
        self.row(NUMBER, args![account, number], read_number).await
    }
    /// The number with these digits, of whatever account: an INVITE names nothing else.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn number_by_e164(&self, e164: &E164) -> Result<Option<TrackingNumber>, StoreError> {
        self.row(NUMBER_BY_E164, args![e164], read_number).await
    }
    /// Changes a number's label, state, pool and plan; `false` when there is no such number.
    ///
    /// # Errors
    /// [`StoreError::MissingParent`] when its pool or plan is not the account's; [`StoreError::NumberTaken`] when a
    /// released number comes back and somebody else owns it now.
    pub async fn update_number(&self, number: &TrackingNumber) -> Result<bool, StoreError> {
        let changed = self.run(vec![update_number(number)]).await?;
        Ok(changed.iter().any(|numbers| *numbers > 0))
    }
    /// Adds a pool.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when its identifier is in use.
    pub async fn add_pool(&self, pool: &Pool) -> Result<(), StoreError> {
        let args = args![
            pool.id,
            pool.account,
            pool.name.as_str(),
            pool.hold,
            pool.overflow,
            pool.quarantine,
        ];
        self.run_one(ADD_POOL, args).await.map(drop)
    }
    /// The pools of an account, by name.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn pools(&self, account: AccountId) -> Result<Vec<Pool>, StoreError> {
        self.rows(POOLS, args![account], read_pool).await
    }
    /// One pool.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn pool(&self, account: AccountId, pool: PoolId) -> Result<Option<Pool>, StoreError> {
        self.row(POOL, args![account, pool], read_pool).await
    }
    /// Changes a pool's name, hold, overflow and quarantine; `false` when there is no such pool.
    ///
    /// # Errors
    /// [`StoreError::MissingParent`] when its overflow number is not the account's.
    pub async fn update_pool(&self, pool: &Pool) -> Result<bool, StoreError> {
        let args = args![
            pool.account,
            pool.id,
            pool.name.as_str(),
            pool.hold,
            pool.overflow,
            pool.quarantine,
        ];
        Ok(self.run_one(UPDATE_POOL, args).await? > 0)
    }
    /// Removes a pool; `false` when there is no such pool.
    ///
    /// # Errors
    /// [`StoreError::MissingParent`] while a number, a site or a rule of a site belongs to it.
    pub async fn remove_pool(&self, account: AccountId, pool: PoolId) -> Result<bool, StoreError> {
        Ok(self.run_one(REMOVE_POOL, args![account, pool]).await? > 0)
    }
}

pub(crate) fn add_number(number: &TrackingNumber) -> Statement {
    let args = args![
        number.id,
        number.account,
        &number.e164,
        number.label.as_str(),
        number.state.as_str(),
        number.pool,
        number.plan,
        number.created_at,
    ];
    Statement::new(ADD_NUMBER, args).concerning(&number.e164)
}

pub(crate) fn update_number(number: &TrackingNumber) -> Statement {
    let args = args![
        number.account,
        number.id,
        number.label.as_str(),
        number.state.as_str(),
        number.pool,
        number.plan,
    ];
    Statement::new(UPDATE_NUMBER, args).concerning(&number.e164)
}

fn read_mark(row: &mut Reader<'_>) -> Result<i64, StoreError> {
    row.int()
}

pub(crate) fn read_number(row: &mut Reader<'_>) -> Result<TrackingNumber, StoreError> {
    Ok(TrackingNumber {
        id: NumberId(row.uuid()?),
        account: AccountId(row.uuid()?),
        e164: row.e164()?,
        label: row.text()?,
        state: row.word(NumberState::from_word)?,
        pool: row.optional_uuid()?.map(PoolId),
        plan: row.optional_uuid()?.map(PlanId),
        created_at: row.time()?,
    })
}

fn read_pool(row: &mut Reader<'_>) -> Result<Pool, StoreError> {
    Ok(Pool {
        id: PoolId(row.uuid()?),
        account: AccountId(row.uuid()?),
        name: row.text()?,
        hold: row.duration()?,
        overflow: row.optional_uuid()?.map(NumberId),
        quarantine: row.duration()?,
    })
}
