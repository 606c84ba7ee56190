//! Agents: who answers at a target, how they stand, and every change of that.

use ringfence_model::{
    AccountId, Agent, AgentChange, AgentMeans, AgentState, BreakReason, TargetId, TargetProfile,
    Timestamp, UserId,
};

use crate::commit::Statement;
use crate::row::Reader;
use crate::value::args;
use crate::{Db, StoreError};

macro_rules! agent_columns {
    () => {
        "account, target, user_id, state, reason, since, until"
    };
}

/// With what balancing knows of their targets; who has no profile has the default one.
const ALL: &str = "SELECT a.account, a.target, a.user_id, a.state, a.reason, a.since, a.until, \
    COALESCE(p.document, '{}') FROM agents AS a LEFT JOIN target_profiles AS p \
    ON p.account = a.account AND p.target = a.target ORDER BY a.account, a.target";
const OF_ACCOUNT: &str = concat!(
    "SELECT ",
    agent_columns!(),
    " FROM agents WHERE account = $1 ORDER BY target"
);
/// Changes nothing when the user is the target's agent already.
const ADD: &str = concat!(
    "INSERT INTO agents (",
    agent_columns!(),
    ") VALUES ($1, $2, $3, 'signed_out', NULL, $4, NULL) ON CONFLICT (account, target) DO NOTHING"
);
/// The last change of an agent who is none any more.
const SIGN_OUT_OTHERS: &str = "INSERT INTO agent_changes \
    (account, user_id, target, at, state, reason, until, means) \
    SELECT account, user_id, target, $3, 'signed_out', NULL, NULL, 'other' FROM agents \
    WHERE account = $1 AND target = $2 AND state <> 'signed_out' AND ($4 IS NULL OR user_id <> $4) \
    ON CONFLICT (account, user_id, at) DO NOTHING";
const REMOVE_OTHERS: &str =
    "DELETE FROM agents WHERE account = $1 AND target = $2 AND ($3 IS NULL OR user_id <> $3)";
const CHANGE: &str = "UPDATE agents SET state = $5, reason = $6, since = $4, until = $7 \
    WHERE account = $1 AND target = $2 AND user_id = $3 AND since <= $4";
/// What a call leaves behind concerns those alone who would be rung.
const WRAP_UP: &str = "UPDATE agents SET state = $5, reason = $6, since = $4, until = $7 \
    WHERE account = $1 AND target = $2 AND user_id = $3 AND since <= $4 \
    AND state IN ('available', 'wrapping_up')";
const NOTE: &str = "INSERT INTO agent_changes (account, user_id, target, at, state, reason, until, means) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (account, user_id, at) DO UPDATE SET \
    state = excluded.state, reason = excluded.reason, until = excluded.until, means = excluded.means";
const CHANGES: &str = "SELECT account, target, user_id, at, state, reason, until, means \
    FROM agent_changes WHERE account = $1 AND user_id = $2 AND at >= $3 AND at < $4 ORDER BY at";
const LAST_CHANGE: &str = "SELECT account, target, user_id, at, state, reason, until, means \
    FROM agent_changes WHERE account = $1 AND user_id = $2 AND at < $3 ORDER BY at DESC LIMIT 1";

/// What becomes of the agent of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AgentSet {
    /// It stays as it is.
    Keep,
    /// From this instant it is this user, or nobody. A new one is signed out.
    Is(Option<UserId>, Timestamp),
}

impl Db {
    /// An account's agents, by target.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn agents(&self, account: AccountId) -> Result<Vec<Agent>, StoreError> {
        self.rows(OF_ACCOUNT, args![account], read_agent).await
    }

    /// Every account's agents and what balancing knows of their targets, for the server that rings them.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn all_agents(&self) -> Result<Vec<(Agent, TargetProfile)>, StoreError> {
        let read = |row: &mut Reader<'_>| Ok((read_agent(row)?, row.json()?));
        self.rows(ALL, args![], read).await
    }

    /// Says who answers at a target.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when the user answers at another target, [`StoreError::MissingParent`] without the target or
    /// the user.
    pub async fn set_agent(
        &self,
        account: AccountId,
        target: TargetId,
        agent: AgentSet,
    ) -> Result<(), StoreError> {
        self.run(set(account, target, agent)).await.map(drop)
    }

    /// Changes how an agent stands and keeps the change; `false` when the user is not the target's agent, or has said
    /// something later already. A wrap-up is taken by those alone who would be rung.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be written.
    pub async fn change_agent(&self, change: &AgentChange) -> Result<bool, StoreError> {
        let state = change.state.as_str();
        let reason = change.reason.map(BreakReason::as_str);
        let sql = if change.state == AgentState::WrappingUp {
            WRAP_UP
        } else {
            CHANGE
        };
        let args = args![
            change.account,
            change.target,
            change.user,
            change.at,
            state,
            reason,
            change.until
        ];
        let note = args![
            change.account,
            change.user,
            change.target,
            change.at,
            state,
            reason,
            change.until,
            change.means.as_str()
        ];
        let statements = vec![
            Statement::new(sql, args).decides(),
            Statement::new(NOTE, note),
        ];
        let changed = self.run(statements).await?;
        Ok(changed.first().is_some_and(|rows| *rows > 0))
    }

    /// The changes of a user's state from `from` until before `until`, in order, and the last one before them: what the
    /// user was when they begin.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn agent_changes(
        &self,
        account: AccountId,
        user: UserId,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<(Option<AgentChange>, Vec<AgentChange>), StoreError> {
        let before = self.row(LAST_CHANGE, args![account, user, from], read_change);
        let before = before.await?;
        let changes = self.rows(CHANGES, args![account, user, from, until], read_change);
        Ok((before, changes.await?))
    }
}

/// Says who answers at a target.
pub(crate) fn set(account: AccountId, target: TargetId, agent: AgentSet) -> Vec<Statement> {
    let AgentSet::Is(user, at) = agent else {
        return Vec::new();
    };
    let mut statements = vec![
        Statement::new(SIGN_OUT_OTHERS, args![account, target, at, user]),
        Statement::new(REMOVE_OTHERS, args![account, target, user]),
    ];
    if let Some(user) = user {
        statements.push(Statement::new(ADD, args![account, target, user, at]));
    }
    statements
}

fn read_agent(row: &mut Reader<'_>) -> Result<Agent, StoreError> {
    Ok(Agent {
        account: AccountId(row.uuid()?),
        target: TargetId(row.uuid()?),
        user: UserId(row.uuid()?),
        state: row.word(AgentState::from_word)?,
        reason: row.optional_word(BreakReason::from_word)?,
        since: row.time()?,
        until: row.optional_time()?,
    })
}

fn read_change(row: &mut Reader<'_>) -> Result<AgentChange, StoreError> {
    Ok(AgentChange {
        account: AccountId(row.uuid()?),
        target: TargetId(row.uuid()?),
        user: UserId(row.uuid()?),
        at: row.time()?,
        state: row.word(AgentState::from_word)?,
        reason: row.optional_word(BreakReason::from_word)?,
        until: row.optional_time()?,
        means: row.word(AgentMeans::from_word)?,
    })
}
