//! Opening hours: whether it is open, and what is wrong with them.

use std::sync::LazyLock;

use jiff::tz::{TimeZone, TimeZoneDatabase};
use ringfence_model::{HourRange, Hours, Timestamp};

/// The zones that this program was built with: no file of the machine changes an answer.
static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

fn zone(name: &str) -> Option<TimeZone> {
    ZONES.get(name).ok()
}

/// Whether something is open, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoursStatus {
    /// Whether it is.
    pub open: bool,
    /// `Mon 14:05 in Europe/London lies in 09:00-17:30`
    pub reason: String,
}

/// Whether it is open at an instant. Hours in a zone that nobody knows are closed.
///
/// The clock of the zone decides: where it is put forward, what lies in the gap never comes; where it is put back, an hour
/// comes twice, and both are the same.
pub fn hours_status(hours: &Hours, now: Timestamp) -> HoursStatus {
    let Some(zone) = zone(&hours.zone) else {
        return HoursStatus {
            open: false,
            reason: format!("the time zone {:?} is not known", hours.zone),
        };
    };
    let local = now.to_jiff().to_zoned(zone).datetime();
    let minute =
        u16::from(local.hour().unsigned_abs()) * 60 + u16::from(local.minute().unsigned_abs());
    let week = hours.week.days();
    let weekday = usize::from(local.weekday().to_monday_zero_offset().unsigned_abs());
    let (day, ordinary) = week[weekday];
    let date = local.date();
    let clock = format!(
        "{} {:02}:{:02} in {}",
        capital(day),
        minute / 60,
        minute % 60,
        hours.zone
    );
    let (ranges, kind) = if let Some(ranges) = hours.exceptions.get(&date) {
        (ranges.as_slice(), format!(", {date} has hours of its own,"))
    } else if hours.holidays.contains(&date) {
        return HoursStatus {
            open: false,
            reason: format!("{clock}: {date} is a holiday"),
        };
    } else {
        (ordinary, String::new())
    };
    let within = ranges.iter().find(|range| range.contains(minute));
    HoursStatus {
        open: within.is_some(),
        reason: match within {
            Some(range) => format!("{clock}{kind} lies in {range}"),
            None if ranges.is_empty() => format!("{clock}{kind} is a day without hours"),
            None => format!("{clock}{kind} lies outside of {}", listed(ranges)),
        },
    }
}

fn capital(day: &str) -> String {
    let (first, rest) = day.split_at(1);
    first.to_ascii_uppercase() + rest
}

fn listed(ranges: &[HourRange]) -> String {
    let texts: Vec<String> = ranges.iter().map(ToString::to_string).collect();
    texts.join(", ")
}

/// One mistake in opening hours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HoursProblem {
    /// A time zone that is in no list.
    #[error("expected an IANA time zone such as Europe/London, got {0:?}")]
    UnknownZone(String),
    /// A range that ends before or when it starts.
    #[error(
        "{day}: {range} ends before it starts; write hours past midnight as two, up to 24:00 and from 00:00"
    )]
    EndsBeforeStart {
        /// The day as the document names it.
        day: String,
        /// The range.
        range: HourRange,
    },
    /// Two ranges of one day that share time.
    #[error("{day}: {first} and {second} overlap; write them as one")]
    Overlap {
        /// The day as the document names it.
        day: String,
        /// The earlier range.
        first: HourRange,
        /// The later one.
        second: HourRange,
    },
}

/// Every mistake in opening hours.
pub fn hours_problems(hours: &Hours) -> Vec<HoursProblem> {
    let mut problems = Vec::new();
    if zone(&hours.zone).is_none() {
        problems.push(HoursProblem::UnknownZone(hours.zone.clone()));
    }
    for (day, ranges) in hours.week.days() {
        of_day(day, ranges, &mut problems);
    }
    for (date, ranges) in &hours.exceptions {
        of_day(&date.to_string(), ranges, &mut problems);
    }
    problems
}

