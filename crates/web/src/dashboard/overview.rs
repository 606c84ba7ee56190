//! The overview: what made the phone ring, and did we answer?

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use ringfence_model::Money;
use ringfence_platform::now;
use ringfence_platform::reports::{Figures, Overview, Period, SourceRow, percent};
use serde::Deserialize;

use super::App;
use super::chart::{Chart, chart};
use super::first_steps::{Dismissed, Steps};
use super::page::{Problem, Shell, encoded, render, zone};
use super::session::Reader;
use super::words::{colour_of, count, counted, source_kind};

/// A choice among several.
pub(super) struct Tab {
    pub(super) word: &'static str,
    pub(super) href: String,
    pub(super) current: bool,
}

struct Figure {
    label: &'static str,
    value: String,
    unit: &'static str,
    href: Option<String>,
    change: Change,
}

struct Change {
    class: &'static str,
    icon: &'static str,
    text: String,
}

struct SourceView {
    name: String,
    kind: &'static str,
    colour: &'static str,
    href: String,
    calls: String,
    width: u64,
    share: u64,
    answered: Option<u64>,
    missed: String,
    converted: String,
    /// Empty when no call was given a value.
    value: String,
}

#[derive(Template)]
#[template(path = "overview.html")]
struct OverviewPage {
    shell: Shell,
    has_calls: bool,
    rang: String,
    answered: Option<u64>,
    top_source: Option<String>,
    period_words: &'static str,
    periods: Vec<Tab>,
    steps: Option<Steps>,
    has_steps: bool,
    figures: Vec<Figure>,
    attributed: Option<u64>,
    chart: Chart,
    sources: Vec<SourceView>,
}

#[derive(Deserialize)]
pub(super) struct Asked {
    period: Option<String>,
}

pub(super) async fn show(
    State(app): State<App>,
    Query(asked): Query<Asked>,
    Dismissed(dismissed): Dismissed,
    reader: Reader,
) -> Result<Response, Problem> {
    let now = now();
    let account = &reader.viewer.account;
    let period = asked
        .period
        .as_deref()
        .and_then(Period::from_word)
        .unwrap_or_else(|| Period::for_age(now.since(account.created_at)));
    let overview = app.platform.overview(account, period, now).await?;
    let has_steps = reader.viewer.may_change();
    let wanted = has_steps && !dismissed && !app.platform.has_calls(account).await?;
    let steps = if wanted {
        Some(Steps::of(
            &app.platform.first_steps(account).await?,
            account,
        ))
    } else {
        None
    };
    let totals = &overview.now.totals;
    let money = Money::of(account);
    render(&OverviewPage {
        shell: Shell::new(&app, &reader, "overview"),
        has_calls: totals.calls > 0,
        rang: counted(totals.calls, "time", "times"),
        answered: overview.now.answered_percent(),
        top_source: top_source(&overview.sources),
        period_words: words_of(period),
        periods: Period::ALL
            .into_iter()
            .map(|each| Tab {
                word: short_words_of(each),
                href: format!("/?period={}", each.as_str()),
                current: each == period,
            })
            .collect(),
        steps,
        has_steps,
        figures: figures(&overview, money),
        attributed: overview.now.attributed_percent(),
        chart: chart(&overview.bars, period, &zone(&reader)),
        sources: sources(&overview.sources, totals.calls, period, money),
    })
}

pub(super) const fn words_of(period: Period) -> &'static str {
    match period {
        Period::Hour => "the last hour",
        Period::Day => "the last 24 hours",
        Period::Week => "the last 7 days",
        Period::Month => "the last 30 days",
    }
}

const fn short_words_of(period: Period) -> &'static str {
    match period {
        Period::Hour => "1 hour",
        Period::Day => "24 hours",
        Period::Week => "7 days",
        Period::Month => "30 days",
    }
}

fn figures(overview: &Overview, money: Money) -> Vec<Figure> {
    let (now, before) = (&overview.now, &overview.before);
    let calls = |more: &str| Some(format!("/calls?period={}{more}", overview.period.as_str()));
    let had_calls = before.totals.calls > 0;
    vec![
        Figure {
            label: "Calls",
            value: count(now.totals.calls),
            unit: "",
            href: calls(""),
            change: change(now.totals.calls, before.totals.calls, had_calls, None),
        },
        share("Answered", now, before, Figures::answered_percent),
        Figure {
            label: "First-time callers",
            value: count(now.totals.first_time_callers),
            unit: "",
            href: None,
            change: change(
                now.totals.first_time_callers,
                before.totals.first_time_callers,
                had_calls,
                None,
            ),
        },
        Figure {
            label: "Missed, to call back",
            value: count(now.to_call_back),
            unit: "",
            href: calls("&outcome=to_call_back"),
            change: change(
                now.to_call_back,
                before.to_call_back,
                had_calls,
                Some(false),
            ),
        },
        Figure {
            label: "Converted",
            value: count(now.converted),
            unit: "",
            href: calls("&lead=converted"),
            change: converted(now, before, had_calls, money),
        },
    ]
}

