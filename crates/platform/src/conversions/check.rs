//! Destinations as somebody wishes them, checked before anything is kept. Pure.

use ringfence_model::{ConsentRule, ConversionPlatform, ConversionRule, CountedCalls};

use super::request::Credentials;
use crate::arrangement::FieldProblem;

/// Octets of a credential at most.
const LONGEST_SECRET: usize = 1_000;
/// Seconds of a call that may be asked for: a day.
const MOST_SECONDS: u32 = 86_400;

/// A destination as somebody wishes it.
#[derive(Clone, Default)]
pub struct DestinationWish {
    /// `google_analytics`, `google_ads` or `meta`.
    pub platform: String,
    /// The measurement id, the customer's number (behind its manager's and a slash), the dataset.
    pub target: String,
    /// The event's name, or the number of the conversion action; empty for the platform's usual one.
    pub event: String,
    /// `answered`, `qualified` or `converted`.
    pub counts: String,
    /// They talked for so many seconds at least; empty for any.
    pub seconds: String,
    /// Only the first call of a caller.
    pub first_only: bool,
    /// `told` or `waited`.
    pub consent: String,
    /// The caller's number goes too, hashed.
    pub hashed_caller: bool,
    /// The secret.
    pub secret: String,
    /// Google's OAuth client.
    pub client: String,
    /// Its refresh token.
    pub refresh_token: String,
    /// It is told; a new one is.
    pub enabled: bool,
}

/// A wish that can be kept.
pub(super) struct Checked {
    pub platform: ConversionPlatform,
    pub target: String,
    pub event: String,
    pub rule: ConversionRule,
    /// New ones; `None` keeps those that are known.
    pub credentials: Option<Credentials>,
}

impl DestinationWish {
    /// What is kept of it; `known` is the platform of a destination that is there and keeps its platform.
    pub(super) fn checked(
        &self,
        known: Option<ConversionPlatform>,
    ) -> Result<Checked, Vec<FieldProblem>> {
        let mut problems = Vec::new();
        let platform = known.or_else(|| ConversionPlatform::from_word(&self.platform));
        let Some(platform) = platform else {
            let words: Vec<&str> = ConversionPlatform::ALL
                .iter()
                .map(|platform| platform.as_str())
                .collect();
            let text = format!("expected one of {}", words.join(", "));
            return Err(vec![FieldProblem::new("platform", text)]);
        };
        let target = target_of(platform, &self.target);
        let event = event_of(platform, &self.event);
        let rule = self.rule(platform, &mut problems);
        let credentials = self.credentials(platform, known.is_some(), &mut problems);
        if let Err(text) = &target {
            problems.push(FieldProblem::new("target", *text));
        }
        if let Err(text) = &event {
            problems.push(FieldProblem::new("event", *text));
        }
        match (target, event) {
            (Ok(target), Ok(event)) if problems.is_empty() => Ok(Checked {
                platform,
                target,
                event,
                rule,
                credentials,
            }),
            _ => Err(problems),
        }
    }

    fn rule(
        &self,
        platform: ConversionPlatform,
        problems: &mut Vec<FieldProblem>,
    ) -> ConversionRule {
        let mut wrong = |field: &str, text: &str| problems.push(FieldProblem::new(field, text));
        let counts = CountedCalls::from_word(&self.counts);
        if counts.is_none() {
            wrong("counts", "expected answered, qualified or converted");
        }
        let consent = ConsentRule::from_word(&self.consent);
        if consent.is_none() {
            wrong("consent", "expected told or waited");
        }
        let seconds = match self.seconds.trim() {
            "" => Some(0),
            text => text.parse().ok().filter(|seconds| *seconds <= MOST_SECONDS),
        };
        if seconds.is_none() {
            wrong("seconds", "expected seconds from 0 to 86400");
        }
        if self.hashed_caller && platform == ConversionPlatform::GoogleAnalytics {
            wrong(
                "hashed_caller",
                "expected no caller's number: Google Analytics takes none, hashed or not",
            );
        }
        ConversionRule {
            counts: counts.unwrap_or(CountedCalls::Answered),
            seconds: seconds.unwrap_or(0),
            first_only: self.first_only,
            consent: consent.unwrap_or(ConsentRule::Told),
            hashed_caller: self.hashed_caller,
        }
    }

    /// All of them, or none where the known ones may stay.
    fn credentials(
        &self,
        platform: ConversionPlatform,
        may_stay: bool,
        problems: &mut Vec<FieldProblem>,
    ) -> Option<Credentials> {
        let asked = [
            ("secret", self.secret.trim()),
            ("client", self.client.trim()),
            ("refresh_token", self.refresh_token.trim()),
        ];
        if may_stay && asked.iter().all(|(_, text)| text.is_empty()) {
            return None;
        }
        let is_google_ads = platform == ConversionPlatform::GoogleAds;
        for (field, text) in asked {
            let text = match (text, field == "secret" || is_google_ads) {
                ("", true) => "expected one, got none".to_owned(),
                ("", false) => continue,
                (_, false) => format!("expected nothing: {} has none", platform.name()),
                (text, true) => {
                    let plain = text.bytes().all(|octet| octet.is_ascii_graphic());
                    if plain && text.len() <= LONGEST_SECRET {
                        continue;
                    }
                    format!(
                        "expected at most {LONGEST_SECRET} letters, digits and signs without a blank"
                    )
                }
            };
            problems.push(FieldProblem::new(field, text));
        }
        let [(_, secret), (_, client), (_, refresh_token)] =
            asked.map(|(name, text)| (name, text.to_owned()));
        Some(Credentials {
            secret,
            client,
            refresh_token,
        })
    }
}

