//! The filters of the call log: they are the URL, and read as a sentence.

use std::fmt::Write as _;

use jiff::tz::TimeZone;
use ringfence_model::{Disposition, Lead, NumberId, Timestamp};
use ringfence_platform::call_log::CallFilter;
use ringfence_platform::reports::Period;
use serde::Deserialize;

use super::overview::words_of;
use super::page::encoded;
use super::words::{colour_of, state_of};
use super::worth::lead_name;

/// The outcome that asks for callers who were missed and not spoken to since.
const TO_RETURN: &str = "to_call_back";

/// How far back they are looked for unless the URL says.
pub(super) const WAITING: Period = Period::Month;

/// What the URL asks for.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    pub(super) outcome: Option<String>,
    source: Option<String>,
    period: Option<String>,
    number: Option<String>,
    recorded: Option<String>,
    lead: Option<String>,
    tag: Option<String>,
    q: Option<String>,
    pub(super) after: Option<String>,
}

impl Asked {
    pub(super) fn pairs(&self) -> Vec<(&'static str, &str)> {
        [
            ("outcome", &self.outcome),
            ("source", &self.source),
            ("period", &self.period),
            ("number", &self.number),
            ("recorded", &self.recorded),
            ("lead", &self.lead),
            ("tag", &self.tag),
            ("q", &self.q),
            ("after", &self.after),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value.as_deref()?)))
        .filter(|(_, value)| !value.is_empty())
        .collect()
    }

    fn href(&self) -> String {
        let query: Vec<String> = self
            .pairs()
            .into_iter()
            .map(|(name, value)| format!("{name}={}", encoded(value)))
            .collect();
        if query.is_empty() {
            "/calls".into()
        } else {
            format!("/calls?{}", query.join("&"))
        }
    }

    /// The same calls as a file; `None` for those who wait, who are no part of the log but drawn from it.
    pub(super) fn file(&self) -> Option<String> {
        let page = self.but(|_| {});
        (!self.to_return()).then(|| page.replacen("/calls", "/calls.csv", 1))
    }

    /// The same filters but one, from the newest call on.
    pub(super) fn but(&self, change: impl FnOnce(&mut Self)) -> String {
        let mut other = Self {
            after: None,
            ..self.clone()
        };
        change(&mut other);
        if other.outcome.as_deref() == Some(TO_RETURN) && !other.to_return() {
            other.outcome = None;
        }
        other.href()
    }

    /// Not a disposition, but the list of those who wait: one call a caller. Other filters than the period leave it.
    pub(super) fn to_return(&self) -> bool {
        self.outcome.as_deref() == Some(TO_RETURN)
            && self
                .pairs()
                .iter()
                .all(|(name, _)| matches!(*name, "outcome" | "period" | "after"))
    }

    fn outcome(&self) -> Option<Disposition> {
        self.outcome.as_deref().and_then(Disposition::from_word)
    }

    pub(super) fn period(&self) -> Option<Period> {
        self.period.as_deref().and_then(Period::from_word)
    }

    fn source(&self) -> Option<&str> {
        self.source.as_deref().filter(|source| !source.is_empty())
    }

    pub(super) fn number(&self) -> Option<NumberId> {
        self.number
            .as_deref()
            .and_then(|number| number.parse().ok())
    }

    fn lead(&self) -> Option<Lead> {
        self.lead.as_deref().and_then(Lead::from_word)
    }

    fn tag(&self) -> Option<&str> {
        self.tag.as_deref().filter(|tag| !tag.is_empty())
    }

    fn recorded(&self) -> bool {
        self.recorded.as_deref() == Some("1")
    }

    pub(super) fn text(&self) -> &str {
        self.q.as_deref().unwrap_or("").trim()
    }

    pub(super) fn filter(&self, now: Timestamp, zone: &TimeZone) -> CallFilter {
        CallFilter {
            from: self.period().map(|period| period.begin(now, zone)),
            disposition: self.outcome(),
            source: self.source().map(str::to_owned),
            number: self.number(),
            only_recorded: self.recorded(),
            text: (!self.text().is_empty()).then(|| searched(self.text())),
            lead: self.lead(),
            tag: self.tag().map(str::to_owned),
            ..CallFilter::default()
        }
    }
}

