//! From what was seen from each vantage to what a page is.

use ringfence_model::LookOutcome;

use crate::look::Verdict;

/// What a page was from one vantage, by its verdict, the status (RFC 9110 §15) that it came with and whether it came from
/// one of the site's own hosts. An ordinary page that is an error's, or another site's, is not the page that visitors see.
pub fn outcome_of_view(verdict: Verdict, status: u16, own: bool) -> LookOutcome {
    match verdict {
        Verdict::Scam => LookOutcome::Scam,
        Verdict::Suspicious => LookOutcome::Suspicious,
        Verdict::Clean if status >= 400 || !own => LookOutcome::Unseen,
        Verdict::Clean => LookOutcome::Clean,
    }
}

/// What a page is, by the worst that was seen of it; unseen when nothing was.
pub fn outcome_of_look(views: impl IntoIterator<Item = LookOutcome>) -> LookOutcome {
    views
        .into_iter()
        .filter(|outcome| *outcome != LookOutcome::Unseen)
        .max()
        .unwrap_or(LookOutcome::Unseen)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_that_was_seen_counts_and_an_errors_page_is_not_the_page() {
        assert_eq!(
            outcome_of_view(Verdict::Clean, 200, true),
            LookOutcome::Clean
        );
        assert_eq!(
            outcome_of_view(Verdict::Clean, 404, true),
            LookOutcome::Unseen
        );
        assert_eq!(
            outcome_of_view(Verdict::Clean, 200, false),
            LookOutcome::Unseen
        );
        assert_eq!(
            outcome_of_view(Verdict::Scam, 404, false),
            LookOutcome::Scam
        );
        let [clean, scam, unseen] = [LookOutcome::Clean, LookOutcome::Scam, LookOutcome::Unseen];
        assert_eq!(outcome_of_look([clean, scam, unseen]), scam);
        assert_eq!(outcome_of_look([unseen, clean]), clean);
        assert_eq!(outcome_of_look([unseen]), unseen);
        assert_eq!(outcome_of_look([]), unseen);
    }
}
