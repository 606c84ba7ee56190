//! Targets: where calls may go.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use ringfence_model::{Account, Caps, Hours, TargetId};
use ringfence_platform::arrangement::{KnownTarget, Own, Secret, TargetPart};
use ringfence_platform::{now, phones};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

use super::Api;
use super::asking::{ApiBody, ApiPath, Matching};
use super::guard::Asker;
use super::parts::{self, Part, Tagged, endpoints, name_of};
use super::problem::{ApiProblem, ProblemDocument};

/// A target as it is written.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct TargetDocument {
    /// 1 to 100 characters, of no other target.
    name: String,
    /// A SIP URI, `sip:desk@192.0.2.10`, or a number over a trunk, `tel:+442079460123`; `null` for a phone.
    uri: Option<String>,
    /// In the place of a URI: the user as which a phone registers here.
    phone: Option<String>,
    /// The phone's password, at least 12 characters. It is never given back; without one the phone keeps its own.
    #[serde(skip_serializing)]
    #[schema(write_only, value_type = Option<String>)]
    password: Option<Secret>,
    /// Paused, it is passed over.
    paused: bool,
    /// The languages that are spoken there (RFC 5646), the best first.
    languages: Vec<String>,
    /// Its own limits.
    #[schema(value_type = Limits)]
    caps: Caps,
    /// When it takes calls; `null` is always.
    #[schema(value_type = Option<OpeningHours>)]
    hours: Option<Hours>,
    /// Seconds of rest after each call, 0 to 3600.
    #[schema(maximum = 3600)]
    wrap_up: u32,
    /// Its agent is put on a break when so many calls in a row rang there in vain; 0 is never.
    #[schema(maximum = 100)]
    break_after: u32,
    /// The trunk that carries its calls, for a number: a name, or sent an identifier.
    trunk: Option<String>,
    /// The address of the user who answers there, and is rung while available.
    agent: Option<String>,
}

/// The most calls; without a number there is no limit.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Limits {
    /// At the same time.
    #[schema(required = false)]
    concurrent: Option<u32>,
    /// In an hour of the account's clock.
    #[schema(required = false)]
    hour: Option<u32>,
    /// In a day of the account's calendar.
    #[schema(required = false)]
    day: Option<u32>,
    /// In a month of the account's calendar.
    #[schema(required = false)]
    month: Option<u32>,
}

/// When something is open, by the clocks of one time zone.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct OpeningHours {
    /// An IANA time zone: `Europe/London`.
    zone: String,
    /// `{"mon": ["09:00-17:30"]}`; a day without any is closed.
    #[schema(required = false)]
    week: BTreeMap<String, Vec<String>>,
    /// Days on which it is closed: `2026-12-25`.
    #[schema(required = false)]
    holidays: Vec<String>,
    /// Days with hours of their own.
    #[schema(required = false)]
    exceptions: BTreeMap<String, Vec<String>>,
}

/// A target.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TargetView {
    id: Uuid,
    #[serde(flatten)]
    written: TargetDocument,
    /// The groups that ring it.
    groups: Vec<String>,
    /// Why its hours keep calls away now; `null` when they do not.
    closed: Option<String>,
    /// Calls that ring there or are talked on.
    calls: u32,
    /// After failures calls are kept away, or one alone is let through to see.
    held_back: bool,
}

impl TargetDocument {
    fn of(known: &KnownTarget, own: &Own, agent: Option<String>) -> Self {
        let KnownTarget {
            target, profile, ..
        } = known;
        let phone = phones::user_of(&target.uri);
        let mut trunks = own.names.trunks.iter();
        let trunk = trunks.find(|(_, id)| Some(**id) == profile.trunk);
        Self {
            name: target.name.clone(),
            uri: phone.is_none().then(|| target.uri.clone()),
            phone: phone.map(str::to_owned),
            password: None,
            paused: !target.enabled,
            languages: profile.languages.clone(),
            caps: profile.caps,
            hours: profile.hours.clone(),
            wrap_up: profile.wrap_up,
            break_after: profile.break_after,
            trunk: trunk.map(|(name, _)| name.clone()),
            agent,
        }
    }

    fn part(self, own: &Own) -> TargetPart {
        let trunks = &own.names.trunks;
        let named = |trunk| name_of(trunk, trunks.iter().map(|(name, id)| (id.0, name)));
        TargetPart {
            name: self.name.trim().to_owned(),
            uri: self.uri.unwrap_or_default(),
            phone: self.phone,
            password: self.password,
            password_file: None,
            paused: self.paused,
            languages: self.languages,
            caps: self.caps,
            hours: self.hours,
            wrap_up: self.wrap_up,
            break_after: self.break_after,
            trunk: self.trunk.map(named),
            agent: self.agent,
        }
    }
}

impl Part for TargetView {
    type Written = TargetDocument;

    async fn all(api: &Api, account: &Account) -> Result<Vec<Self>, ApiProblem> {
        let at = now();
        let (targets, own) = api.platform.targets_and_trunks(account).await?;
        let agents = api.platform.agents(account.id, at).await?;
        let standings = api.platform.target_standings(account.id, at);
        let view = |known: KnownTarget| {
            let id = known.target.id;
            let agent = agents.iter().find(|agent| agent.target == id);
            let standing = standings.get(&id).copied().unwrap_or_default();
            Self {
                id: id.0,
                written: TargetDocument::of(&known, &own, agent.map(|agent| agent.email.clone())),
                closed: known.closed(at),
                groups: known.groups,
                calls: standing.calls,
                held_back: standing.held_back,
            }
        };
        Ok(targets.into_iter().map(view).collect())
    }

    fn id(&self) -> Uuid {
        self.id
    }

    fn written(&self) -> &TargetDocument {
        &self.written
    }

    async fn save(
        api: &Api,
        account: &Account,
        known: Option<Uuid>,
        written: TargetDocument,
    ) -> Result<Uuid, ApiProblem> {
        let (_, own) = api.platform.targets_and_trunks(account).await?;
        let (known, part) = (known.map(TargetId), written.part(&own));
        let saved = api.platform.save_target(account, known, part, now()).await;
        Ok(saved?.0)
    }

    async fn remove(api: &Api, account: &Account, id: Uuid) -> Result<(), ApiProblem> {
        let removed = api.platform.remove_target(account, TargetId(id), now());
        Ok(removed.await?)
    }
}

endpoints! {
    TargetView of TargetDocument, tag "targets", at "/targets" and "/targets/{target}" by "target";
    "list_targets" "The account's targets, by name";
    "add_target" "Adds a target";
    "show_target" "One target";
    "change_target" "Changes a target: what is left out stays, `null` takes a field away";
    "remove_target" "Removes a target that no group rings";
}
