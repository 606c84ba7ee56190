//! Leases that several servers share: what is asked of them, and how an account is built there from its rows.
//!
//! In process nothing here does anything: what is asked is answered at once.

use std::future::Future;
use std::time::Duration;

use ringfence_fence::{Refusal, TOKEN_LIFE};
use ringfence_live::{AccountRows, Building, LiveError};
use ringfence_model::{AccountId, NumberId, Pool, Timestamp, TrackingNumber};
use ringfence_store::StoreError;

use super::REMEMBERED;
use super::facts::is_usable;
use crate::{Platform, random};

/// Between two looks at whether another server has built an account.
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// A number request waits for no more looks than this; the next one finds the account built.
const LOOKS: u32 = 50;

/// Why what is shared could not be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum SharingError {
    #[error(transparent)]
    Live(#[from] LiveError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<SharingError> for Refusal {
    fn from(error: SharingError) -> Self {
        match error {
            // Each would be a line for each request: the connection's end and its return are told of once.
            SharingError::Live(_) => Self::LeasesUnavailable,
            SharingError::Store(error) => super::unavailable(&error),
        }
    }
}

impl Platform {
    /// Asks what is shared of an account; when that is not there, the account is built from rows and it is asked again.
    pub(super) async fn shared<T, F>(
        &self,
        account: AccountId,
        now: Timestamp,
        ask: impl Fn() -> F,
    ) -> Result<T, SharingError>
    where
        F: Future<Output = Result<T, LiveError>>,
    {
        match ask().await {
            Err(LiveError::Unbuilt) => {}
            answer => return Ok(answer?),
        }
        for _ in 0..LOOKS {
            match self.live.begin_build(account, random()).await? {
                Some(building) => Box::pin(self.build_shared(account, &building, now)).await?,
                None => tokio::time::sleep(LOOK_AGAIN).await,
            }
            match ask().await {
                Err(LiveError::Unbuilt) => {}
                answer => return Ok(answer?),
            }
        }
        Err(LiveError::Away.into())
    }

    async fn build_shared(
        &self,
        account: AccountId,
        building: &Building,
        now: Timestamp,
    ) -> Result<(), SharingError> {
        let leases = self
            .db
            .live_leases_of_account(account, now - REMEMBERED)
            .await?;
        // A token's nonce is the identifier of its lease.
        let spent = leases
            .iter()
            .filter(|lease| lease.started_at + TOKEN_LIFE > now)
            .map(|lease| (lease.id.0.into_bytes(), lease.started_at + TOKEN_LIFE));
        let spent = spent.collect();
        let numbers = self.db.numbers(account).await?;
        let pools = self.db.pools(account).await?;
        let rows = AccountRows {
            leases,
            pools: pools
                .iter()
                .map(|pool| (pool.id, leased_of(pool, &numbers)))
                .collect(),
            spent,
        };
        if self.live.build(building, &rows, now).await? {
            metrics::counter!("ringfence_live_accounts_built_total").increment(1);
            tracing::info!(%account, leases = rows.leases.len(), "what servers share of an account is built from its rows");
        }
        Ok(())
    }

    /// Rows would not have a lease: what is shared is not what they say, so it is built anew before the next request.
    pub(super) async fn distrust_shared(&self, account: AccountId) {
        metrics::counter!("ringfence_lease_conflicts_total").increment(1);
        tracing::error!(%account, "rows know of another lease of this number than servers share; the account is built from rows");
        // An error means that Valkey is away, and perhaps forgets by itself; else the next conflict comes here again.
        self.live.forget(account).await.ok();
    }
}

/// The numbers that a pool leases, in the order of `all`.
pub(super) fn leased_of(pool: &Pool, all: &[TrackingNumber]) -> Vec<NumberId> {
    let leased = all.iter().filter(|number| {
        is_usable(number) && number.pool == Some(pool.id) && Some(number.id) != pool.overflow
    });
    leased.map(|number| number.id).collect()
}
