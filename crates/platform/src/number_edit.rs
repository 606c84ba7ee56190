//! Numbers by hand: added by their lines, given another label, pool or plan, and given back. The checks are those of a
//! file, and each number has its entry in the audit log.

use std::time::Duration;

use ringfence_model::{
    Account, AccountId, NumberChange, NumberId, NumberState, PlanId, Pool, PoolId, Timestamp,
    TrackingNumber,
};
use ringfence_store::StoreError;
use serde_json::{Value, json};

use crate::Platform;
use crate::arrangement::FieldProblem;
use crate::audit::{Change, object};
use crate::calls::manner::shown_numbers;
use crate::number_lines::{BadLine, Gathered, Known, Written, country_of, label_problem};
use crate::number_moves::Moves;
use crate::numbers::COUNTED;

/// Numbers that a person adds at once; more come from a file.
pub const MOST_BY_HAND: usize = 1_000;

/// Why numbers were not added or changed; nothing was.
#[derive(Debug, thiserror::Error)]
pub enum NumberError {
    /// Wrong lines, in their order.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Lines(Vec<BadLine>),
    /// Everything else that is wrong, each with its field.
    #[error("{}", .0.iter().map(|problem| problem.text.as_str()).collect::<Vec<_>>().join("; "))]
    Problems(Vec<FieldProblem>),
    /// A number is not the account's, or not any more.
    #[error("no such number in this account")]
    NotFound,
    /// Rows could not be read or written.
    #[error("the database did not answer")]
    Store(#[from] StoreError),
}

/// Numbers that a person adds.
#[derive(Debug, Clone, Default)]
pub struct NewNumbers {
    /// A number on each line, and after a comma, semicolon or tab perhaps its label.
    pub lines: String,
    /// How numbers without a country code are written (ISO 3166-1 alpha-2).
    pub country: String,
    /// The pool that all of them belong to.
    pub pool: Option<PoolId>,
    /// What happens to their calls.
    pub plan: Option<PlanId>,
}

/// A number that a program adds, with all that belongs to it by name.
#[derive(Debug, Clone, Default)]
pub struct NewNumber {
    /// The number.
    pub number: String,
    /// How it is written without a country code (ISO 3166-1 alpha-2); the account's country without it.
    pub country: Option<String>,
    /// What people call it.
    pub label: Option<String>,
    /// The name of its pool.
    pub pool: Option<String>,
    /// The name of its plan.
    pub plan: Option<String>,
}

/// What becomes of a part of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish<T> {
    /// It stays.
    Keep,
    /// It is this from now on, or none.
    Be(Option<T>),
}

impl<T> Wish<T> {
    /// What is wished, none where nothing is.
    pub fn or_none(self) -> Option<T> {
        self.or(None)
    }

    /// The same of something else.
    pub fn map<U>(self, other: impl FnOnce(T) -> U) -> Wish<U> {
        match self {
            Self::Keep => Wish::Keep,
            Self::Be(wanted) => Wish::Be(wanted.map(other)),
        }
    }

    fn or(self, old: Option<T>) -> Option<T> {
        match self {
            Self::Keep => old,
            Self::Be(wanted) => wanted,
        }
    }
}

/// What becomes of numbers.
#[derive(Debug, Clone)]
pub struct NumberWish {
    /// What people call them; `None` leaves it.
    pub label: Option<String>,
    /// Their pool.
    pub pool: Wish<PoolId>,
    /// Their plan.
    pub plan: Wish<PlanId>,
}

/// What came of a wish.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NumbersChanged {
    /// Numbers that are not as they were.
    pub changed: usize,
    /// Of these, the ones that rest first.
    pub resting: usize,
}

impl Platform {
    /// Adds numbers, all of them or none, and answers how many.
    ///
    /// # Errors
    /// [`NumberError`]; nothing was added.
    pub async fn add_numbers(
        &self,
        account: &Account,
        new: &NewNumbers,
        now: Timestamp,
    ) -> Result<usize, NumberError> {
        let names = Names::of_account(self, account.id).await?;
        let mut problems = names.missing(new.pool, new.plan);
        let mut known = Known::of_account(&self.db, account).await?;
        match country_of(&new.country) {
            Ok(country) => known.country = country,
            Err(text) => problems.push(FieldProblem::new("country", text)),
        }
        let lines = written(&new.lines);
        problems.extend(how_many(lines.len()).map(|text| FieldProblem::new("lines", text)));
        if !problems.is_empty() {
            return Err(NumberError::Problems(problems));
        }
        let mut gathered = Gathered::default();
        for line in lines {
            gathered.take(line, &known);
        }
        for entry in &mut gathered.entries {
            (entry.pool, entry.plan) = (new.pool, new.plan);
        }
        let added = self.keep_gathered(account, &names, gathered, "lines", now);
        Ok(added.await?.len())
    }

