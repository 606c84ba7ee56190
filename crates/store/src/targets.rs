//! Trunks, targets and target groups.

use ringfence_model::{AccountId, Target, TargetGroup, TargetGroupId, TargetId, Trunk, TrunkId};

use crate::{Db, StoreError};

impl Db {
    /// Adds a trunk.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when its identifier is in use.
    pub async fn add_trunk(&self, trunk: &Trunk) -> Result<(), StoreError> {
        todo!()
    }
    /// The trunks of an account, by name.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn trunks(&self, account: AccountId) -> Result<Vec<Trunk>, StoreError> {
        todo!()
    }
    /// One trunk.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn trunk(
        &self,
        account: AccountId,
        trunk: TrunkId,
    ) -> Result<Option<Trunk>, StoreError> {
        todo!()
    }
    /// Every trunk of every account, for the SIP edge's directory.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn all_trunks(&self) -> Result<Vec<Trunk>, StoreError> {
        todo!()
    }
    /// Changes a trunk's name, addresses and country; `false` when there is no such trunk.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be written.
    pub async fn update_trunk(&self, trunk: &Trunk) -> Result<bool, StoreError> {
        todo!()
    }
    /// Adds a target.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when its identifier is in use.
    pub async fn add_target(&self, target: &Target) -> Result<(), StoreError> {
        todo!()
    }
    /// The targets of an account, by name.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn targets(&self, account: AccountId) -> Result<Vec<Target>, StoreError> {
        todo!()
    }
    /// One target.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn target(
        &self,
        account: AccountId,
        target: TargetId,
    ) -> Result<Option<Target>, StoreError> {
        todo!()
    }
    /// Changes a target's name, URI and whether it is enabled; `false` when there is no such target.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be written.
    pub async fn update_target(&self, target: &Target) -> Result<bool, StoreError> {
        todo!()
    }
    /// Adds a target group with its members.
    ///
    /// # Errors
    /// [`StoreError::MissingParent`] when a member is not the account's.
    pub async fn add_target_group(&self, group: &TargetGroup) -> Result<(), StoreError> {
        todo!()
    }
    /// The target groups of an account, by name, each with its members in order.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn target_groups(&self, account: AccountId) -> Result<Vec<TargetGroup>, StoreError> {
        todo!()
    }
    /// One target group with its members in order.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn target_group(
        &self,
        account: AccountId,
        group: TargetGroupId,
    ) -> Result<Option<TargetGroup>, StoreError> {
        todo!()
    }
    /// Changes a target group's name and members; `false` when there is no such group.
    ///
    /// # Errors
    /// [`StoreError::MissingParent`] when a member is not the account's.
    pub async fn update_target_group(&self, group: &TargetGroup) -> Result<bool, StoreError> {
        todo!()
    }
}
