//! The document as its file has it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use ringfence_model::{Caps, Dialling, Hours, LanguageUse, MemberProfile, PoolWish, Strategy};
use serde::Deserialize;
use serde_json::Value;

use super::logins::Secret;

/// What an account should have. Everything is known by its name.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Arrangement {
    /// Connections to carriers.
    pub trunk: Vec<TrunkPart>,
    /// Where calls may go.
    pub target: Vec<TargetPart>,
    /// Targets that ring one after the other.
    pub group: Vec<GroupPart>,
    /// What callers hear.
    pub prompt: Vec<PromptPart>,
    /// What happens to calls.
    pub plan: Vec<PlanPart>,
    /// Numbers that visits share.
    pub pool: Vec<PoolPart>,
    /// Tracking numbers.
    pub number: Vec<NumberPart>,
    /// Web properties.
    pub site: Vec<SitePart>,
    /// Which numbers may be dialled over trunks.
    pub dialling: Option<Dialling>,
}

/// `[[trunk]]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrunkPart {
    /// Its name.
    pub name: String,
    /// Addresses or networks (CIDR) that it sends from; one that we register at sends from its registrars beside them.
    #[serde(default)]
    pub addresses: Vec<String>,
    /// ISO 3166-1 alpha-2: how it writes numbers that lack a country code.
    #[serde(default)]
    pub country: Option<String>,
    /// Where it takes calls: a SIP URI without a user, `sip:sbc.example.com:5060`. Without one calls go out to its
    /// registrars, and over a trunk without those none goes out.
    #[serde(default)]
    pub send_to: Option<String>,
    /// Who we are there, or they are here, when a password proves it.
    #[serde(default)]
    pub user: Option<String>,
    /// The password.
    #[serde(default)]
    pub password: Option<Secret>,
    /// A file that holds the password instead, beside the arrangement when it says no folder.
    #[serde(default)]
    pub password_file: Option<PathBuf>,
    /// The only realm of theirs that is answered; of calls that come in, the one that is challenged for.
    #[serde(default)]
    pub realm: Option<String>,
    /// Calls from it must prove the password.
    #[serde(default)]
    pub challenge: bool,
    /// Challenge with MD5 alone, for a far side that stumbles over SHA-256.
    #[serde(default)]
    pub md5_only: bool,
    /// Where we register: SIP URIs without a user, the first to try first.
    #[serde(default)]
    pub register: Vec<String>,
    /// Our address there, `sip:+442079460123@example.com`, when it is not `user` at the first registrar's host.
    #[serde(default)]
    pub register_as: Option<String>,
    /// The time that is asked for, in seconds.
    #[serde(default)]
    pub register_expiry: Option<u32>,
}

/// `[[target]]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetPart {
    /// Its name.
    pub name: String,
    /// A SIP URI, `sip:desk@192.0.2.10`, or a number over a trunk, `tel:+442079460123`.
    #[serde(default)]
    pub uri: String,
    /// In the place of a URI: the user as which a phone registers here.
    #[serde(default)]
    pub phone: Option<String>,
    /// The phone's password.
    #[serde(default)]
    pub password: Option<Secret>,
    /// A file that holds the phone's password instead, beside the arrangement when it says no folder.
    #[serde(default)]
    pub password_file: Option<PathBuf>,
    /// Paused targets are passed over.
    #[serde(default)]
    pub paused: bool,
    /// The languages that are spoken there (RFC 5646), the best first.
    #[serde(default)]
    pub languages: Vec<String>,
    /// Its own limits.
    #[serde(default)]
    pub caps: Caps,
    /// When it takes calls.
    #[serde(default)]
    pub hours: Option<Hours>,
    /// Seconds of rest after each call.
    #[serde(default)]
    pub wrap_up: u32,
    /// Its agent is put on a break when so many calls in a row rang there in vain; 0 is never.
    #[serde(default)]
    pub break_after: u32,
    /// The name of the trunk that carries its calls, for a number.
    #[serde(default)]
    pub trunk: Option<String>,
    /// The address of the user who answers there: it is rung while that user is available.
    #[serde(default)]
    pub agent: Option<String>,
}

