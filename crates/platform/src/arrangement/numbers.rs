//! Tracking numbers of a document: made, changed, and put to rest when they leave a pool.

use std::collections::HashMap;
use std::time::Duration;

use ringfence_model::{E164, NumberId, NumberState, PlanId, Pool, PoolId, TrackingNumber};
use ringfence_store::StoreError;

use super::apply::Work;
use super::{Arrangement, PoolPart};
use crate::number_moves::{Moved, Moves};
use crate::random;

impl PoolPart {
    /// How long a number rests when it leaves the pool.
    pub fn quarantine(&self) -> Duration {
        Duration::from_hours(u64::from(self.quarantine_days) * 24)
    }

    /// How long a lease lives past the last sign of its visit.
    pub fn hold(&self) -> Duration {
        Duration::from_secs(u64::from(self.hold_minutes) * 60)
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
        let moves = Moves::of_account(db, self.account).await?;
        // The document may say it anew.
        let quarantine = |left: &Pool| {
            let mut parts = arrangement.pool.iter();
            let part = parts.find(|part| part.name == left.name);
            part.map_or(left.quarantine, PoolPart::quarantine)
        };
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
            if let Some(moved) = moves.moved(old, number, quarantine, self.now) {
                self.change(moved).await?;
            }
        }
        if new.is_empty() {
            Ok(())
        } else {
            self.platform.db.add_numbers(new).await
        }
    }

    async fn change(&mut self, moved: Moved) -> Result<(), StoreError> {
        let e164 = moved.number.e164.as_str();
        let said = match moved.rests_until {
            Some(until) => format!(
                "{e164}; it rests until {}",
                until.to_jiff().strftime("%Y-%m-%d %H:%M UTC")
            ),
            None => e164.to_owned(),
        };
        self.did("changed number", &said);
        let changed = [(moved.number, moved.change)];
        self.platform.db.change_numbers(&changed).await
    }
}
