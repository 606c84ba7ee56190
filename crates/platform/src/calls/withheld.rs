//! Calls to numbers that are withheld: the caller hears that the number is out of service.

use ringfence_callflow::{Call, Options};
use ringfence_model::{PoolId, SiteId, Timestamp, TrackingNumber};
use ringfence_routing::{Refusal, Route};
use ringfence_store::{Db, StoreError};
use ringfence_tracking::Attribution;

use super::facts::NumberFacts;
use crate::Platform;

/// Not Found: gateways make cause 1 of it (RFC 3398 §8.2.6.1, Q.850), for which exchanges say that the number is not in
/// service.
const OUT_OF_SERVICE: u16 = 404;

/// Which calls to a number are stopped.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Withheld {
    /// None.
    #[default]
    No,
    /// Every call: only held sites show the number.
    All,
    /// Every call: the account is frozen.
    Account,
    /// Those that visits of these sites explain: other sites show the number too.
    VisitsOf(Vec<SiteId>),
}

impl Withheld {
    /// What the holds of the number's account stop.
    pub(super) async fn of_number(db: &Db, number: &TrackingNumber) -> Result<Self, StoreError> {
        if db.is_frozen(number.account).await? {
            return Ok(Self::Account);
        }
        let holds = db.live_holds(number.account).await?;
        if holds.is_empty() {
            return Ok(Self::No);
        }
        let rules = db.all_pool_rules(number.account).await?;
        // Where the number comes from: its pool, and pools that fall back on it.
        let pools = db.pools(number.account).await?;
        let of_pool = |id: PoolId| {
            number.pool == Some(id)
                || pools
                    .iter()
                    .any(|pool| pool.id == id && pool.overflow == Some(number.id))
        };
        let (mut held, mut free) = (Vec::new(), false);
        for site in db.sites(number.account).await? {
            let by_rule = rules.iter().any(|rule| {
                rule.site == site.id
                    && match rule.number {
                        Some(fixed) => fixed == number.id,
                        None => of_pool(rule.pool),
                    }
            });
            if !by_rule && !site.pool.is_some_and(of_pool) {
                continue;
            }
            if holds.iter().any(|hold| hold.site == site.id) {
                held.push(site.id);
            } else {
                free = true;
            }
        }
        Ok(match (held.is_empty(), free) {
            (true, _) => Self::No,
            (false, false) => Self::All,
            (false, true) => Self::VisitsOf(held),
        })
    }

    /// Whether a call with this attribution is stopped.
    async fn stops(
        &self,
        platform: &Platform,
        number: &TrackingNumber,
        attribution: &Attribution,
    ) -> Result<bool, StoreError> {
        match (self, attribution.visit) {
            (Self::No, _) | (Self::VisitsOf(_), None) => Ok(false),
            (Self::All | Self::Account, _) => Ok(true),
            (Self::VisitsOf(sites), Some(visit)) => {
                let visit = platform.db.visit(number.account, visit).await?;
                Ok(visit.is_some_and(|visit| sites.contains(&visit.site)))
            }
        }
    }
}

/// Why a call is stopped, for those who read its timeline.
const HELD: &str =
    "the number is out of service: the operator of this server withholds the numbers of its site";
/// The same where the whole account is.
const FROZEN: &str =
    "the number is out of service: the operator of this server has frozen the account";
/// The same where a number was taken back from the visit that it was shown to.
const TAKEN_BACK: &str =
    "the number is out of service: it was taken back from the visit that it was shown to";

/// Why a call to this number is stopped, when it is.
pub(super) async fn why(
    platform: &Platform,
    known: &NumberFacts,
    attribution: &Attribution,
    at: Timestamp,
) -> Result<Option<&'static str>, StoreError> {
    let held = known.withheld.stops(platform, &known.number, attribution);
    if held.await? {
        let is_frozen = known.withheld == Withheld::Account;
        return Ok(Some(if is_frozen { FROZEN } else { HELD }));
    }
    Ok(platform
        .is_taken_back(attribution, at)
        .then_some(TAKEN_BACK))
}

/// A call that is stopped: nobody is rung.
pub(super) fn flow(why: &str, now: Timestamp) -> Call {
    metrics::counter!("ringfence_calls_withheld_total").increment(1);
    let refusal = Refusal {
        code: OUT_OF_SERVICE,
        reason: why.into(),
    };
    let route = Route {
        candidates: Vec::new(),
        refuse: Some(refusal),
    };
    Call::new(route, Options::default(), now)
}

#[cfg(test)]
#[path = "withheld_tests.rs"]
mod tests;
