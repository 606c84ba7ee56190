//! Leases and spent nonces of several servers, in one Valkey (or Redis 7): each operation is one script of one account.
//!
//! Never the only copy of what must last, and never believed beyond the process that holds it: each account carries the
//! process's `run_id` as its epoch, so whoever finds another one, or none, builds the account from rows before it is used.

mod link;
mod scripts;

use std::collections::HashMap;
use std::time::Duration;

use redis::{Script, ScriptInvocation};
use ringfence_model::{AccountId, Lease, LeaseId, NumberId, PoolId, Timestamp, VisitId};
use ringfence_tracking::Held;
use uuid::Uuid;

use crate::{LeaseOutcome, LiveError, NewLease, SpendError};
use link::{Connected, Link};
use scripts::Scripts;

pub use link::ValkeyFacts;

/// An account is built anew from rows after this time, whatever happens.
const EPOCH_LIFE: Duration = Duration::from_hours(24);
/// An account's keys outlive its epoch.
const KEY_LIFE: Duration = Duration::from_hours(48);
/// Whoever builds an account has so long; then somebody else may.
const BUILDING: Duration = Duration::from_secs(10);

/// The URL is none that names a Valkey.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected the URL of a Valkey, as redis://HOST:6379, redis://USER:PASSWORD@HOST:6379/0 or rediss://… with TLS"
)]
pub struct BadUrl;

/// A Valkey that several servers share.
#[derive(Debug)]
pub struct Valkey {
    link: Link,
    scripts: Scripts,
    patience: Duration,
}

/// Who builds an account, until it is dropped or its time is over.
#[derive(Debug)]
pub struct Building {
    account: AccountId,
    token: String,
    epoch: String,
}

/// What an account is built from.
#[derive(Debug, Clone, Default)]
pub struct AccountRows {
    /// Its leases that are live or ended lately, in the order in which they began.
    pub leases: Vec<Lease>,
    /// Its pools, and the numbers that each leases, those first that are leased first.
    pub pools: Vec<(PoolId, Vec<NumberId>)>,
    /// Tokens that were spent, and until when they could be spent again.
    pub spent: Vec<([u8; 16], Timestamp)>,
}

impl Valkey {
    /// Names it; the first operation connects. None waits longer than `patience` for an answer.
    ///
    /// # Errors
    /// [`BadUrl`] when the URL names no Valkey.
    pub fn new(url: &str, patience: Duration) -> Result<Self, BadUrl> {
        Ok(Self {
            link: Link::new(url, patience)?,
            scripts: Scripts::new(),
            patience,
        })
    }

    /// What it says of itself.
    ///
    /// # Errors
    /// Why it does not, in words; without the URL.
    pub async fn facts(&self) -> Result<ValkeyFacts, String> {
        self.link.facts().await
    }

    /// Claims to build an account; `None` while somebody else does.
    pub(crate) async fn begin_build(
        &self,
        account: AccountId,
        token: u128,
    ) -> Result<Option<Building>, LiveError> {
        let connected = self.link.connected().await?;
        let token = format!("{token:032x}");
        let mut claim = redis::cmd("SET");
        claim
            .arg(format!("{}building", prefix(account)))
            .arg(&token)
            .arg("NX")
            .arg("PX")
            .arg(BUILDING.as_millis());
        let claimed: Option<String> = claim
            .query_async(&mut connected.connection.clone())
            .await
            .map_err(|error| self.broke(&connected, &error))?;
        Ok(claimed.map(|_| Building {
            account,
            token,
            epoch: connected.process.to_string(),
        }))
    }

    /// Builds an account from rows that were read since the claim; `false` when its time was over.
    pub(crate) async fn build(
        &self,
        building: &Building,
        rows: &AccountRows,
        now: Timestamp,
    ) -> Result<bool, LiveError> {
        let Building {
            account,
            token,
            epoch,
        } = building;
        let leases = last_of_each_number(&rows.leases);
        let mut call = keyed(&self.scripts.build, *account);
        call.key(format!("{}building", prefix(*account)))
            .arg(token)
            .arg(millis(BUILDING))
            .arg(millis(KEY_LIFE))
            .arg(leases.len());
        for lease in leases {
            call.arg(id(lease.number.0))
                .arg(id(lease.pool.0))
                .arg(id(lease.id.0))
                .arg(id(lease.visit.0))
                .arg(lease.started_at.as_micros())
                .arg(lease.expires_at.as_micros());
        }
        for (nonce, until) in &rows.spent {
            call.arg(id(Uuid::from_bytes(*nonce)))
                .arg(millis(until.since(now)));
        }
        let connected = self.link.connected().await?;
        if *epoch != *connected.process {
            return Ok(false);
        }
        if self.invoke(&connected, &call, BUILDING).await?[0] != "done" {
            return Ok(false);
        }
        for (pool, numbers) in &rows.pools {
            let call = self.pool_call(*account, token, *pool, numbers, now);
            if self.invoke(&connected, &call, BUILDING).await?[0] != "done" {
                return Ok(false);
            }
        }
        let mut call = keyed(&self.scripts.open, *account);
        call.key(format!("{}building", prefix(*account)))
            .arg(token)
            .arg(epoch)
            .arg(millis(EPOCH_LIFE));
        Ok(self.invoke(&connected, &call, BUILDING).await?[0] == "done")
    }

