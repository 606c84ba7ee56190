//! Reports by choice: the calls of some days, split by one property of theirs or two.

use axum::Json;
use axum::extract::State;
use jiff::civil::Date;
use ringfence_model::{Money, NumberId, RelativeSpan, ReportSpan, Split};
use ringfence_platform::call_log::CallFilter;
use ringfence_platform::now;
use ringfence_platform::splits::{Days, DaysError, SplitCount};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::Api;
use super::asking::ApiQuery;
use super::calls::disposition_of;
use super::guard::Asker;
use super::problem::{ApiProblem, ProblemDocument};

/// What a report is of.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct SplitQuery {
    /// `source`, `campaign`, `keyword`, `landing_page`, `language`, `device`, `number`, `target`, `disposition`, `lead`,
    /// `day`, `weekday` or `hour`; `source` without it.
    by: Option<String>,
    /// Another of these.
    and: Option<String>,
    /// `yesterday`, `last_7_days`, `last_30_days`, `last_90_days`, `last_week`, `this_month` or `last_month`, as the account
    /// counts its days; goes before `from` and `to`.
    span: Option<String>,
    /// The first day, in the account's zone: `2026-11-01`. Without it the last thirty days are taken.
    #[param(format = Date)]
    from: Option<String>,
    /// The last day; at most 370 days are taken together.
    #[param(format = Date)]
    to: Option<String>,
    /// `answered`, `missed`, `abandoned`, `voicemail`, `rejected` or `failed`.
    disposition: Option<String>,
    /// The name of the source.
    source: Option<String>,
    /// The tracking number that was dialled, by its identifier.
    number: Option<Uuid>,
}

/// Calls that have the same of both properties.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SplitRowView {
    /// Of the first property; `null` when the calls have nothing of it. A day is `2026-11-27`, a weekday a digit from 0
    /// (Monday), an hour a number from 0.
    by: Option<String>,
    /// Of the second.
    and: Option<String>,
    calls: u64,
    answered: u64,
    /// Missed or abandoned.
    missed: u64,
    /// All together.
    talk_seconds: u64,
    qualified: u64,
    converted: u64,
    /// In the account's currency: `1250.50`.
    value: String,
}

/// A report.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SplitReportView {
    /// The first day.
    from: String,
    /// The last day.
    to: String,
    currency: &'static str,
    /// Most calls first; of a time in its order.
    rows: Vec<SplitRowView>,
    /// All rows together.
    all: SplitRowView,
    /// There are more rows than the 5,000 that a report has.
    cut: bool,
}

/// Calls of some days, split by one property or two
#[utoipa::path(get, path = "/reports/calls", operation_id = "split_calls", tag = "reports", params(SplitQuery), responses(
    (status = 200, body = SplitReportView),
    (status = "default", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(super) async fn calls(
    State(api): State<Api>,
    Asker(program): Asker,
    ApiQuery(query): ApiQuery<SplitQuery>,
) -> Result<Json<SplitReportView>, ApiProblem> {
    let account = &program.account;
    let one = query
        .by
        .as_deref()
        .map(|word| split("by", word))
        .transpose()?;
    let other = query
        .and
        .as_deref()
        .map(|word| split("and", word))
        .transpose()?;
    let split = (one.unwrap_or(Split::Source), other);
    let refused = |error: DaysError| ApiProblem::BadRequest(error.to_string());
    let span = query.span.as_deref().map(relative).transpose()?;
    let usual = span.unwrap_or(RelativeSpan::LastThirtyDays);
    let mut days = Days::of(ReportSpan::Relative(usual), account, now()).map_err(refused)?;
    if span.is_none() {
        let first = date("from", query.from.as_deref(), days.first())?;
        let last = date("to", query.to.as_deref(), days.last())?;
        days = Days::new(first, last).map_err(refused)?;
    }
    let disposition = query.disposition.as_deref().map(disposition_of);
    let filter = CallFilter {
        disposition: disposition.transpose()?,
        source: query.source,
        number: query.number.map(NumberId),
        ..CallFilter::default()
    };
    let report = api.platform.split(account, days, split, &filter).await?;
    let money = Money::of(account);
    Ok(Json(SplitReportView {
        from: days.first().to_string(),
        to: days.last().to_string(),
        currency: money.code(),
        rows: report
            .rows
            .into_iter()
            .map(|row| view(row, split, money))
            .collect(),
        all: view(report.all, split, money),
        cut: report.cut,
    }))
}

fn relative(word: &str) -> Result<RelativeSpan, ApiProblem> {
    RelativeSpan::from_word(word).ok_or_else(|| {
        let words: Vec<_> = RelativeSpan::ALL.iter().map(|one| one.as_str()).collect();
        let expected = words.join(", ");
        ApiProblem::BadRequest(format!("span: expected one of {expected}, got {word:?}"))
    })
}

fn split(name: &str, word: &str) -> Result<Split, ApiProblem> {
    Split::from_word(word).ok_or_else(|| {
        let words: Vec<_> = Split::ALL.iter().map(|one| one.as_str()).collect();
        let expected = words.join(", ");
        ApiProblem::BadRequest(format!("{name}: expected one of {expected}, got {word:?}"))
    })
}

fn date(name: &str, text: Option<&str>, or: Date) -> Result<Date, ApiProblem> {
    text.map_or(Ok(or), str::parse)
        .map_err(|error| ApiProblem::BadRequest(format!("{name}: {error}")))
}

fn view(row: SplitCount, (one, other): (Split, Option<Split>), money: Money) -> SplitRowView {
    let dated = |split: Split, text: Option<String>| match split {
        Split::Day => text.map(|text| ringfence_platform::splits::day_of(&text)),
        _ => text,
    };
    SplitRowView {
        by: dated(one, row.one),
        and: other.and_then(|other| dated(other, row.other)),
        calls: row.calls,
        answered: row.answered,
        missed: row.missed,
        talk_seconds: u64::try_from(row.talk).unwrap_or_default() / 1_000_000,
        qualified: row.qualified,
        converted: row.converted,
        value: money.plain(row.value),
    }
}