    /// Adds numbers each with a label, pool and plan of its own, all of them or none, and answers their identifiers. A wrong
    /// line is told by its place, the first one being 1.
    ///
    /// # Errors
    /// [`NumberError`]; nothing was added.
    pub async fn add_each_number(
        &self,
        account: &Account,
        new: Vec<NewNumber>,
        now: Timestamp,
    ) -> Result<Vec<NumberId>, NumberError> {
        let names = Names::of_account(self, account.id).await?;
        let known = Known::of_account(&self.db, account).await?;
        if let Some(text) = how_many(new.len()) {
            let problem = FieldProblem::new("numbers", text);
            return Err(NumberError::Problems(vec![problem]));
        }
        let mut gathered = Gathered::default();
        for (line, new) in (1..).zip(new) {
            let filled = |text: String| {
                let text = text.trim();
                (!text.is_empty()).then(|| text.to_owned())
            };
            let line = Written {
                line,
                number: filled(new.number),
                label: new.label.and_then(filled),
                pool: new.pool,
                plan: new.plan,
                country: new.country,
                ..Written::default()
            };
            gathered.take(line, &known);
        }
        let added = self.keep_gathered(account, &names, gathered, "numbers", now);
        Ok(added.await?.iter().map(|number| number.id).collect())
    }

    /// Adds what was gathered when nothing of it is wrong. `field` is where a number is told of that somebody else took.
    async fn keep_gathered(
        &self,
        account: &Account,
        names: &Names,
        mut gathered: Gathered,
        field: &str,
        now: Timestamp,
    ) -> Result<Vec<TrackingNumber>, NumberError> {
        gathered.look_for_owners(&self.db, account).await?;
        let numbers = gathered.numbers(account, now).map_err(NumberError::Lines)?;
        let added = |number: &TrackingNumber| {
            Change::new(account.id, "number.add", of_number(number)).after(names.told(number))
        };
        let changes = numbers.iter().map(added).collect();
        let rows = self.all_recorded(changes);
        match rows.add_numbers(numbers.clone()).await {
            Ok(()) => {}
            // Somebody was quicker.
            Err(StoreError::NumberTaken(e164)) => {
                let text = format!("{} belongs to somebody already", e164.as_str());
                return Err(NumberError::Problems(vec![FieldProblem::new(field, text)]));
            }
            Err(error) => return Err(error.into()),
        }
        self.tag_facts.changed();
        Ok(numbers)
    }

    /// Which of these the account has not, or not any more.
    pub(crate) async fn missing_parts(
        &self,
        account: AccountId,
        pool: Option<PoolId>,
        plan: Option<PlanId>,
    ) -> Result<Vec<FieldProblem>, StoreError> {
        Ok(Names::of_account(self, account).await?.missing(pool, plan))
    }

    /// Gives numbers another label, pool or plan, all of them or none. One that leaves its pool rests first.
    ///
    /// # Errors
    /// [`NumberError`]; nothing was changed.
    pub async fn change_numbers(
        &self,
        account: AccountId,
        ids: &[NumberId],
        wish: &NumberWish,
        now: Timestamp,
    ) -> Result<NumbersChanged, NumberError> {
        let names = Names::of_account(self, account).await?;
        let moves = Moves::of_account(&self.db, account).await?;
        let mut problems = names.missing(wish.pool.or_none(), wish.plan.or_none());
        let label = wish.label.as_deref().map(str::trim);
        let too_long = label.and_then(label_problem);
        problems.extend(too_long.map(|text| FieldProblem::new("label", text)));
        let all = self.db.numbers(account).await?;
        let (mut changed, mut entries, mut resting) = (Vec::new(), Vec::new(), 0);
        for id in ids {
            let old = own(&all, *id)?;
            let wanted = wanted(old, label, wish);
            if wanted.pool.is_some() && wanted.pool != old.pool {
                let why = self.shown_otherwise(old, &names.pools).await?;
                problems.extend(why.map(|text| FieldProblem::new("pool", text)));
            }
            let quarantine = |pool: &Pool| pool.quarantine;
            if let Some(moved) = moves.moved(old, wanted, quarantine, now) {
                let change = Change::new(account, "number.change", of_number(&moved.number));
                let change = change.before(names.told(old));
                entries.push(change.after(names.told(&moved.number)));
                resting += usize::from(moved.rests_until.is_some());
                changed.push((moved.number, moved.change));
            }
        }
        if !problems.is_empty() {
            return Err(NumberError::Problems(problems));
        }
        if !changed.is_empty() {
            self.all_recorded(entries).change_numbers(&changed).await?;
            self.tag_facts.changed();
        }
        Ok(NumbersChanged {
            changed: changed.len(),
            resting,
        })
    }