fn of_day(day: &str, ranges: &[HourRange], problems: &mut Vec<HoursProblem>) {
    let (mut sound, backwards): (Vec<HourRange>, Vec<HourRange>) =
        ranges.iter().partition(|range| range.from < range.to);
    problems.extend(
        backwards
            .into_iter()
            .map(|range| HoursProblem::EndsBeforeStart {
                day: day.to_owned(),
                range,
            }),
    );
    sound.sort_unstable();
    problems.extend(
        sound
            .windows(2)
            .filter(|pair| pair[1].from < pair[0].to)
            .map(|pair| HoursProblem::Overlap {
                day: day.to_owned(),
                first: pair[0],
                second: pair[1],
            }),
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringfence_model::Week;

    fn ranges(texts: &[&str]) -> Vec<HourRange> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    fn london() -> Hours {
        Hours {
            zone: "Europe/London".into(),
            week: Week {
                mon: ranges(&["09:00-12:00", "13:00-17:30"]),
                fri: ranges(&["09:00-24:00"]),
                sun: ranges(&["00:00-24:00"]),
                ..Week::default()
            },
            holidays: ["2026-12-25".parse().unwrap()].into(),
            exceptions: [
                ("2026-12-28".parse().unwrap(), ranges(&["10:00-11:00"])),
                ("2026-12-21".parse().unwrap(), vec![]),
            ]
            .into(),
        }
    }

    fn open(at: &str) -> (bool, String) {
        let at: jiff::Timestamp = at.parse().unwrap();
        let status = hours_status(&london(), at.into());
        (status.open, status.reason)
    }

    #[test]
    fn a_week_is_read_by_the_clock_of_its_zone() {
        for (at, expected) in [
            ("2026-11-23T09:00:00Z", true),
            ("2026-11-23T08:59:59Z", false),
            ("2026-11-23T12:00:00Z", false),
            ("2026-11-23T17:29:59Z", true),
            ("2026-11-24T10:00:00Z", false),
            // In summer the clock is an hour ahead of UTC.
            ("2026-07-06T08:00:00Z", true),
            ("2026-07-06T16:30:00Z", false),
            // The last minute of a day, and the first of one that has no hours.
            ("2026-11-27T23:59:59Z", true),
            ("2026-11-28T00:00:00Z", false),
        ] {
            assert_eq!(open(at).0, expected, "{at}: {}", open(at).1);
        }
    }

    #[test]
    fn a_holiday_is_closed_and_an_exception_stands_above_all() {
        let (holiday, reason) = open("2026-12-25T10:00:00Z");
        assert!(!holiday);
        assert!(reason.ends_with("2026-12-25 is a holiday"), "{reason}");
        assert!(open("2026-12-28T10:30:00Z").0);
        assert!(!open("2026-12-28T09:30:00Z").0);
        assert!(
            !open("2026-12-21T10:00:00Z").0,
            "an exception without hours"
        );
    }

    #[test]
    fn a_clock_that_is_put_forward_or_back_keeps_the_day_open() {
        // 2026-03-29 is a Sunday of 23 hours in London, 2026-10-25 one of 25.
        for hour in 0..23 {
            assert!(open(&format!("2026-03-29T{hour:02}:30:00Z")).0);
        }
        for minutes in 0..25 * 60 {
            let start: jiff::Timestamp = "2026-10-24T23:00:00Z".parse().unwrap();
            let at = Timestamp::from(start) + std::time::Duration::from_secs(minutes * 60);
            assert!(hours_status(&london(), at).open, "minute {minutes}");
        }
    }

    #[test]
    fn the_reason_names_the_clock_and_the_hours() {
        assert_eq!(
            open("2026-11-23T12:30:00Z").1,
            "Mon 12:30 in Europe/London lies outside of 09:00-12:00, 13:00-17:30"
        );
    }

    #[test]
    fn every_mistake_in_hours_is_told() {
        let mut hours = london();
        hours.zone = "Europe/Londn".into();
        hours.week.tue = ranges(&["22:00-06:00"]);
        hours.week.wed = ranges(&["12:00-14:00", "09:00-12:30"]);
        hours.week.thu = ranges(&["09:00-12:00", "12:00-13:00"]);
        let told: Vec<String> = hours_problems(&hours)
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(told.len(), 3, "{told:?}");
        assert!(told[0].contains("Europe/Londn"));
        assert!(told[1].contains("tue: 22:00-06:00"));
        assert!(told[2].contains("wed: 09:00-12:30 and 12:00-14:00 overlap"));
        let status = hours_status(&hours, Timestamp::from_micros(0));
        assert!(!status.open, "hours of no zone are closed");
    }
}