    /// What is held of an account is not what rows say: it is built anew before it is used again.
    pub(crate) async fn forget(&self, account: AccountId) -> Result<(), LiveError> {
        let connected = self.link.connected().await?;
        redis::cmd("DEL")
            .arg(format!("{}epoch", prefix(account)))
            .query_async::<()>(&mut connected.connection.clone())
            .await
            .map_err(|error| self.broke(&connected, &error))
    }

    pub(crate) async fn set_pool(
        &self,
        account: AccountId,
        pool: PoolId,
        numbers: &[NumberId],
        now: Timestamp,
    ) -> Result<(), LiveError> {
        let connected = self.link.connected().await?;
        let call = self.pool_call(account, &connected.process, pool, numbers, now);
        built(self.invoke(&connected, &call, BUILDING).await?).map(drop)
    }

    fn pool_call(
        &self,
        account: AccountId,
        epoch: &str,
        pool: PoolId,
        numbers: &[NumberId],
        now: Timestamp,
    ) -> ScriptInvocation<'_> {
        let mut call = keyed(&self.scripts.set_pool, account);
        call.arg(epoch).arg(id(pool.0)).arg(now.as_micros());
        for number in numbers {
            call.arg(id(number.0));
        }
        call
    }

    pub(crate) async fn lease(
        &self,
        account: AccountId,
        pool: PoolId,
        new: &NewLease,
    ) -> Result<LeaseOutcome, LiveError> {
        let answer = self
            .call(&self.scripts.lease, account, |call| {
                call.arg(id(pool.0))
                    .arg(id(new.visit.0))
                    .arg(id(new.lease.0))
                    .arg(new.now.as_micros())
                    .arg(new.expires_at.as_micros());
            })
            .await?;
        match answer[0].as_str() {
            "new" => held_in(&answer).map(LeaseOutcome::New),
            "kept" => held_in(&answer).map(LeaseOutcome::Kept),
            "exhausted" => Ok(LeaseOutcome::Exhausted),
            _ => Ok(LeaseOutcome::UnknownPool),
        }
    }

    pub(crate) async fn take_back(&self, account: AccountId, held: &Held) -> Result<(), LiveError> {
        self.call(&self.scripts.take_back, account, |call| {
            call.arg(id(held.number.0))
                .arg(id(held.lease.0))
                .arg(held.generation);
        })
        .await
        .map(drop)
    }

    pub(crate) async fn extend(
        &self,
        account: AccountId,
        pool: PoolId,
        visit: VisitId,
        lease: LeaseId,
        expires_at: Timestamp,
    ) -> Result<Option<Held>, LiveError> {
        let answer = self
            .call(&self.scripts.extend, account, |call| {
                call.arg(id(pool.0))
                    .arg(id(visit.0))
                    .arg(id(lease.0))
                    .arg(expires_at.as_micros());
            })
            .await?;
        held_or_none(&answer)
    }

    pub(crate) async fn release(
        &self,
        account: AccountId,
        visit: VisitId,
        lease: LeaseId,
        now: Timestamp,
    ) -> Result<Option<Held>, LiveError> {
        let answer = self
            .call(&self.scripts.release, account, |call| {
                call.arg(id(visit.0)).arg(id(lease.0)).arg(now.as_micros());
            })
            .await?;
        held_or_none(&answer)
    }

    pub(crate) async fn holding(
        &self,
        account: AccountId,
        pools: &[PoolId],
        visit: VisitId,
    ) -> Result<Option<PoolId>, LiveError> {
        let answer = self
            .call(&self.scripts.holding, account, |call| {
                call.arg(id(visit.0));
                for pool in pools {
                    call.arg(id(pool.0));
                }
            })
            .await?;
        match answer.get(1) {
            Some(pool) => parsed(pool).map(|pool| Some(PoolId(pool))),
            None => Ok(None),
        }
    }

    pub(crate) async fn occupancy(
        &self,
        account: AccountId,
        pool: PoolId,
        now: Timestamp,
    ) -> Result<(usize, usize), LiveError> {
        let answer = self
            .call(&self.scripts.occupancy, account, |call| {
                call.arg(id(pool.0)).arg(now.as_micros());
            })
            .await?;
        let count = |at: usize| answer.get(at).and_then(|n| n.parse().ok()).unwrap_or(0);
        Ok((count(1), count(2)))
    }

    pub(crate) async fn spend(
        &self,
        account: AccountId,
        nonce: [u8; 16],
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Result<(), SpendError> {
        let key = spent_key(account, nonce);
        let connected = self.link.connected().await?;
        let mut call = keyed(&self.scripts.spend, account);
        call.key(key)
            .arg(&*connected.process)
            .arg(millis(expires_at.since(now)));
        let answer = built(self.invoke(&connected, &call, self.patience).await?)?;
        if answer[0] == "done" {
            Ok(())
        } else {
            Err(SpendError::Spent)
        }
    }

    pub(crate) async fn unspend(
        &self,
        account: AccountId,
        nonce: [u8; 16],
    ) -> Result<(), LiveError> {
        let connected = self.link.connected().await?;
        redis::cmd("DEL")
            .arg(spent_key(account, nonce))
            .query_async::<()>(&mut connected.connection.clone())
            .await
            .map_err(|error| self.broke(&connected, &error))
    }

    /// A script over an account that is built, else [`LiveError::Unbuilt`].
    async fn call(
        &self,
        script: &Script,
        account: AccountId,
        arguments: impl FnOnce(&mut ScriptInvocation<'_>),
    ) -> Result<Vec<String>, LiveError> {
        let connected = self.link.connected().await?;
        let mut call = keyed(script, account);
        call.arg(&*connected.process);
        arguments(&mut call);
        built(self.invoke(&connected, &call, self.patience).await?)
    }

    async fn invoke(
        &self,
        connected: &Connected,
        call: &ScriptInvocation<'_>,
        patience: Duration,
    ) -> Result<Vec<String>, LiveError> {
        let mut connection = connected.connection.clone();
        if patience != self.patience {
            connection.set_response_timeout(patience);
        }
        let answer: Vec<String> = call
            .invoke_async(&mut connection)
            .await
            .map_err(|error| self.broke(connected, &error))?;
        if answer.is_empty() {
            return Err(LiveError::Away);
        }
        Ok(answer)
    }

    fn broke(&self, connected: &Connected, error: &redis::RedisError) -> LiveError {
        self.link.broke(connected, error);
        LiveError::Away
    }
}

/// Braces: all keys of an account are in one hash slot.
fn prefix(account: AccountId) -> String {
    format!("ringfence:{{{}}}:", account.0)
}

fn keyed(script: &Script, account: AccountId) -> ScriptInvocation<'_> {
    let prefix = prefix(account);
    let mut call = script.prepare_invoke();
    for key in ["epoch", "numbers", "visits", "pools"] {
        call.key(format!("{prefix}{key}"));
    }
    call
}

