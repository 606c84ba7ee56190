//! What a call needs to know of the number that was dialled: one read each, kept for a moment.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use parking_lot::Mutex;
use ringfence_model::{
    AccountId, Conditions, E164, NumberState, PlanDocument, PlanId, Step, Strategy, Timestamp,
    TrackingNumber,
};
use ringfence_routing::Destinations;
use ringfence_store::{Db, StoreError};
use ringfence_tracking::{Attribution, attribute_fixed};

use super::manner::shown_numbers;
use super::withheld::Withheld;
use crate::arrangement::{Reach, of_account};
use crate::prompts;
use crate::reports::zone_of;

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
    pub plan: Option<(PlanId, Arc<PlanDocument>)>,
    /// The account's groups and targets, with what balancing knows of them.
    pub destinations: Destinations,
    /// By which the account's hours, days and months begin.
    pub zone: TimeZone,
    /// The account's own prompts, by name.
    pub prompts: Arc<HashMap<String, PathBuf>>,
    /// Where calls may go out to.
    pub reach: Reach,
    /// The account's own numbers that the plan shows to its targets.
    pub shown: HashSet<E164>,
    /// What calls to it are attributed to when their visit is not known: it is a campaign's fixed number.
    pub fixed: Option<Attribution>,
    /// The plan or a target asks for what only the visit tells: its language, its device.
    pub asks_for_the_visit: bool,
    /// Calls that are stopped by holds.
    pub withheld: Withheld,
    /// The plan asks whether the caller has called before, or who spoke last with it.
    pub asks_for_the_caller: bool,
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
        recordings: &Path,
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
                .map(|plan| (plan.id, Arc::new(plan.document))),
            None => None,
        };
        let Some(owner) = db.account(account).await? else {
            return Ok(None);
        };
        let own = of_account(db, &owner).await?;
        let destinations = own.shape.destinations();
        let rules = db.pool_rules_of_number(account, number.id).await?;
        let document = plan.as_ref().map(|(_, document)| &**document);
        let shown = match document {
            Some(document) => own_numbers(db, account, document).await?,
            None => HashSet::new(),
        };
        let facts = Arc::new(NumberFacts {
            shown,
            asks_for_the_visit: document.is_some_and(asks_for_the_visit)
                || destinations
                    .profiles
                    .values()
                    .any(|profile| !profile.languages.is_empty()),
            fixed: attribute_fixed(rules.iter().map(|rule| &rule.wish)),
            asks_for_the_caller: document.is_some_and(asks_for_the_caller)
                || destinations
                    .group_profiles
                    .values()
                    .any(|profile| profile.strategy == Strategy::Sticky),
            prompts: Arc::new(prompts_of(recordings, account).await),
            zone: zone_of(&owner),
            withheld: Withheld::of_number(db, &number).await?,
            number,
            plan,
            destinations,
            reach: own.reach,
        });
        let mut remembered = self.remembered.lock();
        if remembered.len() >= MOST_NUMBERS {
            remembered.clear();
        }
        remembered.insert(dialled.clone(), (now, Arc::clone(&facts)));
        Ok(Some(facts))
    }
}

/// An account's own prompts. A folder that cannot be read keeps no call from its targets: a prompt that is missing then is
/// told in the call's timeline.
async fn prompts_of(recordings: &Path, account: AccountId) -> HashMap<String, PathBuf> {
    let folder = prompts::folder(recordings, account);
    let kept = tokio::task::spawn_blocking(move || prompts::kept(&folder)).await;
    match kept {
        Ok(Ok(kept)) => return kept,
        Ok(Err(error)) => tracing::error!(%account, "an account's prompts cannot be read: {error}"),
        Err(error) => tracing::error!(%account, "an account's prompts were not read: {error}"),
    }
    HashMap::new()
}

/// Those numbers that a plan shows which are the account's now.
async fn own_numbers(
    db: &Db,
    account: AccountId,
    document: &PlanDocument,
) -> Result<HashSet<E164>, StoreError> {
    let mut own = HashSet::new();
    for (_, number) in shown_numbers(document) {
        if let Some(row) = db.number_by_e164(number).await?
            && row.account == account
            && row.state != NumberState::Released
        {
            own.insert(row.e164);
        }
    }
    Ok(own)
}

fn conditions(document: &PlanDocument) -> impl Iterator<Item = &Conditions> {
    let cases = document.steps.values().flat_map(|step| match step {
        Step::Match(matched) => matched.cases.as_slice(),
        _ => &[],
    });
    cases.map(|case| &case.when)
}

fn asks_for_the_visit(document: &PlanDocument) -> bool {
    conditions(document).any(|when| !when.visitor_language.is_empty() || !when.device.is_empty())
}

fn asks_for_the_caller(document: &PlanDocument) -> bool {
    let is_sticky = |step: &Step| match step {
        Step::Ring(ring) => ring.strategy == Some(Strategy::Sticky),
        Step::Queue(queue) => queue.strategy == Some(Strategy::Sticky),
        _ => false,
    };
    conditions(document).any(|when| when.returning.is_some())
        || document.steps.values().any(is_sticky)
}
