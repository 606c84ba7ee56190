//! A target's opening hours as fields of its form. Whether they make sense is for the target's check to say; what cannot
//! be read at all is told here.

use std::collections::{BTreeMap, BTreeSet};

use ringfence_model::{HourRange, Hours, Week};
use ringfence_platform::arrangement::FieldProblem;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::step_fields::{Holds, read, written};

/// Hours as a browser sends them.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct HoursSent {
    /// `hours` when it takes calls in these hours alone; anything else is always.
    takes: String,
    zone: String,
    mon: String,
    tue: String,
    wed: String,
    thu: String,
    fri: String,
    sat: String,
    sun: String,
    holidays: String,
    exceptions: String,
}

/// A field on one line.
pub(super) struct HoursField {
    pub(super) name: &'static str,
    pub(super) word: &'static str,
    pub(super) hint: &'static str,
    pub(super) value: String,
}

/// What the form shows.
pub(super) struct HoursFields {
    /// It takes calls in these hours alone.
    pub(super) limited: bool,
    pub(super) lines: Vec<HoursField>,
    /// A day and its hours on each line.
    pub(super) exceptions: String,
}

impl HoursSent {
    /// What is known of a target; without hours, the zone that they would be in.
    pub(super) fn of(hours: Option<&Hours>, zone: &str) -> Self {
        let Some(hours) = hours else {
            return Self {
                zone: zone.to_owned(),
                ..Self::default()
            };
        };
        let [mon, tue, wed, thu, fri, sat, sun] = hours
            .week
            .days()
            .map(|(_, ranges)| written(Some(&json!(ranges)), Holds::List));
        Self {
            takes: "hours".into(),
            zone: hours.zone.clone(),
            mon,
            tue,
            wed,
            thu,
            fri,
            sat,
            sun,
            holidays: written(Some(&json!(hours.holidays)), Holds::List),
            exceptions: written(Some(&json!(hours.exceptions)), Holds::Days),
        }
    }

    /// The hours that it stands for; none for a target that always takes calls.
    pub(super) fn hours(&self, wrong: &mut Vec<FieldProblem>) -> Option<Hours> {
        let mut tell = |text: String| {
            wrong.push(FieldProblem {
                field: "hours".into(),
                text,
            });
        };
        let days = [
            &self.mon, &self.tue, &self.wed, &self.thu, &self.fri, &self.sat, &self.sun,
        ];
        let all = days.into_iter().chain([&self.holidays, &self.exceptions]);
        let is_empty = all.into_iter().all(|text| text.trim().is_empty());
        if self.takes != "hours" {
            if !is_empty {
                tell("choose “in these hours”, or empty them".into());
            }
            return None;
        }
        if is_empty {
            tell(
                "expected hours on one day at least; a target that never takes calls is paused"
                    .into(),
            );
            return None;
        }
        let mut day = |word: &str, text: &str| -> Vec<HourRange> {
            parsed(text, Holds::List).unwrap_or_else(|error| {
                tell(format!("{word}: {error}"));
                Vec::new()
            })
        };
        let week = Week {
            mon: day("Monday", &self.mon),
            tue: day("Tuesday", &self.tue),
            wed: day("Wednesday", &self.wed),
            thu: day("Thursday", &self.thu),
            fri: day("Friday", &self.fri),
            sat: day("Saturday", &self.sat),
            sun: day("Sunday", &self.sun),
        };
        let holidays = parsed(&self.holidays, Holds::List).unwrap_or_else(|_| {
            tell("closed on: expected days such as 2026-12-25, 2026-12-26".into());
            BTreeSet::default()
        });
        let exceptions = parsed(&self.exceptions, Holds::Days).unwrap_or_else(|_| {
            tell(
                "other hours on: expected a day on each line, such as 2026-12-24 09:00-12:00"
                    .into(),
            );
            BTreeMap::default()
        });
        Some(Hours {
            zone: self.zone.trim().to_owned(),
            week,
            holidays,
            exceptions,
        })
    }

    pub(super) fn fields(&self) -> HoursFields {
        let line = |name, word, hint, value: &String| HoursField {
            name,
            word,
            hint,
            value: value.clone(),
        };
        HoursFields {
            limited: self.takes == "hours",
            lines: vec![
                line("zone", "Time zone", "such as Europe/London", &self.zone),
                line(
                    "mon",
                    "Monday",
                    "such as 09:00-12:00, 13:00-17:30",
                    &self.mon,
                ),
                line("tue", "Tuesday", "", &self.tue),
                line("wed", "Wednesday", "", &self.wed),
                line("thu", "Thursday", "", &self.thu),
                line("fri", "Friday", "", &self.fri),
                line("sat", "Saturday", "", &self.sat),
                line("sun", "Sunday", "", &self.sun),
                line(
                    "holidays",
                    "Closed on",
                    "such as 2026-12-25",
                    &self.holidays,
                ),
            ],
            exceptions: self.exceptions.clone(),
        }
    }
}

fn parsed<T: DeserializeOwned + Default>(text: &str, holds: Holds) -> Result<T, serde_json::Error> {
    read(text, holds).map_or_else(|| Ok(T::default()), serde_json::from_value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hours() -> Hours {
        let hours = json!({
            "zone": "Europe/London",
            "week": {"mon": ["09:00-12:00", "13:00-17:30"], "sun": ["00:00-24:00"]},
            "holidays": ["2026-12-25"],
            "exceptions": {"2026-12-24": ["09:00-12:00"], "2026-12-31": []},
        });
        serde_json::from_value(hours).unwrap()
    }

    #[test]
    fn what_the_form_shows_is_read_as_it_was() {
        let mut wrong = Vec::new();
        let sent = HoursSent::of(Some(&hours()), "UTC");
        assert_eq!(sent.hours(&mut wrong), Some(hours()));
        assert_eq!(HoursSent::of(None, "UTC").hours(&mut wrong), None);
        assert_eq!(wrong, []);
    }

    #[test]
    fn what_cannot_be_read_is_told_with_its_day_and_nothing_is_lost_unseen() {
        let told = |sent: &HoursSent| {
            let mut wrong = Vec::new();
            sent.hours(&mut wrong);
            wrong
                .into_iter()
                .map(|problem| problem.text)
                .collect::<Vec<_>>()
        };
        let typed = HoursSent {
            takes: "hours".into(),
            wed: "9-17".into(),
            holidays: "Christmas".into(),
            exceptions: "tomorrow".into(),
            ..HoursSent::default()
        };
        let problems = told(&typed);
        assert!(
            problems[0].starts_with("Wednesday: expected hours such as"),
            "{problems:?}"
        );
        assert!(problems[1].starts_with("closed on") && problems[2].starts_with("other hours on"));
        let forgotten = HoursSent {
            takes: "always".into(),
            ..HoursSent::of(Some(&hours()), "UTC")
        };
        assert!(told(&forgotten)[0].starts_with("choose"));
        let never = HoursSent {
            takes: "hours".into(),
            ..HoursSent::of(None, "UTC")
        };
        assert!(told(&never)[0].contains("paused"));
    }
}
