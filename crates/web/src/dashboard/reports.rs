//! Reports: calls split by what one asks about, a property or two. The report is its URL.

use std::fmt::Write as _;

use askama::Template;
use axum::extract::{Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use jiff::civil::Date;
use ringfence_model::{Account, Disposition, Money, NumberId, Split};
use ringfence_platform::call_log::CallFilter;
use ringfence_platform::now;
use ringfence_platform::reports::percent;
use ringfence_platform::splits::{Days, SplitCount, SplitReport};
use serde::Deserialize;

use super::App;
use super::page::{Problem, Shell, encoded, render};
use super::session::Reader;
use super::split_words::{columns_of, property_name, shown};
use super::words::{count, length, state_of};
use crate::call_table::{inert, table};

/// Rows of the page; the file has all.
const SHOWN: usize = 200;

/// Sources that the menu offers.
const MOST_SOURCES: usize = 30;

/// How many shades cells have.
const SHADES: u64 = 8;

/// Questions that many have, as one click.
const USUAL: [(&str, Split, Option<Split>); 6] = [
    (
        "What made the phone ring?",
        Split::Source,
        Some(Split::Campaign),
    ),
    ("When does it ring?", Split::Weekday, Some(Split::Hour)),
    ("Which pages bring calls?", Split::LandingPage, None),
    ("Which keywords?", Split::Keyword, Some(Split::Source)),
    ("Who answers?", Split::Target, Some(Split::Disposition)),
    ("What became of it?", Split::Source, Some(Split::Lead)),
];

/// What the URL says; what cannot be read there is as if it were not there.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    by: String,
    and: String,
    from: String,
    to: String,
    outcome: String,
    source: String,
    number: String,
}

/// What is asked for, as it was understood.
struct Wish {
    one: Split,
    other: Option<Split>,
    days: Days,
    filter: CallFilter,
    wrong: Option<String>,
}

impl Asked {
    fn wish(&self, account: &Account) -> Wish {
        let one = Split::from_word(&self.by).unwrap_or(Split::Source);
        let usual = Days::last_thirty(account, now());
        let date = |text: &str, or: Date| text.parse::<Date>().unwrap_or(or);
        let days = Days::new(
            date(&self.from, usual.first()),
            date(&self.to, usual.last()),
        );
        let (days, wrong) = match days {
            Ok(days) => (days, None),
            Err(error) => (usual, Some(super::words::capital(&error.to_string()))),
        };
        Wish {
            one,
            other: Split::from_word(&self.and).filter(|other| *other != one),
            days,
            filter: CallFilter {
                disposition: Disposition::from_word(&self.outcome),
                source: Some(self.source.clone()).filter(|source| !source.is_empty()),
                number: self.number.parse::<NumberId>().ok(),
                ..CallFilter::default()
            },
            wrong,
        }
    }
}

impl Wish {
    /// The same report, or its file.
    fn href(&self, page: &str, one: Split, other: Option<Split>) -> String {
        let mut href = format!(
            "{page}?by={}&and={}&from={}&to={}",
            one.as_str(),
            other.map_or("", Split::as_str),
            self.days.first(),
            self.days.last(),
        );
        let filters = [
            (
                "outcome",
                self.filter.disposition.map(|one| one.as_str().to_owned()),
            ),
            ("source", self.filter.source.clone()),
            (
                "number",
                self.filter.number.map(|number| number.to_string()),
            ),
        ];
        for (name, value) in filters {
            if let Some(value) = value {
                let _ = write!(href, "&{name}={}", encoded(&value));
            }
        }
        href
    }
}

struct Choice {
    word: String,
    name: String,
    chosen: bool,
}

struct Usual {
    word: &'static str,
    href: String,
    current: bool,
}

struct Row {
    one: String,
    other: String,
    calls: String,
    width: u64,
    answered: Option<u64>,
    missed: String,
    talk: String,
    qualified: String,
    converted: String,
    value: String,
}

/// A cell of the two properties together.
struct Cell {
    calls: String,
    /// How dark it is, from 0 to [`SHADES`].
    shade: u64,
}

struct Line {
    name: String,
    cells: Vec<Cell>,
}

/// The rows as a table of one property by the other.
struct Cross {
    columns: Vec<String>,
    lines: Vec<Line>,
}

