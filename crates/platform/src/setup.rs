//! What an operator or a first run makes: accounts, trunks, targets, groups, plans, pools.

use std::collections::BTreeMap;
use std::time::Duration;

use ringfence_model::{
    Account, AccountId, CallPlan, NumberId, PlanDocument, PlanId, Pool, PoolId, Step, Target,
    TargetGroup, TargetGroupId, TargetGroupMember, TargetId, Timestamp, Trunk, TrunkId,
};
use ringfence_store::StoreError;

use crate::audit::actor;
use crate::{Platform, random};

impl Platform {
    /// Adds a tenant.
    ///
    /// # Errors
    /// When the row cannot be written.
    pub async fn add_account(
        &self,
        name: &str,
        country: &str,
        time_zone: &str,
        now: Timestamp,
    ) -> Result<Account, StoreError> {
        let account = Account {
            id: AccountId::new(now, random()),
            name: name.into(),
            country: country.into(),
            time_zone: time_zone.into(),
            money: None,
            created_at: now,
        };
        self.db.add_account(&account).await?;
        Ok(account)
    }

    /// Adds a connection to a carrier that is known by its addresses.
    ///
    /// # Errors
    /// When the row cannot be written.
    pub async fn add_trunk(
        &self,
        account: AccountId,
        name: &str,
        addresses: Vec<String>,
        country: Option<&str>,
        now: Timestamp,
    ) -> Result<Trunk, StoreError> {
        let trunk = Trunk {
            id: TrunkId::new(now, random()),
            account,
            name: name.into(),
            addresses,
            country: country.map(Into::into),
        };
        self.db.add_trunk(&trunk).await?;
        Ok(trunk)
    }

    /// Adds somewhere that a call may go.
    ///
    /// # Errors
    /// When the row cannot be written.
    pub async fn add_target(
        &self,
        account: AccountId,
        name: &str,
        uri: &str,
        now: Timestamp,
    ) -> Result<Target, StoreError> {
        let target = Target {
            id: TargetId::new(now, random()),
            account,
            name: name.into(),
            uri: uri.into(),
            enabled: true,
        };
        self.db.add_target(&target).await?;
        Ok(target)
    }

    /// Adds a group that rings `targets` in order, each for `ring_timeout`.
    ///
    /// # Errors
    /// When the rows cannot be written.
    pub async fn add_target_group(
        &self,
        account: AccountId,
        name: &str,
        targets: &[TargetId],
        ring_timeout: Duration,
        now: Timestamp,
    ) -> Result<TargetGroup, StoreError> {
        let members = targets
            .iter()
            .map(|&target| TargetGroupMember {
                target,
                ring_timeout,
            })
            .collect();
        let group = TargetGroup {
            id: TargetGroupId::new(now, random()),
            account,
            name: name.into(),
            members,
        };
        self.db.add_target_group(&group).await?;
        Ok(group)
    }

    /// Adds a plan of one step: ring a group, then give up.
    ///
    /// # Errors
    /// When the row cannot be written.
    pub async fn add_ring_plan(
        &self,
        account: AccountId,
        name: &str,
        group: TargetGroupId,
        now: Timestamp,
    ) -> Result<CallPlan, StoreError> {
        let steps = BTreeMap::from([("ring".to_string(), Step::ring(group, None))]);
        let document = PlanDocument {
            start: "ring".into(),
            steps,
        };
        let plan = CallPlan {
            id: PlanId::new(now, random()),
            account,
            name: name.into(),
            document,
        };
        self.db.add_plan(&plan, &actor(), now).await?;
        Ok(plan)
    }

    /// Adds a pool whose leases live for `hold` past the last sign of their visit.
    ///
    /// # Errors
    /// When the row cannot be written.
    pub async fn add_pool(
        &self,
        account: AccountId,
        name: &str,
        hold: Duration,
        overflow: Option<NumberId>,
        now: Timestamp,
    ) -> Result<Pool, StoreError> {
        let pool = Pool {
            id: PoolId::new(now, random()),
            account,
            name: name.into(),
            hold,
            overflow,
            quarantine: Pool::QUARANTINE,
        };
        self.db.add_pool(&pool).await?;
        Ok(pool)
    }
}
