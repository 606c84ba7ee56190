//! What a report says: its rows in words, and all of it as a file.

use bytes::Bytes;
use ringfence_model::{Account, Money, ReportQuestion, Split};
use ringfence_platform::reports::percent;
use ringfence_platform::splits::{Days, SplitCount, SplitReport};

use super::split_words::{nothing_of, shown};
use super::words::{count, counted, length};
use crate::call_table::{inert, table};

/// A row as people read it.
pub(crate) struct Row {
    pub(crate) one: String,
    pub(crate) other: String,
    pub(crate) calls: String,
    pub(crate) width: u64,
    pub(crate) answered: Option<u64>,
    pub(crate) missed: String,
    pub(crate) talk: String,
    pub(crate) qualified: String,
    pub(crate) converted: String,
    pub(crate) value: String,
}

/// How many calls, and of which days.
pub(crate) fn lead(calls: u64, days: Days) -> String {
    format!(
        "{} from {} to {}.",
        counted(calls, "call", "calls"),
        days.first().strftime("%-d %b %Y"),
        days.last().strftime("%-d %b %Y"),
    )
}

/// Calls of the row that has most.
pub(crate) fn most_calls(report: &SplitReport) -> u64 {
    report.rows.iter().map(|row| row.calls).max().unwrap_or(1)
}

/// What the file of a report is called.
pub(crate) fn file_name(days: Days) -> String {
    format!("report-{}-{}.csv", days.first(), days.last())
}

/// Every row as CSV (RFC 4180).
///
/// # Errors
/// When the lines cannot be written.
pub(crate) fn file(
    question: &ReportQuestion,
    report: &SplitReport,
    account: &Account,
) -> std::io::Result<Bytes> {
    let (one, other) = (question.by, question.and);
    let money = Money::of(account);
    let head = [
        one.as_str(),
        other.map_or("", Split::as_str),
        "calls",
        "answered",
        "missed",
        "talk_seconds",
        "qualified",
        "converted",
        "value",
        "currency",
    ];
    let lines = report.rows.iter().map(|row| {
        let text = |split: Split, text: &Option<String>| {
            text.as_ref()
                .map(|text| inert(shown(split, text, None)))
                .unwrap_or_default()
        };
        [
            text(one, &row.one),
            other
                .map(|other| text(other, &row.other))
                .unwrap_or_default(),
            row.calls.to_string(),
            row.answered.to_string(),
            row.missed.to_string(),
            (row.talk / 1_000_000).to_string(),
            row.qualified.to_string(),
            row.converted.to_string(),
            money.plain(row.value),
            money.code().to_owned(),
        ]
    });
    table(std::iter::once(head.map(str::to_owned)).chain(lines))
}

/// A row as people read it; `most` is the longest bar.
pub(crate) fn view(
    row: &SplitCount,
    (one, other): (Split, Option<Split>),
    most: u64,
    account: &Account,
) -> Row {
    let name = |split: Split, text: &Option<String>| named(split, text.as_deref(), account);
    let talk = u64::try_from(row.talk).unwrap_or_default() / 1_000_000;
    Row {
        one: name(one, &row.one),
        other: other
            .map(|other| name(other, &row.other))
            .unwrap_or_default(),
        calls: count(row.calls),
        width: percent(row.calls, most).unwrap_or(0).clamp(1, 100),
        answered: percent(row.answered, row.calls),
        missed: count(row.missed),
        talk: match talk.checked_div(row.answered) {
            Some(mean) => length(std::time::Duration::from_secs(mean)),
            None => "–".into(),
        },
        qualified: count(row.qualified),
        converted: count(row.converted),
        value: match row.value {
            0 => String::new(),
            value => Money::of(account).shown(value).to_string(),
        },
    }
}

/// What a row has of a property, in words.
pub(super) fn named(split: Split, text: Option<&str>, account: &Account) -> String {
    match text {
        Some(text) => shown(split, text, Some(account)),
        None => nothing_of(split).to_owned(),
    }
}
