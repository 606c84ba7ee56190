//! What each kind of step of a call plan says.
//!
//! Lengths of time are whole seconds. Prompts are names of prompts that the account has.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{E164, Hours, Strategy, TargetGroupId, TrunkId};

/// Goes by the clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScheduleStep {
    /// The next step within the hours.
    pub open: String,
    /// The next step outside of them.
    pub otherwise: String,
    /// When it is open.
    pub hours: Hours,
}

/// Goes by what is known of the call: the first case that holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MatchStep {
    /// The next step when no case holds.
    pub otherwise: String,
    /// The cases, in order.
    pub cases: Vec<Case>,
}

/// One case of a [`MatchStep`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// The next step when it holds.
    pub step: String,
    /// What must hold, all of it.
    pub when: Conditions,
}

/// What must hold for a case. Of several values in one list any will do; a list that is empty asks nothing.
/// Words are compared without regard to case.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Conditions {
    /// Ranges that the first of the visitor's languages falls into (basic filtering, RFC 4647 §3.3.1): `de` takes `de-AT` too.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub visitor_language: Vec<String>,
    /// The same for the language that the caller is known to speak.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub caller_language: Vec<String>,
    /// ISO 3166-1 alpha-2: `DE`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub country: Vec<String>,
    /// Regions as the facts of the call name them: `GB-LND` (ISO 3166-2).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub region: Vec<String>,
    /// `phone`, `tablet`, `desktop`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub device: Vec<String>,
    /// Names of sources, or their kinds: `Google Ads`, `paid`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub source: Vec<String>,
    /// Campaigns.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub campaign: Vec<String>,
    /// Tags, of which the call must have one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tag: Vec<String>,
    /// Numbers (`+442079460123`), beginnings of numbers (`+4420*`), or `withheld`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub caller: Vec<String>,
    /// Whether this caller has called before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub returning: Option<bool>,
    /// The tracking number that was called.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dialled: Vec<E164>,
    /// The share of the calls that may take this case, 1 to 100. Cases of one step that ask the same otherwise share
    /// the hundred, in order: two of 30 take 30 each and leave 40.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub percent: Option<u8>,
}

/// Lets the caller press a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MenuStep {
    /// What the caller hears.
    pub prompt: String,
    /// How often it is asked, 1 to 10.
    #[serde(default = "three")]
    pub tries: u8,
    /// How long a key is waited for after the prompt, 1 to 60 s.
    #[serde(default = "five")]
    pub timeout: u32,
    /// The next step when no known key was pressed; without one the call ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub otherwise: Option<String>,
    /// Steps by key: `0` to `9`, `*`, `#`.
    pub keys: BTreeMap<String, String>,
}

/// Plays a prompt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SayStep {
    /// What the caller hears.
    pub prompt: String,
    /// The next step; without one the call ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// Rings the targets of a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RingStep {
    /// The group to ring.
    pub group: TargetGroupId,
    /// Another order than the group's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strategy: Option<Strategy>,
    /// How long each target rings, 1 to 300 s; without it as the group says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<u32>,
    /// A prompt that only the callee hears, before both sides are joined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub whisper: Option<String>,
    /// A key that the callee must press to take the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accept_key: Option<String>,
    /// The number that the callee sees.
    #[serde(default, skip_serializing_if = "CallerIdShown::is_caller")]
    pub caller_id: CallerIdShown,
    /// Whether the call is recorded; without it as the account wants.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<Record>,
    /// The next step when nobody answered; without one the call is refused with what the targets said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub otherwise: Option<String>,
}

impl RingStep {
    /// Rings a group as it wants to be rung.
    pub const fn of(group: TargetGroupId) -> Self {
        Self {
            group,
            strategy: None,
            timeout: None,
            whisper: None,
            accept_key: None,
            caller_id: CallerIdShown::Caller,
            record: None,
            otherwise: None,
        }
    }
}

