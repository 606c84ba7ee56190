//! The hours, days and months by which calls are counted for caps, as an account's clocks show them.

use std::time::Duration;

use jiff::ToSpan as _;
use jiff::tz::TimeZone;
use ringfence_model::Timestamp;

/// A stretch of time: from its begin to before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// When it begins.
    pub begin: Timestamp,
    /// When the next one begins.
    pub end: Timestamp,
}

/// The hour, the day and the month that an instant lies in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Periods {
    /// From one full hour to the next: an hour long, also when clocks are changed.
    pub hour: Period,
    /// From midnight to midnight: 23 to 25 hours.
    pub day: Period,
    /// From the first midnight of a month to that of the next.
    pub month: Period,
}

const HOUR: Duration = Duration::from_hours(1);

/// The periods that `now` lies in, in a time zone. At the ends of time, where there is no next midnight, a period lasts an
/// hour more than now.
pub fn periods(now: Timestamp, zone: &TimeZone) -> Periods {
    let local = now.to_jiff().to_zoned(zone.clone());
    let into_hour = u64::from(local.minute().unsigned_abs()) * 60_000_000
        + u64::from(local.second().unsigned_abs()) * 1_000_000
        + u64::from(local.subsec_nanosecond().unsigned_abs()) / 1000;
    let hour = now - Duration::from_micros(into_hour);
    let midnight = |date: jiff::civil::Date| {
        let begin = date.to_zoned(zone.clone()).ok()?;
        Some(Timestamp::from_micros(begin.timestamp().as_microsecond()))
    };
    let between = |begin: jiff::civil::Date, end: Option<jiff::civil::Date>| Period {
        begin: midnight(begin).unwrap_or(now),
        end: end.and_then(midnight).unwrap_or(now + HOUR),
    };
    let today = local.date();
    let first = today.first_of_month();
    Periods {
        hour: Period {
            begin: hour,
            end: hour + HOUR,
        },
        day: between(today, today.tomorrow().ok()),
        month: between(first, first.checked_add(1.month()).ok()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        let zoned: jiff::Zoned = text.parse().unwrap();
        Timestamp::from_micros(zoned.timestamp().as_microsecond())
    }

    fn of(text: &str) -> [(String, String); 3] {
        let zoned: jiff::Zoned = text.parse().unwrap();
        let found = periods(at(text), zoned.time_zone());
        [found.hour, found.day, found.month].map(|period| {
            let shown = |at: Timestamp| {
                let zoned = at.to_jiff().to_zoned(zoned.time_zone().clone());
                zoned.strftime("%m-%d %H:%M %:z").to_string()
            };
            (shown(period.begin), shown(period.end))
        })
    }

    fn pair(begin: &str, end: &str) -> (String, String) {
        (begin.into(), end.into())
    }

    #[test]
    fn they_begin_and_end_as_the_account_s_clocks_say() {
        assert_eq!(
            of("2026-12-31T23:59:59.5-05:00[America/New_York]"),
            [
                pair("12-31 23:00 -05:00", "01-01 00:00 -05:00"),
                pair("12-31 00:00 -05:00", "01-01 00:00 -05:00"),
                pair("12-01 00:00 -05:00", "01-01 00:00 -05:00"),
            ]
        );
        // Half an hour beside the world's full hours.
        assert_eq!(
            of("2026-11-26T00:10:00+05:30[Asia/Kolkata]")[0],
            pair("11-26 00:00 +05:30", "11-26 01:00 +05:30")
        );
    }

    #[test]
    fn a_day_on_which_clocks_change_has_all_its_hours_once() {
        // Two hours are called one o'clock: each is an hour of its own.
        let [hour, day, month] = of("2026-10-25T01:30:00+01:00[Europe/London]");
        assert_eq!(hour, pair("10-25 01:00 +01:00", "10-25 01:00 +00:00"));
        assert_eq!(day, pair("10-25 00:00 +01:00", "10-26 00:00 +00:00"));
        assert_eq!(month, pair("10-01 00:00 +01:00", "11-01 00:00 +00:00"));
        let [hour, ..] = of("2026-10-25T01:30:00+00:00[Europe/London]");
        assert_eq!(hour, pair("10-25 01:00 +00:00", "10-25 02:00 +00:00"));
    }
}
