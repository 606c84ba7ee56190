//! Saved reports that are sent by mail: when, to whom, and each mail.

use jiff::ToSpan as _;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use serde::{Deserialize, Serialize};

use crate::records::words;
use crate::{AccountId, DeliveryState, MailId, SavedReportId, Timestamp, UserId};

words! {
    /// How often a report is sent.
    MailRhythm {
        /// Each day.
        Daily = "day",
        /// Each week, on one day of it.
        Weekly = "week",
        /// On the first of each month.
        Monthly = "month",
    }
}

/// When a report is sent, as the account's clocks tell the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MailTimes {
    /// How often.
    pub rhythm: MailRhythm,
    /// The day of a week, from 0 (Monday) to 6; of a week alone.
    pub weekday: u8,
    /// The hour, from 0 to 23.
    pub hour: u8,
}

/// A report that is due, perhaps for some time: times that were missed are one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DueMail {
    /// The last time that it was due.
    pub at: Timestamp,
    /// When it is due next.
    pub next: Timestamp,
}

/// Times that are looked through for the last missed one: a day's report of 27 years.
const MOST_MISSED: usize = 10_000;

impl MailTimes {
    /// The first time after `after`. Each day has one: an hour that clocks leave out is an hour later, and of one that they
    /// show twice it is the first.
    pub fn next_after(self, after: Timestamp, zone: &TimeZone) -> Timestamp {
        let today = after.to_jiff().to_zoned(zone.clone()).date();
        // The first of the month after next is 62 days away at most.
        (0..=62_i32)
            .filter_map(|days| today.checked_add(days.days()).ok())
            .filter(|day| self.is_on(*day))
            .filter_map(|day| self.on(day, zone))
            .find(|at| *at > after)
            // Only at the end of the calendar.
            .unwrap_or(Timestamp::from_micros(i64::MAX))
    }

    /// Whether it is due at `now` when it is to be sent at `next_at`.
    pub fn due(self, next_at: Timestamp, now: Timestamp, zone: &TimeZone) -> Option<DueMail> {
        if now < next_at {
            return None;
        }
        let mut due = DueMail {
            at: next_at,
            next: self.next_after(next_at, zone),
        };
        for _ in 0..MOST_MISSED {
            if due.next > now {
                return Some(due);
            }
            due = DueMail {
                at: due.next,
                next: self.next_after(due.next, zone),
            };
        }
        Some(DueMail {
            at: due.at,
            next: self.next_after(now, zone),
        })
    }

    fn is_on(self, day: Date) -> bool {
        match self.rhythm {
            MailRhythm::Daily => true,
            MailRhythm::Weekly => {
                u8::try_from(day.weekday().to_monday_zero_offset()) == Ok(self.weekday)
            }
            MailRhythm::Monthly => day.day() == 1,
        }
    }

    fn on(self, day: Date, zone: &TimeZone) -> Option<Timestamp> {
        let hour = i8::try_from(self.hour).ok()?;
        let time = jiff::civil::Time::new(hour, 0, 0, 0).ok()?;
        let zoned = zone.to_ambiguous_zoned(day.to_datetime(time)).compatible();
        zoned.ok().map(|zoned| zoned.timestamp().into())
    }
}

/// That a saved report is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportMail {
    /// Whose it is.
    pub account: AccountId,
    /// Which report.
    pub report: SavedReportId,
    /// When.
    pub times: MailTimes,
    /// To whom: users of the account.
    pub to: Vec<UserId>,
    /// When it is due next.
    pub next_at: Timestamp,
}