    /// Gives a number back: it stays in the history of calls, and is the account's no longer.
    ///
    /// # Errors
    /// [`NumberError::NotFound`], [`NumberError::Store`].
    pub async fn remove_number(
        &self,
        account: AccountId,
        id: NumberId,
        now: Timestamp,
    ) -> Result<(), NumberError> {
        let names = Names::of_account(self, account).await?;
        let all = self.db.numbers(account).await?;
        let old = own(&all, id)?;
        let number = TrackingNumber {
            state: NumberState::Released,
            pool: None,
            plan: None,
            ..old.clone()
        };
        let life = NumberChange {
            account,
            number: id,
            at: now,
            state: NumberState::Released,
            why: "removed from the account".into(),
            until: None,
            left: None,
        };
        let change = Change::new(account, "number.remove", of_number(old)).before(names.told(old));
        let rows = self.recorded(change);
        if !rows.release_number(&number, &life).await? {
            return Err(NumberError::NotFound);
        }
        self.tag_facts.changed();
        Ok(())
    }

    /// What the removal of a number would break, in sentences; nothing for one that nobody is shown and nobody calls.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn lost_with_number(
        &self,
        number: &TrackingNumber,
        now: Timestamp,
    ) -> Result<Vec<String>, StoreError> {
        let (db, account) = (&self.db, number.account);
        let mut lost = Vec::new();
        let watching = self.leases_around(number, now, Duration::ZERO).await?;
        let watching = watching.iter().filter(|lease| lease.expires_at > now);
        match watching.count() {
            0 => {}
            1 => lost.push("One visit is shown it now: its call would find nobody.".into()),
            many => lost.push(format!(
                "{many} visits are shown it now: their calls would find nobody."
            )),
        }
        let calls = db.calls_to(account, number.id, now - COUNTED, now).await?;
        if calls > 0 {
            let said = if calls == 1 { "call" } else { "calls" };
            lost.push(format!(
                "It had {calls} {said} in the last 30 days: whoever calls it again hears that it is not in service."
            ));
        }
        let all = db.numbers(account).await?;
        let sites = db.sites(account).await?;
        for pool in db.pools(account).await? {
            let name = &pool.name;
            if pool.overflow == Some(number.id) {
                lost.push(format!(
                    "The pool {name:?} shows it when all its other numbers are taken: visits would then be shown none."
                ));
            }
            let of_pool = |other: &TrackingNumber| other.pool == Some(pool.id);
            let is_last = of_pool(number) && all.iter().filter(|other| of_pool(other)).count() == 1;
            let shows = sites.iter().filter(|site| site.pool == Some(pool.id));
            let shows: Vec<&str> = shows.map(|site| site.name.as_str()).collect();
            if is_last && !shows.is_empty() {
                lost.push(format!(
                    "It is the last number of the pool {name:?}, from which visits of {} are shown theirs.",
                    shows.join(", ")
                ));
            }
        }
        for rule in db.pool_rules_of_number(account, number.id).await? {
            let site = sites.iter().find(|site| site.id == rule.site);
            let site = site.map_or("a site", |site| site.name.as_str());
            lost.push(format!(
                "It is the fixed number of visits of {site} with {}: their rule would be passed over.",
                rule.wish
            ));
        }
        for plan in db.plans(account).await? {
            let mut shown = shown_numbers(&plan.document);
            if shown.any(|(_, shown)| *shown == number.e164) {
                lost.push(format!(
                    "The plan {:?} shows it to its targets: they would see the dialled number.",
                    plan.name
                ));
            }
        }
        Ok(lost)
    }

    /// Why a number may be in no pool: it is shown in a way that a pool's numbers are not.
    async fn shown_otherwise(
        &self,
        number: &TrackingNumber,
        pools: &[Pool],
    ) -> Result<Option<String>, StoreError> {
        let e164 = number.e164.as_str();
        let overflow = pools.iter().find(|pool| pool.overflow == Some(number.id));
        if let Some(pool) = overflow {
            return Ok(Some(format!(
                "{e164} is shown when the pool {:?} is full, and so belongs to none; choose another one there first",
                pool.name
            )));
        }
        let account = number.account;
        let rules = self.db.pool_rules_of_number(account, number.id).await?;
        Ok((!rules.is_empty()).then(|| {
            format!("{e164} is a rule's fixed number, and so belongs to no pool; change the rule of its site first")
        }))
    }
}

