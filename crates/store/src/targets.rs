//! Targets and target groups.

use std::collections::HashMap;

use ringfence_model::{
    AccountId, GroupProfile, Phone, Target, TargetGroup, TargetGroupId, TargetGroupMember,
    TargetId, TargetProfile, Timestamp,
};

use crate::commit::Statement;
use crate::row::Reader;
use crate::value::{Value, args};
use crate::{AgentSet, Db, StoreError, agents, phones, profiles};

macro_rules! target_columns {
    () => {
        "id, account, name, uri, enabled"
    };
}

const ADD_TARGET: &str = concat!(
    "INSERT INTO targets (",
    target_columns!(),
    ") VALUES ($1, $2, $3, $4, $5)"
);
const TARGETS: &str = concat!(
    "SELECT ",
    target_columns!(),
    " FROM targets WHERE account = $1 ORDER BY name, id"
);
const TARGET: &str = concat!(
    "SELECT ",
    target_columns!(),
    " FROM targets WHERE account = $1 AND id = $2"
);
const UPDATE_TARGET: &str = "UPDATE targets SET name = $3, uri = $4, enabled = $5 \
    WHERE account = $1 AND id = $2";
const ADD_TARGET_GROUP: &str = "INSERT INTO target_groups (id, account, name) VALUES ($1, $2, $3)";
/// Adds nothing when there is no such group.
const ADD_MEMBER: &str = "INSERT INTO target_group_members \
    (account, target_group, position, target, ring_timeout) \
    SELECT account, id, $3, $4, $5 FROM target_groups WHERE account = $1 AND id = $2";
const TARGET_GROUPS: &str =
    "SELECT id, account, name FROM target_groups WHERE account = $1 ORDER BY name, id";
const TARGET_GROUP: &str =
    "SELECT id, account, name FROM target_groups WHERE account = $1 AND id = $2";
const MEMBERS_OF_ACCOUNT: &str = "SELECT target_group, target, ring_timeout \
    FROM target_group_members WHERE account = $1 ORDER BY target_group, position";
const MEMBERS: &str = "SELECT target_group, target, ring_timeout \
    FROM target_group_members WHERE account = $1 AND target_group = $2 ORDER BY position";
const UPDATE_TARGET_GROUP: &str =
    "UPDATE target_groups SET name = $3 WHERE account = $1 AND id = $2";
const REMOVE_MEMBERS: &str =
    "DELETE FROM target_group_members WHERE account = $1 AND target_group = $2";
const REMOVE_TARGET_GROUP: &str = "DELETE FROM target_groups WHERE account = $1 AND id = $2";

const REMOVE_TARGET: &str = "DELETE FROM targets WHERE account = $1 AND id = $2";

/// What becomes of the phone of a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PhoneChange {
    /// It stays as it is.
    Keep,
    /// The target is this phone from now on.
    Set(Phone),
    /// The target is no phone any more.
    Remove,
}

