//! A call as steps with the reason for each, told from its events.

use std::time::Duration;

use ringfence_model::{CallEvent, CallEventKind, Disposition, LegId, LegOutcome, Party, Timestamp};

use super::words::{length, short_length, state_of};

/// A step as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) class: &'static str,
    pub(super) icon: &'static str,
    pub(super) at: String,
    pub(super) title: String,
    pub(super) text: String,
}

/// A stretch of the bar that shows how the time was spent; in thousandths of the whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stretch {
    pub(super) class: &'static str,
    pub(super) from: u64,
    pub(super) width: u64,
    pub(super) say: String,
}

/// The steps of a call.
pub(super) fn steps(events: &[CallEvent], now: Timestamp) -> Vec<Step> {
    let Some(begin) = events.first().map(|event| event.at) else {
        return Vec::new();
    };
    let mut steps = Vec::new();
    for (nth, event) in events.iter().enumerate() {
        let at = format!("+{}", short_length(event.at.since(begin)));
        let mut add = |class, icon, title: String, text: String| {
            steps.push(Step {
                class,
                icon,
                at: at.clone(),
                title,
                text,
            });
        };
        match &event.kind {
            CallEventKind::Arrived => {
                add("quiet", "arrived", "Arrived".into(), String::new());
            }
            CallEventKind::Attributed { source, reason, .. } => {
                let title = source.clone().unwrap_or_else(|| "No source".into());
                add("quiet", "source", title, reason.clone());
            }
            CallEventKind::Decided { step, reason } => {
                add("quiet", "arrived", format!("Step {step}"), reason.clone());
            }
            CallEventKind::Ringing {
                leg, name, reason, ..
            } => {
                let (class, how) = ring(&events[nth..], *leg, now);
                add(
                    class,
                    "ringing",
                    format!("Rang {name}"),
                    joined(&[&how, reason]),
                );
            }
            CallEventKind::PickedUp { reason, .. } => {
                add("quiet", "ringing", "Picked up".into(), reason.clone());
            }
            CallEventKind::SoundFailed { reason } => {
                add("failed", "recording", "Not heard".into(), reason.clone());
            }
            CallEventKind::Answered { .. } => {
                let talk = talk(&events[nth..], now);
                add("answered", "talking", "Answered".into(), talk);
            }
            CallEventKind::Transferring { reason, .. } => {
                add("quiet", "ringing", "Transfer".into(), reason.clone());
            }
            CallEventKind::TransferFailed { reason, .. } => {
                add(
                    "missed",
                    "ringing",
                    "Not put through".into(),
                    reason.clone(),
                );
            }
            CallEventKind::Held { by } => {
                let by = format!("by {}", party(*by));
                add("quiet", "held", "On hold".into(), by);
            }
            CallEventKind::Resumed { by } => {
                let by = format!("by {}", party(*by));
                add("quiet", "play", "Resumed".into(), by);
            }
            CallEventKind::RecordingFailed { reason } => {
                add("failed", "recording", "Not recorded".into(), reason.clone());
            }
            CallEventKind::Ended {
                disposition,
                code,
                reason,
            } => {
                let state = state_of(Some(*disposition));
                let sent = code
                    .map(|code| format!("the caller was sent {code}"))
                    .unwrap_or_default();
                let title = match disposition {
                    Disposition::Answered => "Ended".into(),
                    _ => state.word.to_owned(),
                };
                let (class, icon) = match disposition {
                    Disposition::Answered => ("quiet", "check"),
                    _ => (state.class, state.icon),
                };
                add(class, icon, title, joined(&[reason, &sent]));
            }
            CallEventKind::Progress { .. }
            | CallEventKind::LegFailed { .. }
            | CallEventKind::RecordingStarted { .. }
            | CallEventKind::RecordingFinished { .. }
            | CallEventKind::Left { .. }
            | CallEventKind::HungUp { .. } => {}
        }
    }
    steps
}

/// How the time of a call was spent.
pub(super) fn stretches(events: &[CallEvent], now: Timestamp) -> Vec<Stretch> {
    let Some(begin) = events.first().map(|event| event.at) else {
        return Vec::new();
    };
    let ended = events
        .iter()
        .find(|event| matches!(event.kind, CallEventKind::Ended { .. }));
    let end = ended.map_or(now, |event| event.at);
    let whole = end.since(begin).as_micros().max(1);
    let part = |time: Duration| u64::try_from(time.as_micros() * 1_000 / whole).unwrap_or(0);
    let mut found = Vec::new();
    for (nth, event) in events.iter().enumerate() {
        let (class, until, what) = match &event.kind {
            CallEventKind::Ringing { leg, name, .. } => {
                let (class, _) = ring(&events[nth..], *leg, now);
                let class = if class == "answered" || class == "live" {
                    "ring"
                } else {
                    "ring-lost"
                };
                (class, leg_end(&events[nth..], *leg), format!("{name} rang"))
            }
            CallEventKind::Answered { .. } | CallEventKind::Resumed { .. } => {
                ("talk", talk_end(&events[nth..]), "talked".to_owned())
            }
            CallEventKind::Held { .. } => ("hold", talk_end(&events[nth..]), "on hold".to_owned()),
            _ => continue,
        };
        let until = until.unwrap_or(end);
        let from = part(event.at.since(begin));
        found.push(Stretch {
            class,
            from,
            width: part(until.since(begin)).saturating_sub(from).max(3),
            say: format!("{what} {}", short_length(until.since(event.at))),
        });
    }
    found
}

