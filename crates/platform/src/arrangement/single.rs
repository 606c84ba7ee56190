//! One target as a person's form has it: the same checks and the same rows as a document of [`Platform::arrange`], and an
//! entry in the audit log beside.

use std::collections::HashMap;

use ringfence_model::{
    Account, AccountId, AuditObject, Target, TargetId, TargetProfile, Timestamp,
};
use ringfence_routing::{Admission, hours_status};
use ringfence_store::{AgentSet, PhoneChange, StoreError};
use serde_json::{Value, json};

use super::{Arrangement, Own, TargetPart, TrunkPart, of_account};
use crate::audit::{Change, object};
use crate::{Platform, random};

/// Characters of a name.
const LONGEST_NAME: usize = 100;

/// Why a part was not kept.
#[derive(Debug, thiserror::Error)]
pub enum PartError {
    /// Everything that is wrong with it, each with the field that it is about when it names one; nothing was changed.
    #[error("{}", .0.iter().map(|problem| problem.text.as_str()).collect::<Vec<_>>().join("; "))]
    Problems(Vec<FieldProblem>),
    /// The account has none of this identifier.
    #[error("nothing of this identifier in this account")]
    NotFound,
    /// These groups ring it.
    #[error("it is a member of {}: take it out there first", .0.join(", "))]
    InGroups(Vec<String>),
    /// These use it, in words: `the target Mobile`.
    #[error("it is used by {}: change that first", .0.join(", "))]
    Used(Vec<String>),
    /// Rows could not be read or written.
    #[error("the database did not answer")]
    Store(#[from] StoreError),
}

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldProblem {
    /// The field of the document, such as `phone`; empty when the problem names none.
    pub field: String,
    /// What was expected, in words that are shown.
    pub text: String,
}

impl FieldProblem {
    /// What is wrong with a field.
    pub(crate) fn new(field: &str, text: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            text: text.into(),
        }
    }

    /// A problem of a document, `target "Ann": `phone` expected …`, without the name, which the form shows.
    pub(super) fn of(problem: &str, part: &str) -> Self {
        let text = problem.strip_prefix(part).unwrap_or(problem);
        let text = text.trim_start_matches([':', ' ']);
        // A field that comes later in the sentence is advice.
        let field = text
            .strip_prefix('`')
            .and_then(|rest| rest.split(['`', '.']).next());
        Self {
            field: field.unwrap_or_default().to_owned(),
            text: text.to_owned(),
        }
    }
}

/// How a target is known beside its row.
#[derive(Debug, Clone)]
pub struct KnownTarget {
    /// Its row.
    pub target: Target,
    /// What balancing knows of it.
    pub profile: TargetProfile,
    /// The names of the groups that ring it.
    pub groups: Vec<String>,
}

impl KnownTarget {
    /// Why its hours keep calls away at `now`, when they do.
    pub fn closed(&self, now: Timestamp) -> Option<String> {
        let status = hours_status(self.profile.hours.as_ref()?, now);
        (!status.open).then_some(status.reason)
    }
}

/// How a target stands at this moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TargetStanding {
    /// Calls that ring there or are talked on.
    pub calls: u32,
    /// Its breaker keeps calls away after failures, or lets one alone through to see.
    pub held_back: bool,
}