#[derive(Template)]
#[template(path = "reports.html")]
struct ReportsPage {
    shell: Shell,
    lead: String,
    wrong: Option<String>,
    usual: Vec<Usual>,
    by: Vec<Choice>,
    and: Vec<Choice>,
    from: String,
    to: String,
    outcomes: Vec<Choice>,
    sources: Vec<Choice>,
    /// Kept from the URL, for no field of the form has it.
    number: String,
    one_name: &'static str,
    other_name: Option<&'static str>,
    cross: Option<Cross>,
    rows: Vec<Row>,
    all: Option<Row>,
    left_out: Option<String>,
    file: Option<String>,
}

pub(super) async fn show(
    State(app): State<App>,
    Query(asked): Query<Asked>,
    reader: Reader,
) -> Result<Response, Problem> {
    let account = &reader.viewer.account;
    let wish = asked.wish(account);
    let split = (wish.one, wish.other);
    let report = app
        .platform
        .split(account, wish.days, split, &wish.filter)
        .await?;
    let sources = app
        .platform
        .source_names(account, now(), MOST_SOURCES)
        .await?;
    let may_export = reader.viewer.may(ringfence_model::Right::Export);
    let most = report.rows.iter().map(|row| row.calls).max().unwrap_or(1);
    let rows = report.rows.iter().take(SHOWN);
    let left = report.rows.len().saturating_sub(SHOWN);
    render(&ReportsPage {
        shell: Shell::new(&app, &reader, "reports"),
        lead: format!(
            "{} from {} to {}.",
            super::words::counted(report.all.calls, "call", "calls"),
            wish.days.first().strftime("%-d %b %Y"),
            wish.days.last().strftime("%-d %b %Y"),
        ),
        usual: USUAL
            .iter()
            .map(|&(word, one, other)| Usual {
                word,
                href: wish.href("/reports", one, other),
                current: split == (one, other),
            })
            .collect(),
        by: properties(Some(wish.one)).collect(),
        and: std::iter::once(Choice {
            word: String::new(),
            name: "Nothing else".into(),
            chosen: wish.other.is_none(),
        })
        .chain(properties(wish.other))
        .collect(),
        from: wish.days.first().to_string(),
        to: wish.days.last().to_string(),
        outcomes: outcomes(wish.filter.disposition),
        sources: source_choices(&sources, wish.filter.source.as_deref()),
        number: asked.number.clone(),
        one_name: property_name(wish.one),
        other_name: wish.other.map(property_name),
        cross: wish
            .other
            .and_then(|other| cross(&report, wish.one, other, account)),
        rows: rows.map(|row| view(row, split, most, account)).collect(),
        all: (report.rows.len() > 1).then(|| view(&report.all, split, most, account)),
        left_out: (left > 0 || report.cut).then(|| {
            let what = if report.cut { "more than " } else { "" };
            format!(
                "The first {SHOWN} of {what}{} rows; the file has more.",
                count(report.rows.len() as u64)
            )
        }),
        file: (may_export && report.all.calls > 0)
            .then(|| wish.href("/reports.csv", wish.one, wish.other)),
        wrong: wish.wrong,
    })
}

/// The report as a file: CSV (RFC 4180), every row.
pub(super) async fn download(
    State(app): State<App>,
    Query(asked): Query<Asked>,
    reader: Reader,
) -> Result<Response, Problem> {
    let account = &reader.viewer.account;
    let wish = asked.wish(account);
    let split = (wish.one, wish.other);
    let report = app
        .platform
        .split(account, wish.days, split, &wish.filter)
        .await?;
    let money = Money::of(account);
    let head = [
        wish.one.as_str(),
        wish.other.map_or("", Split::as_str),
        "calls",
        "answered",
        "missed",
        "talk_seconds",
        "qualified",
        "converted",
        "value",
        "currency",
    ];
    let lines = report.rows.iter().map(|row| {
        let text = |split: Split, text: &Option<String>| {
            text.as_ref()
                .map(|text| inert(shown(split, text, None)))
                .unwrap_or_default()
        };
        [
            text(wish.one, &row.one),
            wish.other
                .map(|other| text(other, &row.other))
                .unwrap_or_default(),
            row.calls.to_string(),
            row.answered.to_string(),
            row.missed.to_string(),
            (row.talk / 1_000_000).to_string(),
            row.qualified.to_string(),
            row.converted.to_string(),
            money.plain(row.value),
            money.code().to_owned(),
        ]
    });
    let octets = table(std::iter::once(head.map(str::to_owned)).chain(lines))
        .map_err(|error| Problem::Broken(error.to_string()))?;
    let file = format!("report-{}-{}.csv", wish.days.first(), wish.days.last());
    let headers = [
        (
            header::CONTENT_TYPE,
            "text/csv; charset=utf-8; header=present".to_owned(),
        ),
        (
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"{file}\""),
        ),
        (header::CACHE_CONTROL, "private, no-store".to_owned()),
    ];
    Ok((headers, octets).into_response())
}

