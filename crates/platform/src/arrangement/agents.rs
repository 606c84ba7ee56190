//! Agents of a document: each target's user by the address, and each user at one target.

use std::collections::HashMap;

use ringfence_model::{AccountId, TargetId, User};
use ringfence_store::{AgentSet, StoreError};

use super::apply::Work;
use super::shape::Names;
use super::{Arrangement, TargetPart};
use crate::Platform;

impl Platform {
    /// What is wrong with the agents that an arrangement names.
    pub(super) async fn agent_problems(
        &self,
        account: AccountId,
        arrangement: &Arrangement,
        names: &Names,
    ) -> Result<Vec<String>, StoreError> {
        let has_agent = |part: &&TargetPart| part.agent.is_some();
        if !arrangement.target.iter().any(|part| has_agent(&part)) {
            return Ok(Vec::new());
        }
        let users = self.db.users(account).await?;
        let agents = self.db.agents(account).await?;
        let mut at: HashMap<&str, &str> = HashMap::new();
        let mut problems = Vec::new();
        for part in arrangement.target.iter().filter(has_agent) {
            let address = part.agent.as_deref().unwrap_or_default();
            let mut problem =
                |text: String| problems.push(format!("target {:?}: `agent` {text}", part.name));
            let Some(user) = user_of(&users, address) else {
                problem(format!(
                    "expected the address of a user of this account, got {address:?}"
                ));
                continue;
            };
            if user.disabled_at.is_some() {
                problem(format!(
                    "expected a user who may sign in, {address} is disabled"
                ));
            }
            if let Some(other) = at.insert(&user.email, &part.name) {
                problem(format!(
                    "{address} answers at {other:?} already; a user answers at one target"
                ));
            }
            // One who answers at a target that this document does not name.
            let mut others = agents.iter().filter(|agent| agent.user == user.id);
            let elsewhere = others.find_map(|agent| {
                let name = name_of(names, agent.target)?;
                let in_document = arrangement.target.iter().any(|part| part.name == name);
                (!in_document).then_some(name)
            });
            if let Some(other) = elsewhere {
                problem(format!(
                    "{address} answers at {other:?} already; a user answers at one target"
                ));
            }
        }
        Ok(problems)
    }

    /// The agent that a part names. What is wrong with it was told before.
    pub(super) async fn agent_of(
        &self,
        account: AccountId,
        part: &TargetPart,
        now: ringfence_model::Timestamp,
    ) -> Result<AgentSet, StoreError> {
        let Some(address) = &part.agent else {
            return Ok(AgentSet::Is(None, now));
        };
        let users = self.db.users(account).await?;
        let user = user_of(&users, address).map(|user| user.id);
        Ok(AgentSet::Is(user, now))
    }
}

impl Work<'_> {
    /// Who answers where. Those who leave a target come first, for they may be another's.
    pub(super) async fn agents(
        &mut self,
        parts: &[TargetPart],
        names: &Names,
    ) -> Result<(), StoreError> {
        let db = &self.platform.db;
        let agents = db.agents(self.account).await?;
        let mut comes = Vec::new();
        for part in parts {
            let Some(&target) = names.targets.get(&part.name) else {
                continue;
            };
            let agent = self.platform.agent_of(self.account, part, self.now).await?;
            let AgentSet::Is(wanted, _) = agent else {
                continue;
            };
            let known = agents.iter().find(|agent| agent.target == target);
            if known.map(|agent| agent.user) == wanted {
                continue;
            }
            let nobody = AgentSet::Is(None, self.now);
            db.set_agent(self.account, target, nobody).await?;
            if wanted.is_some() {
                comes.push((target, agent, part));
            } else {
                self.changes
                    .push(format!("took the agent from target {}", part.name));
            }
        }
        for (target, agent, part) in comes {
            db.set_agent(self.account, target, agent).await?;
            let address = part.agent.as_deref().unwrap_or_default();
            self.did("made agent", &format!("{address} of target {}", part.name));
        }
        Ok(())
    }
}

fn user_of<'u>(users: &'u [User], address: &str) -> Option<&'u User> {
    let address = address.trim().to_lowercase();
    users.iter().find(|user| user.email == address)
}

fn name_of(names: &Names, target: TargetId) -> Option<&str> {
    let mut targets = names.targets.iter();
    targets
        .find(|(_, id)| **id == target)
        .map(|(name, _)| name.as_str())
}