impl Platform {
    /// An account's targets, by name, and the names of its trunks.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn targets_and_trunks(
        &self,
        account: &Account,
    ) -> Result<(Vec<KnownTarget>, Own), StoreError> {
        let own = of_account(&self.db, account).await?;
        let targets = own
            .shape
            .targets
            .iter()
            .map(|(target, profile)| KnownTarget {
                target: target.clone(),
                profile: profile.clone(),
                groups: groups_of(&own, target.id),
            });
        Ok((targets.collect(), own))
    }

    /// Adds a target, or changes the one of an identifier. Without a password a phone keeps the one that it has.
    ///
    /// # Errors
    /// [`PartError`]; nothing was changed.
    pub async fn save_target(
        &self,
        account: &Account,
        known: Option<TargetId>,
        part: TargetPart,
        now: Timestamp,
    ) -> Result<TargetId, PartError> {
        let own = of_account(&self.db, account).await?;
        let old = match known {
            None => None,
            Some(id) => Some(found(&own, id)?),
        };
        let id = known.unwrap_or_else(|| TargetId::new(now, random()));
        let mut names = own.names.clone();
        names.targets.retain(|_, other| *other != id);
        let mut problems = name_problems(&part.name, names.targets.contains_key(&part.name));
        names.targets.insert(part.name.clone(), id);
        let of = format!("target {:?}", part.name);
        let mut document = Arrangement {
            target: vec![part],
            ..Arrangement::default()
        };
        let shape = document.shape(account.id, &names);
        // What the part may name, so that it is not missed in this document.
        document.trunk = own
            .names
            .trunks
            .keys()
            .map(|name| trunk_of_name(name))
            .collect();
        let mut texts = document.problems();
        texts.extend(shape.check_plans(Some(&own.reach)).problems);
        texts.extend(self.login_conflicts(account.id, &document, &names).await?);
        texts.extend(self.agent_problems(account.id, &document, &names).await?);
        problems.extend(texts.iter().map(|text| FieldProblem::of(text, &of)));
        let Some((target, profile)) = shape.targets.first().filter(|_| problems.is_empty()) else {
            return Err(PartError::Problems(problems));
        };
        let phones = self.db.phones(account.id).await?;
        let phone = phones.iter().find(|phone| phone.target == id);
        let phone = self.phone_change(account.id, &document.target[0], id, phone);
        let action = if old.is_some() {
            "target.change"
        } else {
            "target.add"
        };
        let mut change = Change::new(account.id, action, of_target(target));
        if let Some((target, profile)) = &old {
            change = change.before(told(target, profile, &PhoneChange::Keep));
        }
        let part = &document.target[0];
        let agent = self.agent_of(account.id, part, now).await?;
        let mut after = told(target, profile, &phone);
        if let Some(address) = &part.agent {
            after["agent"] = json!(address);
        }
        let change = change.after(after);
        let saved = self
            .recorded(change)
            .save_target(target, profile, &phone, agent, old.is_some())
            .await;
        match saved {
            Ok(()) => {}
            Err(StoreError::Taken(what)) if what.starts_with("agents") => {
                return Err(PartError::Problems(vec![FieldProblem {
                    field: "agent".into(),
                    text: "`agent` answers at another target; a user answers at one".into(),
                }]));
            }
            Err(StoreError::Taken(_)) => {
                return Err(PartError::Problems(vec![FieldProblem {
                    field: "phone".into(),
                    text: "`phone` is another phone's; choose another".into(),
                }]));
            }
            Err(error) => return Err(error.into()),
        }
        self.load_phones().await?;
        self.load_agents().await?;
        Ok(id)
    }

    /// Pauses a target, or lets it be rung again.
    ///
    /// # Errors
    /// [`PartError::NotFound`], [`PartError::Store`].
    pub async fn pause_target(
        &self,
        account: &Account,
        id: TargetId,
        paused: bool,
    ) -> Result<(), PartError> {
        let own = of_account(&self.db, account).await?;
        let (mut target, profile) = found(&own, id)?;
        if target.enabled != paused {
            return Ok(());
        }
        let action = if paused {
            "target.pause"
        } else {
            "target.resume"
        };
        let change = Change::new(account.id, action, of_target(&target)).before(told(
            &target,
            &profile,
            &PhoneChange::Keep,
        ));
        target.enabled = !paused;
        let change = change.after(told(&target, &profile, &PhoneChange::Keep));
        let rows = self.recorded(change);
        rows.save_target(&target, &profile, &PhoneChange::Keep, AgentSet::Keep, true)
            .await?;
        Ok(())
    }

    /// Removes a target that no group rings.
    ///
    /// # Errors
    /// [`PartError::InGroups`], [`PartError::NotFound`], [`PartError::Store`].
    pub async fn remove_target(
        &self,
        account: &Account,
        id: TargetId,
        now: Timestamp,
    ) -> Result<(), PartError> {
        let own = of_account(&self.db, account).await?;
        let (target, profile) = found(&own, id)?;
        let groups = groups_of(&own, id);
        if !groups.is_empty() {
            return Err(PartError::InGroups(groups));
        }
        let change = Change::new(account.id, "target.remove", of_target(&target)).before(told(
            &target,
            &profile,
            &PhoneChange::Keep,
        ));
        let rows = self.recorded(change);
        match rows.remove_target(account.id, id, now).await {
            Ok(true) => {}
            Ok(false) => return Err(PartError::NotFound),
            // A group took it in meanwhile.
            Err(StoreError::MissingParent(_)) => {
                return Err(PartError::InGroups(vec!["a group".into()]));
            }
            Err(error) => return Err(error.into()),
        }
        self.load_phones().await?;
        self.load_agents().await?;
        Ok(())
    }

    /// How an account's targets stand at this moment; one that is missing has no calls.
    pub fn target_standings(
        &self,
        account: AccountId,
        now: Timestamp,
    ) -> HashMap<TargetId, TargetStanding> {
        let places = self.live.places(account);
        let deciding = places.decide();
        let loads = deciding.loads().targets.iter();
        loads
            .map(|(target, load)| {
                let standing = TargetStanding {
                    calls: load.active,
                    held_back: load.breaker.admission(now) != Admission::Free,
                };
                (*target, standing)
            })
            .collect()
    }
}