/// One mail to one user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutgoingMail {
    /// Its identifier, which stays the same from attempt to attempt.
    pub id: MailId,
    /// Whose it is.
    pub account: AccountId,
    /// Which report.
    pub report: SavedReportId,
    /// To whom.
    pub user: UserId,
    /// When it was due: its days are those of that time.
    pub due_at: Timestamp,
    /// Where it is.
    pub state: DeliveryState,
    /// When the next attempt is due, while pending.
    pub next_at: Timestamp,
    /// No attempt is made after this; `None` before the first one.
    pub retry_until: Option<Timestamp>,
    /// Attempts made.
    pub attempts: u32,
    /// When the mail server took it.
    pub sent_at: Option<Timestamp>,
    /// What the last attempt came to, in words.
    pub said: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse::<jiff::Timestamp>().unwrap().into()
    }

    fn london() -> TimeZone {
        TimeZone::get("Europe/London").unwrap()
    }

    const fn times(rhythm: MailRhythm, weekday: u8, hour: u8) -> MailTimes {
        MailTimes {
            rhythm,
            weekday,
            hour,
        }
    }

    /// The times after `from`, so many of them.
    fn following(times: MailTimes, from: &str, many: usize) -> Vec<String> {
        let (mut from, mut all) = (at(from), Vec::new());
        for _ in 0..many {
            from = times.next_after(from, &london());
            all.push(from.to_string());
        }
        all
    }

    #[test]
    fn a_day_has_one_time_when_clocks_are_changed() {
        // 29 March 2026 has no 01:30; its hour of one is at two.
        assert_eq!(
            following(times(MailRhythm::Daily, 0, 1), "2026-03-27T12:00:00Z", 3),
            [
                "2026-03-28T01:00:00Z",
                "2026-03-29T01:00:00Z",
                "2026-03-30T00:00:00Z",
            ]
        );
        // 25 October 2026 has its hour of one twice.
        assert_eq!(
            following(times(MailRhythm::Daily, 0, 1), "2026-10-24T00:00:00Z", 3),
            [
                "2026-10-25T00:00:00Z",
                "2026-10-26T01:00:00Z",
                "2026-10-27T01:00:00Z",
            ]
        );
        assert_eq!(
            following(times(MailRhythm::Daily, 0, 8), "2026-03-28T08:00:00Z", 2),
            ["2026-03-29T07:00:00Z", "2026-03-30T07:00:00Z"]
        );
    }

    #[test]
    fn weeks_and_months_keep_their_day_over_summer_time() {
        assert_eq!(
            following(times(MailRhythm::Weekly, 0, 8), "2026-03-23T08:00:00Z", 2),
            ["2026-03-30T07:00:00Z", "2026-04-06T07:00:00Z"]
        );
        assert_eq!(
            following(times(MailRhythm::Monthly, 0, 6), "2026-10-01T05:00:00Z", 3),
            [
                "2026-11-01T06:00:00Z",
                "2026-12-01T06:00:00Z",
                "2027-01-01T06:00:00Z",
            ]
        );
        let now =
            times(MailRhythm::Monthly, 0, 6).next_after(at("2026-10-01T04:59:59Z"), &london());
        assert_eq!(now, at("2026-10-01T05:00:00Z"));
    }

    #[test]
    fn times_that_were_missed_are_one() {
        let daily = times(MailRhythm::Daily, 0, 8);
        let next_at = at("2026-11-20T08:00:00Z");
        let due = |now: &str| daily.due(next_at, at(now), &london());
        assert_eq!(due("2026-11-20T07:59:59Z"), None);
        let due_at = |at: Timestamp, next: Timestamp| Some(DueMail { at, next });
        assert_eq!(
            due("2026-11-20T08:00:00Z"),
            due_at(next_at, at("2026-11-21T08:00:00Z"))
        );
        assert_eq!(
            due("2026-11-28T13:00:00Z"),
            due_at(at("2026-11-28T08:00:00Z"), at("2026-11-29T08:00:00Z"))
        );
        // A whole summer away: clocks were changed twice.
        let due = daily.due(
            at("2026-03-01T08:00:00Z"),
            at("2026-11-28T13:00:00Z"),
            &london(),
        );
        assert_eq!(
            due,
            due_at(at("2026-11-28T08:00:00Z"), at("2026-11-29T08:00:00Z"))
        );
    }
}