/// Numbers are searched as rows hold them: digits only, and without the zero that only a country's own callers dial.
fn searched(text: &str) -> String {
    let is_number = text.chars().any(|c| c.is_ascii_digit())
        && text
            .chars()
            .all(|c| c.is_ascii_digit() || " +()-./".contains(c));
    if !is_number {
        return text.chars().take(64).collect();
    }
    let digits: String = text.chars().filter(char::is_ascii_digit).take(20).collect();
    let digits = digits.strip_prefix("00").unwrap_or(&digits);
    digits.strip_prefix('0').unwrap_or(digits).to_owned()
}

pub(super) struct Choice {
    pub(super) word: String,
    pub(super) colour: &'static str,
    pub(super) href: String,
    pub(super) current: bool,
}

pub(super) struct Chip {
    pub(super) word: String,
    pub(super) on: bool,
    pub(super) choices: Vec<Choice>,
}

pub(super) fn sentence(asked: &Asked, number: Option<&str>) -> String {
    if asked.to_return() {
        let period = words_of(asked.period().unwrap_or(WAITING));
        return format!(
            "Callers who were missed in {period} and not spoken to since: the last call of each."
        );
    }
    let mut text = match asked.outcome() {
        Some(outcome) => format!("{} calls", state_of(Some(outcome)).word),
        None => "All calls".into(),
    };
    if asked.recorded() {
        text.push_str(" with a recording");
    }
    if let Some(lead) = asked.lead() {
        let _ = write!(text, " that were {}", lead_name(lead).to_lowercase());
    }
    if let Some(tag) = asked.tag() {
        let _ = write!(text, " tagged “{tag}”");
    }
    if let Some(source) = asked.source() {
        text.push_str(" from ");
        text.push_str(source);
    }
    if let Some(number) = number {
        text.push_str(" to ");
        text.push_str(number);
    }
    if let Some(period) = asked.period() {
        text.push_str(" in ");
        text.push_str(words_of(period));
    }
    if !asked.text().is_empty() {
        let _ = write!(text, " that mention “{}”", asked.text());
    }
    text.push_str(", newest first.");
    text
}

/// What each chip offers.
pub(super) fn chips(
    asked: &Asked,
    sources: &[String],
    tags: &[String],
    number: Option<&str>,
) -> Vec<Chip> {
    let mut chips = vec![
        outcomes(asked),
        sources_of(asked, sources),
        periods(asked),
        recorded(asked),
        leads(asked),
    ];
    if !tags.is_empty() || asked.tag().is_some() {
        chips.push(tags_of(asked, tags));
    }
    if let Some(number) = number {
        let every = choice("Any number", asked.but(|to| to.number = None), false);
        chips.push(Chip {
            word: format!("To {number}"),
            on: true,
            choices: vec![every],
        });
    }
    chips
}

fn outcomes(asked: &Asked) -> Chip {
    let outcome = asked.outcome();
    let none = outcome.is_none() && !asked.to_return();
    let waiting = Asked {
        outcome: Some(TO_RETURN.into()),
        period: asked.period.clone(),
        ..Asked::default()
    };
    let mut choices = vec![
        choice("Any outcome", asked.but(|to| to.outcome = None), none),
        choice("To call back", waiting.href(), asked.to_return()),
    ];
    choices.extend(Disposition::ALL.iter().map(|&each| {
        let href = asked.but(|to| to.outcome = Some(each.as_str().into()));
        choice(state_of(Some(each)).word, href, outcome == Some(each))
    }));
    let word = match outcome {
        _ if asked.to_return() => "To call back",
        Some(outcome) => state_of(Some(outcome)).word,
        None => "Any outcome",
    };
    Chip {
        word: word.into(),
        on: !none,
        choices,
    }
}

