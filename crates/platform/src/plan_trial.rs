//! A call plan tried without a call: what `ringfence plan try` and the dashboard tell, by the same code.
//!
//! Decides nothing: `routing` walks.

use jiff::tz::TimeZone;
use ringfence_model::{E164, PlanDocument, Source, SourceKind, Timestamp};
use ringfence_routing::{CallFacts, Chance, Destinations, Instruction, Loads, Stage, View, trial};

/// What stands after one decision of a trial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TriedStage {
    /// The steps that led there, each with the reason.
    pub path: Vec<(String, String)>,
    /// What would be done, in words that are shown.
    pub says: String,
    /// Whom the call would ring, in order.
    pub candidates: Vec<TriedTarget>,
    /// Who is passed over, and why.
    pub passed: Vec<(String, String)>,
}

/// A target that would ring.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TriedTarget {
    /// Its name.
    pub name: String,
    /// How long it rings, in seconds.
    pub seconds: u64,
    /// Why it stands at this place.
    pub reason: String,
}

/// Leads a call through a plan. The same `seed` gives the same answer.
pub fn try_plan(
    document: PlanDocument,
    destinations: &Destinations,
    loads: &Loads,
    facts: &CallFacts,
    at: Timestamp,
    mut seed: u64,
    presses: &str,
) -> Vec<Stage> {
    let view = View {
        facts,
        destinations,
        loads,
    };
    let mut bits = || split_mix(&mut seed);
    trial(document, &view, at, &mut Chance::new(&mut bits), presses)
}

impl From<&Stage> for TriedStage {
    fn from(stage: &Stage) -> Self {
        let path = stage.decision.path.iter();
        let (choices, passed) = match &stage.decision.instruction {
            Instruction::Ring {
                choices, passed, ..
            } => (choices.as_slice(), passed.as_slice()),
            Instruction::Queue { choices, .. } => (choices.as_slice(), &[][..]),
            _ => (&[][..], &[][..]),
        };
        Self {
            path: path
                .map(|entry| (entry.step.clone(), entry.reason.clone()))
                .collect(),
            says: says(&stage.decision.instruction),
            candidates: choices
                .iter()
                .map(|choice| TriedTarget {
                    name: choice.name.clone(),
                    seconds: choice.ring_timeout.as_secs(),
                    reason: choice.reason.clone(),
                })
                .collect(),
            passed: passed
                .iter()
                .map(|passed| (passed.name.clone(), passed.skip.to_string()))
                .collect(),
        }
    }
}

/// What an instruction would do, in words that are shown.
pub fn says(instruction: &Instruction) -> String {
    match instruction {
        Instruction::Ring { choices, .. } => format!("rings {} in this order", choices.len()),
        Instruction::Menu { prompt, keys, .. } => {
            format!("plays {prompt:?} and waits for one of {}", keys.join(" "))
        }
        Instruction::Say { prompt } => format!("plays {prompt:?}"),
        Instruction::Queue { longest_wait, .. } => {
            format!("lets the caller wait, at most {} s", longest_wait.as_secs())
        }
        Instruction::Voicemail { longest, .. } => {
            format!("takes a message of at most {} s", longest.as_secs())
        }
        Instruction::Forward {
            number, timeout, ..
        } => {
            format!("rings {number} for {} s", timeout.as_secs())
        }
        Instruction::Reject { code, .. } => format!("refuses the call with {code}"),
        Instruction::HangUp { reason } => format!("ends the call: {reason}"),
    }
}

/// The source of a call that is tried: by its name or kind, or its campaign.
pub fn source_of(name: Option<&str>, campaign: Option<&str>) -> Option<Source> {
    name.or(campaign)?;
    let name = name.unwrap_or_default().to_owned();
    Some(Source {
        kind: SourceKind::from_word(&name).unwrap_or(SourceKind::Campaign),
        name,
        campaign: campaign.map(str::to_owned),
        keyword: None,
    })
}

/// The country of a caller, as their number tells it.
pub fn country_of(caller: Option<&E164>) -> Option<String> {
    caller.and_then(E164::country)
}

/// `2026-12-24T10:00[Europe/London]`, `2026-12-24T10:00Z`, or without a zone, by `zone`.
///
/// # Errors
/// When it is none of these, in words that are shown.
pub fn instant(text: &str, zone: &TimeZone) -> Result<Timestamp, String> {
    let jiff = text
        .parse::<jiff::Zoned>()
        .map(|zoned| zoned.timestamp())
        .or_else(|_| text.parse::<jiff::Timestamp>())
        .or_else(|_| {
            text.parse::<jiff::civil::DateTime>()
                .and_then(|local| local.to_zoned(zone.clone()))
                .map(|zoned| zoned.timestamp())
        })
        .map_err(|_| {
            format!(
                "expected a time such as 2026-12-24T10:00[Europe/London] or 2026-12-24T10:00Z, got {text:?}"
            )
        })?;
    Ok(Timestamp::from_micros(jiff.as_microsecond()))
}

/// Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014.
fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut bits = *state;
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}