impl Db {
    /// Adds a target, or changes it when `known`, with its profile, phone and agent, all in one transaction.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when another phone has its user, or its agent answers at another target.
    pub async fn save_target(
        &self,
        target: &Target,
        profile: &TargetProfile,
        phone: &PhoneChange,
        agent: AgentSet,
        known: bool,
    ) -> Result<(), StoreError> {
        let sql = if known { UPDATE_TARGET } else { ADD_TARGET };
        let mut statements = vec![
            Statement::new(sql, target_args(target, known)),
            profiles::of_target(target.account, target.id, profile)?,
        ];
        statements.extend(match phone {
            PhoneChange::Keep => Vec::new(),
            PhoneChange::Set(phone) => phones::set(phone),
            PhoneChange::Remove => phones::remove(target.account, target.id),
        });
        statements.extend(agents::set(target.account, target.id, agent));
        self.run(statements).await.map(drop)
    }
    /// Removes a target with its profile, phone, registrations and agent, who is signed out `at`; `false` when there is no
    /// such target.
    ///
    /// # Errors
    /// [`StoreError::MissingParent`] while a group has it among its members.
    pub async fn remove_target(
        &self,
        account: AccountId,
        target: TargetId,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut statements = phones::remove(account, target);
        statements.extend(agents::set(account, target, AgentSet::Is(None, at)));
        statements.push(profiles::forget_target(account, target));
        statements.push(Statement::new(REMOVE_TARGET, args![account, target]));
        let changed = self.run(statements).await?;
        Ok(changed.last().is_some_and(|rows| *rows > 0))
    }
    /// Adds a target.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when its identifier is in use.
    pub async fn add_target(&self, target: &Target) -> Result<(), StoreError> {
        let args = target_args(target, false);
        self.run_one(ADD_TARGET, args).await.map(drop)
    }
    /// The targets of an account, by name.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn targets(&self, account: AccountId) -> Result<Vec<Target>, StoreError> {
        self.rows(TARGETS, args![account], read_target).await
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
        self.row(TARGET, args![account, target], read_target).await
    }
    /// Changes a target's name, URI and whether it is enabled; `false` when there is no such target.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be written.
    pub async fn update_target(&self, target: &Target) -> Result<bool, StoreError> {
        let args = target_args(target, true);
        Ok(self.run_one(UPDATE_TARGET, args).await? > 0)
    }
    /// Adds a target group with its members, or changes it when `known`, and how it spreads its calls, in one transaction.
    ///
    /// # Errors
    /// [`StoreError::MissingParent`] when a member is not the account's.
    pub async fn save_target_group(
        &self,
        group: &TargetGroup,
        profile: &GroupProfile,
        known: bool,
    ) -> Result<(), StoreError> {
        let mut statements = group_statements(group, known);
        statements.push(profiles::of_group(group.account, group.id, profile)?);
        self.run(statements).await.map(drop)
    }
    /// Removes a target group with its members and how it spread its calls; `false` when there is no such group. Calls
    /// that it rang keep its identifier.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be written.
    pub async fn remove_target_group(
        &self,
        account: AccountId,
        group: TargetGroupId,
    ) -> Result<bool, StoreError> {
        let statements = vec![
            Statement::new(REMOVE_MEMBERS, args![account, group]),
            profiles::forget_group(account, group),
            Statement::new(REMOVE_TARGET_GROUP, args![account, group]),
        ];
        let changed = self.run(statements).await?;
        Ok(changed.last().is_some_and(|rows| *rows > 0))
    }
    /// Adds a target group with its members.
    ///
    /// # Errors
    /// [`StoreError::MissingParent`] when a member is not the account's.
    pub async fn add_target_group(&self, group: &TargetGroup) -> Result<(), StoreError> {
        self.run(group_statements(group, false)).await.map(drop)
    }
    /// The target groups of an account, by name, each with its members in order.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn target_groups(&self, account: AccountId) -> Result<Vec<TargetGroup>, StoreError> {
        let mut groups = self
            .rows(TARGET_GROUPS, args![account], read_target_group)
            .await?;
        let members = self
            .rows(MEMBERS_OF_ACCOUNT, args![account], read_member)
            .await?;
        let mut of_group: HashMap<TargetGroupId, Vec<TargetGroupMember>> = HashMap::new();
        for (group, member) in members {
            of_group.entry(group).or_default().push(member);
        }
        for group in &mut groups {
            group.members = of_group.remove(&group.id).unwrap_or_default();
        }
        Ok(groups)
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
        let args = args![account, group];
        let Some(mut group) = self
            .row(TARGET_GROUP, args.clone(), read_target_group)
            .await?
        else {
            return Ok(None);
        };
        let members = self.rows(MEMBERS, args, read_member).await?;
        group.members = members.into_iter().map(|(_, member)| member).collect();
        Ok(Some(group))
    }
    /// Changes a target group's name and members; `false` when there is no such group.
    ///
    /// # Errors
    /// [`StoreError::MissingParent`] when a member is not the account's.
    pub async fn update_target_group(&self, group: &TargetGroup) -> Result<bool, StoreError> {
        let statements = group_statements(group, true);
        let changed = self.run(statements).await?;
        Ok(changed.first().is_some_and(|groups| *groups > 0))
    }
}

/// The values of a target's statement: adding begins with its identifier, changing with its account.
fn target_args(target: &Target, known: bool) -> Vec<Value> {
    let mut args = args![
        target.id,
        target.account,
        target.name.as_str(),
        target.uri.as_str(),
        target.enabled,
    ];
    if known {
        args.swap(0, 1);
    }
    args
}

/// Adds a group with its members, or puts its name and members in the place of those that it has.
fn group_statements(group: &TargetGroup, known: bool) -> Vec<Statement> {
    let (id, account) = (group.id, group.account);
    let mut statements = if known {
        let args = args![account, id, group.name.as_str()];
        let rename = Statement::new(UPDATE_TARGET_GROUP, args);
        vec![rename, Statement::new(REMOVE_MEMBERS, args![account, id])]
    } else {
        let args = args![id, account, group.name.as_str()];
        vec![Statement::new(ADD_TARGET_GROUP, args)]
    };
    statements.extend(members(group));
    statements
}

fn members(group: &TargetGroup) -> impl Iterator<Item = Statement> {
    (0_u32..).zip(&group.members).map(|(position, member)| {
        let args = args![
            group.account,
            group.id,
            position,
            member.target,
            member.ring_timeout,
        ];
        Statement::new(ADD_MEMBER, args)
    })
}

fn read_target(row: &mut Reader<'_>) -> Result<Target, StoreError> {
    Ok(Target {
        id: TargetId(row.uuid()?),
        account: AccountId(row.uuid()?),
        name: row.text()?,
        uri: row.text()?,
        enabled: row.flag()?,
    })
}

/// Without its members.
fn read_target_group(row: &mut Reader<'_>) -> Result<TargetGroup, StoreError> {
    Ok(TargetGroup {
        id: TargetGroupId(row.uuid()?),
        account: AccountId(row.uuid()?),
        name: row.text()?,
        members: Vec::new(),
    })
}

fn read_member(row: &mut Reader<'_>) -> Result<(TargetGroupId, TargetGroupMember), StoreError> {
    Ok((
        TargetGroupId(row.uuid()?),
        TargetGroupMember {
            target: TargetId(row.uuid()?),
            ring_timeout: row.duration()?,
        },
    ))
}