fn target_of(platform: ConversionPlatform, text: &str) -> Result<String, &'static str> {
    let text = text.trim();
    let is_digits = |text: &str, least: usize, most: usize| {
        (least..=most).contains(&text.len()) && text.bytes().all(|digit| digit.is_ascii_digit())
    };
    match platform {
        ConversionPlatform::GoogleAnalytics => {
            let id = text.to_ascii_uppercase();
            let rest = id.strip_prefix("G-").unwrap_or_default();
            let is_good = (4..=20).contains(&rest.len())
                && rest.bytes().all(|octet| octet.is_ascii_alphanumeric());
            is_good
                .then_some(id)
                .ok_or("expected the measurement id of a web data stream, such as G-1A2B3C4D5E")
        }
        ConversionPlatform::GoogleAds => {
            let digits = text.replace(['-', ' '], "");
            let mut parts = digits.split('/');
            let is_good =
                digits.matches('/').count() <= 1 && parts.all(|part| is_digits(part, 10, 10));
            is_good.then_some(digits).ok_or(
                "expected the customer's ten digits, such as 123-456-7890, behind a manager's as in 987-654-3210/123-456-7890",
            )
        }
        ConversionPlatform::Meta => is_digits(text, 5, 20)
            .then(|| text.to_owned())
            .ok_or("expected the digits of a dataset (a pixel)"),
    }
}

fn event_of(platform: ConversionPlatform, text: &str) -> Result<String, &'static str> {
    let text = text.trim();
    let is_word = |octet: u8| octet.is_ascii_alphanumeric() || octet == b'_';
    match platform {
        ConversionPlatform::GoogleAnalytics => {
            let text = if text.is_empty() {
                "generate_lead"
            } else {
                text
            };
            let is_good = text.len() <= 40
                && text.starts_with(|letter: char| letter.is_ascii_alphabetic())
                && text.bytes().all(is_word);
            is_good.then(|| text.to_owned()).ok_or(
                "expected an event's name: a letter, then letters, digits and _, at most 40 in all",
            )
        }
        ConversionPlatform::GoogleAds => {
            let is_good =
                (1..=20).contains(&text.len()) && text.bytes().all(|digit| digit.is_ascii_digit());
            is_good.then(|| text.to_owned()).ok_or(
                "expected the number of a conversion action, its ctId in Google Ads' address",
            )
        }
        ConversionPlatform::Meta => {
            let text = if text.is_empty() { "Lead" } else { text };
            let is_good = text.len() <= 50 && text.bytes().all(is_word);
            is_good
                .then(|| text.to_owned())
                .ok_or("expected an event's name of letters, digits and _, at most 50")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(platform: &str) -> DestinationWish {
        DestinationWish {
            platform: platform.into(),
            counts: "answered".into(),
            consent: "told".into(),
            secret: "open-sesame".into(),
            ..DestinationWish::default()
        }
    }

    fn fields(wish: &DestinationWish, known: Option<ConversionPlatform>) -> Vec<String> {
        let problems = wish.checked(known).err().unwrap_or_default();
        problems.into_iter().map(|problem| problem.field).collect()
    }

    #[test]
    fn each_platforms_identifiers_are_checked() {
        for (platform, target, event, kept) in [
            (
                "google_analytics",
                "g-1a2b3c4d5e",
                "",
                ("G-1A2B3C4D5E", "generate_lead"),
            ),
            ("meta", " 123456789012345 ", "", ("123456789012345", "Lead")),
        ] {
            let wish = DestinationWish {
                target: target.into(),
                event: event.into(),
                ..wish(platform)
            };
            let checked = wish.checked(None).ok().unwrap();
            assert_eq!((checked.target.as_str(), checked.event.as_str()), kept);
        }
        let ads = DestinationWish {
            target: "987-654-3210/123-456-7890".into(),
            event: "4711".into(),
            client: "a.apps.example.com".into(),
            refresh_token: "1//x".into(),
            ..wish("google_ads")
        };
        assert_eq!(
            ads.checked(None).ok().unwrap().target,
            "9876543210/1234567890"
        );
        let bare = DestinationWish {
            target: "12".into(),
            ..wish("google_ads")
        };
        assert_eq!(
            fields(&bare, None),
            ["client", "refresh_token", "target", "event"]
        );
        for (platform, target, event) in [
            ("google_analytics", "UA-12345-1", "a b"),
            ("meta", "../x", "a b"),
        ] {
            let wish = DestinationWish {
                target: target.into(),
                event: event.into(),
                client: "x".into(),
                ..wish(platform)
            };
            assert_eq!(
                fields(&wish, None),
                ["client", "target", "event"],
                "{platform}"
            );
        }
        assert_eq!(fields(&wish("tiktok"), None), ["platform"]);
    }

    #[test]
    fn what_counts_has_to_be_said_and_google_analytics_gets_no_callers_number() {
        let wish = DestinationWish {
            target: "G-12345".into(),
            counts: "all".into(),
            consent: String::new(),
            seconds: "-1".into(),
            hashed_caller: true,
            ..wish("google_analytics")
        };
        let expected = ["counts", "consent", "seconds", "hashed_caller"];
        assert_eq!(fields(&wish, None), expected);
    }

    #[test]
    fn credentials_stay_unless_new_ones_are_given() {
        let meta = Some(ConversionPlatform::Meta);
        let same = DestinationWish {
            target: "12345".into(),
            secret: String::new(),
            ..wish("meta")
        };
        assert!(same.checked(meta).ok().unwrap().credentials.is_none());
        assert_eq!(fields(&same, None), ["secret"]);
        let blank = DestinationWish {
            secret: "two words".into(),
            ..same
        };
        assert_eq!(fields(&blank, meta), ["secret"]);
    }
}
