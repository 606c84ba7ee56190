//! Tracking numbers of a document: made, changed, and put to rest when they leave a pool.

use std::collections::HashMap;
use std::time::Duration;

use ringfence_model::{
    E164, NumberChange, NumberId, NumberState, PlanId, Pool, PoolId, TrackingNumber,
};
use ringfence_store::StoreError;
use ringfence_tracking::{PoolMove, move_number};

use super::apply::Work;
use super::{Arrangement, PoolPart};
use crate::random;

impl PoolPart {
    /// How long a number rests when it leaves the pool.
    pub fn quarantine(&self) -> Duration {
        Duration::from_hours(u64::from(self.quarantine_days) * 24)
    }
}

impl Work<'_> {
    pub(super) async fn numbers(
        &mut self,
        arrangement: &Arrangement,
        pools: &HashMap<String, PoolId>,
        plans: &HashMap<String, PlanId>,
    ) -> Result<(), StoreError> {
        let db = &self.platform.db;
        let known = db.numbers(self.account).await?;
        let own = db.pools(self.account).await?;
        let resting = db.quarantines(self.account).await?;
        let mut new = Vec::new();
        for part in &arrangement.number {
            let Ok(e164) = part.e164.parse::<E164>() else {
                continue;
            };
            let old = known
                .iter()
                .find(|number| number.e164 == e164 && number.state != NumberState::Released);
            let number = TrackingNumber {
                id: old.map_or_else(|| NumberId::new(self.now, random()), |number| number.id),
                account: self.account,
                e164,
                label: part.label.clone(),
                state: NumberState::Assigned,
                pool: part.pool.as_ref().and_then(|name| pools.get(name).copied()),
                plan: plans.get(&part.plan).copied(),
                created_at: old.map_or(self.now, |number| number.created_at),
            };
            let Some(old) = old else {
                self.did("made number", number.e164.as_str());
                new.push(number);
                continue;
            };
            let resting = resting.iter().find(|change| change.number == old.id);
            let left = own.iter().find(|pool| Some(pool.id) == old.pool);
            // The document may say it anew.
            let quarantine = left.map_or(Duration::ZERO, |left| {
                let mut parts = arrangement.pool.iter();
                let part = parts.find(|part| part.name == left.name);
                part.map_or(left.quarantine, PoolPart::quarantine)
            });
            let moved = move_number(old, number.pool, resting, quarantine, self.now);
            self.change(old, number, moved, left, &own).await?;
        }
        if new.is_empty() {
            Ok(())
        } else {
            self.platform.db.add_numbers(new).await
        }
    }

    async fn change(
        &mut self,
        old: &TrackingNumber,
        wanted: TrackingNumber,
        moved: PoolMove,
        left: Option<&Pool>,
        own: &[Pool],
    ) -> Result<(), StoreError> {
        let (state, until) = match moved {
            PoolMove::InUse | PoolMove::Back => (NumberState::Assigned, None),
            PoolMove::GoesOn => (NumberState::Quarantined, None),
            PoolMove::Rests(until) => (NumberState::Quarantined, Some(until)),
        };
        let number = TrackingNumber { state, ..wanted };
        if *old == number {
            return Ok(());
        }
        let e164 = number.e164.as_str();
        let said = match moved {
            PoolMove::Rests(until) => format!(
                "{e164}; it rests until {}",
                until.to_jiff().strftime("%Y-%m-%d %H:%M UTC")
            ),
            _ => e164.to_owned(),
        };
        self.did("changed number", &said);
        let db = &self.platform.db;
        let told = number.state != old.state
            || number.pool != old.pool && !matches!(moved, PoolMove::GoesOn);
        if !told {
            return db.update_number(&number).await.map(drop);
        }
        let to = own.iter().find(|pool| Some(pool.id) == number.pool);
        let change = NumberChange {
            account: self.account,
            number: number.id,
            at: self.now,
            state,
            why: why(moved, left, to),
            until,
            left: until.and(left.map(|pool| pool.id)),
        };
        db.change_number(&number, &change).await.map(drop)
    }
}

fn why(moved: PoolMove, left: Option<&Pool>, to: Option<&Pool>) -> String {
    let left = left.map(|pool| format!("left the pool {:?}", pool.name));
    let to = to.map(|pool| format!("the pool {:?}", pool.name));
    match (moved, left, to) {
        (PoolMove::Back, _, Some(to)) => format!("came back to {to}, where it was before"),
        (_, Some(left), Some(to)) => format!("{left} for {to}"),
        (_, Some(left), None) => left,
        (_, None, Some(to)) => format!("came to {to}"),
        (_, None, None) => "given to its plan, in no pool".into(),
    }
}
