//! What a report asks, and reports that are kept under a name.
//!
//! A question is the query string of its page. Spans such as the last seven days stay relative: what they are is said by
//! whoever knows the day.

use std::fmt;

use jiff::civil::Date;
use jiff::{Span, ToSpan as _};

use serde::{Deserialize, Serialize};

use crate::records::words;
use crate::{AccountId, Disposition, NumberId, SavedReportId, Split, Timestamp};

/// The longest name of a source that a question holds, in octets.
const LONGEST_SOURCE: usize = 500;

words! {
    /// Days that move with today; a week begins on Monday.
    RelativeSpan {
        /// The day before today.
        Yesterday = "yesterday",
        /// Today and the six days before it.
        LastSevenDays = "last_7_days",
        /// Today and the 29 days before it.
        LastThirtyDays = "last_30_days",
        /// Today and the 89 days before it.
        LastNinetyDays = "last_90_days",
        /// The week before this one.
        LastWeek = "last_week",
        /// From the first of this month to today.
        ThisMonth = "this_month",
        /// The month before this one.
        LastMonth = "last_month",
    }
}

impl RelativeSpan {
    /// Its first and its last day, as of `today`.
    pub fn days(self, today: Date) -> (Date, Date) {
        let before = |days: Span| today.saturating_sub(days);
        match self {
            Self::Yesterday => (before(1.day()), before(1.day())),
            Self::LastSevenDays => (before(6.days()), today),
            Self::LastThirtyDays => (before(29.days()), today),
            Self::LastNinetyDays => (before(89.days()), today),
            Self::LastWeek => {
                let monday = before(today.weekday().to_monday_zero_offset().days());
                (
                    monday.saturating_sub(7.days()),
                    monday.saturating_sub(1.day()),
                )
            }
            Self::ThisMonth => (today.first_of_month(), today),
            Self::LastMonth => {
                let last = today.first_of_month().saturating_sub(1.day());
                (last.first_of_month(), last)
            }
        }
    }
}

/// Which days a report is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportSpan {
    /// Those that move with today.
    Relative(RelativeSpan),
    /// Always the same, both with it.
    Days {
        /// The first.
        first: Date,
        /// The last.
        last: Date,
    },
}

/// What a report asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportQuestion {
    /// The property that calls are split by.
    pub by: Split,
    /// Another one.
    pub and: Option<Split>,
    /// Which days.
    pub span: ReportSpan,
    /// Only calls that ended so.
    pub outcome: Option<Disposition>,
    /// Only calls of the source of this name.
    pub source: Option<String>,
    /// Only calls to this number.
    pub number: Option<NumberId>,
}

/// A query string that asks for no report.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: expected {expected}, got {got:?}")]
pub struct QuestionError {
    /// Which part of it.
    pub field: &'static str,
    expected: String,
    got: String,
}

impl QuestionError {
    fn new(field: &'static str, expected: impl Into<String>, got: &str) -> Self {
        Self {
            field,
            expected: expected.into(),
            got: got.chars().take(100).collect(),
        }
    }
}

impl Default for ReportQuestion {
    fn default() -> Self {
        Self {
            by: Split::Source,
            and: None,
            span: ReportSpan::Relative(RelativeSpan::LastThirtyDays),
            outcome: None,
            source: None,
            number: None,
        }
    }
}

impl ReportQuestion {
    /// Reads the query string of the page, without its question mark: `by=source&and=campaign&span=last_7_days`. What is
    /// left out or empty is as in [`ReportQuestion::default`]; `span` goes before `from` and `to`.
    ///
    /// # Errors
    /// [`QuestionError`] with the first part that is understood by no report.
    pub fn parse(query: &str) -> Result<Self, QuestionError> {
        let mut question = Self::default();
        let (mut span, mut from, mut to) = (None, None, None);
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            if value.is_empty() {
                continue;
            }
            let value = value.as_ref();
            match name.as_ref() {
                "by" => question.by = word("by", value, Split::from_word, &named(Split::ALL))?,
                "and" => {
                    question.and = Some(word("and", value, Split::from_word, &named(Split::ALL))?);
                }
                "span" => {
                    let words: Vec<_> = RelativeSpan::ALL.iter().map(|one| one.as_str()).collect();
                    span = Some(word("span", value, RelativeSpan::from_word, &words)?);
                }
                "from" => from = Some(date("from", value)?),
                "to" => to = Some(date("to", value)?),
                "outcome" => {
                    let words: Vec<_> = Disposition::ALL.iter().map(|one| one.as_str()).collect();
                    let outcome = word("outcome", value, Disposition::from_word, &words)?;
                    question.outcome = Some(outcome);
                }
                "source" if value.len() <= LONGEST_SOURCE && !value.contains('\0') => {
                    question.source = Some(value.to_owned());
                }
                "source" => {
                    let expected = format!("the name of a source, at most {LONGEST_SOURCE} octets");
                    return Err(QuestionError::new("source", expected, value));
                }
                "number" => {
                    let number = value.parse();
                    question.number = Some(number.map_err(|_| {
                        QuestionError::new("number", "the identifier of a number", value)
                    })?);
                }
                other => {
                    let expected = "by, and, span, from, to, outcome, source or number";
                    return Err(QuestionError::new("query", expected, other));
                }
            }
        }
        question.span = match (span, from, to) {
            (Some(span), _, _) => ReportSpan::Relative(span),
            (None, None, None) => question.span,
            (None, Some(first), Some(last)) => ReportSpan::Days { first, last },
            (None, from, _) => {
                let missing = if from.is_none() { "from" } else { "to" };
                let expected = "from and to together, or a span such as last_7_days";
                return Err(QuestionError::new(missing, expected, ""));
            }
        };
        if question.and == Some(question.by) {
            question.and = None;
        }
        Ok(question)
    }

    /// As the query string of the page; [`ReportQuestion::parse`] reads the same question from it.
    pub fn query(&self) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("by", self.by.as_str());
        if let Some(and) = self.and {
            query.append_pair("and", and.as_str());
        }
        match self.span {
            ReportSpan::Relative(span) => {
                query.append_pair("span", span.as_str());
            }
            ReportSpan::Days { first, last } => {
                query.append_pair("from", &first.to_string());
                query.append_pair("to", &last.to_string());
            }
        }
        if let Some(outcome) = self.outcome {
            query.append_pair("outcome", outcome.as_str());
        }
        if let Some(source) = &self.source {
            query.append_pair("source", source);
        }
        if let Some(number) = self.number {
            query.append_pair("number", &number.to_string());
        }
        query.finish()
    }
}

