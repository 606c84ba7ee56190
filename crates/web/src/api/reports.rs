//! Reports: what made the phone ring, and whether it was answered.

use axum::Json;
use axum::extract::State;
use ringfence_model::{Money, SourceKind};
use ringfence_platform::now;
use ringfence_platform::reports::{Bar, Figures, Period, SourceRow};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Api;
use super::asking::ApiQuery;
use super::guard::Asker;
use super::problem::{ApiProblem, ProblemDocument};

/// Which span a report looks at; it ends now.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct PeriodQuery {
    /// `1h`, `24h`, `7d` or `30d`; `7d` without it. Days begin at midnight in the account's zone.
    period: Option<String>,
}

impl PeriodQuery {
    fn period(&self) -> Result<Period, ApiProblem> {
        let Some(word) = self.period.as_deref() else {
            return Ok(Period::Week);
        };
        Period::from_word(word).ok_or_else(|| {
            let words: Vec<_> = Period::ALL.iter().map(|period| period.as_str()).collect();
            let expected = words.join(", ");
            ApiProblem::BadRequest(format!("period: expected one of {expected}, got {word:?}"))
        })
    }
}

/// Sums of a span.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FiguresView {
    calls: u64,
    answered: u64,
    missed: u64,
    abandoned: u64,
    voicemail: u64,
    rejected: u64,
    failed: u64,
    under_way: u64,
    first_time_callers: u64,
    failed_over: u64,
    recorded: u64,
    /// With a source.
    attributed: u64,
    /// Callers who were missed and not spoken to since.
    to_call_back: u64,
    average_talk_seconds: Option<u64>,
    /// Calls of which somebody said that the caller may buy, or bought.
    qualified: u64,
    /// Calls of which somebody said that the caller bought.
    converted: u64,
    /// The sum of the values that were given to calls, in the account's currency: `1250.50`.
    value: String,
}

impl FiguresView {
    fn of(figures: Figures, money: Money) -> Self {
        let totals = figures.totals;
        Self {
            calls: totals.calls,
            answered: totals.answered,
            missed: totals.missed,
            abandoned: totals.abandoned,
            voicemail: totals.voicemail,
            rejected: totals.rejected,
            failed: totals.failed,
            under_way: totals.under_way,
            first_time_callers: totals.first_time_callers,
            failed_over: totals.failed_over,
            recorded: totals.recorded,
            attributed: totals.attributed,
            to_call_back: figures.to_call_back,
            average_talk_seconds: totals.average_talk_ms.map(|length| length / 1000),
            qualified: figures.qualified,
            converted: figures.converted,
            value: money.plain(figures.value),
        }
    }
}

/// Calls of a bar of the chart.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BarView {
    #[schema(format = DateTime)]
    start: String,
    answered: u64,
    missed: u64,
    /// Everything else, also those under way.
    other: u64,
}

impl From<Bar> for BarView {
    fn from(bar: Bar) -> Self {
        Self {
            start: bar.start.to_string(),
            answered: bar.answered,
            missed: bar.missed,
            other: bar.other,
        }
    }
}

/// The calls of a source.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SourceRowView {
    /// `null` for calls without a source.
    kind: Option<&'static str>,
    name: Option<String>,
    calls: u64,
    answered: u64,
    missed: u64,
    qualified: u64,
    converted: u64,
    /// The sum of the values of its calls, in the account's currency: `1250.50`.
    value: String,
}

impl SourceRowView {
    fn of(row: SourceRow, money: Money) -> Self {
        let (kind, name) = row.source.unzip();
        Self {
            kind: kind.map(SourceKind::as_str),
            name,
            calls: row.calls,
            answered: row.answered,
            missed: row.missed,
            qualified: row.qualified,
            converted: row.converted,
            value: money.plain(row.value),
        }
    }
}

/// What the overview shows.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct OverviewView {
    #[schema(format = DateTime)]
    from: String,
    #[schema(format = DateTime)]
    to: String,
    /// That of the account's country, ISO 4217.
    currency: &'static str,
    now: FiguresView,
    /// The span of the same length before it.
    before: FiguresView,
    /// By minute, hour or day, the oldest first.
    bars: Vec<BarView>,
    /// Most calls first.
    sources: Vec<SourceRowView>,
}

/// Calls, answered and missed, by source and by time, against the span before
#[utoipa::path(get, path = "/reports/overview", operation_id = "overview", tag = "reports", params(PeriodQuery), responses(
    (status = 200, body = OverviewView),
    (status = "default", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(super) async fn overview(
    State(api): State<Api>,
    Asker(program): Asker,
    ApiQuery(query): ApiQuery<PeriodQuery>,
) -> Result<Json<OverviewView>, ApiProblem> {
    let report = api
        .platform
        .overview(&program.account, query.period()?, now())
        .await?;
    let money = Money::of(&program.account);
    Ok(Json(OverviewView {
        from: report.from.to_string(),
        to: report.to.to_string(),
        currency: money.code(),
        now: FiguresView::of(report.now, money),
        before: FiguresView::of(report.before, money),
        bars: report.bars.into_iter().map(BarView::from).collect(),
        sources: report
            .sources
            .into_iter()
            .map(|row| SourceRowView::of(row, money))
            .collect(),
    }))
}
