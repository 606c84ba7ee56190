//! What a call needs to know of the number that was dialled: one read each, kept for a moment.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use ringfence_model::{E164, PlanDocument, PlanId, Timestamp, TrackingNumber};
use ringfence_routing::Destinations;
use ringfence_store::{Db, StoreError};

/// A change of a plan, group or target reaches new calls within this time.
const FRESH_FOR: Duration = Duration::from_secs(2);

/// Numbers that are remembered; beyond them all are forgotten and read again.
const MOST_NUMBERS: usize = 20_000;

/// A number with its plan and everything that the plan may name.
#[derive(Debug)]
pub struct NumberFacts {
    /// The number.
    pub number: TrackingNumber,
    /// Its plan.
    pub plan: Option<(PlanId, PlanDocument)>,
    /// The account's groups and targets.
    pub destinations: Destinations,
}

type Remembered = HashMap<E164, (Timestamp, Arc<NumberFacts>)>;

/// Numbers that were dialled a moment ago.
#[derive(Debug, Default)]
pub struct CallFacts {
    remembered: Mutex<Remembered>,
}

impl CallFacts {
    /// The facts of a number, from memory when they are fresh. `None` when nobody owns it; that is never remembered.
    pub(super) async fn of_number(
        &self,
        db: &Db,
        dialled: &E164,
        now: Timestamp,
    ) -> Result<Option<Arc<NumberFacts>>, StoreError> {
        if let Some((read_at, facts)) = self.remembered.lock().get(dialled)
            && now.since(*read_at) < FRESH_FOR
        {
            return Ok(Some(Arc::clone(facts)));
        }
        let Some(number) = db.number_by_e164(dialled).await? else {
            return Ok(None);
        };
        let account = number.account;
        let plan = match number.plan {
            Some(plan) => db
                .plan(account, plan)
                .await?
                .map(|plan| (plan.id, plan.document)),
            None => None,
        };
        let destinations = Destinations {
            groups: db
                .target_groups(account)
                .await?
                .into_iter()
                .map(|group| (group.id, group))
                .collect(),
            targets: db
                .targets(account)
                .await?
                .into_iter()
                .map(|target| (target.id, target))
                .collect(),
            ..Destinations::default()
        };
        let facts = Arc::new(NumberFacts {
            number,
            plan,
            destinations,
        });
        let mut remembered = self.remembered.lock();
        if remembered.len() >= MOST_NUMBERS {
            remembered.clear();
        }
        remembered.insert(dialled.clone(), (now, Arc::clone(&facts)));
        Ok(Some(facts))
    }
}
