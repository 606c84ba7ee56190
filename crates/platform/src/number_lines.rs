//! Numbers that are about to become an account's, line by line, whether they come from a file or by hand: all of them are
//! right, or none is added and every wrong line is told by its number.

use std::collections::HashMap;
use std::fmt;

use ringfence_model::{
    Account, E164, NumberId, NumberState, PlanId, PoolId, Timestamp, TrackingNumber,
};
use ringfence_store::{Db, StoreError};

use crate::random;

/// Numbers that are added at once; an inventory beyond that comes in parts.
pub const MOST_NUMBERS: usize = 100_000;

/// Characters of a label.
const LONGEST_LABEL: usize = 100;

/// A line that cannot be added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadLine {
    /// 1 for the first line.
    pub line: u64,
    /// What was expected and what came.
    pub message: String,
}

impl fmt::Display for BadLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.message)
    }
}

/// What lines may refer to.
pub(crate) struct Known {
    /// How a number is written that has no country code.
    pub country: String,
    pub pools: HashMap<String, PoolId>,
    pub plans: HashMap<String, PlanId>,
}

impl Known {
    pub async fn of_account(db: &Db, account: &Account) -> Result<Self, StoreError> {
        let pools = db.pools(account.id).await?.into_iter();
        let plans = db.plans(account.id).await?.into_iter();
        Ok(Self {
            country: account.country.to_uppercase(),
            pools: pools.map(|pool| (pool.name, pool.id)).collect(),
            plans: plans.map(|plan| (plan.name, plan.id)).collect(),
        })
    }
}

/// A line as it came.
#[derive(Default)]
pub(crate) struct Written {
    pub line: u64,
    pub number: Option<String>,
    pub label: Option<String>,
    /// Pool and plan by their names.
    pub pool: Option<String>,
    pub plan: Option<String>,
    pub country: Option<String>,
    /// What is wrong already.
    pub wrong: Vec<String>,
    /// The line is wrong as a whole, and nothing else is asked of it.
    pub broken: Option<String>,
}

/// A line that is good by itself.
#[derive(Debug)]
pub(crate) struct Entry {
    pub line: u64,
    pub e164: E164,
    pub label: Option<String>,
    pub pool: Option<PoolId>,
    pub plan: Option<PlanId>,
}

/// The lines that were read so far.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    pub entries: Vec<Entry>,
    pub bad: Vec<BadLine>,
    seen: HashMap<E164, u64>,
}

impl Gathered {
    pub fn len(&self) -> usize {
        self.entries.len() + self.bad.len()
    }

    /// Takes the next line.
    pub fn take(&mut self, written: Written, known: &Known) {
        let line = written.line;
        match entry(written, known) {
            Err(messages) => {
                let bad = messages.into_iter();
                self.bad
                    .extend(bad.map(|message| BadLine { line, message }));
            }
            Ok(entry) => {
                if let Some(first) = self.seen.get(&entry.e164) {
                    let message = format!("{} stands in line {first} already", entry.e164.as_str());
                    self.bad.push(BadLine { line, message });
                } else {
                    self.seen.insert(entry.e164.clone(), line);
                    self.entries.push(entry);
                }
            }
        }
    }

    /// Finds the lines whose numbers somebody has already.
    pub async fn look_for_owners(&mut self, db: &Db, account: &Account) -> Result<(), StoreError> {
        for entry in &self.entries {
            if let Some(owned) = db.number_by_e164(&entry.e164).await? {
                let owner = if owned.account == account.id {
                    "this account"
                } else {
                    "another account"
                };
                self.bad.push(BadLine {
                    line: entry.line,
                    message: format!("{} belongs to {owner} already", entry.e164.as_str()),
                });
            }
        }
        Ok(())
    }

    /// The numbers as rows; or every wrong line, in their order, when there is one.
    pub fn numbers(
        mut self,
        account: &Account,
        now: Timestamp,
    ) -> Result<Vec<TrackingNumber>, Vec<BadLine>> {
        if !self.bad.is_empty() {
            self.bad.sort_by_key(|bad| bad.line);
            return Err(self.bad);
        }
        let number = |entry: Entry| TrackingNumber {
            id: NumberId::new(now, random()),
            account: account.id,
            label: entry.label.unwrap_or_else(|| entry.e164.international()),
            e164: entry.e164,
            // As one is that is given its plan later.
            state: if entry.pool.is_some() || entry.plan.is_some() {
                NumberState::Assigned
            } else {
                NumberState::Available
            },
            pool: entry.pool,
            plan: entry.plan,
            created_at: now,
        };
        Ok(self.entries.into_iter().map(number).collect())
    }
}

fn entry(written: Written, known: &Known) -> Result<Entry, Vec<String>> {
    if let Some(broken) = written.broken {
        return Err(vec![broken]);
    }
    let mut wrong = written.wrong;
    let country = match &written.country {
        None => known.country.clone(),
        Some(code) => country_of(code).unwrap_or_else(|message| {
            wrong.push(message);
            known.country.clone()
        }),
    };
    let e164 = match written.number {
        None => Err("expected a phone number, got nothing".to_owned()),
        Some(text) => E164::parse(&text, Some(&country)).map_err(|error| error.to_string()),
    };
    wrong.extend(written.label.as_deref().and_then(label_problem));
    let pool = named("pool", written.pool, &known.pools).unwrap_or_else(|message| {
        wrong.push(message);
        None
    });
    let plan = named("plan", written.plan, &known.plans).unwrap_or_else(|message| {
        wrong.push(message);
        None
    });
    match e164 {
        Ok(e164) if wrong.is_empty() => Ok(Entry {
            line: written.line,
            e164,
            label: written.label,
            pool,
            plan,
        }),
        Ok(_) => Err(wrong),
        Err(message) => {
            wrong.insert(0, message);
            Err(wrong)
        }
    }
}

/// A country as it is written, in capital letters; or what is wrong with it.
pub(crate) fn country_of(text: &str) -> Result<String, String> {
    let code = text.trim().to_uppercase();
    if E164::knows_country(&code) {
        return Ok(code);
    }
    let shown: String = text.chars().take(40).collect();
    Err(format!(
        "expected a country of two letters (ISO 3166-1) such as GB, got {shown:?}"
    ))
}

/// What is wrong with a label.
pub(crate) fn label_problem(label: &str) -> Option<String> {
    let length = label.chars().count();
    (length > LONGEST_LABEL)
        .then(|| format!("expected a label of at most {LONGEST_LABEL} characters, got {length}"))
}

fn named<T: Copy>(
    what: &str,
    name: Option<String>,
    known: &HashMap<String, T>,
) -> Result<Option<T>, String> {
    let Some(name) = name else {
        return Ok(None);
    };
    if let Some(id) = known.get(&name) {
        return Ok(Some(*id));
    }
    let mut names: Vec<&str> = known.keys().map(String::as_str).collect();
    names.sort_unstable();
    names.truncate(10);
    let shown: String = name.chars().take(40).collect();
    Err(if names.is_empty() {
        format!("expected no {what}, for the account has none, got {shown:?}")
    } else {
        format!(
            "expected one of the account's {what}s ({}), got {shown:?}",
            names.join(", ")
        )
    })
}
