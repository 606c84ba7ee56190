//! Reports: what made the phone ring, and whether it was answered, against the span before.

use std::time::Duration;

use futures::future::BoxFuture;
use jiff::civil::Time;
use jiff::tz::TimeZone;
use jiff::{ToSpan, Zoned};
use ringfence_model::{Account, SourceKind, Timestamp};
pub use ringfence_store::SiteVisits;
use ringfence_store::{CallTotals, HourCount, SourceWorth, StoreError};

use crate::Platform;

const HOUR: Duration = Duration::from_hours(1);

/// A span that reports look at; it ends now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Period {
    /// The last sixty minutes.
    Hour,
    /// Today and back to this hour yesterday.
    Day,
    /// Today and the six days before it.
    Week,
    /// Today and the twenty-nine days before it.
    Month,
}

impl Period {
    /// Every period, the shortest first.
    pub const ALL: [Self; 4] = [Self::Hour, Self::Day, Self::Week, Self::Month];

    /// The word that URLs carry.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hour => "1h",
            Self::Day => "24h",
            Self::Week => "7d",
            Self::Month => "30d",
        }
    }

    /// What a word of a URL names.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|period| period.as_str() == word)
    }

    /// What shows most of an account of this age.
    pub fn for_age(age: Duration) -> Self {
        match age.as_secs() / 3_600 {
            0..3 => Self::Hour,
            3..48 => Self::Day,
            _ => Self::Week,
        }
    }

    /// Its first instant in the account's zone.
    pub fn begin(self, now: Timestamp, zone: &TimeZone) -> Timestamp {
        let local = now.to_jiff().to_zoned(zone.clone());
        match self {
            Self::Hour => now - HOUR,
            Self::Day => start_of_hour(now, &local) - HOUR * 23,
            Self::Week => start_of_day(&local, 6),
            Self::Month => start_of_day(&local, 29),
        }
    }

    /// The width of a bar of its chart in seconds.
    const fn bar_seconds(self) -> i64 {
        match self {
            Self::Hour => 60,
            Self::Day | Self::Week => 3_600,
            Self::Month => 86_400,
        }
    }
}

/// The zone of an account; UTC when the machine does not know it.
pub fn zone_of(account: &Account) -> TimeZone {
    TimeZone::get(&account.time_zone).unwrap_or(TimeZone::UTC)
}

/// Calls of a bar of the chart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bar {
    /// When it begins.
    pub start: Timestamp,
    /// Ended as answered.
    pub answered: u64,
    /// Ended as missed or abandoned.
    pub missed: u64,
    /// Everything else, also those under way.
    pub other: u64,
}

impl Bar {
    /// All of its calls.
    pub const fn calls(&self) -> u64 {
        self.answered + self.missed + self.other
    }
}

/// Sums of a span.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Figures {
    /// From the call log.
    pub totals: CallTotals,
    /// Callers who were missed and not spoken to since.
    pub to_call_back: u64,
    /// Calls of which somebody said that the caller may buy, or bought.
    pub qualified: u64,
    /// Calls of which somebody said that the caller bought.
    pub converted: u64,
    /// The sum of the values that were given to calls, in the smallest unit of the account's currency.
    pub value: i64,
}

impl Figures {
    /// Of a hundred calls that ended, how many were answered; `None` when none has ended.
    pub fn answered_percent(&self) -> Option<u64> {
        percent(
            self.totals.answered,
            self.totals.calls - self.totals.under_way,
        )
    }

    /// Of a hundred calls, how many have a source; `None` without calls.
    pub fn attributed_percent(&self) -> Option<u64> {
        percent(self.totals.attributed, self.totals.calls)
    }
}

/// The calls of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceRow {
    /// Its class and name; `None` for calls without a source.
    pub source: Option<(SourceKind, String)>,
    /// All of them.
    pub calls: u64,
    /// Ended as answered.
    pub answered: u64,
    /// Ended as missed or abandoned.
    pub missed: u64,
    /// The caller may buy, or bought.
    pub qualified: u64,
    /// The caller bought.
    pub converted: u64,
    /// The sum of their values, in the smallest unit of the account's currency.
    pub value: i64,
}

