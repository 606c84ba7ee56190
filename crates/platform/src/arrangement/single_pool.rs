//! One pool as a person's form has it: the same checks as a document of [`Platform::arrange`], and an entry in the audit
//! log beside.

use ringfence_model::{
    Account, AccountId, AuditObject, NumberState, Pool, PoolId, Timestamp, TrackingNumber,
};
use ringfence_store::StoreError;
use serde_json::{Value, json};

use super::check::of_pool;
use super::single::name_problems;
use super::{FieldProblem, PoolPart};
use crate::audit::{Change, object};
use crate::{Platform, random};

/// Why a pool was not kept or removed; nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum PoolError {
    /// Everything that is wrong with it, each with its field.
    #[error("{}", .0.iter().map(|problem| problem.text.as_str()).collect::<Vec<_>>().join("; "))]
    Problems(Vec<FieldProblem>),
    /// The account has none of this identifier.
    #[error("no such pool in this account")]
    NotFound,
    /// What uses it, in words.
    #[error("it is used by {}: change that first", .0.join(", "))]
    InUse(Vec<String>),
    /// Rows could not be read or written.
    #[error("the database did not answer")]
    Store(#[from] StoreError),
}

impl Platform {
    /// Adds a pool, or changes the one of an identifier.
    ///
    /// # Errors
    /// [`PoolError`]; nothing was changed.
    pub async fn save_pool(
        &self,
        account: &Account,
        known: Option<PoolId>,
        part: &PoolPart,
        now: Timestamp,
    ) -> Result<PoolId, PoolError> {
        let pools = self.db.pools(account.id).await?;
        let numbers = self.db.numbers(account.id).await?;
        let old = match known {
            None => None,
            Some(id) => Some(found(&pools, id)?),
        };
        let name = part.name.trim();
        let others = pools.iter().filter(|pool| Some(pool.id) != known);
        let is_taken = others.into_iter().any(|pool| pool.name == name);
        let mut problems = name_problems(name, is_taken);
        let mut texts = Vec::new();
        let spare = |e164: &str| spare_numbers(&numbers).any(|number| number.e164.as_str() == e164);
        of_pool(part, "the account", spare, &mut texts);
        let of = format!("pool {:?}", part.name);
        problems.extend(texts.iter().map(|text| FieldProblem::of(text, &of)));
        if !problems.is_empty() {
            return Err(PoolError::Problems(problems));
        }
        let overflow = part.overflow.as_deref().and_then(|e164| {
            let mut spare = spare_numbers(&numbers);
            spare.find(|number| number.e164.as_str() == e164)
        });
        let pool = Pool {
            id: known.unwrap_or_else(|| PoolId::new(now, random())),
            account: account.id,
            name: name.to_owned(),
            hold: part.hold(),
            overflow: overflow.map(|number| number.id),
            quarantine: part.quarantine(),
        };
        if old == Some(&pool) {
            return Ok(pool.id);
        }
        let action = if old.is_some() {
            "pool.change"
        } else {
            "pool.add"
        };
        let mut change = Change::new(account.id, action, object_of(&pool));
        if let Some(old) = old {
            change = change.before(told(old, &numbers));
        }
        let rows = self.recorded(change.after(told(&pool, &numbers)));
        if old.is_none() {
            rows.add_pool(&pool).await?;
        } else if !rows.update_pool(&pool).await? {
            return Err(PoolError::NotFound);
        }
        self.tag_facts.changed();
        Ok(pool.id)
    }

    /// Removes a pool to which nothing belongs.
    ///
    /// # Errors
    /// [`PoolError::InUse`], [`PoolError::NotFound`], [`PoolError::Store`].
    pub async fn remove_pool(&self, account: AccountId, id: PoolId) -> Result<(), PoolError> {
        let pools = self.db.pools(account).await?;
        let numbers = self.db.numbers(account).await?;
        let pool = found(&pools, id)?;
        let used = self.users_of(pool, &numbers).await?;
        if !used.is_empty() {
            return Err(PoolError::InUse(used));
        }
        let change = Change::new(account, "pool.remove", object_of(pool));
        let rows = self.recorded(change.before(told(pool, &numbers)));
        match rows.remove_pool(account, id).await {
            Ok(true) => {}
            Ok(false) => return Err(PoolError::NotFound),
            // Something came to it meanwhile.
            Err(StoreError::MissingParent(_)) => {
                return Err(PoolError::InUse(vec!["a number or a site".into()]));
            }
            Err(error) => return Err(error.into()),
        }
        self.tag_facts.changed();
        Ok(())
    }

    async fn users_of(
        &self,
        pool: &Pool,
        numbers: &[TrackingNumber],
    ) -> Result<Vec<String>, StoreError> {
        let mut used = Vec::new();
        let own = numbers.iter().filter(|number| number.pool == Some(pool.id));
        match own.count() {
            0 => {}
            1 => used.push("1 number".to_owned()),
            many => used.push(format!("{many} numbers")),
        }
        let rules = self.db.all_pool_rules(pool.account).await?;
        for site in self.db.sites(pool.account).await? {
            if site.pool == Some(pool.id) {
                used.push(format!("the site {:?}", site.name));
            }
            let mut rules = rules.iter().filter(|rule| rule.site == site.id);
            if rules.any(|rule| rule.pool == pool.id) {
                used.push(format!("a rule of the site {:?}", site.name));
            }
        }
        Ok(used)
    }
}

/// Numbers that a pool may show when all others are leased: those in no pool.
pub fn spare_numbers(numbers: &[TrackingNumber]) -> impl Iterator<Item = &TrackingNumber> {
    numbers
        .iter()
        .filter(|number| number.pool.is_none() && number.state != NumberState::Released)
}

fn found(pools: &[Pool], id: PoolId) -> Result<&Pool, PoolError> {
    let mut pools = pools.iter();
    pools.find(|pool| pool.id == id).ok_or(PoolError::NotFound)
}

fn object_of(pool: &Pool) -> AuditObject {
    object("pool", pool.id.0, &pool.name)
}

fn told(pool: &Pool, numbers: &[TrackingNumber]) -> Value {
    let mut numbers = numbers.iter();
    let overflow = numbers.find(|number| Some(number.id) == pool.overflow);
    json!({
        "name": pool.name,
        "hold_minutes": pool.hold.as_secs() / 60,
        "quarantine_days": pool.quarantine.as_secs() / 86_400,
        "overflow": overflow.map(|number| number.e164.as_str()),
    })
}
