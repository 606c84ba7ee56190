//! What balancing knows of targets and groups, where trunks take calls, and which numbers may be dialled.
//!
//! Kept apart from the rows of targets and groups, which say who they are; who has no profile has the default one.

use std::collections::HashMap;

use ringfence_model::{
    AccountId, Dialling, E164, GroupProfile, TargetGroupId, TargetId, TargetProfile, Timestamp,
    TrunkId,
};

use crate::bulk::json;
use crate::commit::Statement;
use crate::row::Reader;
use crate::value::args;
use crate::{Db, StoreError};

const TARGET_PROFILES: &str = "SELECT target, document FROM target_profiles WHERE account = $1";
const SET_TARGET_PROFILE: &str = "INSERT INTO target_profiles (account, target, document) \
    VALUES ($1, $2, $3) ON CONFLICT (account, target) DO UPDATE SET document = excluded.document";
const REMOVE_TARGET_PROFILE: &str =
    "DELETE FROM target_profiles WHERE account = $1 AND target = $2";
const GROUP_PROFILES: &str =
    "SELECT target_group, document FROM target_group_profiles WHERE account = $1";
const SET_GROUP_PROFILE: &str = "INSERT INTO target_group_profiles (account, target_group, document) \
    VALUES ($1, $2, $3) \
    ON CONFLICT (account, target_group) DO UPDATE SET document = excluded.document";
const REMOVE_GROUP_PROFILE: &str =
    "DELETE FROM target_group_profiles WHERE account = $1 AND target_group = $2";
const TRUNK_ROUTES: &str = "SELECT trunk, send_to FROM trunk_routes WHERE account = $1";
const SET_TRUNK_ROUTE: &str = "INSERT INTO trunk_routes (account, trunk, send_to) \
    VALUES ($1, $2, $3) ON CONFLICT (account, trunk) DO UPDATE SET send_to = excluded.send_to";
const REMOVE_TRUNK_ROUTE: &str = "DELETE FROM trunk_routes WHERE account = $1 AND trunk = $2";
const DIALLING: &str = "SELECT document FROM dialling WHERE account = $1";
const SET_DIALLING: &str = "INSERT INTO dialling (account, document) VALUES ($1, $2) \
    ON CONFLICT (account) DO UPDATE SET document = excluded.document";
/// The newest first; beyond a few dozen calls nobody remembers who it was.
const CALLER_HISTORY: &str = "SELECT target FROM calls WHERE account = $1 AND caller = $2 \
    AND started_at < $3 ORDER BY started_at DESC LIMIT 30";
const ANSWERED_BY_TARGET: &str = "SELECT target, answered_at FROM legs \
    WHERE account = $1 AND started_at >= $2 AND answered_at IS NOT NULL";

/// What is remembered of a caller.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CallerHistory {
    /// The caller has called the account before.
    pub returning: bool,
    /// The target that answered last.
    pub last_target: Option<TargetId>,
}

