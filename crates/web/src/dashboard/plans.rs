//! Plans: what happens to a call, plan by plan.

use std::fmt::Write as _;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use ringfence_platform::plans::PlanRow;

use super::App;
use super::page::{Problem, Shell, render, zone};
use super::session::Reader;
use super::words::{Moment, Show, counted, phone};

/// Numbers that a row names.
const MOST_NUMBERS: usize = 3;

struct RowView {
    href: String,
    name: String,
    steps: String,
    numbers: String,
    version: u32,
    changed: Option<Moment>,
}

#[derive(Template)]
#[template(path = "plans.html")]
struct PlansPage {
    shell: Shell,
    lead: String,
    rows: Vec<RowView>,
}

pub(super) async fn show(State(app): State<App>, reader: Reader) -> Result<Response, Problem> {
    let rows = app.platform.plan_rows(&reader.viewer.account).await?;
    let without = rows.iter().filter(|row| row.numbers.is_empty()).count();
    let lead = match (rows.len() as u64, without) {
        (0, _) => "There are no call plans yet.".to_owned(),
        (all, 0) => format!("{}, each with numbers.", counted(all, "plan", "plans")),
        (all, without) => format!(
            "{}, {without} without a number.",
            counted(all, "plan", "plans")
        ),
    };
    render(&PlansPage {
        shell: Shell::new(&app, &reader, "routing"),
        lead,
        rows: rows.iter().map(|row| view(row, &reader)).collect(),
    })
}

fn view(row: &PlanRow, reader: &Reader) -> RowView {
    RowView {
        href: format!("/plans/{}", row.plan.id),
        name: row.plan.name.clone(),
        steps: counted(row.plan.document.steps.len() as u64, "step", "steps"),
        numbers: numbers(row, reader),
        version: row.version,
        changed: row
            .changed_at
            .map(|at| Moment::new(at, &zone(reader), Show::Moment)),
    }
}

/// The first numbers of a plan, and how many more it has.
pub(super) fn numbers(row: &PlanRow, reader: &Reader) -> String {
    let account = &reader.viewer.account;
    let first = row.numbers.iter().take(MOST_NUMBERS);
    let mut text = first
        .map(|number| phone(number, account))
        .collect::<Vec<_>>()
        .join(", ");
    let more = row.numbers.len().saturating_sub(MOST_NUMBERS);
    if more > 0 {
        let _ = write!(text, " and {more} more");
    }
    text
}
