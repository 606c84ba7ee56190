//! Agents: who answers at a target, and whether they may be rung.
//!
//! A state is a row, so that a restart forgets none; `live` has what routing asks, and whoever waits in a queue is woken
//! by it. Changes are made one after another, each first in the rows.

mod codes;

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use arc_swap::ArcSwap;
use futures::future::BoxFuture;
use parking_lot::Mutex;
use ringfence_live::AgentSays;
use ringfence_model::{
    Account, AccountId, Agent, AgentChange, AgentMeans, AgentState, BreakReason, TargetId,
    Timestamp, User, UserId, agent_times,
};
use ringfence_routing::{Loads, periods};
use ringfence_store::{CallFilter, StoreError};
use serde_json::{Value, json};

use crate::Platform;
use crate::audit::{Change, object};
use crate::call_log::CallRow;
use crate::reports::zone_of;

pub(crate) use codes::answer;
pub use codes::{CODES, FeatureCode};

/// The agents of every account, as the rows were last read.
#[derive(Default)]
pub struct Agents {
    known: ArcSwap<HashMap<TargetId, Known>>,
    /// One change after the other, and none while the rows are read.
    turn: tokio::sync::Mutex<()>,
    /// Calls in a row that rang at a target in vain.
    in_vain: Mutex<HashMap<TargetId, u32>>,
    /// Targets whose phones are told what came of a feature code.
    telling: Mutex<HashSet<TargetId>>,
}

/// An agent that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Known {
    agent: Agent,
    /// How long the rest after a call is.
    wrap_up: Duration,
    /// After how many calls in a row that rang in vain it is put on a break; 0 is never.
    break_after: u32,
    /// In which the phone is told what came of a code: one that every installation has prompts in.
    language: &'static str,
}

/// What an agent wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AgentWish {
    /// To be rung.
    Available,
    /// Not to be rung for a while.
    Break(BreakReason),
    /// To be rung again before the rest after a call is over; on a break or signed out it changes nothing.
    Ready,
    /// To go home.
    SignOut,
}

/// Why an agent stands as before.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// Nobody answers there.
    #[error("expected a target with an agent; give the target one on the page Targets")]
    NoAgent,
    /// There is no call to wrap up.
    #[error("expected an agent who wraps up a call, this one is {}", .0.as_str())]
    NothingToWrapUp(AgentState),
    /// Somebody else changed it in the same moment.
    #[error("somebody else has changed it in the meantime; look again")]
    Changed,
    /// Rows could not be read or written.
    #[error("the database did not answer")]
    Store(#[from] StoreError),
}

/// An agent as pages and programs are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentStanding {
    /// The target.
    pub target: TargetId,
    /// The target's name.
    pub target_name: String,
    /// The user.
    pub user: UserId,
    /// The user's name.
    pub name: String,
    /// The user's address.
    pub email: String,
    /// How the agent stands now.
    pub state: AgentState,
    /// Why, when on a break.
    pub reason: Option<BreakReason>,
    /// Since when.
    pub since: Timestamp,
    /// When the wrap-up ends by itself.
    pub until: Option<Timestamp>,
    /// Calls that ring there or are talked on.
    pub calls: u32,
}

/// What an agent did since the account's day began.
#[derive(Debug, Clone)]
pub struct AgentToday {
    /// How long in each state.
    pub times: Vec<(AgentState, Duration)>,
    /// Calls that were answered at the target, the newest first.
    pub calls: Vec<CallRow>,
}

/// Calls of a day that are shown.
const MOST_CALLS: u32 = 100;

