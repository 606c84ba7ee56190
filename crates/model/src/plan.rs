//! The call plan: the document that says what happens to a call, in named steps.
//!
//! One schema for JSON and TOML. Nothing here judges a document: `routing` validates it and walks it.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use crate::steps::{
    ForwardStep, MatchStep, MenuStep, QueueStep, RingStep, SayStep, ScheduleStep, VoicemailStep,
};
use crate::{AccountId, PlanId, Record, TargetGroupId};

/// A call plan as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallPlan {
    /// Its identifier.
    pub id: PlanId,
    /// Whose it is.
    pub account: AccountId,
    /// What people call it.
    pub name: String,
    /// What it says.
    pub document: PlanDocument,
}

/// Named steps and where they begin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanDocument {
    /// The name of the first step.
    pub start: String,
    /// Steps by name.
    pub steps: BTreeMap<String, Step>,
}

/// One thing that happens to a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Step {
    /// Go by the clock.
    Schedule(ScheduleStep),
    /// Go by what is known of the call.
    Match(MatchStep),
    /// Let the caller press a key.
    Menu(MenuStep),
    /// Play a prompt.
    Say(SayStep),
    /// Ring the targets of a group.
    Ring(RingStep),
    /// Let the caller wait until a target of a group is free.
    Queue(QueueStep),
    /// Let the caller leave a message.
    Voicemail(VoicemailStep),
    /// Ring any number over a trunk.
    Forward(ForwardStep),
    /// Refuse the call with a SIP status code (RFC 3261 §21), 400 to 699.
    Reject {
        /// The status code that the caller's side is sent.
        code: u16,
    },
    /// Go on at another step.
    Goto {
        /// The next step.
        step: String,
    },
}

impl Step {
    /// Rings a group as it wants to be rung; `otherwise` names the step for when nobody answers.
    pub fn ring(group: TargetGroupId, otherwise: Option<String>) -> Self {
        Self::Ring(RingStep {
            otherwise,
            ..RingStep::of(group)
        })
    }

    /// The word that documents have for this kind of step.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Schedule(_) => "schedule",
            Self::Match(_) => "match",
            Self::Menu(_) => "menu",
            Self::Say(_) => "say",
            Self::Ring(_) => "ring",
            Self::Queue(_) => "queue",
            Self::Voicemail(_) => "voicemail",
            Self::Forward(_) => "forward",
            Self::Reject { .. } => "reject",
            Self::Goto { .. } => "goto",
        }
    }

    /// The steps that may come after this one, each with the place in the document that names it.
    pub fn leads_to(&self) -> Vec<(String, &str)> {
        fn otherwise(step: Option<&String>) -> Vec<(String, &str)> {
            step.map(|step| ("otherwise".to_owned(), step.as_str()))
                .into_iter()
                .collect()
        }
        match self {
            Self::Schedule(schedule) => vec![
                ("open".into(), &schedule.open),
                ("otherwise".into(), &schedule.otherwise),
            ],
            Self::Match(matched) => matched
                .cases
                .iter()
                .enumerate()
                .map(|(index, case)| (format!("case {}", index + 1), case.step.as_str()))
                .chain([("otherwise".to_owned(), matched.otherwise.as_str())])
                .collect(),
            Self::Menu(menu) => menu
                .keys
                .iter()
                .map(|(key, step)| (format!("key {key:?}"), step.as_str()))
                .chain(otherwise(menu.otherwise.as_ref()))
                .collect(),
            Self::Say(say) => say
                .next
                .iter()
                .map(|step| ("next".to_owned(), step.as_str()))
                .collect(),
            Self::Ring(ring) => otherwise(ring.otherwise.as_ref()),
            Self::Queue(queue) => otherwise(queue.otherwise.as_ref()),
            Self::Forward(forward) => otherwise(forward.otherwise.as_ref()),
            Self::Voicemail(_) | Self::Reject { .. } => Vec::new(),
            Self::Goto { step } => vec![("step".into(), step)],
        }
    }

    /// The prompts that this step plays, each with the place in the document that names it.
    pub fn prompts(&self) -> Vec<(&'static str, &str)> {
        let places: Vec<(&'static str, Option<&String>)> = match self {
            Self::Menu(menu) => vec![("prompt", Some(&menu.prompt))],
            Self::Say(say) => vec![("prompt", Some(&say.prompt))],
            Self::Ring(ring) => vec![
                ("whisper", ring.whisper.as_ref()),
                ("record", ring.record.as_ref().and_then(Record::consent)),
            ],
            Self::Queue(queue) => vec![
                ("music", queue.music.as_ref()),
                ("position", queue.position.as_ref()),
                ("whisper", queue.whisper.as_ref()),
                ("record", queue.record.as_ref().and_then(Record::consent)),
            ],
            Self::Voicemail(voicemail) => vec![("prompt", voicemail.prompt.as_ref())],
            _ => Vec::new(),
        };
        places
            .into_iter()
            .filter_map(|(place, prompt)| Some((place, prompt?.as_str())))
            .collect()
    }
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