/// How many more bought, and what the calls of the span were worth.
fn converted(now: &Figures, before: &Figures, had_calls: bool, money: Money) -> Change {
    let mut change = change(now.converted, before.converted, had_calls, Some(true));
    if now.value > 0 {
        let value = money.shown(now.value);
        change.text = if had_calls {
            format!("{value}; {}", change.text)
        } else {
            value.to_string()
        };
    }
    change
}

/// How a count changed; `more_is_good` colours it when one is better.
fn change(now: u64, before: u64, had_calls: bool, more_is_good: Option<bool>) -> Change {
    if !had_calls {
        return Change {
            class: "",
            icon: "",
            text: "no calls before".into(),
        };
    }
    let (icon, text) = match now.cmp(&before) {
        std::cmp::Ordering::Equal => ("same", format!("{} before", count(before))),
        std::cmp::Ordering::Greater => ("up", format!("{} more", count(now - before))),
        std::cmp::Ordering::Less => ("down", format!("{} fewer", count(before - now))),
    };
    Change {
        class: judged(now, before, more_is_good),
        icon,
        text,
    }
}

fn share(
    label: &'static str,
    now: &Figures,
    before: &Figures,
    of: impl Fn(&Figures) -> Option<u64>,
) -> Figure {
    let value = of(now);
    let change = match (value, of(before)) {
        (Some(now), Some(before)) => {
            let (icon, text) = match now.cmp(&before) {
                std::cmp::Ordering::Equal => ("same", format!("{before} % before")),
                std::cmp::Ordering::Greater => ("up", format!("from {before} %")),
                std::cmp::Ordering::Less => ("down", format!("from {before} %")),
            };
            Change {
                class: judged(now, before, Some(true)),
                icon,
                text,
            }
        }
        _ => Change {
            class: "",
            icon: "",
            text: "no calls before".into(),
        },
    };
    Figure {
        label,
        value: value.map_or_else(|| "–".into(), |value| value.to_string()),
        unit: if value.is_some() { "%" } else { "" },
        href: None,
        change,
    }
}

fn judged(now: u64, before: u64, more_is_good: Option<bool>) -> &'static str {
    match more_is_good {
        Some(good) if now != before => {
            if (now > before) == good {
                "good"
            } else {
                "bad"
            }
        }
        _ => "",
    }
}

/// The source that had more calls than any other; a tie has none.
fn top_source(rows: &[SourceRow]) -> Option<String> {
    let mut named = rows
        .iter()
        .filter_map(|row| Some((row.calls, &row.source.as_ref()?.1)));
    let (calls, name) = named.next()?;
    let tied = named.next().is_some_and(|(next, _)| next == calls);
    (!tied).then(|| name.clone())
}

fn sources(rows: &[SourceRow], calls: u64, period: Period, money: Money) -> Vec<SourceView> {
    let most = rows.iter().map(|row| row.calls).max().unwrap_or(1).max(1);
    rows.iter()
        .map(|row| {
            let (name, kind, colour, href) = match &row.source {
                Some((kind, name)) => (
                    name.clone(),
                    source_kind(*kind),
                    colour_of(name),
                    format!("/calls?period={}&source={}", period.as_str(), encoded(name)),
                ),
                None => (
                    "Not attributed".to_owned(),
                    "Nobody is known to have seen the number",
                    "s-none",
                    format!("/calls?period={}", period.as_str()),
                ),
            };
            SourceView {
                name,
                kind,
                colour,
                href,
                calls: count(row.calls),
                width: percent(row.calls, most).unwrap_or(0).max(1),
                share: percent(row.calls, calls).unwrap_or(0),
                answered: percent(row.answered, row.calls),
                missed: count(row.missed),
                converted: count(row.converted),
                value: match row.value {
                    0 => String::new(),
                    value => money.shown(value).to_string(),
                },
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringfence_model::SourceKind;

    fn row(name: Option<&str>, calls: u64) -> SourceRow {
        SourceRow {
            source: name.map(|name| (SourceKind::Referral, name.to_owned())),
            calls,
            answered: 0,
            missed: 0,
            qualified: 0,
            converted: 0,
            value: 0,
        }
    }

    #[test]
    fn a_tie_has_no_top_source() {
        let unknown = row(None, 9);
        assert_eq!(top_source(&[]), None);
        assert_eq!(top_source(std::slice::from_ref(&unknown)), None);
        assert_eq!(
            top_source(&[unknown.clone(), row(Some("News"), 3), row(Some("Mail"), 2)]),
            Some("News".into())
        );
        assert_eq!(
            top_source(&[row(Some("News"), 3), unknown, row(Some("Mail"), 3)]),
            None
        );
    }
}
