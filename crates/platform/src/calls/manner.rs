//! How a step of a plan wants its targets rung: what they hear and press first, what they see, and what is recorded.

use ringfence_callflow::{Manner, Recorded, Sound};
use ringfence_model::{CallerIdShown, E164, PlanDocument, Record, Step};
use ringfence_routing::RingOptions;

/// The manner of a step. `records` is what the account wants where the step says nothing; `language` is what the group's
/// targets are told in when the step names no prompt for its key.
pub(super) fn of_step(options: &RingOptions, records: bool, language: Option<&str>) -> Manner {
    let accept_key = options
        .accept_key
        .as_ref()
        .and_then(|key| key.chars().next());
    let whisper = match (&options.whisper, accept_key) {
        (Some(prompt), _) => Some(prompt.clone()),
        (None, Some(key)) => Some(asks_for(key, language).to_owned()),
        (None, None) => None,
    };
    Manner {
        whisper: whisper.map(Sound::prompt),
        accept_key,
        record: recorded(options.record.as_ref(), records),
        ..Manner::default()
    }
}

/// The manner of a number that the plan forwards to.
pub(super) fn of_forward(records: bool) -> Manner {
    Manner {
        record: recorded(None, records),
        ..Manner::default()
    }
}

fn recorded(step: Option<&Record>, records: bool) -> Recorded {
    match step {
        Some(Record::AfterConsent(prompt)) => {
            Recorded::AfterConsent(Sound::prompt(prompt.consent.clone()))
        }
        Some(Record::Always(true)) => Recorded::Yes,
        None if records => Recorded::Yes,
        Some(Record::Always(false)) | None => Recorded::No,
    }
}

/// The prompt that every installation has for a key; for most keys there is but a tone.
fn asks_for(key: char, language: Option<&str>) -> &'static str {
    let is_german = language
        .and_then(|range| range.get(..2))
        .is_some_and(|language| language.eq_ignore_ascii_case("de"));
    match (key, is_german) {
        ('1', true) => "builtin:de/press-1-to-accept",
        ('1', false) => "builtin:en/press-1-to-accept",
        _ => "builtin:beep",
    }
}

/// Whether a step of the plan wants conversations recorded that the account does not.
pub(super) fn wants_recordings(document: &PlanDocument) -> bool {
    let wants = |record: Option<&Record>| {
        matches!(record, Some(Record::Always(true) | Record::AfterConsent(_)))
    };
    document.steps.values().any(|step| match step {
        Step::Ring(ring) => wants(ring.record.as_ref()),
        Step::Queue(queue) => wants(queue.record.as_ref()),
        _ => false,
    })
}

/// The numbers that a plan shows to its targets.
pub(crate) fn shown_numbers(document: &PlanDocument) -> impl Iterator<Item = (&str, &E164)> {
    document.steps.iter().filter_map(|(name, step)| match step {
        Step::Ring(ring) => match &ring.caller_id {
            CallerIdShown::Number(number) => Some((name.as_str(), number)),
            CallerIdShown::Caller | CallerIdShown::Dialled => None,
        },
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringfence_model::ConsentPrompt;

    #[test]
    fn a_step_stands_before_the_account_in_what_is_recorded() {
        let consent = Record::AfterConsent(ConsentPrompt {
            consent: "recorded".into(),
        });
        let after = Recorded::AfterConsent(Sound::prompt("recorded"));
        for (step, records, expected) in [
            (None, true, Recorded::Yes),
            (None, false, Recorded::No),
            (Some(Record::Always(false)), true, Recorded::No),
            (Some(Record::Always(true)), false, Recorded::Yes),
            (Some(consent), false, after),
        ] {
            let options = RingOptions {
                record: step,
                ..RingOptions::default()
            };
            assert_eq!(of_step(&options, records, None).record, expected);
        }
    }

    #[test]
    fn who_has_to_press_a_key_is_told_so_in_its_language() {
        for (key, language, prompt) in [
            ("1", Some("de-AT"), "builtin:de/press-1-to-accept"),
            ("1", None, "builtin:en/press-1-to-accept"),
            ("5", Some("de"), "builtin:beep"),
        ] {
            let options = RingOptions {
                accept_key: Some(key.into()),
                ..RingOptions::default()
            };
            let manner = of_step(&options, true, language);
            assert_eq!(manner.whisper, Some(Sound::prompt(prompt)));
        }
    }
}
