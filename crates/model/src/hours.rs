//! Opening hours: a week in a time zone, with holidays and days of other hours.
//!
//! Only what a document says; whether it makes sense and whether it is open now is asked in `routing`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub use jiff::civil::Date;

/// When something is open, by the clocks of one time zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hours {
    /// IANA time zone: `Europe/London`.
    pub zone: String,
    /// The hours of an ordinary week.
    #[serde(default)]
    pub week: Week,
    /// Days on which it is closed: `2026-12-25`.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub holidays: BTreeSet<Date>,
    /// Days with hours of their own, which stand above the week and the holidays; none of them means closed.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub exceptions: BTreeMap<Date, Vec<HourRange>>,
}

/// The hours of each day of a week; a day without any is closed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Week {
    /// Monday
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mon: Vec<HourRange>,
    /// Tuesday
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tue: Vec<HourRange>,
    /// Wednesday
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub wed: Vec<HourRange>,
    /// Thursday
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub thu: Vec<HourRange>,
    /// Friday
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fri: Vec<HourRange>,
    /// Saturday
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sat: Vec<HourRange>,
    /// Sunday
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sun: Vec<HourRange>,
}

impl Week {
    /// The days with the names that documents give them, Monday first.
    pub fn days(&self) -> [(&'static str, &[HourRange]); 7] {
        [
            ("mon", &self.mon),
            ("tue", &self.tue),
            ("wed", &self.wed),
            ("thu", &self.thu),
            ("fri", &self.fri),
            ("sat", &self.sat),
            ("sun", &self.sun),
        ]
    }
}

/// A text that is no range of hours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected hours such as 09:00-17:30, at most 24:00, got {0:?}")]
pub struct HourRangeError(pub String);

/// From one minute of a day to another, the end left out: `09:00-17:30`.
///
/// Any two minutes can be written, also an end before the start: that is told by the plan's validation, with its step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HourRange {
    /// Minutes since midnight, 0 to 1440.
    pub from: u16,
    /// Minutes since midnight, 0 to 1440; 1440 is the end of the day.
    pub to: u16,
}

impl HourRange {
    /// Whether a minute of the day (0 to 1439) lies in the range.
    pub const fn contains(self, minute: u16) -> bool {
        self.from <= minute && minute < self.to
    }
}

impl fmt::Display for HourRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, to } = self;
        write!(
            f,
            "{:02}:{:02}-{:02}:{:02}",
            from / 60,
            from % 60,
            to / 60,
            to % 60
        )
    }
}

impl FromStr for HourRange {
    type Err = HourRangeError;
    fn from_str(text: &str) -> Result<Self, HourRangeError> {
        let range = || {
            let (from, to) = text.split_once('-')?;
            Some(Self {
                from: minute_of_day(from.trim())?,
                to: minute_of_day(to.trim())?,
            })
        };
        range().ok_or_else(|| HourRangeError(text.chars().take(40).collect()))
    }
}

impl TryFrom<String> for HourRange {
    type Error = HourRangeError;
    fn try_from(text: String) -> Result<Self, HourRangeError> {
        text.parse()
    }
}

impl From<HourRange> for String {
    fn from(range: HourRange) -> Self {
        range.to_string()
    }
}

fn minute_of_day(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let digits = |part: &str| {
        let plain = part.len() <= 2 && part.bytes().all(|byte| byte.is_ascii_digit());
        plain.then(|| part.parse::<u16>().ok()).flatten()
    };
    let (hour, minute) = (digits(hour)?, digits(minute)?);
    let minutes = hour * 60 + minute;
    (minute < 60 && minutes <= 24 * 60).then_some(minutes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_are_read_as_people_write_them() {
        for (text, from, to) in [
            ("09:00-17:30", 540, 1050),
            ("0:00 - 24:00", 0, 1440),
            ("22:00-06:00", 1320, 360),
        ] {
            assert_eq!(text.parse(), Ok(HourRange { from, to }));
        }
    }

    #[test]
    fn what_is_no_hours_is_refused_with_an_example() {
        for text in [
            "",
            "9-17",
            "09:60-10:00",
            "24:01-24:02",
            "+9:00-10:00",
            "09:00",
        ] {
            let refused = text.parse::<HourRange>().expect_err(text);
            assert!(refused.to_string().contains("09:00-17:30"), "{refused}");
        }
    }
}