impl fmt::Display for ReportQuestion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.query())
    }
}

fn named(splits: &[Split]) -> Vec<&'static str> {
    splits.iter().map(|one| one.as_str()).collect()
}

fn word<T>(
    field: &'static str,
    value: &str,
    read: fn(&str) -> Option<T>,
    words: &[&str],
) -> Result<T, QuestionError> {
    read(value)
        .ok_or_else(|| QuestionError::new(field, format!("one of {}", words.join(", ")), value))
}

fn date(field: &'static str, value: &str) -> Result<Date, QuestionError> {
    value
        .parse()
        .map_err(|_| QuestionError::new(field, "a day such as 2026-11-27", value))
}

/// A report that is kept under a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedReport {
    /// Its identifier.
    pub id: SavedReportId,
    /// Whose it is.
    pub account: AccountId,
    /// What people call it; no two of an account are called the same.
    pub name: String,
    /// What it asks.
    pub question: ReportQuestion,
    /// Who saved it: the address of a user, the name of a key.
    pub made_by: String,
    /// When it was saved.
    pub created_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn a_question_is_its_query_string_and_back() {
        let question = ReportQuestion {
            by: Split::Weekday,
            and: Some(Split::Hour),
            span: ReportSpan::Days {
                first: date(2026, 11, 1),
                last: date(2026, 11, 30),
            },
            outcome: Some(Disposition::Missed),
            source: Some("Google Ads & more=+é".into()),
            number: Some(NumberId::new(Timestamp::from_micros(5), 7)),
        };
        let query = question.query();
        assert_eq!(ReportQuestion::parse(&query), Ok(question), "{query}");
        let usual = ReportQuestion::default();
        assert_eq!(usual.query(), "by=source&span=last_30_days");
        assert_eq!(ReportQuestion::parse(&usual.query()), Ok(usual.clone()));
        assert_eq!(ReportQuestion::parse("and=&from=&to="), Ok(usual));
        let both = ReportQuestion::parse("span=last_week&from=2026-01-01&by=day&and=day");
        let both = both.unwrap();
        assert_eq!(both.query(), "by=day&span=last_week");
    }

    #[test]
    fn what_asks_for_no_report_is_refused_with_its_part() {
        for (query, said) in [
            ("by=colour", "by: expected one of source, campaign"),
            ("span=soon", "span: expected one of yesterday, last_7_days"),
            ("from=2026-11-01", "to: expected from and to together"),
            ("from=soon&to=2026-11-01", "from: expected a day such as"),
            ("number=7", "number: expected the identifier of a number"),
            ("colour=red", "query: expected by, and, span"),
            ("source=%00", "source: expected the name of a source"),
        ] {
            let error = ReportQuestion::parse(query).unwrap_err().to_string();
            assert!(error.starts_with(said), "{query}: {error}");
        }
        let long = format!("source={}", "x".repeat(LONGEST_SOURCE + 1));
        assert!(ReportQuestion::parse(&long).is_err());
    }

    #[test]
    fn spans_move_with_the_day() {
        // A Saturday.
        let today = date(2026, 11, 28);
        let days = |span: RelativeSpan| {
            let (first, last) = span.days(today);
            format!("{first} {last}")
        };
        assert_eq!(days(RelativeSpan::Yesterday), "2026-11-27 2026-11-27");
        assert_eq!(days(RelativeSpan::LastSevenDays), "2026-11-22 2026-11-28");
        assert_eq!(days(RelativeSpan::LastThirtyDays), "2026-10-30 2026-11-28");
        assert_eq!(days(RelativeSpan::LastNinetyDays), "2026-08-31 2026-11-28");
        assert_eq!(days(RelativeSpan::LastWeek), "2026-11-16 2026-11-22");
        assert_eq!(days(RelativeSpan::ThisMonth), "2026-11-01 2026-11-28");
        assert_eq!(days(RelativeSpan::LastMonth), "2026-10-01 2026-10-31");
        let monday = RelativeSpan::LastWeek.days(date(2027, 1, 4));
        assert_eq!(monday, (date(2026, 12, 28), date(2027, 1, 3)));
        let january = RelativeSpan::LastMonth.days(date(2027, 1, 31));
        assert_eq!(january, (date(2026, 12, 1), date(2026, 12, 31)));
    }
}
