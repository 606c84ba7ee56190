//! How times, lengths, numbers and states are written.

use std::fmt;
use std::time::Duration;

use jiff::tz::TimeZone;
use ringfence_model::{Account, Call, Confidence, Disposition, E164, Role, SourceKind, Timestamp};

/// How much of an instant is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Show {
    /// `19:48`
    Clock,
    /// `23 Nov, 19:48`
    Moment,
    /// `Mon 23 Nov 2026, 19:48:12`
    Full,
    /// `2 m ago`, by the browser; a [`Show::Moment`] where no script runs.
    Ago,
}

/// An instant in the account's zone, which the browser rewrites in its reader's.
#[derive(Debug, Clone)]
pub(super) struct Moment {
    at: Timestamp,
    zone: TimeZone,
    show: Show,
}

impl Moment {
    pub(super) fn new(at: Timestamp, zone: &TimeZone, show: Show) -> Self {
        Self {
            at,
            zone: zone.clone(),
            show,
        }
    }

    /// Without markup.
    pub(super) fn text(&self) -> String {
        let local = self.at.to_jiff().to_zoned(self.zone.clone());
        let pattern = match self.show {
            Show::Clock => "%H:%M",
            Show::Moment | Show::Ago => "%-d %b, %H:%M",
            Show::Full => "%a %-d %b %Y, %H:%M:%S",
        };
        local.strftime(pattern).to_string()
    }
}

impl askama::filters::HtmlSafe for Moment {}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let show = match self.show {
            Show::Clock => "clock",
            Show::Moment => "moment",
            Show::Full => "full",
            Show::Ago => "ago",
        };
        let local = self.at.to_jiff().to_zoned(self.zone.clone());
        write!(
            f,
            r#"<time datetime="{}" data-show="{show}" title="{}">{}</time>"#,
            self.at.to_jiff().strftime("%Y-%m-%dT%H:%M:%S%.3fZ"),
            local.strftime("%a %-d %b %Y, %H:%M:%S %Z"),
            self.text()
        )
    }
}

/// A length that goes on: the browser counts it up.
#[derive(Debug, Clone, Copy)]
pub(super) struct Since {
    pub(super) at: Timestamp,
    pub(super) now: Timestamp,
}

impl askama::filters::HtmlSafe for Since {}

impl fmt::Display for Since {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            r#"<span class="num nowrap" data-since="{}">{}</span>"#,
            self.at.as_micros() / 1_000,
            length(self.now.since(self.at))
        )
    }
}

/// `12 s`, `3 m 12 s`, `1 h 04 m`.
pub(super) fn length(length: Duration) -> String {
    let seconds = length.as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} m {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} m", seconds / 3_600, seconds / 60 % 60),
    }
}

/// As [`length`], but with tenths below ten seconds: `0.4 s`.
pub(super) fn short_length(time: Duration) -> String {
    if time < Duration::from_secs(10) {
        format!("{}.{} s", time.as_secs(), time.subsec_millis() / 100)
    } else {
        length(time)
    }
}

/// In national format for numbers that people in the account's country dial so, international otherwise.
pub(super) fn phone(number: &E164, account: &Account) -> String {
    let national = number.national();
    match E164::parse(&national, Some(&account.country)) {
        Ok(dialled) if dialled == *number => national,
        _ => number.international(),
    }
}

/// The caller's number, or that it was withheld.
pub(super) fn caller(number: Option<&E164>, account: &Account) -> String {
    number.map_or_else(|| "Withheld".to_owned(), |number| phone(number, account))
}

/// Who made a call: the number, or why there is none.
pub(super) fn caller_of(call: &Call, account: &Account) -> String {
    if call.is_erased() {
        "Erased caller".to_owned()
    } else {
        caller(call.caller.as_ref(), account)
    }
}