/// Lets the caller wait until a target of a group is free.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QueueStep {
    /// The group whose targets are waited for.
    pub group: TargetGroupId,
    /// Another order than the group's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strategy: Option<Strategy>,
    /// The longest wait, 1 to 7,200 s.
    #[serde(default = "five_minutes")]
    pub longest_wait: u32,
    /// The most callers who wait, 1 to 1,000.
    #[serde(default = "twenty")]
    pub length: u32,
    /// What the caller hears.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub music: Option<String>,
    /// The prompt that comes before the caller's place in the queue; without one the place is not told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<String>,
    /// The key with which the caller asks to be called back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call_back_key: Option<String>,
    /// How long each target rings, 1 to 300 s; without it as the group says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<u32>,
    /// A prompt that only the callee hears, before both sides are joined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub whisper: Option<String>,
    /// Whether the call is recorded; without it as the account wants.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<Record>,
    /// The next step when the queue is full or the wait too long; without one the call ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub otherwise: Option<String>,
}

impl QueueStep {
    /// A queue for a group, with the lengths that stand where a document says nothing.
    pub const fn of(group: TargetGroupId) -> Self {
        Self {
            group,
            strategy: None,
            longest_wait: five_minutes(),
            length: twenty(),
            music: None,
            position: None,
            call_back_key: None,
            timeout: None,
            whisper: None,
            record: None,
            otherwise: None,
        }
    }
}

/// Lets the caller leave a message; the call ends with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VoicemailStep {
    /// What the caller hears before the tone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    /// The longest message, 1 to 3,600 s.
    #[serde(default = "three_minutes")]
    pub longest: u32,
}

/// Rings any number over a trunk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForwardStep {
    /// The number.
    pub number: E164,
    /// The trunk that carries the call.
    pub trunk: TrunkId,
    /// How long it rings, 1 to 300 s.
    #[serde(default = "thirty")]
    pub timeout: u32,
    /// The next step when it was not answered; without one the call is refused with what the far side said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub otherwise: Option<String>,
}

/// The number that a callee sees.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum CallerIdShown {
    /// `caller`: the caller's own.
    #[default]
    Caller,
    /// `dialled`: the tracking number that was called.
    Dialled,
    /// A number of the account's.
    Number(E164),
}

impl CallerIdShown {
    const fn is_caller(&self) -> bool {
        matches!(self, Self::Caller)
    }
}

impl TryFrom<String> for CallerIdShown {
    type Error = CallerIdError;
    fn try_from(text: String) -> Result<Self, CallerIdError> {
        match text.as_str() {
            "caller" => Ok(Self::Caller),
            "dialled" => Ok(Self::Dialled),
            number => E164::parse(number, None)
                .map(Self::Number)
                .map_err(|_| CallerIdError(number.chars().take(40).collect())),
        }
    }
}

impl From<CallerIdShown> for String {
    fn from(shown: CallerIdShown) -> Self {
        match shown {
            CallerIdShown::Caller => "caller".into(),
            CallerIdShown::Dialled => "dialled".into(),
            CallerIdShown::Number(number) => number.into(),
        }
    }
}

/// A text that names no caller id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected `caller`, `dialled` or a number such as +442079460123, got {0:?}")]
pub struct CallerIdError(pub String);

/// Whether a call is recorded: `true`, `false`, or `{ consent = "prompt" }`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Record {
    /// Yes or no.
    Always(bool),
    /// Yes, after both sides heard that it is.
    AfterConsent(ConsentPrompt),
}

/// What is said before a recording.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConsentPrompt {
    /// The prompt.
    pub consent: String,
}

impl Record {
    /// The prompt that is played before, if there is one.
    pub const fn consent(&self) -> Option<&String> {
        match self {
            Self::Always(_) => None,
            Self::AfterConsent(prompt) => Some(&prompt.consent),
        }
    }
}

const fn three() -> u8 {
    3
}
const fn five() -> u32 {
    5
}
const fn twenty() -> u32 {
    20
}
const fn thirty() -> u32 {
    30
}
const fn three_minutes() -> u32 {
    180
}
const fn five_minutes() -> u32 {
    300
}