/// `[[group]]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupPart {
    /// Its name.
    pub name: String,
    /// Names of targets, in the order in which they ring.
    pub targets: Vec<String>,
    /// How long each rings, in seconds.
    #[serde(default = "twenty")]
    pub ring_seconds: u16,
    /// In which order they are tried.
    #[serde(default)]
    pub strategy: Strategy,
    /// What the caller's language does to the order.
    #[serde(default)]
    pub language: LanguageUse,
    /// Languages to try after those of the caller, before everyone.
    #[serde(default)]
    pub languages: Vec<String>,
    /// Limits of all its calls together.
    #[serde(default)]
    pub caps: Caps,
    /// The name of the group that takes over while nobody of this one can be rung.
    #[serde(default)]
    pub overflow: Option<String>,
    /// For `performance`: calls by lot, in percent.
    #[serde(default = "ten")]
    pub explore: u8,
    /// Weights and priorities by the names of its targets.
    #[serde(default)]
    pub members: BTreeMap<String, MemberProfile>,
}

/// `[[prompt]]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PromptPart {
    /// Its name: lower-case letters, digits, `-` and `_`.
    pub name: String,
    /// An audio file (WAV, FLAC, Ogg Vorbis, MP3), beside the arrangement when it says no folder.
    pub file: PathBuf,
}

/// `[[plan]]`: groups that ring one after the other, or named steps. Steps name groups and trunks by their names.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanPart {
    /// Its name.
    pub name: String,
    /// Names of groups: when nobody of one answers, the next one rings.
    #[serde(default)]
    pub ring: Vec<String>,
    /// The SIP status code for when nobody answered at all; without one it follows from what the targets said.
    #[serde(default)]
    pub otherwise_reject: Option<u16>,
    /// The name of the first step, in the place of `ring`.
    #[serde(default)]
    pub start: Option<String>,
    /// Steps by name; see docs/call-plans.md.
    #[serde(default)]
    pub steps: BTreeMap<String, Value>,
}

/// `[[pool]]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PoolPart {
    /// Its name.
    pub name: String,
    /// How long a lease lives past the last sign of its visit, in minutes.
    #[serde(default = "thirty")]
    pub hold_minutes: u32,
    /// How long a number rests when it leaves the pool, in days; 0 lets it go at once.
    #[serde(default = "thirty")]
    pub quarantine_days: u32,
    /// The number that is shown when all others are leased.
    #[serde(default)]
    pub overflow: Option<String>,
}

/// `[[number]]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NumberPart {
    /// The number, with its country code.
    pub e164: String,
    /// What people call it.
    #[serde(default)]
    pub label: String,
    /// The name of its pool.
    #[serde(default)]
    pub pool: Option<String>,
    /// The name of its plan.
    pub plan: String,
}

/// `[[site]]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SitePart {
    /// Its name.
    pub name: String,
    /// Its hosts; each has to be proved before a number is shown on it.
    #[serde(default)]
    pub hosts: Vec<String>,
    /// The numbers on its pages that the tag replaces.
    #[serde(default)]
    pub swap: Vec<String>,
    /// The name of the pool that its visits draw from.
    #[serde(default)]
    pub pool: Option<String>,
    /// Other pools, and fixed numbers, for some of its visits.
    #[serde(default)]
    pub rule: Vec<RulePart>,
}

/// `[[site.rule]]`: visits that are as it says draw from a pool of their own, or are shown a fixed number.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RulePart {
    /// The campaign that the visit came by.
    #[serde(default)]
    pub campaign: Option<String>,
    /// The name of the source, as `ringfence source try` says it.
    #[serde(default)]
    pub source: Option<String>,
    /// Languages (RFC 4647 ranges), one of which takes the browser's first language.
    #[serde(default)]
    pub language: Vec<String>,
    /// Countries (ISO 3166-1 alpha-2), one of which is the visitor's.
    #[serde(default)]
    pub country: Vec<String>,
    /// The name of the pool.
    #[serde(default)]
    pub pool: Option<String>,
    /// The fixed number.
    #[serde(default)]
    pub number: Option<String>,
}

impl RulePart {
    /// Which visits it takes.
    pub fn wish(&self) -> PoolWish {
        PoolWish {
            campaign: self.campaign.clone(),
            source: self.source.clone(),
            language: self.language.clone(),
            country: self.country.clone(),
        }
    }
}

const fn ten() -> u8 {
    10
}

/// Seconds that each target rings.
pub(super) const fn twenty() -> u16 {
    20
}

const fn thirty() -> u32 {
    30
}