fn properties(chosen: Option<Split>) -> impl Iterator<Item = Choice> {
    Split::ALL.iter().map(move |split| Choice {
        word: split.as_str().to_owned(),
        name: property_name(*split).to_owned(),
        chosen: chosen == Some(*split),
    })
}

fn outcomes(chosen: Option<Disposition>) -> Vec<Choice> {
    let each = Disposition::ALL.iter().map(|one| Choice {
        word: one.as_str().to_owned(),
        name: state_of(Some(*one)).word.to_owned(),
        chosen: chosen == Some(*one),
    });
    any("Any outcome", chosen.is_none()).chain(each).collect()
}

fn source_choices(sources: &[String], chosen: Option<&str>) -> Vec<Choice> {
    let known = sources.iter().map(String::as_str);
    let unknown = chosen.filter(|chosen| !sources.iter().any(|known| known == chosen));
    let each = known.chain(unknown).map(|source| Choice {
        word: source.to_owned(),
        name: source.to_owned(),
        chosen: chosen == Some(source),
    });
    any("Any source", chosen.is_none()).chain(each).collect()
}

fn any(name: &str, chosen: bool) -> std::iter::Once<Choice> {
    std::iter::once(Choice {
        word: String::new(),
        name: name.to_owned(),
        chosen,
    })
}

fn view(
    row: &SplitCount,
    (one, other): (Split, Option<Split>),
    most: u64,
    account: &Account,
) -> Row {
    let name = |split: Split, text: &Option<String>| named(split, text.as_deref(), account);
    let talk = u64::try_from(row.talk).unwrap_or_default() / 1_000_000;
    Row {
        one: name(one, &row.one),
        other: other
            .map(|other| name(other, &row.other))
            .unwrap_or_default(),
        calls: count(row.calls),
        width: percent(row.calls, most).unwrap_or(0).clamp(1, 100),
        answered: percent(row.answered, row.calls),
        missed: count(row.missed),
        talk: match talk.checked_div(row.answered) {
            Some(mean) => length(std::time::Duration::from_secs(mean)),
            None => "–".into(),
        },
        qualified: count(row.qualified),
        converted: count(row.converted),
        value: match row.value {
            0 => String::new(),
            value => Money::of(account).shown(value).to_string(),
        },
    }
}

fn named(split: Split, text: Option<&str>, account: &Account) -> String {
    match text {
        Some(text) => shown(split, text, Some(account)),
        None => super::split_words::nothing_of(split).to_owned(),
    }
}

/// One property by the other, where the other has few values: `None` elsewhere, and without rows.
fn cross(report: &SplitReport, one: Split, other: Split, account: &Account) -> Option<Cross> {
    let columns = columns_of(other)?;
    let most = report.rows.iter().map(|row| row.calls).max()?;
    let mut lines: Vec<(&Option<String>, Vec<u64>)> = Vec::new();
    // Lines of a time are in its order, others as they first come, which is by calls.
    for row in &report.rows {
        let at = match lines.iter().position(|(name, _)| *name == &row.one) {
            Some(at) => at,
            None if lines.len() < SHOWN => {
                lines.push((&row.one, vec![0; columns.len()]));
                lines.len() - 1
            }
            None => continue,
        };
        let column = columns
            .iter()
            .position(|column| row.other.as_deref() == column.as_deref());
        if let Some(column) = column {
            lines[at].1[column] += row.calls;
        }
    }
    Some(Cross {
        columns: columns
            .iter()
            .map(|column| match (other, column) {
                // Twenty-four of them stand beside each other.
                (Split::Hour, Some(hour)) => format!("{hour:0>2}"),
                _ => named(other, column.as_deref(), account),
            })
            .collect(),
        lines: lines
            .into_iter()
            .map(|(name, cells)| Line {
                name: named(one, name.as_deref(), account),
                cells: cells
                    .into_iter()
                    .map(|calls| Cell {
                        calls: if calls == 0 {
                            String::new()
                        } else {
                            count(calls)
                        },
                        shade: (calls * SHADES).div_ceil(most.max(1)),
                    })
                    .collect(),
            })
            .collect(),
    })
}
