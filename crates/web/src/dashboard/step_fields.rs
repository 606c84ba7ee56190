//! What the form of each kind of step has: its fields, and how each is written as a text and read from one.
//!
//! Whatever is typed is written into the step: whether it makes sense is for the plan's check to say.

use serde_json::{Map, Value, json};

/// What a field holds, and so what can be chosen there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holds {
    Text,
    /// A phone number, spaces or not.
    Phone,
    Number,
    /// Texts, with commas between them.
    List,
    /// A day and its hours on each line.
    Days,
    /// A step; with what stands for none, where none will do.
    Step(Option<&'static str>),
    Group,
    Trunk,
    Prompt(Option<&'static str>),
    Strategy,
    CallerId,
    Record,
    /// Conditions of a case.
    When,
}

/// A field: its place in the step's document, what it is called, and how it is explained.
pub(super) type Spec = (&'static str, &'static str, &'static str, Holds);

const ENDS: Option<&str> = Some("the call ends");

const RING: &[Spec] = &[
    ("group", "Group", "", Holds::Group),
    (
        "timeout",
        "Seconds that each rings",
        "empty: as the group says",
        Holds::Number,
    ),
    ("strategy", "Who rings first", "", Holds::Strategy),
    ("otherwise", "When nobody answers", "", Holds::Step(ENDS)),
    ("record", "Recording", "", Holds::Record),
    ("caller_id", "Number that targets see", "", Holds::CallerId),
    (
        "whisper",
        "Whoever picks up hears first",
        "",
        Holds::Prompt(Some("nothing")),
    ),
    (
        "accept_key",
        "Key that takes the call",
        "such as 1; empty: none is asked for",
        Holds::Text,
    ),
];
const QUEUE: &[Spec] = &[
    ("group", "Group", "", Holds::Group),
    (
        "longest_wait",
        "Longest wait, in seconds",
        "empty: 300",
        Holds::Number,
    ),
    (
        "length",
        "Callers who wait at most",
        "empty: 20",
        Holds::Number,
    ),
    (
        "music",
        "What they hear",
        "",
        Holds::Prompt(Some("the built-in music")),
    ),
    (
        "position",
        "Before their place is told",
        "",
        Holds::Prompt(Some("it is not told")),
    ),
    (
        "otherwise",
        "When it is full or takes too long",
        "",
        Holds::Step(ENDS),
    ),
    ("strategy", "Who rings first", "", Holds::Strategy),
    (
        "timeout",
        "Seconds that each rings",
        "empty: as the group says",
        Holds::Number,
    ),
    ("record", "Recording", "", Holds::Record),
    (
        "whisper",
        "Whoever picks up hears first",
        "",
        Holds::Prompt(Some("nothing")),
    ),
];
const SAY: &[Spec] = &[
    ("prompt", "What the caller hears", "", Holds::Prompt(None)),
    ("next", "Then", "", Holds::Step(ENDS)),
];
const MENU: &[Spec] = &[
    ("prompt", "What the caller hears", "", Holds::Prompt(None)),
    (
        "tries",
        "How often it is asked",
        "1 to 10; empty: 3",
        Holds::Number,
    ),
    (
        "timeout",
        "Seconds that a key is waited for",
        "1 to 60; empty: 5",
        Holds::Number,
    ),
    (
        "otherwise",
        "When no key of these was pressed",
        "",
        Holds::Step(ENDS),
    ),
    ("keys.1", "Key 1", "", Holds::Step(Some("no choice"))),
    ("keys.2", "Key 2", "", Holds::Step(Some("no choice"))),
    ("keys.3", "Key 3", "", Holds::Step(Some("no choice"))),
    ("keys.4", "Key 4", "", Holds::Step(Some("no choice"))),
    ("keys.5", "Key 5", "", Holds::Step(Some("no choice"))),
    ("keys.6", "Key 6", "", Holds::Step(Some("no choice"))),
    ("keys.7", "Key 7", "", Holds::Step(Some("no choice"))),
    ("keys.8", "Key 8", "", Holds::Step(Some("no choice"))),
    ("keys.9", "Key 9", "", Holds::Step(Some("no choice"))),
    ("keys.0", "Key 0", "", Holds::Step(Some("no choice"))),
    ("keys.*", "Key *", "", Holds::Step(Some("no choice"))),
    ("keys.#", "Key #", "", Holds::Step(Some("no choice"))),
];
const SCHEDULE: &[Spec] = &[
    ("open", "Within the hours", "", Holds::Step(None)),
    ("otherwise", "Outside of them", "", Holds::Step(None)),
    (
        "hours.zone",
        "Time zone",
        "such as Europe/London",
        Holds::Text,
    ),
    (
        "hours.week.mon",
        "Monday",
        "such as 09:00-12:00, 13:00-17:30; empty: closed",
        Holds::List,
    ),
    ("hours.week.tue", "Tuesday", "", Holds::List),
    ("hours.week.wed", "Wednesday", "", Holds::List),
    ("hours.week.thu", "Thursday", "", Holds::List),
    ("hours.week.fri", "Friday", "", Holds::List),
    ("hours.week.sat", "Saturday", "", Holds::List),
    ("hours.week.sun", "Sunday", "", Holds::List),
    (
        "hours.holidays",
        "Closed on",
        "such as 2026-12-25, 2026-12-26",
        Holds::List,
    ),
    (
        "hours.exceptions",
        "Other hours on",
        "a day on each line, such as 2026-12-24 09:00-12:00",
        Holds::Days,
    ),
];
const VOICEMAIL: &[Spec] = &[
    (
        "prompt",
        "Before the tone",
        "",
        Holds::Prompt(Some("the tone alone")),
    ),
    (
        "longest",
        "Longest message, in seconds",
        "empty: 180",
        Holds::Number,
    ),
];
const FORWARD: &[Spec] = &[
    ("number", "Number", "such as +442079460123", Holds::Phone),
    ("trunk", "Trunk", "", Holds::Trunk),
    (
        "timeout",
        "Seconds that it rings",
        "empty: 30",
        Holds::Number,
    ),
    (
        "otherwise",
        "When it is not answered",
        "",
        Holds::Step(ENDS),
    ),
];
const REJECT: &[Spec] = &[(
    "code",
    "SIP status code",
    "400 to 699: 480 is unavailable, 486 busy, 603 declined",
    Holds::Number,
)];
const GOTO: &[Spec] = &[("step", "Step", "", Holds::Step(None))];
const MATCH: &[Spec] = &[("otherwise", "When no case holds", "", Holds::Step(None))];

/// The fields of a kind; of a `match` those beside its cases.
pub(super) fn specs(kind: &str) -> Option<&'static [Spec]> {
    Some(match kind {
        "ring" => RING,
        "queue" => QUEUE,
        "say" => SAY,
        "menu" => MENU,
        "schedule" => SCHEDULE,
        "voicemail" => VOICEMAIL,
        "forward" => FORWARD,
        "reject" => REJECT,
        "goto" => GOTO,
        "match" => MATCH,
        _ => return None,
    })
}

/// A value of a step as the form shows it.
pub(super) fn written(value: Option<&Value>, holds: Holds) -> String {
    let Some(value) = value else {
        return String::new();
    };
    match (holds, value) {
        (Holds::List, Value::Array(items)) => items.iter().map(item).collect::<Vec<_>>().join(", "),
        (Holds::Days, Value::Object(days)) => {
            let line = |(day, hours): (&String, &Value)| {
                format!("{day} {}", written(Some(hours), Holds::List))
            };
            let lines = days.iter().map(line).map(|line| line.trim().to_owned());
            lines.collect::<Vec<_>>().join("\n")
        }
        (Holds::Record, Value::Object(_)) => {
            let prompt = value.get("consent").map(plain).unwrap_or_default();
            format!("{CONSENT}{prompt}")
        }
        (Holds::When, Value::Object(conditions)) => {
            let condition = |(name, wanted): (&String, &Value)| match wanted {
                Value::Array(_) => format!("{name} = {}", written(Some(wanted), Holds::List)),
                one => format!("{name} = {}", plain(one)),
            };
            conditions
                .iter()
                .map(condition)
                .collect::<Vec<_>>()
                .join("\n")
        }
        (_, other) => plain(other),
    }
}

/// What a form's text stands for in a step; `None` where the step says nothing.
pub(super) fn read(text: &str, holds: Holds) -> Option<Value> {
    let text = text.trim();
    if text.is_empty() {
        return None;
    }
    Some(match holds {
        Holds::Number => number(text),
        Holds::Phone => text.replace(char::is_whitespace, "").into(),
        Holds::List => list(text),
        Holds::Days => {
            let days = text.lines().filter_map(|line| {
                let line = line.trim();
                let (day, hours) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
                (!day.is_empty()).then(|| (day.to_owned(), list(hours)))
            });
            days.collect::<Map<_, _>>().into()
        }
        Holds::Record => match text.strip_prefix(CONSENT) {
            Some(prompt) => json!({"consent": prompt}),
            None => word(text),
        },
        Holds::When => {
            let conditions = text.lines().filter_map(|line| {
                let (name, wanted) = line.split_once('=').unwrap_or((line, ""));
                let (name, wanted) = (name.trim(), wanted.trim());
                let value = match name {
                    "" => return None,
                    "returning" => word(wanted),
                    "percent" => number(wanted),
                    _ => list(wanted),
                };
                Some((name.to_owned(), value))
            });
            conditions.collect::<Map<_, _>>().into()
        }
        _ => text.into(),
    })
}

/// What comes before the prompt in the choice of recording after consent.
pub(super) const CONSENT: &str = "consent ";

fn number(text: &str) -> Value {
    text.parse::<u64>()
        .map_or_else(|_| text.into(), Value::from)
}

fn word(text: &str) -> Value {
    text.parse::<bool>()
        .map_or_else(|_| text.into(), Value::from)
}

fn plain(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

/// One of a list; in quotes when a comma is in it.
fn item(value: &Value) -> String {
    let text = plain(value);
    if text.contains([',', '"']) || text.trim() != text {
        Value::from(text).to_string()
    } else {
        text
    }
}

/// Texts with commas between them; one in quotes may hold commas itself.
fn list(text: &str) -> Value {
    let mut items: Vec<String> = Vec::new();
    let mut part = String::new();
    let mut quoted = false;
    let mut escaped = false;
    for letter in text.chars() {
        match letter {
            ',' if !quoted => items.push(std::mem::take(&mut part)),
            '"' if !escaped => {
                quoted = !quoted;
                part.push(letter);
            }
            _ => part.push(letter),
        }
        escaped = letter == '\\' && !escaped;
    }
    items.push(part);
    let items = items.iter().map(|item| item.trim());
    let items = items.filter(|item| !item.is_empty()).map(|item| {
        let quoted = serde_json::from_str::<String>(item);
        Value::from(quoted.unwrap_or_else(|_| item.to_owned()))
    });
    items.collect::<Vec<_>>().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_form_shows_is_read_as_it_was() {
        for (value, text, holds) in [
            (json!("Sales"), "Sales", Holds::Group),
            (json!(20), "20", Holds::Number),
            (
                json!(["09:00-12:00", "13:00-17:30"]),
                "09:00-12:00, 13:00-17:30",
                Holds::List,
            ),
            (
                json!(["Spring, early", "May"]),
                "\"Spring, early\", May",
                Holds::List,
            ),
            (
                json!({"2026-12-24": ["09:00-12:00"], "2026-12-31": []}),
                "2026-12-24 09:00-12:00\n2026-12-31",
                Holds::Days,
            ),
            (json!(false), "false", Holds::Record),
            (
                json!({"consent": "recorded"}),
                "consent recorded",
                Holds::Record,
            ),
            (
                json!({"country": ["DE", "AT"], "percent": 30, "returning": true}),
                "country = DE, AT\npercent = 30\nreturning = true",
                Holds::When,
            ),
        ] {
            assert_eq!(written(Some(&value), holds), text);
            assert_eq!(read(text, holds), Some(value));
        }
        assert_eq!(read(" ", Holds::Text), None);
        assert_eq!(written(None, Holds::List), "");
    }

    #[test]
    fn what_makes_no_sense_is_kept_for_the_check_to_tell() {
        assert_eq!(read("soon", Holds::Number), Some(json!("soon")));
        assert_eq!(read("perhaps", Holds::Record), Some(json!("perhaps")));
        assert_eq!(read("country", Holds::When), Some(json!({"country": []})));
        assert_eq!(
            read("+44 20 7946 0123", Holds::Phone),
            Some(json!("+442079460123"))
        );
    }
}