/// `1,234`
pub(super) fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 call`, `2 calls`
pub(super) fn counted(value: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(value), if value == 1 { one } else { many })
}

/// Sources that nearly everybody has: each keeps a colour that no other source has.
const KNOWN: [(&str, &str); 6] = [
    ("Google Ads", "s0"),
    ("Google", "s1"),
    ("Microsoft Ads", "s2"),
    ("Meta Ads", "s3"),
    ("Bing", "s5"),
    ("Direct", "s8"),
];

/// What the others share.
const COLOURS: [&str; 6] = ["s4", "s6", "s7", "s9", "s10", "s11"];

/// The class that gives a source its colour, the same one everywhere.
pub(super) fn colour_of(source: &str) -> &'static str {
    if let Some((_, colour)) = KNOWN.iter().find(|(known, _)| *known == source) {
        return colour;
    }
    // FNV-1a: any hash would do that never changes.
    let hash = source.bytes().fold(0x811c_9dc5_u32, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    COLOURS[(hash ^ (hash >> 15)) as usize % COLOURS.len()]
}

/// A state as it is shown: the class of its colour, its icon, its word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct State {
    pub(super) class: &'static str,
    pub(super) icon: &'static str,
    pub(super) word: &'static str,
}

/// How a call ended, or that it has not.
pub(super) const fn state_of(disposition: Option<Disposition>) -> State {
    let (class, icon, word) = match disposition {
        None => ("live", "talking", "Under way"),
        Some(Disposition::Answered) => ("answered", "answered", "Answered"),
        Some(Disposition::Missed) => ("missed", "missed", "Missed"),
        Some(Disposition::Abandoned) => ("missed", "abandoned", "Abandoned"),
        Some(Disposition::Voicemail) => ("quiet", "voicemail", "Voicemail"),
        Some(Disposition::Rejected) => ("failed", "failed", "Rejected"),
        Some(Disposition::Failed) => ("failed", "failed", "Failed"),
    };
    State { class, icon, word }
}

/// How sure an attribution is: its word, and how many of three bars are filled.
pub(super) const fn confidence(confidence: Confidence) -> (&'static str, u8) {
    match confidence {
        Confidence::Certain => ("Certain", 3),
        Confidence::Likely => ("Likely", 2),
        Confidence::Shared => ("Shared", 1),
        Confidence::Unknown => ("Unknown", 0),
    }
}

/// What a role is called.
pub(super) const fn role_name(role: Role) -> &'static str {
    match role {
        Role::Owner => "Owner",
        Role::Admin => "Admin",
        Role::Analyst => "Analyst",
        Role::Agent => "Agent",
    }
}

/// A sentence of an error, with a capital letter.
pub(super) fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

/// What a class of sources is called.
pub(super) const fn source_kind(kind: SourceKind) -> &'static str {
    match kind {
        SourceKind::Paid => "Paid advertisement",
        SourceKind::Search => "Search",
        SourceKind::Social => "Social network",
        SourceKind::Mail => "Mail",
        SourceKind::Assistant => "AI assistant",
        SourceKind::Referral => "Referral",
        SourceKind::Campaign => "Campaign",
        SourceKind::Direct => "Direct",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_read_as_people_say_them() {
        let words = |seconds| length(Duration::from_secs(seconds));
        assert_eq!(words(0), "0 s");
        assert_eq!(words(192), "3 m 12 s");
        assert_eq!(words(3_845), "1 h 04 m");
        assert_eq!(short_length(Duration::from_millis(460)), "0.4 s");
    }

    #[test]
    fn counts_are_grouped() {
        assert_eq!(count(7), "7");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(counted(1, "call", "calls"), "1 call");
    }

    #[test]
    fn an_instant_is_written_in_the_accounts_zone() {
        let zone = TimeZone::get("Europe/London").unwrap();
        let at = Timestamp::from("2026-07-01T11:30:00Z".parse::<jiff::Timestamp>().unwrap());
        assert_eq!(Moment::new(at, &zone, Show::Clock).text(), "12:30");
        assert_eq!(
            Moment::new(at, &zone, Show::Full).text(),
            "Wed 1 Jul 2026, 12:30:00"
        );
    }
}
