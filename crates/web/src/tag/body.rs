//! The documents that the tag sends: JSON in `text/plain`, of a few hundred octets.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::body::Body;
use futures::StreamExt as _;
use ringfence_model::LeaseId;
use ringfence_platform::Platform;
use ringfence_platform::visits::{PageCalls, Refusal};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::answer::Refused;
use super::asking::Asking;

/// Octets of a body.
const BODY_MAX: usize = 8192;
/// How long a body may take to arrive.
const PATIENCE: Duration = Duration::from_secs(10);

/// Counts by the names of what was called.
#[derive(Debug, Default, Deserialize)]
#[serde(transparent)]
pub(super) struct Calls(BTreeMap<String, u32>);

impl Calls {
    pub fn of_page(&self) -> PageCalls {
        PageCalls::named(self.0.iter().map(|(name, count)| (name.as_str(), *count)))
    }
}

/// `POST /t/number`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NumberBody {
    pub site: String,
    pub token: Option<String>,
    pub visit: Option<String>,
    pub page: String,
    pub referrer: Option<String>,
    pub first: Option<First>,
    pub language: Option<String>,
    pub campaign: Option<String>,
    /// Words about the visit.
    #[serde(default)]
    pub tags: BTreeMap<String, Value>,
    /// What the page called that locks its visitor in, and how often.
    #[serde(default)]
    pub calls: Calls,
}

/// The first page of a visit.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct First {
    pub page: String,
    pub referrer: Option<String>,
}

/// `POST /t/beat`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BeatBody {
    pub site: String,
    pub visit: Option<String>,
    pub lease: Option<LeaseId>,
    /// The page's URL.
    pub page: Option<String>,
    /// What linked to it.
    pub referrer: Option<String>,
    /// With the first beat of a page: which of the targets stand on it.
    #[serde(default)]
    pub targets: Vec<(String, bool)>,
    /// As with a number request.
    #[serde(default)]
    pub calls: Calls,
}

/// `POST /t/event`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EventBody {
    pub site: String,
    pub visit: Option<String>,
    pub lease: Option<LeaseId>,
    pub kind: EventKind,
    pub name: Option<String>,
    pub data: Option<BTreeMap<String, Value>>,
}

/// What kind of event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum EventKind {
    Event,
    Tag,
    Release,
}

impl EventKind {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Tag => "tag",
            Self::Release => "release",
        }
    }
}

/// Reads a body whole and as JSON. Who sends what the tag never sends is counted here, for no site is known yet.
pub(super) async fn read<T: DeserializeOwned>(
    platform: &Platform,
    asking: &Asking,
    body: Body,
) -> Result<T, Refused> {
    let parsed = parse(asking, body).await;
    if let Err(refused) = &parsed {
        platform.count_refusal(None, refused.refusal);
    }
    parsed
}

async fn parse<T: DeserializeOwned>(asking: &Asking, body: Body) -> Result<T, Refused> {
    let kind = asking.content_type.as_deref().unwrap_or("text/plain");
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !["text/plain", "application/json"]
        .iter()
        .any(|known| kind.eq_ignore_ascii_case(known))
    {
        return Err(malformed(
            &"its Content-Type is neither text/plain nor application/json",
        ));
    }
    let octets = tokio::time::timeout(PATIENCE, whole(body))
        .await
        .unwrap_or_else(|_| Err(malformed(&"it did not arrive in time")))?;
    serde_json::from_slice(&octets).map_err(|error| malformed(&error))
}

fn malformed(detail: &dyn std::fmt::Display) -> Refused {
    Refused {
        refusal: Refusal::BodyMalformed,
        detail: Some(detail.to_string()),
    }
}

async fn whole(body: Body) -> Result<Vec<u8>, Refused> {
    let mut octets = Vec::new();
    let mut parts = body.into_data_stream();
    while let Some(part) = parts.next().await {
        let part = part.map_err(|_| malformed(&"it ended too early"))?;
        if octets.len() + part.len() > BODY_MAX {
            return Err(Refusal::BodyTooLarge.into());
        }
        octets.extend_from_slice(&part);
    }
    Ok(octets)
}