/// What the overview shows.
#[derive(Debug, Clone)]
pub struct Overview {
    /// The span.
    pub period: Period,
    /// When it begins.
    pub from: Timestamp,
    /// When it ends.
    pub to: Timestamp,
    /// Sums of the span.
    pub now: Figures,
    /// Sums of the span of the same length before it.
    pub before: Figures,
    /// The chart, the oldest first, empty bars among them.
    pub bars: Vec<Bar>,
    /// Most calls first.
    pub sources: Vec<SourceRow>,
}

impl Platform {
    /// The figures, the chart and the sources of a span that ends now.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub fn overview<'a>(
        &'a self,
        account: &'a Account,
        period: Period,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Overview, StoreError>> {
        Box::pin(async move {
            let zone = zone_of(account);
            let from = period.begin(now, &zone);
            // A call of this very microsecond belongs to the span too.
            let to = now + Duration::from_micros(1);
            let before = from - to.since(from);
            let worths = self.db.worth_by_source(account.id, from, to).await?;
            let worths_before = self.db.worth_by_source(account.id, before, from).await?;
            let figures = self.figures(account, from, to, &worths).await?;
            let previous = self.figures(account, before, from, &worths_before).await?;
            let bars = self.bars(account, period, from, to, &zone).await?;
            let sources = self
                .db
                .calls_by_source(account.id, from, to)
                .await?
                .into_iter()
                .map(|row| {
                    let worth = worths.iter().find(|worth| worth.source == row.source);
                    SourceRow {
                        source: row.source,
                        calls: row.calls,
                        answered: row.answered,
                        missed: row.missed,
                        qualified: worth.map_or(0, |worth| worth.qualified),
                        converted: worth.map_or(0, |worth| worth.converted),
                        value: worth.map_or(0, |worth| worth.value),
                    }
                })
                .collect();
            Ok(Overview {
                period,
                from,
                to,
                now: figures,
                before: previous,
                bars,
                sources,
            })
        })
    }

    /// Names of the sources of the last ninety days, most calls first.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn source_names(
        &self,
        account: &Account,
        now: Timestamp,
        most: usize,
    ) -> Result<Vec<String>, StoreError> {
        let from = now - HOUR * 24 * 90;
        let rows = self.db.calls_by_source(account.id, from, now).await?;
        let names = rows
            .into_iter()
            .filter_map(|row| row.source.map(|(_, name)| name));
        Ok(names.take(most).collect())
    }

    /// Visits of each site since `since`; sites without visits left out.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn site_visits(
        &self,
        account: &Account,
        since: Timestamp,
    ) -> Result<Vec<SiteVisits>, StoreError> {
        self.db.visits_by_site(account.id, since).await
    }

    async fn figures(
        &self,
        account: &Account,
        from: Timestamp,
        to: Timestamp,
        worths: &[SourceWorth],
    ) -> Result<Figures, StoreError> {
        Ok(Figures {
            totals: self.db.call_totals(account.id, from, to).await?,
            to_call_back: self.db.callers_to_call_back(account.id, from, to).await?,
            qualified: worths.iter().map(|worth| worth.qualified).sum(),
            converted: worths.iter().map(|worth| worth.converted).sum(),
            value: worths.iter().map(|worth| worth.value).sum(),
        })
    }

    async fn bars(
        &self,
        account: &Account,
        period: Period,
        from: Timestamp,
        to: Timestamp,
        zone: &TimeZone,
    ) -> Result<Vec<Bar>, StoreError> {
        let counts = if period == Period::Hour {
            self.db.calls_by_minute(account.id, from, to).await?
        } else {
            let offset = zone.to_offset(to.to_jiff()).seconds();
            self.db.calls_by_hour(account.id, from, to, offset).await?
        };
        Ok(fill(&counts, &starts(period, from, to, zone)))
    }
}

