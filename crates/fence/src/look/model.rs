//! The model: a logistic regression over signals and over how they come together, its weights in `model.tsv`.
//!
//! Every feature grows with every signal's strength and no weight but the bias is negative, so a further lock, alarm or
//! threat never lowers a score. `ringfence-training` fits the weights and writes the file.

use std::sync::LazyLock;

pub use super::script::number_parameter;
use super::signal::SignalKind;
#[allow(
    clippy::enum_glob_use,
    reason = "the file is a table of nearly all of them"
)]
use super::signal::SignalKind::*;

/// Locks, and how much each counts in their sum.
pub const LOCKS: &[(SignalKind, f64)] = &[
    (FullScreen, 1.0),
    (KeyboardLock, 1.0),
    (PointerLock, 0.7),
    (CursorHidden, 1.0),
    (LeaveBlocked, 1.0),
    (KeysBlocked, 1.0),
    (MenuBlocked, 0.8),
    (SelectionBlocked, 0.3),
    (HistoryFlood, 1.0),
    (DialogLoop, 1.0),
    (WindowFlood, 0.8),
    (DebuggerTrap, 0.6),
    (GestureTrap, 0.6),
];

/// Signals that count by themselves.
const SINGLE: &[SignalKind] = &[
    KeyboardLock,
    PointerLock,
    HistoryFlood,
    DialogLoop,
    WindowFlood,
    Speech,
    ThreatWords,
    CallWords,
    HoldWords,
    ScanWords,
    BrandOffDomain,
    DecoyTitle,
    FoldedWords,
    PhoneFromQuery,
    PhoneFromServer,
    AddressLookup,
    ChatWidget,
    RemoteTool,
    NoIndex,
    SharedHost,
    FrameShell,
    DecodedLayer,
    OpaqueLoader,
    AgentRedirect,
];

/// Names of what signals say together.
const TOGETHER: &[&str] = &[
    "locks_1",
    "locks_2",
    "locks_3",
    "locks_4",
    "locks_5",
    "locks_6",
    "alarm",
    "alarm_and_locks",
    "threat_and_call",
    "words_and_locks",
    "threat_and_locks",
    "shell_and_locks",
    "layer_and_locks",
    "layer_and_words",
    "images_and_locks",
    "scan_and_threat",
    "number_and_threat",
    "hold_and_locks",
    "brand_and_locks",
];

/// The names of all features, in their order; the bias is not one of them.
pub fn names() -> impl Iterator<Item = &'static str> {
    SINGLE
        .iter()
        .map(|kind| kind.as_str())
        .chain(TOGETHER.iter().copied())
}

/// The features of a page, from the strength of each signal.
pub fn features(strength: impl Fn(SignalKind) -> f64) -> Vec<f64> {
    let locks = locks(&strength);
    let alarm = alarm(&strength);
    let share = |from: f64, to: f64| ((locks - from) / (to - from)).clamp(0.0, 1.0);
    let (threat, call, hold) = (
        strength(ThreatWords),
        strength(CallWords),
        strength(HoldWords),
    );
    let mut features: Vec<f64> = SINGLE.iter().map(|&kind| strength(kind)).collect();
    features.extend((0_u8..5).map(|step| (locks - f64::from(step)).clamp(0.0, 1.0)));
    features.extend([
        (locks - 5.0).clamp(0.0, 2.0),
        alarm,
        alarm * share(0.0, 3.0),
        threat * call,
        threat * call * share(1.0, 3.0),
        threat * share(1.0, 3.0),
        strength(FrameShell) * share(0.0, 2.0),
        strength(DecodedLayer) * share(0.0, 3.0),
        strength(DecodedLayer) * threat,
        strength(TextInImages) * share(2.0, 4.0),
        strength(ScanWords) * threat,
        strength(PhoneFromQuery) * threat,
        hold * share(1.0, 3.0),
        strength(BrandOffDomain) * share(1.0, 3.0),
    ]);
    features
}

/// What is no stronger was seen in libraries only, where everything is found.
const FAINT: f64 = 0.2;

/// The locks together: 0 (none) to about 10.
pub fn locks(strength: &impl Fn(SignalKind) -> f64) -> f64 {
    LOCKS
        .iter()
        .map(|&(kind, weight)| (strength(kind), weight))
        .filter(|&(strength, _)| strength > FAINT)
        .map(|(strength, weight)| strength * weight)
        .sum()
}

/// The loudest alarm, 0 to 1.
pub fn alarm(strength: &impl Fn(SignalKind) -> f64) -> f64 {
    [AudioAutoplay, AudioFromScript, Speech]
        .into_iter()
        .map(strength)
        .filter(|&strength| strength > FAINT)
        .fold(0.0, f64::max)
}

/// Letters of a text in which few phrases are many.
pub const SHORT_LETTERS: u32 = 600;

/// How strongly so many different phrases of a kind count, 0 to 1. A short text has no room for many.
pub fn word_strength(kind: SignalKind, phrases: u32, short: bool) -> f64 {
    let enough = match kind {
        ThreatWords if short => 4.0,
        ThreatWords => 6.0,
        CallWords => 4.0,
        _ => 3.0,
    };
    (f64::from(phrases) / enough).min(1.0)
}

/// The weights.
#[derive(Debug, Clone, PartialEq)]
pub struct Weights {
    /// The logit of a page without any signal.
    pub bias: f64,
    /// A weight for each feature, none negative.
    pub weights: Vec<f64>,
}

static WEIGHTS: LazyLock<Weights> = LazyLock::new(|| Weights::read(include_str!("model.tsv")));

impl Weights {
    /// The committed ones.
    pub fn committed() -> &'static Self {
        &WEIGHTS
    }

    /// Lines of name, tab and number; what is not named is 0, and no weight below 0 is taken.
    pub fn read(text: &str) -> Self {
        Self::of_names(text, names())
    }

    /// The same for features of these names.
    pub fn of_names<'a>(text: &str, names: impl Iterator<Item = &'a str>) -> Self {
        let value = |name: &str| {
            text.lines()
                .filter_map(|line| line.split_once('\t'))
                .find(|(known, _)| *known == name)
                .and_then(|(_, value)| value.trim().parse::<f64>().ok())
                .unwrap_or(0.0)
        };
        Self {
            bias: value("bias"),
            weights: names.map(|name| value(name).max(0.0)).collect(),
        }
    }

    /// The score of a page: 0 to 1.
    pub fn score(&self, features: &[f64]) -> f64 {
        let logit = self
            .weights
            .iter()
            .zip(features)
            .map(|(weight, feature)| weight * feature)
            .sum::<f64>()
            + self.bias;
        1.0 / (1.0 + (-logit).exp())
    }

    /// What a signal of full strength adds to the logit by itself.
    pub fn of(&self, kind: SignalKind) -> f64 {
        let with = features(|other| f64::from(u8::from(other == kind)));
        let logit: f64 = self
            .weights
            .iter()
            .zip(&with)
            .map(|(weight, feature)| weight * feature)
            .sum();
        logit
    }
}