fn sources_of(asked: &Asked, sources: &[String]) -> Chip {
    let source = asked.source();
    let mut choices = vec![choice(
        "Any source",
        asked.but(|to| to.source = None),
        source.is_none(),
    )];
    let known = sources.iter().map(String::as_str);
    let unknown = source.filter(|source| !sources.iter().any(|known| known == source));
    choices.extend(known.chain(unknown).map(|each| Choice {
        colour: colour_of(each),
        ..choice(
            each,
            asked.but(|to| to.source = Some(each.into())),
            source == Some(each),
        )
    }));
    Chip {
        word: source.map_or_else(|| "Any source".into(), |source| format!("From {source}")),
        on: source.is_some(),
        choices,
    }
}

fn periods(asked: &Asked) -> Chip {
    let period = asked.period();
    let mut choices = vec![choice(
        "Any time",
        asked.but(|to| to.period = None),
        period.is_none(),
    )];
    choices.extend(Period::ALL.into_iter().map(|each| {
        let href = asked.but(|to| to.period = Some(each.as_str().into()));
        choice(&capital(words_of(each)), href, period == Some(each))
    }));
    Chip {
        word: period.map_or_else(|| "Any time".into(), |period| capital(words_of(period))),
        on: period.is_some(),
        choices,
    }
}

fn recorded(asked: &Asked) -> Chip {
    let (any, only) = ("With or without recording", "With a recording");
    let href = asked.but(|to| to.recorded = Some("1".into()));
    Chip {
        word: if asked.recorded() { only } else { "Recording" }.into(),
        on: asked.recorded(),
        choices: vec![
            choice(any, asked.but(|to| to.recorded = None), !asked.recorded()),
            choice(only, href, asked.recorded()),
        ],
    }
}

fn leads(asked: &Asked) -> Chip {
    let lead = asked.lead();
    let mut choices = vec![choice(
        "Any lead or none",
        asked.but(|to| to.lead = None),
        lead.is_none(),
    )];
    choices.extend(Lead::ALL.iter().map(|&each| {
        let href = asked.but(|to| to.lead = Some(each.as_str().into()));
        choice(lead_name(each), href, lead == Some(each))
    }));
    Chip {
        word: lead.map_or("Lead", lead_name).into(),
        on: lead.is_some(),
        choices,
    }
}

fn tags_of(asked: &Asked, tags: &[String]) -> Chip {
    let tag = asked.tag();
    let mut choices = vec![choice(
        "Any tag or none",
        asked.but(|to| to.tag = None),
        tag.is_none(),
    )];
    let known = tags.iter().map(String::as_str);
    let unknown = tag.filter(|tag| !tags.iter().any(|known| known == tag));
    choices.extend(known.chain(unknown).map(|each| {
        let href = asked.but(|to| to.tag = Some(each.into()));
        choice(each, href, tag == Some(each))
    }));
    Chip {
        word: tag.map_or_else(|| "Tag".into(), |tag| format!("Tagged {tag}")),
        on: tag.is_some(),
        choices,
    }
}

fn choice(word: &str, href: String, current: bool) -> Choice {
    Choice {
        word: word.into(),
        colour: "",
        href,
        current,
    }
}

/// `the last hour` as a beginning: `Last hour`.
fn capital(text: &str) -> String {
    let text = text.strip_prefix("the ").unwrap_or(text);
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_the_url_and_back() {
        let asked = Asked {
            outcome: Some("missed".into()),
            source: Some("Google Ads".into()),
            after: Some("1.x".into()),
            ..Asked::default()
        };
        assert_eq!(
            asked.href(),
            "/calls?outcome=missed&source=Google+Ads&after=1.x"
        );
        assert_eq!(
            asked.but(|to| to.outcome = None),
            "/calls?source=Google+Ads"
        );
        assert_eq!(Asked::default().href(), "/calls");
    }

    #[test]
    fn a_number_is_found_however_it_is_typed() {
        assert_eq!(searched("020 7946"), "207946");
        assert_eq!(searched("+44 20"), "4420");
        assert_eq!(searched("0044 20"), "4420");
        assert_eq!(searched("Google"), "Google");
    }

    #[test]
    fn the_filters_read_as_a_sentence() {
        let asked = Asked {
            outcome: Some("missed".into()),
            source: Some("Google Ads".into()),
            period: Some("7d".into()),
            ..Asked::default()
        };
        assert_eq!(
            sentence(&asked, None),
            "Missed calls from Google Ads in the last 7 days, newest first."
        );
    }
}