/// The first instants of every bar from `from` to `to`.
fn starts(period: Period, from: Timestamp, to: Timestamp, zone: &TimeZone) -> Vec<Timestamp> {
    let first = from.to_jiff().to_zoned(zone.clone());
    if period == Period::Month {
        return (0..31_i64)
            .filter_map(|day| first.checked_add(day.days()).ok())
            .map(|day| Timestamp::from(day.timestamp()))
            .take_while(|start| *start < to)
            .collect();
    }
    let width = period.bar_seconds();
    let begin = from.to_jiff().as_second().div_euclid(width) * width;
    (0..200)
        .map(|nth| Timestamp::from_micros((begin + nth * width) * 1_000_000))
        .take_while(|start| *start < to)
        .collect()
}

/// Puts counts into the bars that they fall into; both are in order of time.
fn fill(counts: &[HourCount], starts: &[Timestamp]) -> Vec<Bar> {
    let mut bars: Vec<Bar> = starts
        .iter()
        .map(|&start| Bar {
            start,
            answered: 0,
            missed: 0,
            other: 0,
        })
        .collect();
    for count in counts {
        let after = bars.partition_point(|bar| bar.start <= count.start);
        // The first hour may have begun a little before the span.
        if let Some(bar) = bars.get_mut(after.saturating_sub(1)) {
            bar.answered += count.answered;
            bar.missed += count.missed;
            bar.other += count.other;
        }
    }
    bars
}

/// `part` of `whole` in a hundred, rounded to the nearest.
pub fn percent(part: u64, whole: u64) -> Option<u64> {
    (whole > 0).then(|| (part * 100 + whole / 2) / whole)
}

fn start_of_hour(now: Timestamp, local: &Zoned) -> Timestamp {
    let within = i64::from(local.minute()) * 60 + i64::from(local.second());
    let seconds = now.as_micros().div_euclid(1_000_000) - within;
    Timestamp::from_micros(seconds * 1_000_000)
}

fn start_of_day(local: &Zoned, days_ago: i64) -> Timestamp {
    local
        .checked_sub(days_ago.days())
        .and_then(|day| day.with().time(Time::midnight()).build())
        .map_or_else(
            |_| Timestamp::from(local.timestamp()),
            |day| Timestamp::from(day.timestamp()),
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::from(text.parse::<jiff::Timestamp>().unwrap())
    }

    #[test]
    fn a_day_has_twenty_four_bars_that_end_with_this_hour() {
        let zone = TimeZone::UTC;
        let now = at("2026-11-23T19:48:13Z");
        let from = Period::Day.begin(now, &zone);
        let starts = starts(Period::Day, from, now, &zone);
        assert_eq!(starts.len(), 24);
        assert_eq!(starts[23], at("2026-11-23T19:00:00Z"));
    }

    #[test]
    fn days_begin_at_midnight_where_the_account_is_also_when_clocks_change() {
        let zone = TimeZone::get("Europe/London").unwrap();
        let now = at("2026-10-28T12:00:00Z");
        let from = Period::Week.begin(now, &zone);
        assert_eq!(from, at("2026-10-21T23:00:00Z"));
        let month = starts(Period::Month, Period::Month.begin(now, &zone), now, &zone);
        assert_eq!(month.len(), 30);
        assert_eq!(month[29], at("2026-10-28T00:00:00Z"));
    }

    #[test]
    fn counts_fall_into_their_bars() {
        let zone = TimeZone::UTC;
        let now = at("2026-11-23T19:48:13Z");
        let starts = starts(Period::Day, Period::Day.begin(now, &zone), now, &zone);
        let count = |start, answered| HourCount {
            start,
            answered,
            missed: 1,
            other: 0,
        };
        let bars = fill(
            &[
                count(at("2026-11-23T18:00:00Z"), 2),
                count(at("2026-11-23T19:00:00Z"), 3),
            ],
            &starts,
        );
        assert_eq!(
            (bars[22].answered, bars[23].answered, bars[0].calls()),
            (2, 3, 0)
        );
    }

    #[test]
    fn a_share_of_nothing_is_nothing() {
        assert_eq!(percent(0, 0), None);
        assert_eq!(percent(2, 3), Some(67));
    }
}