/// What is wrong with so many numbers at once.
fn how_many(numbers: usize) -> Option<String> {
    match numbers {
        0 => Some("expected a phone number on each line, got none".into()),
        1..=MOST_BY_HAND => None,
        many => Some(format!(
            "expected at most {MOST_BY_HAND} numbers at once, got {many}; import a file with more"
        )),
    }
}

/// How a number is wanted; its state is that of one which need not rest.
fn wanted(old: &TrackingNumber, label: Option<&str>, wish: &NumberWish) -> TrackingNumber {
    let (pool, plan) = (wish.pool.or(old.pool), wish.plan.or(old.plan));
    let state = if (pool, plan) == (old.pool, old.plan) {
        old.state
    } else if pool.is_some() || plan.is_some() {
        NumberState::Assigned
    } else {
        NumberState::Available
    };
    TrackingNumber {
        label: label.map_or_else(|| old.label.clone(), str::to_owned),
        pool,
        plan,
        state,
        ..old.clone()
    }
}

fn own(all: &[TrackingNumber], id: NumberId) -> Result<&TrackingNumber, NumberError> {
    let mut numbers = all.iter();
    let found = numbers.find(|number| number.id == id && number.state != NumberState::Released);
    found.ok_or(NumberError::NotFound)
}

/// Lines as they were typed or pasted; empty ones are left out and counted.
fn written(text: &str) -> Vec<Written> {
    let lines = (1..).zip(text.lines());
    let filled = lines.filter(|(_, line)| !line.trim().is_empty());
    let written = filled.map(|(nth, line)| {
        let (number, label) = line.split_once([',', ';', '\t']).unwrap_or((line, ""));
        let typed = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        Written {
            line: nth,
            number: typed(number),
            label: typed(label),
            ..Written::default()
        }
    });
    written.collect()
}

fn of_number(number: &TrackingNumber) -> ringfence_model::AuditObject {
    object("number", number.id.0, number.e164.as_str())
}

/// What numbers belong to, by name.
struct Names {
    pools: Vec<Pool>,
    plans: Vec<(PlanId, String)>,
}

impl Names {
    async fn of_account(platform: &Platform, account: AccountId) -> Result<Self, StoreError> {
        let plans = platform.db.plans(account).await?.into_iter();
        Ok(Self {
            pools: platform.db.pools(account).await?,
            plans: plans.map(|plan| (plan.id, plan.name)).collect(),
        })
    }

    fn pool(&self, id: PoolId) -> Option<&str> {
        let pool = self.pools.iter().find(|pool| pool.id == id);
        pool.map(|pool| pool.name.as_str())
    }

    fn plan(&self, id: PlanId) -> Option<&str> {
        let plan = self.plans.iter().find(|(known, _)| *known == id);
        plan.map(|(_, name)| name.as_str())
    }

    /// What is not the account's.
    fn missing(&self, pool: Option<PoolId>, plan: Option<PlanId>) -> Vec<FieldProblem> {
        let mut problems = Vec::new();
        if pool.is_some_and(|id| self.pool(id).is_none()) {
            let text = "expected one of the account's pools, got one that is not there any more";
            problems.push(FieldProblem::new("pool", text));
        }
        if plan.is_some_and(|id| self.plan(id).is_none()) {
            let text = "expected one of the account's plans, got one that is not there any more";
            problems.push(FieldProblem::new("plan", text));
        }
        problems
    }

    /// A number as the audit log has it.
    fn told(&self, number: &TrackingNumber) -> Value {
        json!({
            "e164": number.e164.as_str(),
            "label": number.label,
            "state": number.state.as_str(),
            "pool": number.pool.and_then(|id| self.pool(id)),
            "plan": number.plan.and_then(|id| self.plan(id)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_as_they_were_typed_and_may_have_a_label() {
        let written =
            written("020 7946 0101\r\n\n +442079460102 ; Van, blue\n,none\n020 7946 0103\tLeaflet");
        let told: Vec<_> = written
            .iter()
            .map(|line| (line.line, line.number.as_deref(), line.label.as_deref()))
            .collect();
        assert_eq!(
            told,
            [
                (1, Some("020 7946 0101"), None),
                (3, Some("+442079460102"), Some("Van, blue")),
                (4, None, Some("none")),
                (5, Some("020 7946 0103"), Some("Leaflet")),
            ]
        );
    }
}
