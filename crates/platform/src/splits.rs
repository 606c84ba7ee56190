//! Reports by choice: the calls of a span, split by one property of theirs or two, for people and for programs.

use std::collections::BTreeMap;

use futures::future::BoxFuture;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use ringfence_model::{Account, ReportQuestion, ReportSpan, Split, Timestamp};
pub use ringfence_store::SplitCount;
use ringfence_store::{CallFilter, Offsets, StoreError};

use crate::Platform;
use crate::reports::zone_of;

/// Rows of a report at most.
pub const MOST_ROWS: u32 = 5_000;

/// Days of a report at most: clocks are changed no more than three times in them.
pub const MOST_DAYS: i64 = 370;

/// The days of a report, the first and the last, in the account's zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Days {
    first: Date,
    last: Date,
}

/// Days of which no report can be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected a first day that is not after the last, and at most {MOST_DAYS} days, got {first} to {last}"
)]
pub struct DaysError {
    first: Date,
    last: Date,
}

impl Days {
    /// From one day to another, both with it.
    ///
    /// # Errors
    /// [`DaysError`].
    pub fn new(first: Date, last: Date) -> Result<Self, DaysError> {
        let days = (last - first).get_days();
        if first > last || i64::from(days) >= MOST_DAYS {
            return Err(DaysError { first, last });
        }
        Ok(Self { first, last })
    }

    /// Those of a span at `now`, as the account counts its days.
    ///
    /// # Errors
    /// [`DaysError`] for days that are always the same and too many.
    pub fn of(span: ReportSpan, account: &Account, now: Timestamp) -> Result<Self, DaysError> {
        let (first, last) = match span {
            ReportSpan::Relative(span) => {
                span.days(now.to_jiff().to_zoned(zone_of(account)).date())
            }
            ReportSpan::Days { first, last } => (first, last),
        };
        Self::new(first, last)
    }

    /// The first of them.
    pub const fn first(self) -> Date {
        self.first
    }

    /// The last of them.
    pub const fn last(self) -> Date {
        self.last
    }

    /// From the beginning of the first to the end of the last.
    fn span(self, zone: &TimeZone) -> (Timestamp, Timestamp) {
        let begin = |date: Date| {
            let zoned = zone.to_ambiguous_zoned(date.to_datetime(Time::midnight()));
            zoned
                .compatible()
                .map_or(Timestamp::from_micros(0), |zoned| zoned.timestamp().into())
        };
        let after = self.last.tomorrow().unwrap_or(self.last);
        (begin(self.first), begin(after))
    }
}

/// A day as people write it, `2026-11-27`, from its number since 1970; what is no such number stays as it is.
pub fn day_of(text: &str) -> String {
    let day = text.parse::<i64>().ok().and_then(|days| {
        let days = jiff::Span::new().try_days(days).ok()?;
        Date::constant(1970, 1, 1).checked_add(days).ok()
    });
    day.map_or_else(|| text.to_owned(), |day| day.to_string())
}

/// A report: its rows, most calls first, and all of them together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SplitReport {
    /// The rows.
    pub rows: Vec<SplitCount>,
    /// All rows together; its properties are empty.
    pub all: SplitCount,
    /// There are more rows than a report has.
    pub cut: bool,
}

/// Which calls a question is about, but for its days.
pub fn filter_of(question: &ReportQuestion) -> CallFilter {
    CallFilter {
        disposition: question.outcome,
        source: question.source.clone(),
        number: question.number,
        ..CallFilter::default()
    }
}

impl Platform {
    /// The calls of some days that fit a filter's ending, source and number, split by one property or two.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub fn split<'a>(
        &'a self,
        account: &'a Account,
        days: Days,
        (one, other): (Split, Option<Split>),
        filter: &'a CallFilter,
    ) -> BoxFuture<'a, Result<SplitReport, StoreError>> {
        Box::pin(async move {
            let zone = zone_of(account);
            let span = days.span(&zone);
            let offsets = offsets(&zone, span);
            let split = (one, other);
            let found = self
                .db
                .split_calls(account.id, span, split, &offsets, filter, MOST_ROWS + 1)
                .await?;
            Ok(report(found, split))
        })
    }
}

fn report(mut found: Vec<SplitCount>, (one, other): (Split, Option<Split>)) -> SplitReport {
    let cut = found.len() > MOST_ROWS as usize;
    found.truncate(MOST_ROWS as usize);
    let mut all = nothing();
    let mut rows: BTreeMap<(Option<String>, Option<String>), SplitCount> = BTreeMap::new();
    for mut row in found {
        add(&mut all, &row);
        row.one = row.one.and_then(|text| shortened(text, one));
        row.other = row
            .other
            .and_then(|text| other.and_then(|other| shortened(text, other)));
        let key = (row.one.clone(), row.other.clone());
        match rows.get_mut(&key) {
            Some(sum) => add(sum, &row),
            None => {
                rows.insert(key, row);
            }
        }
    }
    // A time has an order of its own; anything else is ranked.
    let mut rows: Vec<SplitCount> = rows.into_values().collect();
    rows.sort_by(|row, next| {
        let place = |row: &SplitCount| {
            let time = |split: Split, text: &Option<String>| {
                let is_time = matches!(split, Split::Day | Split::Weekday | Split::Hour);
                is_time.then(|| text.as_ref().and_then(|text| text.parse::<i64>().ok()))
            };
            let second = other.and_then(|other| time(other, &row.other));
            (time(one, &row.one), second)
        };
        let (place, next_place) = (place(row), place(next));
        place
            .0
            .cmp(&next_place.0)
            .then_with(|| next.calls.cmp(&row.calls))
            .then_with(|| place.1.cmp(&next_place.1))
    });
    SplitReport { rows, all, cut }
}

