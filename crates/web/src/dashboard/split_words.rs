//! Properties of calls and what they have of them, in words.

use std::fmt::Write as _;

use jiff::civil::date;
use ringfence_model::{
    Account, Disposition, E164, Lead, RelativeSpan, ReportQuestion, ReportSpan, Split,
};

use super::words::{phone, state_of};
use super::worth::lead_name;

pub(super) const WEEKDAYS: [&str; 7] = [
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
];

/// What people call a property.
pub(super) const fn property_name(split: Split) -> &'static str {
    match split {
        Split::Source => "Source",
        Split::Campaign => "Campaign",
        Split::Keyword => "Keyword",
        Split::LandingPage => "Landing page",
        Split::Language => "Visitor's language",
        Split::Device => "Visitor's device",
        Split::Number => "Number",
        Split::Target => "Answered by",
        Split::Disposition => "Outcome",
        Split::Lead => "Lead",
        Split::Day => "Day",
        Split::Weekday => "Weekday",
        Split::Hour => "Hour",
    }
}

/// What people call days that move with today.
pub(super) const fn span_name(span: RelativeSpan) -> &'static str {
    match span {
        RelativeSpan::Yesterday => "yesterday",
        RelativeSpan::LastSevenDays => "last 7 days",
        RelativeSpan::LastThirtyDays => "last 30 days",
        RelativeSpan::LastNinetyDays => "last 90 days",
        RelativeSpan::LastWeek => "last week",
        RelativeSpan::ThisMonth => "this month",
        RelativeSpan::LastMonth => "last month",
    }
}

/// What a report asks: `Source and campaign, last 7 days, missed calls from Google Ads`.
pub(super) fn asked_in_words(question: &ReportQuestion) -> String {
    let mut words = property_name(question.by).to_owned();
    if let Some(and) = question.and {
        let _ = write!(words, " and {}", lower(property_name(and)));
    }
    match question.span {
        ReportSpan::Relative(span) => {
            let _ = write!(words, ", {}", span_name(span));
        }
        ReportSpan::Days { first, last } => {
            let day = |day: jiff::civil::Date| day.strftime("%-d %b %Y").to_string();
            let _ = write!(words, ", {} to {}", day(first), day(last));
        }
    }
    let outcome = question
        .outcome
        .map(|one| lower(state_of(Some(one)).word) + " ");
    if outcome.is_some() || question.source.is_some() || question.number.is_some() {
        let _ = write!(words, ", {}calls", outcome.unwrap_or_default());
    }
    if let Some(source) = &question.source {
        let _ = write!(words, " from {source}");
    }
    if question.number.is_some() {
        words.push_str(" to one number");
    }
    words
}

fn lower(word: &str) -> String {
    word.to_lowercase()
}

/// What stands where a call has nothing of a property.
pub(super) const fn nothing_of(split: Split) -> &'static str {
    match split {
        Split::Source => "Not attributed",
        Split::Target => "Nobody",
        Split::Disposition => "Under way",
        Split::Lead => "Nobody said",
        _ => "Not known",
    }
}

/// What a call has of a property, from what its row holds. Without an account it is for a file: a day as 2026-11-27, a
/// number as E.164.
pub(super) fn shown(split: Split, text: &str, account: Option<&Account>) -> String {
    let number = || text.parse::<i64>().ok();
    let words = match split {
        Split::Number => account.and_then(|account| {
            let number: E164 = text.parse().ok()?;
            Some(phone(&number, account))
        }),
        Split::Disposition if account.is_some() => {
            Disposition::from_word(text).map(|one| state_of(Some(one)).word.to_owned())
        }
        Split::Lead if account.is_some() => {
            Lead::from_word(text).map(|lead| lead_name(lead).to_owned())
        }
        Split::Day => number().and_then(|days| {
            let day = date(1970, 1, 1).checked_add(jiff::Span::new().try_days(days).ok()?);
            let pattern = if account.is_some() {
                "%a %-d %b %Y"
            } else {
                "%Y-%m-%d"
            };
            Some(day.ok()?.strftime(pattern).to_string())
        }),
        Split::Weekday => number()
            .and_then(|day| WEEKDAYS.get(usize::try_from(day).ok()?))
            .map(|day| (*day).to_owned()),
        Split::Hour => number().map(|hour| format!("{hour:02}:00")),
        _ => None,
    };
    words.unwrap_or_else(|| text.to_owned())
}

/// Everything that calls can have of a property, in order, where that is little; `None` of it is nothing.
pub(super) fn columns_of(split: Split) -> Option<Vec<Option<String>>> {
    let numbers = |most: u8| (0..most).map(|number| Some(number.to_string())).collect();
    match split {
        Split::Hour => Some(numbers(24)),
        Split::Weekday => Some(numbers(7)),
        Split::Disposition => Some(
            Disposition::ALL
                .iter()
                .map(|one| Some(one.as_str().to_owned()))
                .chain([None])
                .collect(),
        ),
        Split::Lead => Some(
            Lead::ALL
                .iter()
                .map(|lead| Some(lead.as_str().to_owned()))
                .chain([None])
                .collect(),
        ),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_reads_as_words() {
        let words = |query: &str| asked_in_words(&ReportQuestion::parse(query).unwrap());
        assert_eq!(words(""), "Source, last 30 days");
        let long =
            "by=weekday&and=hour&from=2026-11-01&to=2026-11-30&outcome=missed&source=Google+Ads";
        assert_eq!(
            words(long),
            "Weekday and hour, 1 Nov 2026 to 30 Nov 2026, missed calls from Google Ads"
        );
        assert_eq!(words("source=X"), "Source, last 30 days, calls from X");
    }

    #[test]
    fn times_are_in_words() {
        assert_eq!(shown(Split::Day, "20784", None), "2026-11-27");
        assert_eq!(shown(Split::Weekday, "4", None), "Friday");
        assert_eq!(shown(Split::Hour, "9", None), "09:00");
        assert_eq!(shown(Split::Source, "9", None), "9");
        assert_eq!(shown(Split::Weekday, "9", None), "9");
    }
}