impl Db {
    /// The profiles of an account's targets; who is missing has the default one.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn target_profiles(
        &self,
        account: AccountId,
    ) -> Result<HashMap<TargetId, TargetProfile>, StoreError> {
        let read = |row: &mut Reader<'_>| Ok((TargetId(row.uuid()?), row.json()?));
        let rows = self.rows(TARGET_PROFILES, args![account], read).await?;
        Ok(rows.into_iter().collect())
    }
    /// Says what balancing is to know of a target.
    ///
    /// # Errors
    /// [`StoreError::MissingParent`] when the target is not the account's.
    pub async fn set_target_profile(
        &self,
        account: AccountId,
        target: TargetId,
        profile: &TargetProfile,
    ) -> Result<(), StoreError> {
        let statement = of_target(account, target, profile)?;
        self.run(vec![statement]).await.map(drop)
    }
    /// The profiles of an account's groups; who is missing has the default one.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn group_profiles(
        &self,
        account: AccountId,
    ) -> Result<HashMap<TargetGroupId, GroupProfile>, StoreError> {
        let read = |row: &mut Reader<'_>| Ok((TargetGroupId(row.uuid()?), row.json()?));
        let rows = self.rows(GROUP_PROFILES, args![account], read).await?;
        Ok(rows.into_iter().collect())
    }
    /// Says how a group spreads its calls.
    ///
    /// # Errors
    /// [`StoreError::MissingParent`] when the group is not the account's.
    pub async fn set_group_profile(
        &self,
        account: AccountId,
        group: TargetGroupId,
        profile: &GroupProfile,
    ) -> Result<(), StoreError> {
        let statement = of_group(account, group, profile)?;
        self.run(vec![statement]).await.map(drop)
    }
    /// The SIP URIs at which an account's trunks take calls; a trunk that is missing takes none.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn trunk_routes(
        &self,
        account: AccountId,
    ) -> Result<HashMap<TrunkId, String>, StoreError> {
        let read = |row: &mut Reader<'_>| Ok((TrunkId(row.uuid()?), row.text()?));
        let rows = self.rows(TRUNK_ROUTES, args![account], read).await?;
        Ok(rows.into_iter().collect())
    }
    /// Says where a trunk takes calls: a SIP URI without a user, or nowhere.
    ///
    /// # Errors
    /// [`StoreError::MissingParent`] when the trunk is not the account's.
    pub async fn set_trunk_route(
        &self,
        account: AccountId,
        trunk: TrunkId,
        send_to: Option<&str>,
    ) -> Result<(), StoreError> {
        let statement = of_trunk(account, trunk, send_to);
        self.run(vec![statement]).await.map(drop)
    }
    /// Which numbers an account may dial; `None` when nothing was said, and then the default holds.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn dialling(&self, account: AccountId) -> Result<Option<Dialling>, StoreError> {
        let read = |row: &mut Reader<'_>| row.json();
        self.row(DIALLING, args![account], read).await
    }
    /// Says which numbers an account may dial.
    ///
    /// # Errors
    /// [`StoreError`] when the row cannot be written.
    pub async fn set_dialling(
        &self,
        account: AccountId,
        dialling: &Dialling,
    ) -> Result<(), StoreError> {
        let args = args![account, json(dialling)?];
        self.run_one(SET_DIALLING, args).await.map(drop)
    }

    /// What is remembered of a caller from calls before an instant.
    ///
    /// On SQLite a call that was written within the last 200 ms may be missing: nobody's call waits for another's rows.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn caller_history(
        &self,
        account: AccountId,
        caller: &E164,
        before: Timestamp,
    ) -> Result<CallerHistory, StoreError> {
        let read = |row: &mut Reader<'_>| Ok(row.optional_uuid()?.map(TargetId));
        let args = args![account, caller, before];
        let targets = self.rows(CALLER_HISTORY, args, read).await?;
        Ok(CallerHistory {
            returning: !targets.is_empty(),
            last_target: targets.into_iter().flatten().next(),
        })
    }

    /// Whom an account's calls reached since an instant, and when: what the counts of a month are rebuilt from.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn answered_since(
        &self,
        account: AccountId,
        since: Timestamp,
    ) -> Result<Vec<(TargetId, Timestamp)>, StoreError> {
        let read = |row: &mut Reader<'_>| Ok((TargetId(row.uuid()?), row.time()?));
        self.rows(ANSWERED_BY_TARGET, args![account, since], read)
            .await
    }
}

/// Says what balancing is to know of a target.
pub(crate) fn of_target(
    account: AccountId,
    target: TargetId,
    profile: &TargetProfile,
) -> Result<Statement, StoreError> {
    let args = args![account, target, json(profile)?];
    Ok(Statement::new(SET_TARGET_PROFILE, args))
}

/// Forgets what balancing knew of a target.
pub(crate) fn forget_target(account: AccountId, target: TargetId) -> Statement {
    Statement::new(REMOVE_TARGET_PROFILE, args![account, target])
}

/// Says how a group spreads its calls.
pub(crate) fn of_group(
    account: AccountId,
    group: TargetGroupId,
    profile: &GroupProfile,
) -> Result<Statement, StoreError> {
    let args = args![account, group, json(profile)?];
    Ok(Statement::new(SET_GROUP_PROFILE, args))
}

/// Forgets how a group spread its calls.
pub(crate) fn forget_group(account: AccountId, group: TargetGroupId) -> Statement {
    Statement::new(REMOVE_GROUP_PROFILE, args![account, group])
}

/// Says where a trunk takes calls, or that it takes none.
pub(crate) fn of_trunk(account: AccountId, trunk: TrunkId, send_to: Option<&str>) -> Statement {
    match send_to {
        Some(uri) => Statement::new(SET_TRUNK_ROUTE, args![account, trunk, uri]),
        None => Statement::new(REMOVE_TRUNK_ROUTE, args![account, trunk]),
    }
}