const fn nothing() -> SplitCount {
    SplitCount {
        one: None,
        other: None,
        calls: 0,
        answered: 0,
        missed: 0,
        talk: 0,
        qualified: 0,
        converted: 0,
        value: 0,
    }
}

const fn add(sum: &mut SplitCount, row: &SplitCount) {
    sum.calls += row.calls;
    sum.answered += row.answered;
    sum.missed += row.missed;
    sum.talk += row.talk;
    sum.qualified += row.qualified;
    sum.converted += row.converted;
    sum.value += row.value;
}

/// A landing page is the same whatever its query; what was erased is nothing.
fn shortened(text: String, split: Split) -> Option<String> {
    let text = match split {
        Split::LandingPage => match text.find(['?', '#']) {
            Some(at) => text[..at].to_owned(),
            None => text,
        },
        _ => text,
    };
    (!text.is_empty()).then_some(text)
}

/// How far the zone is off UTC in the span; changes of its clocks after the third are left out, which no span of
/// [`MOST_DAYS`] has.
fn offsets(zone: &TimeZone, (from, to): (Timestamp, Timestamp)) -> Offsets {
    let off = |at: jiff::Timestamp| i64::from(zone.to_offset(at).seconds()) * 1_000_000;
    let mut at = from.to_jiff();
    let mut until = Vec::new();
    for change in zone.following(at).take(3) {
        let change = change.timestamp();
        if Timestamp::from(change) >= to {
            break;
        }
        until.push((Timestamp::from(change), off(at)));
        at = change;
    }
    let then = off(at);
    let after = (Timestamp::from_micros(i64::MIN), then);
    let nth = |nth: usize| until.get(nth).copied().unwrap_or(after);
    Offsets {
        until: [nth(0), nth(1), nth(2)],
        then,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn zone() -> TimeZone {
        TimeZone::get("Europe/London").unwrap()
    }

    #[test]
    fn days_begin_where_the_account_is_and_a_year_has_two_changes() {
        let days = Days::new(date(2026, 1, 1), date(2026, 12, 31)).unwrap();
        let span = days.span(&zone());
        assert_eq!(span.0.to_string(), "2026-01-01T00:00:00Z");
        assert_eq!(span.1.to_string(), "2027-01-01T00:00:00Z");
        let offsets = offsets(&zone(), span);
        let hour = 3_600_000_000;
        assert_eq!(offsets.until[0].0.to_string(), "2026-03-29T01:00:00Z");
        assert_eq!(offsets.until[1].0.to_string(), "2026-10-25T01:00:00Z");
        assert_eq!((offsets.until[0].1, offsets.until[1].1), (0, hour));
        assert_eq!(offsets.then, 0);
        let summer = Days::new(date(2026, 7, 1), date(2026, 7, 1)).unwrap();
        let span = summer.span(&zone());
        assert_eq!(span.0.to_string(), "2026-06-30T23:00:00Z");
        assert_eq!(super::offsets(&zone(), span).then, hour);
    }

    #[test]
    fn days_that_make_no_report_are_refused() {
        assert!(Days::new(date(2026, 2, 2), date(2026, 2, 1)).is_err());
        assert!(Days::new(date(2026, 2, 2), date(2026, 2, 2)).is_ok());
        assert!(Days::new(date(2025, 1, 1), date(2026, 1, 5)).is_ok());
        assert!(Days::new(date(2025, 1, 1), date(2026, 1, 6)).is_err());
    }

    #[test]
    fn pages_are_the_same_whatever_their_query_and_times_are_in_order() {
        let row = |one: &str, calls| SplitCount {
            one: Some(one.into()),
            calls,
            ..nothing()
        };
        let found = vec![
            row("https://a.test/x?gclid=1", 1),
            row("https://a.test/y", 3),
            row("https://a.test/x#top", 4),
            row("", 1),
        ];
        let pages = report(found, (Split::LandingPage, None));
        let shown: Vec<_> = pages
            .rows
            .iter()
            .map(|row| (row.one.as_deref(), row.calls))
            .collect();
        let (x, y) = (Some("https://a.test/x"), Some("https://a.test/y"));
        assert_eq!(shown, [(x, 5), (y, 3), (None, 1)]);
        assert_eq!(pages.all.calls, 9);
        let hours = vec![row("10", 9), row("9", 1)];
        let hours = report(hours, (Split::Hour, None));
        assert_eq!(hours.rows[0].one.as_deref(), Some("9"));
    }
}
