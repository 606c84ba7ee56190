//! Target groups: who rings, in which order.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use ringfence_model::{Account, Caps, LanguageUse, MemberProfile, Strategy, TargetGroupId};
use ringfence_platform::arrangement::{GroupPart, KnownGroup, Own};
use ringfence_platform::now;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

use super::Api;
use super::asking::{ApiBody, ApiPath, Matching};
use super::guard::Asker;
use super::parts::{self, Part, Tagged, endpoints, name_of};
use super::problem::{ApiProblem, ProblemDocument};
use super::targets::Limits;

/// A group as it is written.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct GroupDocument {
    /// 1 to 100 characters, of no other group.
    name: String,
    /// Its targets in order: names, or sent identifiers.
    targets: Vec<String>,
    /// How long each rings, 1 to 300 seconds; 20 unless said.
    #[schema(minimum = 1, maximum = 300)]
    ring_seconds: u16,
    /// `weighted`, `round_robin`, `least_busy`, `longest_idle`, `priority`, `simultaneous`, `sticky` or `performance`;
    /// `priority` unless said.
    #[schema(value_type = String)]
    strategy: Strategy,
    /// What the caller's language does to the order: `prefer`, `require` or `ignore`; `prefer` unless said.
    #[schema(value_type = String)]
    language: LanguageUse,
    /// Languages to try after those of the caller (RFC 4647), before everyone.
    languages: Vec<String>,
    /// Limits of all its calls together.
    #[schema(value_type = Limits)]
    caps: Caps,
    /// The group that takes over while nobody of this one can be rung: a name, or sent an identifier.
    overflow: Option<String>,
    /// For `performance`: calls by lot, in percent; 10 unless said.
    #[schema(maximum = 100)]
    explore: u8,
    /// Weights and priorities of targets, by their names, or sent by identifiers.
    #[schema(value_type = BTreeMap<String, MemberWeight>)]
    members: BTreeMap<String, MemberProfile>,
}

impl Default for GroupDocument {
    fn default() -> Self {
        let profile = ringfence_model::GroupProfile::default();
        Self {
            name: String::new(),
            targets: Vec::new(),
            ring_seconds: 20,
            strategy: profile.strategy,
            language: profile.language,
            languages: Vec::new(),
            caps: profile.caps,
            overflow: None,
            explore: profile.explore,
            members: BTreeMap::new(),
        }
    }
}

/// A target's place in its group.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MemberWeight {
    /// Its share among the weights of the others, 0 to 10,000; 1 unless said. 0 is a spare.
    #[schema(required = false, maximum = 10_000)]
    weight: u32,
    /// 1, which it is unless said, is tried before 2.
    #[schema(required = false)]
    priority: u32,
}

/// A target group.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct GroupView {
    id: Uuid,
    #[serde(flatten)]
    written: GroupDocument,
    /// The plans that ring it, or have callers wait for it.
    plans: Vec<String>,
    /// The groups for which it takes over.
    takes_over_for: Vec<String>,
}

impl From<KnownGroup> for GroupView {
    fn from(known: KnownGroup) -> Self {
        let part = known.part;
        Self {
            id: known.id.0,
            written: GroupDocument {
                name: part.name,
                targets: part.targets,
                ring_seconds: part.ring_seconds,
                strategy: part.strategy,
                language: part.language,
                languages: part.languages,
                caps: part.caps,
                overflow: part.overflow,
                explore: part.explore,
                members: part.members,
            },
            plans: known.plans,
            takes_over_for: known.groups,
        }
    }
}

impl GroupDocument {
    fn part(self, own: &Own) -> GroupPart {
        let names = &own.names;
        let target = |text| name_of(text, names.targets.iter().map(|(name, id)| (id.0, name)));
        let group = |text| name_of(text, names.groups.iter().map(|(name, id)| (id.0, name)));
        GroupPart {
            name: self.name.trim().to_owned(),
            targets: self.targets.into_iter().map(target).collect(),
            ring_seconds: self.ring_seconds,
            strategy: self.strategy,
            language: self.language,
            languages: self.languages,
            caps: self.caps,
            overflow: self.overflow.map(group),
            explore: self.explore,
            members: self
                .members
                .into_iter()
                .map(|(name, member)| (target(name), member))
                .collect(),
        }
    }
}

impl Part for GroupView {
    type Written = GroupDocument;

    async fn all(api: &Api, account: &Account) -> Result<Vec<Self>, ApiProblem> {
        let (groups, _) = api.platform.known_groups(account).await?;
        Ok(groups.into_iter().map(Self::from).collect())
    }

    fn id(&self) -> Uuid {
        self.id
    }

    fn written(&self) -> &GroupDocument {
        &self.written
    }

    async fn save(
        api: &Api,
        account: &Account,
        known: Option<Uuid>,
        written: GroupDocument,
    ) -> Result<Uuid, ApiProblem> {
        let (_, own) = api.platform.known_groups(account).await?;
        let (known, part) = (known.map(TargetGroupId), written.part(&own));
        let saved = api
            .platform
            .save_group(account, known, part, Vec::new(), now());
        Ok(saved.await?.0)
    }

    async fn remove(api: &Api, account: &Account, id: Uuid) -> Result<(), ApiProblem> {
        let removed = api.platform.remove_group(account, TargetGroupId(id));
        Ok(removed.await?)
    }
}

endpoints! {
    GroupView of GroupDocument, tag "groups", at "/groups" and "/groups/{group}" by "group";
    "list_groups" "The account's target groups, by name";
    "add_group" "Adds a target group";
    "show_group" "One target group";
    "change_group" "Changes a target group: what is left out stays, `null` takes a field away";
    "remove_group" "Removes a target group that no plan rings and that takes over for no other";
}
