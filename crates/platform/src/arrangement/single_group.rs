//! One group as a person's form has it: the same checks and the same rows as a document of [`Platform::arrange`], and an
//! entry in the audit log beside.

use ringfence_model::{
    Account, AuditObject, GroupProfile, Step, TargetGroup, TargetGroupId, Timestamp,
};
use ringfence_store::StoreError;
use serde_json::{Value, json};

use super::single::name_problems;
use super::{Arrangement, FieldProblem, GroupPart, Own, PartError, TargetPart, of_account};
use crate::audit::{Change, object};
use crate::{Platform, random};

/// How a group is known.
#[derive(Debug, Clone)]
pub struct KnownGroup {
    /// The group.
    pub id: TargetGroupId,
    /// What a document would say of it.
    pub part: GroupPart,
    /// The names of the plans that ring it, or have callers wait for it.
    pub plans: Vec<String>,
    /// The names of the groups for which it takes over.
    pub groups: Vec<String>,
}

impl KnownGroup {
    /// What uses it, in words.
    fn users(&self) -> Vec<String> {
        let plans = self.plans.iter().map(|name| format!("the plan {name}"));
        let groups = self.groups.iter();
        let groups = groups.map(|name| format!("the group {name} as its overflow"));
        plans.chain(groups).collect()
    }
}

impl GroupPart {
    /// The part that rows stand for.
    fn of_rows(group: &TargetGroup, profile: &GroupProfile, own: &Own) -> Self {
        let name_of = |id| {
            let mut targets = own.shape.targets.iter().map(|(target, _)| target);
            targets.find(|target| target.id == id)
        };
        let names = group.members.iter().filter_map(|one| name_of(one.target));
        let members = profile.members.iter();
        let mut groups = own.names.groups.iter();
        let overflow = groups.find(|(_, id)| Some(**id) == profile.overflow);
        let ring = group.members.first().map(|member| member.ring_timeout);
        Self {
            name: group.name.clone(),
            targets: names.map(|target| target.name.clone()).collect(),
            ring_seconds: ring
                .and_then(|ring| u16::try_from(ring.as_secs()).ok())
                .unwrap_or_else(super::document::twenty),
            strategy: profile.strategy,
            language: profile.language,
            languages: profile.languages.clone(),
            caps: profile.caps,
            overflow: overflow.map(|(name, _)| name.clone()),
            explore: profile.explore,
            members: members
                .filter_map(|(id, member)| Some((name_of(*id)?.name.clone(), *member)))
                .collect(),
        }
    }
}