impl Platform {
    /// Tells routing how every account's agents stand; answers how many there are. What a command has changed beside this
    /// server is seen here.
    ///
    /// # Errors
    /// When the rows cannot be read; all stay as they were.
    pub fn load_agents(&self) -> BoxFuture<'_, Result<usize, StoreError>> {
        Box::pin(async move {
            let _turn = self.agents.turn.lock().await;
            let rows = self.db.all_agents().await?;
            let known: HashMap<_, _> = rows
                .into_iter()
                .map(|(agent, profile)| {
                    let known = Known {
                        wrap_up: Duration::from_secs(profile.wrap_up.into()),
                        break_after: profile.break_after,
                        language: spoken(&profile.languages),
                        agent,
                    };
                    (known.agent.target, known)
                })
                .collect();
            let before = self.agents.known.swap(known.clone().into());
            let mut changed = HashSet::new();
            for (target, old) in before.iter() {
                if !known.contains_key(target) {
                    self.live.places(old.agent.account).set_agent(*target, None);
                    changed.insert(old.agent.account);
                }
            }
            for (target, new) in &known {
                let old = before.get(target).map(|old| &old.agent);
                if old != Some(&new.agent) {
                    self.tell_live(&new.agent);
                    changed.insert(new.agent.account);
                }
            }
            for account in changed {
                self.board.agents_changed(account);
            }
            Ok(known.len())
        })
    }

    /// An account's agents, by the names of their targets.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn agents(
        &self,
        account: AccountId,
        now: Timestamp,
    ) -> Result<Vec<AgentStanding>, StoreError> {
        let agents = self.db.agents(account).await?;
        if agents.is_empty() {
            return Ok(Vec::new());
        }
        let mut agents: HashMap<_, _> = agents
            .into_iter()
            .map(|agent| (agent.target, agent))
            .collect();
        let users: HashMap<_, _> = self
            .db
            .users(account)
            .await?
            .into_iter()
            .map(|user| (user.id, user))
            .collect();
        let loads = self.target_standings(account, now);
        let targets = self.db.targets(account).await?;
        let standing = |target: ringfence_model::Target| {
            let agent = agents.remove(&target.id)?;
            let user = users.get(&agent.user)?;
            let (state, since) = agent.at(now);
            Some(AgentStanding {
                target: target.id,
                target_name: target.name,
                user: user.id,
                name: user.name.clone(),
                email: user.email.clone(),
                state,
                reason: agent.reason,
                since,
                until: agent.until.filter(|_| state == AgentState::WrappingUp),
                calls: loads.get(&target.id).map_or(0, |load| load.calls),
            })
        };
        Ok(targets.into_iter().filter_map(standing).collect())
    }

    /// How a user stands who is an agent.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn own_agent(
        &self,
        account: AccountId,
        user: UserId,
        now: Timestamp,
    ) -> Result<Option<AgentStanding>, StoreError> {
        let agents = self.agents(account, now).await?;
        Ok(agents.into_iter().find(|agent| agent.user == user))
    }

    /// An agent's day: how long it was in each state, and the calls that it answered, the newest first.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn agent_today(
        &self,
        account: &Account,
        agent: &AgentStanding,
        now: Timestamp,
    ) -> Result<AgentToday, StoreError> {
        let from = periods(now, &zone_of(account)).day.begin;
        let changes = self.db.agent_changes(account.id, agent.user, from, now);
        let (before, changes) = changes.await?;
        let filter = CallFilter {
            from: Some(from),
            target: Some(agent.target),
            ..CallFilter::default()
        };
        let calls = self.call_log(account.id, &filter, None, MOST_CALLS).await?;
        Ok(AgentToday {
            times: agent_times(before.as_ref(), &changes, from, now),
            calls: calls.rows,
        })
    }

    /// Calls that ring at a target or are talked on, from memory.
    pub fn calls_at(&self, account: AccountId, target: TargetId) -> u32 {
        let places = self.live.places(account);
        let deciding = places.decide();
        let load = deciding.loads().targets.get(&target);
        load.map_or(0, |load| load.active)
    }

    /// Whether a user answers at a target, as this server knows it.
    pub fn is_agent(&self, user: UserId) -> bool {
        let known = self.agents.known.load();
        known.values().any(|known| known.agent.user == user)
    }

    /// The users whom an account may name as agents, by name.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn possible_agents(&self, account: AccountId) -> Result<Vec<User>, StoreError> {
        let mut users = self.db.users(account).await?;
        users.retain(|user| user.disabled_at.is_none());
        users.sort_by_cached_key(|user| (user.name.to_lowercase(), user.email.clone()));
        Ok(users)
    }

    /// Changes how the agent of a target stands. What somebody else does to an agent is in the audit log as well.
    ///
    /// # Errors
    /// [`AgentError`]; the agent stands as before.
    pub async fn change_agent(
        &self,
        account: AccountId,
        target: TargetId,
        wish: AgentWish,
        means: AgentMeans,
        now: Timestamp,
    ) -> Result<(), AgentError> {
        let turn = self.agents.turn.lock().await;
        let agents = self.db.agents(account).await?;
        let mut agents = agents.into_iter();
        let agent = agents.find(|agent| agent.target == target);
        let agent = agent.ok_or(AgentError::NoAgent)?;
        let (state, _) = agent.at(now);
        // A call may have ended a moment ago, with its row still to come.
        let wraps_up = matches!(state, AgentState::Available | AgentState::WrappingUp)
            && self.rests(account, target, now);
        let (state, reason) = match (wish, state) {
            (AgentWish::Available | AgentWish::Ready, AgentState::Available) if !wraps_up => {
                return Ok(());
            }
            (AgentWish::Ready, AgentState::SignedOut | AgentState::OnBreak) => {
                return Err(AgentError::NothingToWrapUp(state));
            }
            // Whoever has left meanwhile stays away.
            (
                AgentWish::Break(BreakReason::NotAnswering),
                AgentState::SignedOut | AgentState::OnBreak,
            ) => return Ok(()),
            (AgentWish::Available | AgentWish::Ready, _) => (AgentState::Available, None),
            (AgentWish::Break(reason), _) => (AgentState::OnBreak, Some(reason)),
            (AgentWish::SignOut, _) => (AgentState::SignedOut, None),
        };
        if (state, reason) == (agent.state, agent.reason) && !wraps_up {
            return Ok(());
        }
        let change = AgentChange {
            account,
            target,
            user: agent.user,
            // A clock that was set back changes the order of nothing.
            at: now.max(agent.since),
            state,
            reason,
            until: None,
            means,
        };
        let changed = self.write_change(&agent, &change).await?;
        drop(turn);
        if changed {
            Ok(())
        } else {
            Err(AgentError::Changed)
        }
    }

    /// A conversation with the agent of a target is over: its rest begins, if it has one. What cannot be written is
    /// logged: routing has the rest all the same.
    pub(crate) async fn agent_wraps_up(&self, account: AccountId, target: TargetId, at: Timestamp) {
        let Some(known) = self.known_agent(target) else {
            return;
        };
        if known.wrap_up.is_zero() {
            return;
        }
        let change = AgentChange {
            account,
            target,
            user: known.agent.user,
            at,
            state: AgentState::WrappingUp,
            reason: None,
            until: Some(at + known.wrap_up),
            means: AgentMeans::Server,
        };
        let _turn = self.agents.turn.lock().await;
        if let Err(error) = self.write_change(&known.agent, &change).await {
            tracing::warn!(%target, "an agent's wrap-up is not written down: {error}");
        }
    }

    /// A call rang at a target in vain: after so many in a row its agent is put on a break, if the target says so.
    pub(crate) async fn agent_did_not_answer(
        &self,
        account: AccountId,
        target: TargetId,
        at: Timestamp,
    ) {
        let Some(known) = self.known_agent(target) else {
            return;
        };
        if known.break_after == 0 {
            return;
        }
        let count = {
            let mut in_vain = self.agents.in_vain.lock();
            let count = in_vain.entry(target).or_default();
            *count += 1;
            *count
        };
        if count < known.break_after {
            return;
        }
        tracing::info!(%target, count, "an agent who does not answer is put on a break");
        let wish = AgentWish::Break(BreakReason::NotAnswering);
        let changed = self.change_agent(account, target, wish, AgentMeans::Server, at);
        if let Err(error) = changed.await {
            tracing::warn!(%target, "an agent who does not answer is still rung: {error}");
        }
    }

    /// A call was answered at a target.
    pub(crate) fn agent_answered(&self, target: TargetId) {
        self.agents.in_vain.lock().remove(&target);
    }

    fn known_agent(&self, target: TargetId) -> Option<Known> {
        self.agents.known.load().get(&target).cloned()
    }

    /// Signs a user out who may work no more.
    pub(crate) async fn sign_out_agent(
        &self,
        account: AccountId,
        user: UserId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let agents = self.db.agents(account).await?;
        let Some(agent) = agents.into_iter().find(|agent| agent.user == user) else {
            return Ok(());
        };
        let means = AgentMeans::Server;
        let signed_out = self.change_agent(account, agent.target, AgentWish::SignOut, means, now);
        match signed_out.await {
            Err(AgentError::Store(error)) => Err(error),
            _ => Ok(()),
        }
    }

    /// Whether routing lets a target rest after a call.
    fn rests(&self, account: AccountId, target: TargetId, now: Timestamp) -> bool {
        let known = self.known_agent(target);
        let wrap_up = known.map_or(Duration::ZERO, |known| known.wrap_up);
        let places = self.live.places(account);
        let deciding = places.decide();
        let load = deciding.loads().targets.get(&target);
        load.is_some_and(|load| {
            load.last_ended_at.is_some_and(|ended| {
                ended + wrap_up > now && load.ready_at.is_none_or(|ready| ready < ended)
            })
        })
    }

    /// Writes a change down, then tells it to routing and to whoever watches. The caller has the turn.
    async fn write_change(&self, before: &Agent, change: &AgentChange) -> Result<bool, StoreError> {
        let db = if change.means == AgentMeans::Other {
            let users = self.db.users(change.account).await?;
            let user = users.iter().find(|user| user.id == change.user);
            let name = user.map_or("", |user| user.email.as_str());
            let of = object("agent", change.target.0, name);
            self.recorded(
                Change::new(change.account, "agent.change", of)
                    .before(told(before.state, before.reason))
                    .after(told(change.state, change.reason)),
            )
        } else {
            self.db.clone()
        };
        if !db.change_agent(change).await? {
            return Ok(false);
        }
        self.agents.in_vain.lock().remove(&change.target);
        metrics::counter!("ringfence_agent_changes_total", "state" => change.state.as_str())
            .increment(1);
        let agent = Agent {
            account: change.account,
            target: change.target,
            user: change.user,
            state: change.state,
            reason: change.reason,
            since: change.at,
            until: change.until,
        };
        let mut known = HashMap::clone(&self.agents.known.load());
        if let Some(known) = known.get_mut(&change.target) {
            known.agent = agent.clone();
        }
        self.agents.known.store(known.into());
        self.tell_live(&agent);
        self.board.agents_changed(change.account);
        Ok(true)
    }

    /// Tells routing how an agent stands. One whose phone still hears what came of its code is told once it does not: a
    /// phone with one line would refuse the caller who waits.
    fn tell_live(&self, agent: &Agent) {
        let hears = agent.state == AgentState::Available
            && self.agents.telling.lock().contains(&agent.target);
        if !hears {
            let places = self.live.places(agent.account);
            places.set_agent(agent.target, Some(says(agent)));
        }
    }
}