fn found(own: &Own, id: TargetId) -> Result<(Target, TargetProfile), PartError> {
    let mut targets = own.shape.targets.iter();
    let target = targets.find(|(target, _)| target.id == id);
    target.cloned().ok_or(PartError::NotFound)
}

fn groups_of(own: &Own, id: TargetId) -> Vec<String> {
    let groups = own.shape.groups.iter().map(|(group, _)| group);
    groups
        .filter(|group| group.members.iter().any(|member| member.target == id))
        .map(|group| group.name.clone())
        .collect()
}

pub(super) fn name_problems(name: &str, taken: bool) -> Vec<FieldProblem> {
    let length = name.trim().chars().count();
    let text = if !(1..=LONGEST_NAME).contains(&length) {
        format!("expected a name of 1 to {LONGEST_NAME} characters, got {length}")
    } else if taken {
        format!("{name:?} is the name of another one; choose another")
    } else {
        return Vec::new();
    };
    vec![FieldProblem {
        field: "name".into(),
        text,
    }]
}

pub(super) fn trunk_of_name(name: &str) -> TrunkPart {
    TrunkPart {
        name: name.to_owned(),
        ..TrunkPart::default()
    }
}

fn of_target(target: &Target) -> AuditObject {
    object("target", target.id.0, &target.name)
}

/// A password is named when it was given, never shown.
fn told(target: &Target, profile: &TargetProfile, phone: &PhoneChange) -> Value {
    let mut told = json!({
        "name": target.name,
        "uri": target.uri,
        "paused": !target.enabled,
        "profile": profile,
    });
    if matches!(phone, PhoneChange::Set(_)) {
        told["password"] = json!("set anew");
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_put_beside_its_field() {
        let of = "target \"Ann\"";
        for (text, field, rest) in [
            (
                "target \"Ann\": `hours`: mon has an end before its start",
                "hours",
                "`hours`: mon has an end before its start",
            ),
            (
                "target \"Ann\": expected a SIP URI, or `phone`",
                "",
                "expected a SIP URI, or `phone`",
            ),
        ] {
            let problem = FieldProblem::of(text, of);
            assert_eq!(
                (problem.field.as_str(), problem.text.as_str()),
                (field, rest)
            );
        }
    }
}
