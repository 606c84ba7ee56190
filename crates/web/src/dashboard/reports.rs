//! Reports: calls split by what one asks about, a property or two. The report is its URL.

use askama::Template;
use axum::extract::{Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use jiff::civil::Date;
use ringfence_model::{
    Account, Disposition, NumberId, RelativeSpan, ReportQuestion, ReportSpan, Split,
};
use ringfence_platform::now;
use ringfence_platform::splits::{Days, SplitReport, filter_of};
use serde::Deserialize;

use super::App;
use super::page::{Problem, Shell, render};
use super::report_rows::{Row, file, file_name, lead, most_calls, named, view};
use super::saved_reports::{Done, Saved};
use super::session::Reader;
use super::split_words::{columns_of, property_name, span_name};
use super::words::{capital, count, state_of};

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
    span: String,
    from: String,
    to: String,
    outcome: String,
    source: String,
    number: String,
}

/// What is asked for, as it was understood.
pub(super) struct Wish {
    pub(super) question: ReportQuestion,
    pub(super) days: Days,
    pub(super) wrong: Option<String>,
}

impl Asked {
    fn wish(&self, account: &Account) -> Wish {
        let usual = ReportQuestion::default();
        let by = Split::from_word(&self.by).unwrap_or(usual.by);
        let question = ReportQuestion {
            by,
            and: Split::from_word(&self.and).filter(|and| *and != by),
            span: self.span(account),
            outcome: Disposition::from_word(&self.outcome),
            source: Some(self.source.clone()).filter(|source| !source.is_empty()),
            number: self.number.parse::<NumberId>().ok(),
        };
        Wish::of(question, account)
    }

    fn span(&self, account: &Account) -> ReportSpan {
        let usual = ReportQuestion::default().span;
        if let Some(span) = RelativeSpan::from_word(&self.span) {
            return ReportSpan::Relative(span);
        }
        let day = |text: &str| text.parse::<Date>().ok();
        let (first, last) = (day(&self.from), day(&self.to));
        let Ok(days) = Days::of(usual, account, now()) else {
            return usual;
        };
        if first.is_none() && last.is_none() {
            return usual;
        }
        ReportSpan::Days {
            first: first.unwrap_or(days.first()),
            last: last.unwrap_or(days.last()),
        }
    }
}

impl Wish {
    /// A question with its days of now; days of which no report can be made are the usual ones, and that is said.
    pub(super) fn of(mut question: ReportQuestion, account: &Account) -> Self {
        let usual = ReportQuestion::default().span;
        match Days::of(question.span, account, now()) {
            Ok(days) => Self {
                question,
                days,
                wrong: None,
            },
            Err(error) => {
                question.span = usual;
                Self {
                    wrong: Some(capital(&error.to_string())),
                    ..Self::of(question, account)
                }
            }
        }
    }

    /// The same split by something else.
    fn split_by(&self, by: Split, and: Option<Split>) -> String {
        let question = ReportQuestion {
            by,
            and,
            ..self.question.clone()
        };
        format!("/reports?{}", question.query())
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
    notice: Option<&'static str>,
    wrong: Option<String>,
    usual: Vec<Usual>,
    by: Vec<Choice>,
    and: Vec<Choice>,
    spans: Vec<Choice>,
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
    /// The question, for the form that saves it.
    query: String,
    saving: Saving,
    saved: Vec<Saved>,
}

/// The form that saves a report, as it was sent when it failed.
#[derive(Default)]
pub(super) struct Saving {
    pub(super) name: String,
    pub(super) wrong: Option<String>,
}

pub(super) async fn show(
    State(app): State<App>,
    Query(asked): Query<Asked>,
    Query(done): Query<Done>,
    reader: Reader,
) -> Result<Response, Problem> {
    let wish = asked.wish(&reader.viewer.account);
    page(&app, &reader, wish, done.notice(), Saving::default()).await
}

/// The page with a report on it.
pub(super) async fn page(
    app: &App,
    reader: &Reader,
    wish: Wish,
    notice: Option<&'static str>,
    saving: Saving,
) -> Result<Response, Problem> {
    let account = &reader.viewer.account;
    let question = &wish.question;
    let split = (question.by, question.and);
    let filter = filter_of(question);
    let report = app
        .platform
        .split(account, wish.days, split, &filter)
        .await?;
    let sources = app
        .platform
        .source_names(account, now(), MOST_SOURCES)
        .await?;
    let may_export = reader.viewer.may(ringfence_model::Right::Export);
    let saved = app.platform.saved_reports(account.id).await?;
    let most = most_calls(&report);
    let rows = report.rows.iter().take(SHOWN);
    let left = report.rows.len().saturating_sub(SHOWN);
    let query = question.query();
    render(&ReportsPage {
        shell: Shell::of_list(app, reader, "reports", "/reports"),
        lead: lead(report.all.calls, wish.days),
        notice,
        usual: USUAL
            .iter()
            .map(|&(word, one, other)| Usual {
                word,
                href: wish.split_by(one, other),
                current: split == (one, other),
            })
            .collect(),
        by: properties(Some(question.by)).collect(),
        and: std::iter::once(Choice {
            word: String::new(),
            name: "Nothing else".into(),
            chosen: question.and.is_none(),
        })
        .chain(properties(question.and))
        .collect(),
        spans: spans(question.span),
        from: wish.days.first().to_string(),
        to: wish.days.last().to_string(),
        outcomes: outcomes(question.outcome),
        sources: source_choices(&sources, question.source.as_deref()),
        number: question
            .number
            .map(|number| number.to_string())
            .unwrap_or_default(),
        one_name: property_name(question.by),
        other_name: question.and.map(property_name),
        cross: question
            .and
            .and_then(|other| cross(&report, question.by, other, account)),
        rows: rows.map(|row| view(row, split, most, account)).collect(),
        all: (report.rows.len() > 1).then(|| view(&report.all, split, most, account)),
        left_out: (left > 0 || report.cut).then(|| {
            let what = if report.cut { "more than " } else { "" };
            format!(
                "The first {SHOWN} of {what}{} rows; the file has more.",
                count(report.rows.len() as u64)
            )
        }),
        file: (may_export && report.all.calls > 0).then(|| format!("/reports.csv?{query}")),
        saved: saved
            .iter()
            .map(|report| Saved::of(report, reader, &query, may_export))
            .collect(),
        query,
        saving,
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
    let Wish { question, days, .. } = asked.wish(account);
    let report = app
        .platform
        .split(
            account,
            days,
            (question.by, question.and),
            &filter_of(&question),
        )
        .await?;
    let octets =
        file(&question, &report, account).map_err(|error| Problem::Broken(error.to_string()))?;
    let headers = [
        (
            header::CONTENT_TYPE,
            "text/csv; charset=utf-8; header=present".to_owned(),
        ),
        (
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"{}\"", file_name(days)),
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

fn spans(chosen: ReportSpan) -> Vec<Choice> {
    let each = RelativeSpan::ALL.iter().map(|span| Choice {
        word: span.as_str().to_owned(),
        name: capital(span_name(*span)),
        chosen: chosen == ReportSpan::Relative(*span),
    });
    let fixed = matches!(chosen, ReportSpan::Days { .. });
    any("As given beside", fixed).chain(each).collect()
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
