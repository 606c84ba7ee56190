//! What a leg's failure means, and what the caller's side is told when every leg failed.

use ringfence_model::{Disposition, LegOutcome};
use ringfence_routing::Refusal;

use crate::LegFailure;

/// How a call that nobody answered ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub disposition: Disposition,
    pub code: u16,
    pub reason: String,
}

/// The outcome, the code and the words of a failed leg.
pub(crate) fn of_leg(failure: LegFailure) -> (LegOutcome, Option<u16>, String) {
    match failure {
        LegFailure::Unreachable(reason) => (LegOutcome::Failed, None, reason),
        LegFailure::HungUp => {
            let reason = "it answered, and hung up before it was put through".to_owned();
            (LegOutcome::Refused, None, reason)
        }
        LegFailure::Response { code, phrase } => {
            let outcome = match code {
                486 | 600 => LegOutcome::Busy,
                408 | 480 | 487 => LegOutcome::NoAnswer,
                500..=599 => LegOutcome::Failed,
                _ => LegOutcome::Refused,
            };
            let mut reason = format!("{code} {phrase}");
            if (300..400).contains(&code) {
                reason.push_str(" (redirections are not followed)");
            }
            (outcome, Some(code), reason.trim_end().to_owned())
        }
    }
}

/// The end of a call whose legs ended in `outcomes`, none of them answered; `last` are the words of the last.
pub(crate) fn of_call(
    outcomes: &[LegOutcome],
    last: Option<&str>,
    refusal: Option<Refusal>,
) -> Verdict {
    let disposition = if outcomes.is_empty() && refusal.is_some() {
        Disposition::Rejected
    } else {
        Disposition::Missed
    };
    if let Some(Refusal { code, reason }) = refusal {
        return Verdict {
            disposition,
            code,
            reason,
        };
    }
    let any = |outcome| outcomes.contains(&outcome);
    let (code, why) = if outcomes.is_empty() {
        (480, "there is no enabled target to ring")
    } else if any(LegOutcome::NoAnswer) {
        (480, "no target answered")
    } else if any(LegOutcome::Busy) {
        (486, "every target that could be reached was busy")
    } else if any(LegOutcome::Refused) {
        (480, "every target refused")
    } else {
        (503, "no target could be reached")
    };
    let reason = last.map_or_else(
        || why.to_owned(),
        |last| format!("{why}; the last one: {last}"),
    );
    Verdict {
        disposition,
        code,
        reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_hopeful_outcome_decides_what_the_caller_is_told() {
        use LegOutcome::{Busy, Failed, NoAnswer, Refused};
        for (outcomes, code) in [
            (&[][..], 480),
            (&[Busy, Busy][..], 486),
            (&[Busy, NoAnswer][..], 480),
            (&[Failed, Busy][..], 486),
            (&[Refused, Failed][..], 480),
            (&[Failed, Failed][..], 503),
        ] {
            assert_eq!(of_call(outcomes, None, None).code, code, "{outcomes:?}");
        }
    }

    #[test]
    fn the_plans_own_code_comes_before_all() {
        let refusal = Some(Refusal {
            code: 410,
            reason: "closed".into(),
        });
        let early = of_call(&[], None, refusal.clone());
        assert_eq!(
            (early.disposition, early.code),
            (Disposition::Rejected, 410)
        );
        let late = of_call(&[LegOutcome::Busy], None, refusal);
        assert_eq!((late.disposition, late.code), (Disposition::Missed, 410));
    }

    #[test]
    fn codes_fall_into_their_outcomes() {
        for (code, outcome) in [
            (302, LegOutcome::Refused),
            (404, LegOutcome::Refused),
            (408, LegOutcome::NoAnswer),
            (480, LegOutcome::NoAnswer),
            (486, LegOutcome::Busy),
            (503, LegOutcome::Failed),
            (600, LegOutcome::Busy),
            (603, LegOutcome::Refused),
        ] {
            let phrase = String::new();
            assert_eq!(of_leg(LegFailure::Response { code, phrase }).0, outcome);
        }
    }
}