/// German for those who speak it before English, English for all others.
fn spoken(languages: &[String]) -> &'static str {
    let known = languages.iter().find_map(|language| {
        let primary = language.split('-').next().unwrap_or_default();
        ["de", "en"]
            .into_iter()
            .find(|known| primary.eq_ignore_ascii_case(known))
    });
    known.unwrap_or("en")
}

fn told(state: AgentState, reason: Option<BreakReason>) -> Value {
    json!({"state": state.as_str(), "reason": reason.map(BreakReason::as_str)})
}

/// What routing is told of an agent. Of a wrap-up it knows when the call ended, and how long the rest is.
fn says(agent: &Agent) -> AgentSays {
    AgentSays {
        state: agent.state,
        reason: agent.reason,
        ready_at: (agent.state == AgentState::Available).then_some(agent.since),
        ended_at: (agent.state == AgentState::WrappingUp).then_some(agent.since),
    }
}

/// How targets stand by their agents alone: what a trial of a plan asks.
pub(crate) fn loads_of(agents: &[Agent]) -> Loads {
    let mut loads = Loads::default();
    for agent in agents {
        let says = says(agent);
        let load = loads.targets.entry(agent.target).or_default();
        load.agent = Some(says.state);
        load.break_reason = says.reason;
        load.ready_at = says.ready_at;
        load.last_ended_at = says.ended_at;
    }
    loads
}
