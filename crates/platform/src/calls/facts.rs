//! What a call needs to know of the number that was dialled and of its account: one read each, kept for a moment.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
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

/// How long what was read of a number, and of its account, is held to be true. A number's facts may be made with an
/// account's that are nearly as old, so a change reaches new calls within twice this time.
const FRESH_FOR: Duration = Duration::from_secs(2);

/// Numbers that are remembered; beyond them all are forgotten and read again.
const MOST_NUMBERS: usize = 20_000;

/// Accounts that are remembered, likewise.
const MOST_ACCOUNTS: usize = 2_000;

/// What all numbers of an account have in common. Read once for all of them: read for each, it was most of what calls to
/// many numbers asked of the database.
#[derive(Debug)]
pub struct AccountFacts {
    /// The account's groups and targets, with what balancing knows of them.
    pub destinations: Destinations,
    /// By which the account's hours, days and months begin.
    pub zone: TimeZone,
    /// The account's own prompts, by name.
    pub prompts: Arc<HashMap<String, PathBuf>>,
    /// Where calls may go out to.
    pub reach: Reach,
    /// A target speaks some languages and not others.
    languages_matter: bool,
    /// A group rings who spoke last with the caller.
    has_sticky_group: bool,
}

/// A number with its plan and everything that the plan may name.
#[derive(Debug)]
pub struct NumberFacts {
    /// The number.
    pub number: TrackingNumber,
    /// Its plan.
    pub plan: Option<(PlanId, Arc<PlanDocument>)>,
    /// What its account's numbers have in common.
    pub own: Arc<AccountFacts>,
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

impl AccountFacts {
    /// Those of an account in UTC that has these and nothing else.
    pub(super) fn of(destinations: Destinations) -> Self {
        let mut profiles = destinations.profiles.values();
        let mut groups = destinations.group_profiles.values();
        Self {
            languages_matter: profiles.any(|profile| !profile.languages.is_empty()),
            has_sticky_group: groups.any(|profile| profile.strategy == Strategy::Sticky),
            destinations,
            zone: TimeZone::UTC,
            prompts: Arc::default(),
            reach: Reach::default(),
        }
    }
}

/// Facts by their key, with when they were read.
#[derive(Debug)]
struct Remembered<K, V> {
    most: usize,
    facts: Mutex<HashMap<K, (Timestamp, Arc<V>)>>,
}

impl<K: Eq + Hash, V> Remembered<K, V> {
    fn at_most(most: usize) -> Self {
        let facts = Mutex::default();
        Self { most, facts }
    }

    fn fresh(&self, key: &K, now: Timestamp) -> Option<Arc<V>> {
        let facts = self.facts.lock();
        let (read_at, known) = facts.get(key)?;
        (now.since(*read_at) < FRESH_FOR).then(|| Arc::clone(known))
    }

    fn keep(&self, key: K, now: Timestamp, known: &Arc<V>) {
        let mut facts = self.facts.lock();
        if facts.len() >= self.most {
            facts.clear();
        }
        facts.insert(key, (now, Arc::clone(known)));
    }
}

/// Numbers that were dialled a moment ago, and their accounts.
#[derive(Debug)]
pub struct CallFacts {
    numbers: Remembered<E164, NumberFacts>,
    accounts: Remembered<AccountId, AccountFacts>,
}

impl Default for CallFacts {
    fn default() -> Self {
        Self {
            numbers: Remembered::at_most(MOST_NUMBERS),
            accounts: Remembered::at_most(MOST_ACCOUNTS),
        }
    }
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
        if let Some(facts) = self.numbers.fresh(dialled, now) {
            return Ok(Some(facts));
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
        let Some(own) = self.of_account(db, recordings, account, now).await? else {
            return Ok(None);
        };
        let rules = db.pool_rules_of_number(account, number.id).await?;
        let document = plan.as_ref().map(|(_, document)| &**document);
        let shown = match document {
            Some(document) => own_numbers(db, account, document).await?,
            None => HashSet::new(),
        };
        let facts = Arc::new(NumberFacts {
            shown,
            asks_for_the_visit: own.languages_matter || document.is_some_and(asks_for_the_visit),
            fixed: attribute_fixed(rules.iter().map(|rule| &rule.wish)),
            asks_for_the_caller: own.has_sticky_group || document.is_some_and(asks_for_the_caller),
            withheld: Withheld::of_number(db, &number).await?,
            number,
            plan,
            own,
        });
        self.numbers.keep(dialled.clone(), now, &facts);
        Ok(Some(facts))
    }

    async fn of_account(
        &self,
        db: &Db,
        recordings: &Path,
        account: AccountId,
        now: Timestamp,
    ) -> Result<Option<Arc<AccountFacts>>, StoreError> {
        if let Some(facts) = self.accounts.fresh(&account, now) {
            return Ok(Some(facts));
        }
        let Some(owner) = db.account(account).await? else {
            return Ok(None);
        };
        let own = of_account(db, &owner).await?;
        let mut facts = AccountFacts::of(own.shape.destinations());
        facts.prompts = Arc::new(prompts_of(recordings, account).await);
        facts.zone = zone_of(&owner);
        facts.reach = own.reach;
        let facts = Arc::new(facts);
        self.accounts.keep(account, now, &facts);
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