impl Platform {
    /// An account's groups, by name, and what they may name.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn known_groups(
        &self,
        account: &Account,
    ) -> Result<(Vec<KnownGroup>, Own), StoreError> {
        let own = of_account(&self.db, account).await?;
        let plans = self.db.plans(account.id).await?;
        let known = own.shape.groups.iter().map(|(group, profile)| {
            let id = group.id;
            let rings = |step: &Step| match step {
                Step::Ring(ring) => ring.group == id,
                Step::Queue(queue) => queue.group == id,
                _ => false,
            };
            let ringing = plans
                .iter()
                .filter(|plan| plan.document.steps.values().any(rings));
            let groups = own.shape.groups.iter();
            let leading = groups.filter(|(_, other)| other.overflow == Some(id));
            KnownGroup {
                id,
                part: GroupPart::of_rows(group, profile, &own),
                plans: ringing.map(|plan| plan.name.clone()).collect(),
                groups: leading.map(|(other, _)| other.name.clone()).collect(),
            }
        });
        let known = known.collect();
        Ok((known, own))
    }

    /// Adds a group, or changes the one of an identifier. Calls that begin two seconds later go by it. `problems` are told
    /// with all others: what of a form could not be read as a part.
    ///
    /// # Errors
    /// [`PartError`]; nothing was changed.
    pub async fn save_group(
        &self,
        account: &Account,
        known: Option<TargetGroupId>,
        part: GroupPart,
        mut problems: Vec<FieldProblem>,
        now: Timestamp,
    ) -> Result<TargetGroupId, PartError> {
        let (groups, own) = self.known_groups(account).await?;
        let old = match known {
            None => None,
            Some(id) => Some(found(&groups, id)?),
        };
        let id = known.unwrap_or_else(|| TargetGroupId::new(now, random()));
        let mut names = own.names.clone();
        names.groups.retain(|_, other| *other != id);
        let taken = names.groups.contains_key(&part.name);
        problems.extend(name_problems(&part.name, taken));
        names.groups.insert(part.name.clone(), id);
        let of = format!("group {:?}", part.name);
        let mut document = Arrangement {
            group: vec![part],
            ..Arrangement::default()
        };
        let shape = document.shape(account.id, &names);
        // What the part may name, so that it is not missed in this document. Of what is wrong with these nothing is told.
        let targets = own.names.targets.keys();
        document.target = targets.map(|name| target_of_name(name)).collect();
        let others = names.groups.iter().filter(|(_, other)| **other != id);
        let others = others.map(|(name, _)| group_of_name(name));
        document.group.extend(others);
        let texts = document.problems();
        let texts = texts.iter().filter(|text| text.starts_with(&of));
        problems.extend(texts.map(|text| FieldProblem::of(text, &of)));
        let Some((group, profile)) = shape.groups.first().filter(|_| problems.is_empty()) else {
            return Err(PartError::Problems(problems));
        };
        let action = if old.is_some() {
            "group.change"
        } else {
            "group.add"
        };
        let part = &document.group[0];
        let mut change = Change::new(account.id, action, of_group(id, &part.name));
        if let Some(old) = old {
            change = change.before(told(&old.part));
        }
        let rows = self.recorded(change.after(told(part)));
        match rows.save_target_group(group, profile, old.is_some()).await {
            Ok(()) => Ok(id),
            Err(StoreError::MissingParent(_)) => Err(PartError::Problems(vec![FieldProblem {
                field: "targets".into(),
                text: "`targets` expected targets of this account; one was removed meanwhile"
                    .into(),
            }])),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes a group that no plan rings and for no other takes over. Its targets stay.
    ///
    /// # Errors
    /// [`PartError::Used`], [`PartError::NotFound`], [`PartError::Store`].
    pub async fn remove_group(
        &self,
        account: &Account,
        id: TargetGroupId,
    ) -> Result<(), PartError> {
        let (groups, _) = self.known_groups(account).await?;
        let known = found(&groups, id)?;
        let users = known.users();
        if !users.is_empty() {
            return Err(PartError::Used(users));
        }
        let change = Change::new(account.id, "group.remove", of_group(id, &known.part.name))
            .before(told(&known.part));
        let rows = self.recorded(change);
        if rows.remove_target_group(account.id, id).await? {
            Ok(())
        } else {
            Err(PartError::NotFound)
        }
    }
}

fn found(groups: &[KnownGroup], id: TargetGroupId) -> Result<&KnownGroup, PartError> {
    let mut groups = groups.iter();
    groups
        .find(|known| known.id == id)
        .ok_or(PartError::NotFound)
}

fn target_of_name(name: &str) -> TargetPart {
    TargetPart {
        name: name.to_owned(),
        ..TargetPart::default()
    }
}

fn group_of_name(name: &str) -> GroupPart {
    GroupPart {
        name: name.to_owned(),
        ..GroupPart::default()
    }
}

fn of_group(id: TargetGroupId, name: &str) -> AuditObject {
    object("group", id.0, name)
}

fn told(part: &GroupPart) -> Value {
    json!({
        "name": part.name,
        "targets": part.targets,
        "ring_seconds": part.ring_seconds,
        "strategy": part.strategy,
        "language": part.language,
        "languages": part.languages,
        "caps": part.caps,
        "overflow": part.overflow,
        "explore": part.explore,
        "members": part.members,
    })
}