/// An event in words, for the table of all of them.
pub(super) fn in_words(kind: &CallEventKind) -> String {
    match kind {
        CallEventKind::Arrived => "The call arrived".into(),
        CallEventKind::Attributed { source, reason, .. } => joined(&[
            &format!("Attributed to {}", source.as_deref().unwrap_or("no source")),
            reason,
        ]),
        CallEventKind::Decided { step, reason } => {
            joined(&[&format!("Step {step:?} of the plan"), reason])
        }
        CallEventKind::Ringing { name, reason, .. } => {
            joined(&[&format!("{name} is being rung"), reason])
        }
        CallEventKind::Progress {
            code,
            early_media: true,
            ..
        } => {
            format!("The target answers {code}, with sound that the caller hears")
        }
        CallEventKind::Progress { code, .. } => format!("The target answers {code}"),
        CallEventKind::LegFailed {
            outcome,
            code,
            reason,
            ..
        } => joined(&[
            &format!("The target did not take it: {}", lost(*outcome, *code)),
            reason,
        ]),
        CallEventKind::PickedUp { reason, .. } => joined(&["The target picked up", reason]),
        CallEventKind::SoundFailed { reason } => joined(&["Something was not heard", reason]),
        CallEventKind::Answered { .. } => "The target answered".into(),
        CallEventKind::Transferring { reason, .. } => joined(&["A transfer begins", reason]),
        CallEventKind::TransferFailed { reason, .. } => {
            joined(&["The caller is not put through", reason])
        }
        CallEventKind::Left { .. } => "Whoever talked with the caller has left".into(),
        CallEventKind::Held { by } => format!("Put on hold by {}", party(*by)),
        CallEventKind::Resumed { by } => format!("Resumed by {}", party(*by)),
        CallEventKind::RecordingStarted { .. } => "Recording began".into(),
        CallEventKind::RecordingFailed { reason } => joined(&["Recording failed", reason]),
        CallEventKind::RecordingFinished { .. } => "Recording finished".into(),
        CallEventKind::HungUp { by } => format!("Hung up by {}", party(*by)),
        CallEventKind::Ended {
            disposition,
            code,
            reason,
        } => {
            let code = code
                .map(|code| format!("the caller was sent {code}"))
                .unwrap_or_default();
            joined(&[
                &format!(
                    "Ended: {}",
                    state_of(Some(*disposition)).word.to_lowercase()
                ),
                reason,
                &code,
            ])
        }
    }
}

/// How long a target rang and what came of it.
fn ring(events: &[CallEvent], leg: LegId, now: Timestamp) -> (&'static str, String) {
    let begin = events[0].at;
    for event in &events[1..] {
        let time = || short_length(event.at.since(begin));
        match &event.kind {
            CallEventKind::LegFailed {
                leg: lost_leg,
                outcome,
                code,
                reason,
            } if *lost_leg == leg => {
                let how = lost(*outcome, *code);
                let class = match outcome {
                    LegOutcome::Failed => "failed",
                    LegOutcome::Cancelled => "quiet",
                    _ => "missed",
                };
                // A reason that only says the same again is left out.
                let why = if reason.to_lowercase().contains(&lost(*outcome, None)) {
                    ""
                } else {
                    reason
                };
                return (class, joined(&[&format!("{}: {how}", time()), why]));
            }
            CallEventKind::Answered { leg: taken } if *taken == leg => {
                return ("answered", format!("{}, then answered", time()));
            }
            CallEventKind::Ended { .. } => return ("missed", format!("{}, until the end", time())),
            _ => {}
        }
    }
    ("live", format!("for {} so far", length(now.since(begin))))
}

fn leg_end(events: &[CallEvent], leg: LegId) -> Option<Timestamp> {
    let ends = |event: &&CallEvent| match &event.kind {
        CallEventKind::LegFailed { leg: other, .. } | CallEventKind::Answered { leg: other } => {
            *other == leg
        }
        CallEventKind::Ended { .. } => true,
        _ => false,
    };
    events[1..].iter().find(ends).map(|event| event.at)
}

fn talk_end(events: &[CallEvent]) -> Option<Timestamp> {
    let ends = |event: &&CallEvent| {
        matches!(
            event.kind,
            CallEventKind::Held { .. }
                | CallEventKind::Resumed { .. }
                | CallEventKind::Left { .. }
                | CallEventKind::HungUp { .. }
                | CallEventKind::Ended { .. }
        )
    };
    events[1..].iter().find(ends).map(|event| event.at)
}

