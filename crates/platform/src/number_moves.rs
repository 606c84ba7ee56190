//! What becomes of a number that is given another label, pool or plan, whoever asks for it: one that leaves its pool
//! rests first, and its life says why.

use std::time::Duration;

use ringfence_model::{AccountId, NumberChange, NumberState, Pool, Timestamp, TrackingNumber};
use ringfence_store::{Db, StoreError};
use ringfence_tracking::{PoolMove, move_number};

/// What moves of an account's numbers depend on.
pub(crate) struct Moves {
    pub pools: Vec<Pool>,
    /// The changes by which numbers went into the quarantine that they are in.
    resting: Vec<NumberChange>,
}

/// What changes of a number.
pub(crate) struct Moved {
    /// As it is afterwards.
    pub number: TrackingNumber,
    /// Why its state or pool changed, when one did.
    pub change: Option<NumberChange>,
    /// Until when it rests, when it begins to.
    pub rests_until: Option<Timestamp>,
}

impl Moves {
    pub async fn of_account(db: &Db, account: AccountId) -> Result<Self, StoreError> {
        Ok(Self {
            pools: db.pools(account).await?,
            resting: db.quarantines(account).await?,
        })
    }

    /// What changes when `old` becomes `wanted`, whose state is that of a number which need not rest; `None` when nothing
    /// does. `quarantine` is how long numbers rest that leave a pool.
    pub fn moved(
        &self,
        old: &TrackingNumber,
        wanted: TrackingNumber,
        quarantine: impl Fn(&Pool) -> Duration,
        now: Timestamp,
    ) -> Option<Moved> {
        let resting = self.resting.iter().find(|change| change.number == old.id);
        let left = self.pools.iter().find(|pool| Some(pool.id) == old.pool);
        let rest = left.map_or(Duration::ZERO, quarantine);
        let moved = move_number(old, wanted.pool, resting, rest, now);
        let (state, until) = match moved {
            PoolMove::Back => (NumberState::Assigned, None),
            PoolMove::InUse => (wanted.state, None),
            PoolMove::GoesOn => (NumberState::Quarantined, None),
            PoolMove::Rests(until) => (NumberState::Quarantined, Some(until)),
        };
        let number = TrackingNumber { state, ..wanted };
        if *old == number {
            return None;
        }
        let told = number.state != old.state
            || number.pool != old.pool && !matches!(moved, PoolMove::GoesOn);
        let to = self.pools.iter().find(|pool| Some(pool.id) == number.pool);
        let change = told.then(|| NumberChange {
            account: number.account,
            number: number.id,
            at: now,
            state,
            why: why(moved, left, to, number.plan.is_some()),
            until,
            left: until.and(left.map(|pool| pool.id)),
        });
        Some(Moved {
            number,
            change,
            rests_until: until,
        })
    }
}

fn why(moved: PoolMove, left: Option<&Pool>, to: Option<&Pool>, has_plan: bool) -> String {
    let left = left.map(|pool| format!("left the pool {:?}", pool.name));
    let to = to.map(|pool| format!("the pool {:?}", pool.name));
    match (moved, left, to) {
        (PoolMove::Back, _, Some(to)) => format!("came back to {to}, where it was before"),
        (_, Some(left), Some(to)) => format!("{left} for {to}"),
        (_, Some(left), None) => left,
        (_, None, Some(to)) => format!("came to {to}"),
        (_, None, None) if has_plan => "given to its plan, in no pool".into(),
        (_, None, None) => "taken from its plan, in no pool".into(),
    }
}
