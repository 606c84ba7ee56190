//! Calls: find one call. The filters are the URL, and read as a sentence.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use jiff::tz::TimeZone;
use ringfence_model::{Account, Disposition, NumberId, Timestamp};
use ringfence_platform::call_log::{CallCursor, CallFilter, CallRow};
use ringfence_platform::now;
use ringfence_platform::reports::Period;
use serde::Deserialize;

use super::App;
use super::overview::words_of;
use super::page::{Problem, Shell, encoded, render, zone};
use super::session::Reader;
use super::words::{Moment, Show, State as StateWords, caller, colour_of, length, phone, state_of};

/// Calls on a page.
const PAGE: u32 = 50;

/// Sources that the menu offers.
const MOST_SOURCES: usize = 30;

/// What the URL asks for.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    outcome: Option<String>,
    source: Option<String>,
    period: Option<String>,
    number: Option<String>,
    recorded: Option<String>,
    q: Option<String>,
    after: Option<String>,
}

impl Asked {
    fn pairs(&self) -> Vec<(&'static str, &str)> {
        [
            ("outcome", &self.outcome),
            ("source", &self.source),
            ("period", &self.period),
            ("number", &self.number),
            ("recorded", &self.recorded),
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

    /// The same filters but one, from the newest call on.
    fn but(&self, change: impl FnOnce(&mut Self)) -> String {
        let mut other = Self {
            after: None,
            ..self.clone()
        };
        change(&mut other);
        other.href()
    }

    fn outcome(&self) -> Option<Disposition> {
        self.outcome.as_deref().and_then(Disposition::from_word)
    }

    fn period(&self) -> Option<Period> {
        self.period.as_deref().and_then(Period::from_word)
    }

    fn source(&self) -> Option<&str> {
        self.source.as_deref().filter(|source| !source.is_empty())
    }

    fn number(&self) -> Option<NumberId> {
        self.number
            .as_deref()
            .and_then(|number| number.parse().ok())
    }

    fn recorded(&self) -> bool {
        self.recorded.as_deref() == Some("1")
    }

    fn text(&self) -> &str {
        self.q.as_deref().unwrap_or("").trim()
    }

    fn filter(&self, now: Timestamp, zone: &TimeZone) -> CallFilter {
        CallFilter {
            from: self.period().map(|period| period.begin(now, zone)),
            disposition: self.outcome(),
            source: self.source().map(str::to_owned),
            number: self.number(),
            only_recorded: self.recorded(),
            text: (!self.text().is_empty()).then(|| searched(self.text())),
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

struct Choice {
    word: String,
    colour: &'static str,
    href: String,
    current: bool,
}

struct Chip {
    word: String,
    on: bool,
    choices: Vec<Choice>,
}

struct RowView {
    id: String,
    state: StateWords,
    caller: String,
    below: String,
    source: String,
    campaign: String,
    colour: &'static str,
    target: String,
    failed_over: bool,
    talk: String,
    when: Moment,
}

#[derive(Template)]
#[template(path = "calls.html")]
struct CallsPage {
    shell: Shell,
    sentence: String,
    chips: Vec<Chip>,
    kept: Vec<(String, String)>,
    text: String,
    filtered: bool,
    rows: Vec<RowView>,
    newest: Option<String>,
    older: Option<String>,
}

pub(super) async fn show(
    State(app): State<App>,
    Query(asked): Query<Asked>,
    reader: Reader,
) -> Result<Response, Problem> {
    let now = now();
    let account = &reader.viewer.account;
    let zone = zone(&reader);
    let after = asked
        .after
        .as_deref()
        .and_then(|after| after.parse::<CallCursor>().ok());
    let page = app
        .platform
        .call_log(account.id, &asked.filter(now, &zone), after, PAGE)
        .await?;
    let number = match asked.number() {
        Some(number) => app.platform.number(account.id, number).await?,
        None => None,
    };
    let number = number.map(|number| phone(&number.e164, account));
    let sources = app
        .platform
        .source_names(account, now, MOST_SOURCES)
        .await?;
    let filtered = asked.pairs().iter().any(|(name, _)| *name != "after");
    render(&CallsPage {
        shell: Shell::new(&app, &reader, "calls"),
        sentence: sentence(&asked, number.as_deref()),
        chips: chips(&asked, &sources, number.as_deref()),
        kept: asked
            .pairs()
            .into_iter()
            .filter(|(name, _)| !matches!(*name, "q" | "after"))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
        text: asked.text().to_owned(),
        filtered,
        rows: page
            .rows
            .iter()
            .map(|row| view(row, account, &zone))
            .collect(),
        newest: after.is_some().then(|| asked.but(|_| {})),
        older: page
            .next
            .map(|next| asked.but(|other| other.after = Some(next.to_string()))),
    })
}

fn sentence(asked: &Asked, number: Option<&str>) -> String {
    let mut text = match asked.outcome() {
        Some(outcome) => format!("{} calls", state_of(Some(outcome)).word),
        None => "All calls".into(),
    };
    if asked.recorded() {
        text.push_str(" with a recording");
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
        text.push_str(&format!(" that mention “{}”", asked.text()));
    }
    text.push_str(", newest first.");
    text
}

fn chips(asked: &Asked, sources: &[String], number: Option<&str>) -> Vec<Chip> {
    let choice = |word: String, colour, href, current| Choice {
        word,
        colour,
        href,
        current,
    };
    let outcome = asked.outcome();
    let mut outcomes = vec![choice(
        "Any outcome".into(),
        "",
        asked.but(|to| to.outcome = None),
        outcome.is_none(),
    )];
    outcomes.extend(Disposition::ALL.iter().map(|&each| {
        let href = asked.but(|to| to.outcome = Some(each.as_str().into()));
        choice(
            state_of(Some(each)).word.into(),
            "",
            href,
            outcome == Some(each),
        )
    }));
    let source = asked.source();
    let mut from = vec![choice(
        "Any source".into(),
        "",
        asked.but(|to| to.source = None),
        source.is_none(),
    )];
    let known = sources.iter().map(String::as_str);
    let unknown = source.filter(|source| !sources.iter().any(|known| known == source));
    from.extend(known.chain(unknown).map(|each| {
        let href = asked.but(|to| to.source = Some(each.into()));
        choice(each.into(), colour_of(each), href, source == Some(each))
    }));
    let period = asked.period();
    let mut periods = vec![choice(
        "Any time".into(),
        "",
        asked.but(|to| to.period = None),
        period.is_none(),
    )];
    periods.extend(Period::ALL.into_iter().map(|each| {
        let href = asked.but(|to| to.period = Some(each.as_str().into()));
        choice(capital(words_of(each)), "", href, period == Some(each))
    }));
    let recorded = vec![
        choice(
            "With or without recording".into(),
            "",
            asked.but(|to| to.recorded = None),
            !asked.recorded(),
        ),
        choice(
            "With a recording".into(),
            "",
            asked.but(|to| to.recorded = Some("1".into())),
            asked.recorded(),
        ),
    ];
    let mut chips = vec![
        Chip {
            word: outcome
                .map_or("Any outcome", |outcome| state_of(Some(outcome)).word)
                .into(),
            on: outcome.is_some(),
            choices: outcomes,
        },
        Chip {
            word: source.map_or_else(|| "Any source".into(), |source| format!("From {source}")),
            on: source.is_some(),
            choices: from,
        },
        Chip {
            word: period.map_or_else(|| "Any time".into(), |period| capital(words_of(period))),
            on: period.is_some(),
            choices: periods,
        },
        Chip {
            word: if asked.recorded() {
                "With a recording"
            } else {
                "Recording"
            }
            .into(),
            on: asked.recorded(),
            choices: recorded,
        },
    ];
    if let Some(number) = number {
        let every = choice(
            "Any number".into(),
            "",
            asked.but(|to| to.number = None),
            false,
        );
        chips.push(Chip {
            word: format!("To {number}"),
            on: true,
            choices: vec![every],
        });
    }
    chips
}

fn view(row: &CallRow, account: &Account, zone: &TimeZone) -> RowView {
    let call = &row.call;
    let (source, campaign, colour) = match &call.source {
        Some(source) => (
            source.name.clone(),
            source.campaign.clone().unwrap_or_default(),
            colour_of(&source.name),
        ),
        None => ("Not attributed".into(), String::new(), "s-none"),
    };
    RowView {
        id: call.id.to_string(),
        state: state_of(call.disposition),
        caller: caller(call.caller.as_ref(), account),
        below: format!("dialled {}", phone(&call.dialled, account)),
        source,
        campaign,
        colour,
        target: row.target.clone().unwrap_or_default(),
        failed_over: call.failed_over,
        talk: match (call.answered_at, call.ended_at) {
            (Some(from), Some(to)) => length(to.since(from)),
            _ => "–".into(),
        },
        when: Moment::new(call.started_at, zone, Show::Moment),
    }
}

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
