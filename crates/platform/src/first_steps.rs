//! What an account still lacks before its first call can be traced to a visit; each step checks itself.

use ringfence_model::{Account, E164, NumberState, SiteId};
use ringfence_store::{CallFilter, StoreError};

use crate::Platform;

/// How far a first run has come.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an item of a list that is ticked off"
)]
pub struct FirstSteps {
    /// There is a trunk.
    pub trunk: bool,
    /// There is a target.
    pub target: bool,
    /// A group rings a target.
    pub group: bool,
    /// There is a call plan.
    pub plan: bool,
    /// There is a pool.
    pub pool: bool,
    /// There are numbers, wherever they belong.
    pub numbers: bool,
    /// A number of a pool has a plan: what it takes to show it and to answer its calls.
    pub ready_number: Option<E164>,
    /// A site, and whether it has a pool; one with a pool when there is one.
    pub site: Option<(SiteId, bool)>,
    /// A host is proved.
    pub host: bool,
    /// A page with the tag was shown a number.
    pub tag: bool,
    /// A call came.
    pub call: bool,
}

impl Platform {
    /// What a first run still lacks.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn first_steps(&self, account: &Account) -> Result<FirstSteps, StoreError> {
        let (db, id) = (&self.db, account.id);
        let sites = self.sites(id).await?;
        let site = sites.iter().max_by_key(|(site, _)| site.pool.is_some());
        let numbers = db.numbers(id).await?;
        let mut live = numbers
            .iter()
            .filter(|number| number.state != NumberState::Released);
        let numbers = live.clone().next().is_some();
        let ready = live.find(|number| number.pool.is_some() && number.plan.is_some());
        let groups = db.target_groups(id).await?;
        Ok(FirstSteps {
            trunk: !db.trunks(id).await?.is_empty(),
            target: !db.targets(id).await?.is_empty(),
            group: groups.iter().any(|group| !group.members.is_empty()),
            plan: !db.plans(id).await?.is_empty(),
            pool: !db.pools(id).await?.is_empty(),
            numbers,
            ready_number: ready.map(|number| number.e164.clone()),
            site: site.map(|(site, _)| (site.id, site.pool.is_some())),
            host: sites
                .iter()
                .flat_map(|(_, hosts)| hosts)
                .any(|host| host.proved_at.is_some()),
            tag: db.has_visits(id).await?,
            call: self.has_calls(account).await?,
        })
    }

    /// Whether a call came, ever.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn has_calls(&self, account: &Account) -> Result<bool, StoreError> {
        let any = CallFilter::default();
        let first = self.db.calls(account.id, &any, None, 1).await?;
        Ok(!first.calls.is_empty())
    }
}
