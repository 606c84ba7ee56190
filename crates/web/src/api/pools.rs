//! Pools: numbers that visits share, and whether there are enough of them.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use ringfence_model::{Account, PoolId, TrackingNumber};
use ringfence_platform::arrangement::PoolPart;
use ringfence_platform::now;
use ringfence_platform::pool_reports::{PoolReport, PoolState};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

use super::Api;
use super::asking::{ApiBody, ApiPath, Matching};
use super::guard::Asker;
use super::parts::{self, Part, Tagged, endpoints};
use super::problem::{ApiProblem, ProblemDocument};

/// A pool as it is written.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct PoolDocument {
    /// 1 to 100 characters, of no other pool.
    name: String,
    /// How long a lease lives past the last sign of its visit, in minutes; 30 unless said.
    #[schema(minimum = 1, maximum = 10_080)]
    hold_minutes: u32,
    /// How long a number rests when it leaves the pool, in days; 30 unless said, 0 lets it go at once.
    #[schema(maximum = 730)]
    quarantine_days: u32,
    /// The number (E.164) that is shown when all others are leased: one of the account's that is in no pool.
    overflow: Option<String>,
}

impl Default for PoolDocument {
    fn default() -> Self {
        Self {
            name: String::new(),
            hold_minutes: 30,
            quarantine_days: 30,
            overflow: None,
        }
    }
}

/// A pool, measured over the last seven days.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PoolView {
    id: Uuid,
    #[serde(flatten)]
    written: PoolDocument,
    /// `shared` (it has no numbers of its own), `enough`, `near` (soon too few) or `exhausted` (visits of the last day found
    /// none of their own).
    state: &'static str,
    /// Its numbers that are in use or may be, without the overflow number.
    numbers: u64,
    /// Numbers that rest and come to it afterwards.
    resting: u64,
    /// Numbers that are leased now.
    in_use: u64,
    /// The fewest numbers with which at most 1 % of the visits of its busiest hour find none of their own; `null` before a
    /// whole hour was measured.
    needed: Option<u64>,
}

impl PoolView {
    fn of(report: &PoolReport, numbers: &[TrackingNumber]) -> Self {
        let pool = &report.pool;
        let mut numbers = numbers.iter();
        let overflow = numbers.find(|number| Some(number.id) == pool.overflow);
        let whole = |length: u64| u32::try_from(length).unwrap_or(u32::MAX);
        Self {
            id: pool.id.0,
            written: PoolDocument {
                name: pool.name.clone(),
                hold_minutes: whole(pool.hold.as_secs() / 60),
                quarantine_days: whole(pool.quarantine.as_secs() / 86_400),
                overflow: overflow.map(|number| number.e164.as_str().to_owned()),
            },
            state: match report.state() {
                PoolState::Shared => "shared",
                PoolState::Enough => "enough",
                PoolState::Near => "near",
                PoolState::Exhausted => "exhausted",
            },
            numbers: report.size,
            resting: report.resting,
            in_use: report.in_use,
            needed: report.needed,
        }
    }
}

impl Part for PoolView {
    type Written = PoolDocument;

    async fn all(api: &Api, account: &Account) -> Result<Vec<Self>, ApiProblem> {
        let numbers = api.platform.own_numbers(account.id).await?;
        let reports = api.platform.pool_reports(account.id, now()).await?;
        let view = |report: &PoolReport| Self::of(report, &numbers);
        Ok(reports.iter().map(view).collect())
    }

    fn id(&self) -> Uuid {
        self.id
    }

    fn written(&self) -> &PoolDocument {
        &self.written
    }

    async fn save(
        api: &Api,
        account: &Account,
        known: Option<Uuid>,
        written: PoolDocument,
    ) -> Result<Uuid, ApiProblem> {
        let part = PoolPart {
            name: written.name,
            hold_minutes: written.hold_minutes,
            quarantine_days: written.quarantine_days,
            overflow: written.overflow,
        };
        let known = known.map(PoolId);
        let saved = api.platform.save_pool(account, known, &part, now()).await;
        Ok(saved?.0)
    }

    async fn remove(api: &Api, account: &Account, id: Uuid) -> Result<(), ApiProblem> {
        Ok(api.platform.remove_pool(account.id, PoolId(id)).await?)
    }
}

endpoints! {
    PoolView of PoolDocument, tag "pools", at "/pools" and "/pools/{pool}" by "pool";
    "list_pools" "The account's pools, by name, and whether each has numbers enough";
    "add_pool" "Adds a pool";
    "show_pool" "One pool, measured over the last seven days";
    "change_pool" "Changes a pool: what is left out stays, `null` takes a field away";
    "remove_pool" "Removes a pool to which no number, site or rule belongs";
}