fn talk(events: &[CallEvent], now: Timestamp) -> String {
    let over = |event: &&CallEvent| {
        matches!(
            event.kind,
            CallEventKind::Left { .. } | CallEventKind::HungUp { .. } | CallEventKind::Ended { .. }
        )
    };
    events.iter().find(over).map_or_else(
        || format!("talking for {} so far", length(now.since(events[0].at))),
        |event| format!("talked {}", short_length(event.at.since(events[0].at))),
    )
}

fn lost(outcome: LegOutcome, code: Option<u16>) -> String {
    let word = match outcome {
        LegOutcome::Answered => "answered",
        LegOutcome::Busy => "busy",
        LegOutcome::NoAnswer => "no answer",
        LegOutcome::Refused => "refused",
        LegOutcome::Failed => "failed",
        LegOutcome::Cancelled => "given up",
    };
    code.map_or_else(|| word.to_owned(), |code| format!("{word} ({code})"))
}

const fn party(party: Party) -> &'static str {
    match party {
        Party::Caller => "the caller",
        Party::Callee => "the target",
        Party::Server => "the server",
    }
}

fn joined(parts: &[&str]) -> String {
    let parts: Vec<&str> = parts
        .iter()
        .copied()
        .filter(|part| !part.is_empty())
        .collect();
    parts.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringfence_model::{AccountId, CallId, TargetId};

    fn story() -> Vec<CallEvent> {
        let begin = Timestamp::from_micros(0);
        let (first, second) = (LegId::new(begin, 1), LegId::new(begin, 2));
        let ringing = |leg, name: &str| CallEventKind::Ringing {
            leg,
            target: TargetId::new(begin, 1),
            name: name.into(),
            group: None,
            reason: String::new(),
        };
        let events = [
            (0, CallEventKind::Arrived),
            (1, ringing(first, "Ann")),
            (
                3,
                CallEventKind::LegFailed {
                    leg: first,
                    outcome: LegOutcome::Busy,
                    code: Some(486),
                    reason: "Ann was busy".into(),
                },
            ),
            (3, ringing(second, "Ben")),
            (5, CallEventKind::Answered { leg: second }),
            (9, CallEventKind::HungUp { by: Party::Caller }),
            (
                10,
                CallEventKind::Ended {
                    disposition: Disposition::Answered,
                    code: None,
                    reason: "the caller hung up".into(),
                },
            ),
        ];
        let (call, account) = (CallId::new(begin, 1), AccountId::new(begin, 1));
        (0..)
            .zip(events)
            .map(|(sequence, (seconds, kind))| CallEvent {
                call,
                account,
                sequence,
                at: begin + Duration::from_secs(seconds),
                kind,
            })
            .collect()
    }

    #[test]
    fn a_call_is_told_in_steps() {
        let now = Timestamp::from_micros(99_000_000);
        let told: Vec<_> = steps(&story(), now)
            .into_iter()
            .map(|step| (step.class, step.title, step.text))
            .collect();
        let step = |class, title: &str, text: &str| (class, title.to_owned(), text.to_owned());
        assert_eq!(
            told,
            [
                step("quiet", "Arrived", ""),
                step("missed", "Rang Ann", "2.0 s: busy (486)"),
                step("answered", "Rang Ben", "2.0 s, then answered"),
                step("answered", "Answered", "talked 4.0 s"),
                step("quiet", "Ended", "the caller hung up"),
            ]
        );
    }

    #[test]
    fn a_transfer_is_told_with_who_talked_how_long() {
        let mut events = story();
        let ended = events.split_off(5);
        let (first, second) = (
            LegId::new(Timestamp::from_micros(0), 2),
            LegId::new(events[0].at, 3),
        );
        let reason = "Ben puts the caller through to Cat".to_owned();
        for (seconds, kind) in [
            (6, CallEventKind::Transferring { leg: first, reason }),
            (7, CallEventKind::Left { leg: first }),
            (7, CallEventKind::Answered { leg: second }),
        ] {
            let mut event = events[0].clone();
            event.at = event.at + Duration::from_secs(seconds);
            event.kind = kind;
            events.push(event);
        }
        events.extend(ended);
        let told: Vec<_> = steps(&events, Timestamp::from_micros(99_000_000))
            .into_iter()
            .skip(3)
            .map(|step| (step.title, step.text))
            .collect();
        let step = |title: &str, text: &str| (title.to_owned(), text.to_owned());
        assert_eq!(
            told,
            [
                step("Answered", "talked 2.0 s"),
                step("Transfer", "Ben puts the caller through to Cat"),
                step("Answered", "talked 2.0 s"),
                step("Ended", "the caller hung up"),
            ]
        );
    }

    #[test]
    fn the_bar_shows_who_rang_and_how_long_they_spoke() {
        let bar = stretches(&story(), Timestamp::from_micros(99_000_000));
        let shown: Vec<_> = bar.iter().map(|s| (s.class, s.from, s.width)).collect();
        assert_eq!(
            shown,
            [
                ("ring-lost", 100, 200),
                ("ring", 300, 200),
                ("talk", 500, 400)
            ]
        );
    }
}
