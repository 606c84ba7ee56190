//! Trunks: whose calls are taken, and where calls to numbers go out.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use ringfence_model::{Account, TrunkId, TrunkRegistered};
use ringfence_platform::arrangement::{KnownTrunk, Secret, TrunkPart};
use ringfence_platform::now;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

use super::Api;
use super::asking::{ApiBody, ApiPath, Matching};
use super::guard::Asker;
use super::parts::{self, Part, Tagged, endpoints};
use super::problem::{ApiProblem, ProblemDocument};

/// A trunk as it is written.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct TrunkDocument {
    /// 1 to 100 characters, of no other trunk.
    name: String,
    /// Addresses or networks (CIDR) that it sends from; one that we register at sends from its registrars beside them.
    addresses: Vec<String>,
    /// ISO 3166-1 alpha-2: how it writes numbers that lack a country code.
    country: Option<String>,
    /// Where it takes calls: a SIP URI without a user, `sip:sbc.example.com:5060`.
    send_to: Option<String>,
    /// Who we are there, or they are here, when a password proves it.
    user: Option<String>,
    /// The password. It is never given back; without one the trunk keeps its own.
    #[serde(skip_serializing)]
    #[schema(write_only, value_type = Option<String>)]
    password: Option<Secret>,
    /// The only realm of theirs that is answered; of calls that come in, the one that is challenged for.
    realm: Option<String>,
    /// Calls from it have to prove the password.
    challenge: bool,
    /// Challenge with MD5 alone, for a far side that stumbles over SHA-256.
    md5_only: bool,
    /// Where we register: SIP URIs without a user, the first to try first.
    register: Vec<String>,
    /// Our address there, when it is not `user` at the first registrar's host.
    register_as: Option<String>,
    /// The time that is asked for, 60 to 86,400 seconds; 3,600 unless said.
    register_expiry: Option<u32>,
}

/// How the registration at a trunk stands.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RegistrationView {
    /// Until when we are registered.
    #[schema(format = DateTime)]
    until: Option<String>,
    /// Since when it fails; `null` while it does not.
    #[schema(format = DateTime)]
    failing_since: Option<String>,
    /// Why it failed last.
    reason: Option<String>,
}

impl From<TrunkRegistered> for RegistrationView {
    fn from(stands: TrunkRegistered) -> Self {
        Self {
            until: stands.until.map(|at| at.to_string()),
            failing_since: stands.failing_since.map(|at| at.to_string()),
            reason: stands.reason,
        }
    }
}

/// A trunk.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TrunkView {
    id: Uuid,
    #[serde(flatten)]
    written: TrunkDocument,
    /// How the registration stands; `null` where we do not register.
    registration: Option<RegistrationView>,
    /// The targets whose calls it carries.
    targets: Vec<String>,
    /// The plans that forward calls over it.
    plans: Vec<String>,
}

impl From<KnownTrunk> for TrunkView {
    fn from(known: KnownTrunk) -> Self {
        let part = known.part;
        Self {
            id: known.id.0,
            written: TrunkDocument {
                name: part.name,
                addresses: part.addresses,
                country: part.country,
                send_to: part.send_to,
                user: part.user,
                password: None,
                realm: part.realm,
                challenge: part.challenge,
                md5_only: part.md5_only,
                register: part.register,
                register_as: part.register_as,
                register_expiry: part.register_expiry,
            },
            registration: known.registered.map(RegistrationView::from),
            targets: known.targets,
            plans: known.plans,
        }
    }
}

impl From<TrunkDocument> for TrunkPart {
    fn from(written: TrunkDocument) -> Self {
        Self {
            name: written.name.trim().to_owned(),
            addresses: written.addresses,
            country: written.country,
            send_to: written.send_to,
            user: written.user,
            password: written.password,
            password_file: None,
            realm: written.realm,
            challenge: written.challenge,
            md5_only: written.md5_only,
            register: written.register,
            register_as: written.register_as,
            register_expiry: written.register_expiry,
        }
    }
}

impl Part for TrunkView {
    type Written = TrunkDocument;

    async fn all(api: &Api, account: &Account) -> Result<Vec<Self>, ApiProblem> {
        let trunks = api.platform.known_trunks(account).await?;
        Ok(trunks.into_iter().map(Self::from).collect())
    }

    fn id(&self) -> Uuid {
        self.id
    }

    fn written(&self) -> &TrunkDocument {
        &self.written
    }

    async fn save(
        api: &Api,
        account: &Account,
        known: Option<Uuid>,
        written: TrunkDocument,
    ) -> Result<Uuid, ApiProblem> {
        let (known, part) = (known.map(TrunkId), written.into());
        let saved = api
            .platform
            .save_trunk(account, known, part, Vec::new(), now());
        Ok(saved.await?.0)
    }

    async fn remove(api: &Api, account: &Account, id: Uuid) -> Result<(), ApiProblem> {
        Ok(api.platform.remove_trunk(account, TrunkId(id)).await?)
    }
}

endpoints! {
    TrunkView of TrunkDocument, tag "trunks", at "/trunks" and "/trunks/{trunk}" by "trunk";
    "list_trunks" "The account's trunks, by name";
    "add_trunk" "Adds a trunk; a running server takes its calls within ten seconds";
    "show_trunk" "One trunk, without its password";
    "change_trunk" "Changes a trunk: what is left out stays, `null` takes a field away";
    "remove_trunk" "Removes a trunk that no target and no plan uses";
}
