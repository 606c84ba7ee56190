//! Plans to begin with: small, whole, and valid with any one group.

use serde_json::{Value, json};

/// What a new plan begins as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlanTemplate {
    /// Rings a group, then takes a message.
    Ring,
    /// The same within opening hours.
    Hours,
    /// Lets the caller press a key first.
    Menu,
    /// Goes by the language of the visitor's browser.
    Language,
    /// Lets callers wait until somebody is free.
    Queue,
}

impl PlanTemplate {
    /// All of them, the simplest first.
    pub const ALL: [Self; 5] = [
        Self::Ring,
        Self::Hours,
        Self::Menu,
        Self::Language,
        Self::Queue,
    ];

    /// As a URL has it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ring => "ring",
            Self::Hours => "hours",
            Self::Menu => "menu",
            Self::Language => "language",
            Self::Queue => "queue",
        }
    }

    /// Reads what [`Self::as_str`] says.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == word)
    }

    /// What it does, for people.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Ring => "Ring a group, then take a message",
            Self::Hours => "Ring within opening hours, say outside of them that it is closed",
            Self::Menu => "Ask for a key: 1 rings, 2 takes a message",
            Self::Language => "By the language of the visitor's browser: German, or English",
            Self::Queue => "Let callers wait until somebody is free",
        }
    }

    /// The plan as a file has it (TOML).
    pub fn text(self, name: &str, group: &str, zone: &str) -> String {
        let ring = |otherwise: &str| json!({"ring": {"group": group, "otherwise": otherwise}});
        let message = |language: &str| {
            let prompt = format!("builtin:{language}/leave-a-message");
            json!({"voicemail": {"prompt": prompt}})
        };
        let (start, steps): (&str, Value) = match self {
            Self::Ring => (
                "ring",
                json!({"ring": ring("message"), "message": message("en")}),
            ),
            Self::Hours => {
                let day = ["09:00-17:30"];
                let week = json!({"mon": day, "tue": day, "wed": day, "thu": day, "fri": day});
                let schedule = json!({"open": "ring", "otherwise": "closed",
                    "hours": {"zone": zone, "week": week}});
                let closed = json!({"say": {"prompt": "builtin:en/closed", "next": "message"}});
                let steps = json!({"hours": {"schedule": schedule}, "ring": ring("message"),
                    "closed": closed, "message": message("en")});
                ("hours", steps)
            }
            Self::Menu => {
                let menu = json!({"prompt": "builtin:en/please-hold",
                    "keys": {"1": "ring", "2": "message"}, "otherwise": "ring"});
                let steps = json!({"menu": {"menu": menu}, "ring": ring("message"),
                    "message": message("en")});
                ("menu", steps)
            }
            Self::Language => {
                let german = json!({"when": {"visitor_language": ["de"]}, "step": "german"});
                let language = json!({"cases": [german], "otherwise": "english"});
                let steps = json!({"language": {"match": language},
                    "german": ring("message in German"), "english": ring("message"),
                    "message in German": message("de"), "message": message("en")});
                ("language", steps)
            }
            Self::Queue => {
                let queue = json!({"group": group, "longest_wait": 300,
                    "position": "builtin:en/you-are-number", "otherwise": "message"});
                let steps = json!({"line": {"queue": queue}, "message": message("en")});
                ("line", steps)
            }
        };
        let whole = json!({"name": name, "start": start, "steps": steps});
        as_toml(&whole)
    }
}

/// A plan or a step as a text that people read. Tables come in the order of their names, but for the days of a week.
pub(crate) fn as_toml(value: &Value) -> String {
    let text =
        toml::to_string(value).unwrap_or_else(|error| format!("# it cannot be written: {error}"));
    let mut lines: Vec<&str> = text.lines().collect();
    for week in lines.chunk_by_mut(|one, other| day(one).is_some() && day(other).is_some()) {
        week.sort_by_key(|line| day(line));
    }
    lines.into_iter().flat_map(|line| [line, "\n"]).collect()
}

/// Which day of a week a line of opening hours is about, Monday first.
fn day(line: &str) -> Option<usize> {
    let (name, _) = line.split_once(" = [")?;
    ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
        .iter()
        .position(|day| *day == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_week_begins_on_monday_and_all_else_is_in_the_order_of_names() {
        let hours = ["09:00-17:30"];
        let week = json!({"week": {"fri": hours, "mon": hours, "sun": []}, "a": {"b": 1}});
        let text = as_toml(&week);
        let expected =
            "[a]\nb = 1\n\n[week]\nmon = [\"09:00-17:30\"]\nfri = [\"09:00-17:30\"]\nsun = []\n";
        assert_eq!(text, expected);
        assert_eq!(toml::from_str::<Value>(&text).unwrap(), week);
    }
}