fn spent_key(account: AccountId, nonce: [u8; 16]) -> String {
    format!(
        "{}pools:spent:{}",
        prefix(account),
        id(Uuid::from_bytes(nonce))
    )
}

fn id(id: Uuid) -> String {
    id.as_simple().to_string()
}

/// At least one: what has no time left is gone at once.
fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis())
        .unwrap_or(u64::MAX >> 12)
        .max(1)
}

/// Of a number that was in several pools, only the last lease counts; leases of overflow numbers bind nothing.
fn last_of_each_number(leases: &[Lease]) -> Vec<&Lease> {
    let mut last: HashMap<NumberId, &Lease> = HashMap::new();
    for lease in leases.iter().filter(|lease| !lease.overflow) {
        let known = last.entry(lease.number).or_insert(lease);
        if known.expires_at <= lease.expires_at {
            *known = lease;
        }
    }
    let mut last: Vec<&Lease> = last.into_values().collect();
    last.sort_by_key(|lease| (lease.started_at, lease.id));
    last
}

fn built(answer: Vec<String>) -> Result<Vec<String>, LiveError> {
    if answer[0] == "unbuilt" {
        Err(LiveError::Unbuilt)
    } else {
        Ok(answer)
    }
}

fn held_or_none(answer: &[String]) -> Result<Option<Held>, LiveError> {
    if answer[0] == "held" {
        held_in(answer).map(Some)
    } else {
        Ok(None)
    }
}

fn held_in(answer: &[String]) -> Result<Held, LiveError> {
    let [_, number, lease, visit, started, ends, generation] = answer else {
        return Err(unreadable());
    };
    let time = |text: &str| text.parse().map(Timestamp::from_micros);
    Ok(Held {
        number: NumberId(parsed(number)?),
        lease: LeaseId(parsed(lease)?),
        visit: VisitId(parsed(visit)?),
        started_at: time(started).map_err(|_| unreadable())?,
        expires_at: time(ends).map_err(|_| unreadable())?,
        generation: generation.parse().map_err(|_| unreadable())?,
    })
}

fn parsed(text: &str) -> Result<Uuid, LiveError> {
    Uuid::parse_str(text).map_err(|_| unreadable())
}

/// Somebody else wrote to our keys: rows know better.
fn unreadable() -> LiveError {
    tracing::error!("what Valkey holds of an account cannot be read; it is built from rows");
    LiveError::Unbuilt
}

#[cfg(test)]
mod tests;
