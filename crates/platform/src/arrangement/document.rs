//! The document as its file has it.

use serde::Deserialize;

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
    /// What happens to calls.
    pub plan: Vec<PlanPart>,
    /// Numbers that visits share.
    pub pool: Vec<PoolPart>,
    /// Tracking numbers.
    pub number: Vec<NumberPart>,
    /// Web properties.
    pub site: Vec<SitePart>,
}

/// `[[trunk]]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrunkPart {
    /// Its name.
    pub name: String,
    /// Addresses or networks (CIDR) that it sends from.
    pub addresses: Vec<String>,
    /// ISO 3166-1 alpha-2: how it writes numbers that lack a country code.
    #[serde(default)]
    pub country: Option<String>,
}

/// `[[target]]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetPart {
    /// Its name.
    pub name: String,
    /// A SIP URI: `sip:desk@192.0.2.10`.
    pub uri: String,
    /// Paused targets are passed over.
    #[serde(default)]
    pub paused: bool,
}

/// `[[group]]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupPart {
    /// Its name.
    pub name: String,
    /// Names of targets, in the order in which they ring.
    pub targets: Vec<String>,
    /// How long each rings, in seconds.
    #[serde(default = "twenty")]
    pub ring_seconds: u16,
}

/// `[[plan]]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanPart {
    /// Its name.
    pub name: String,
    /// Names of groups: when nobody of one answers, the next one rings.
    pub ring: Vec<String>,
    /// The SIP status code for when nobody answered at all; without one it follows from what the targets said.
    #[serde(default)]
    pub otherwise_reject: Option<u16>,
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
}

const fn twenty() -> u16 {
    20
}

const fn thirty() -> u32 {
    30
}
