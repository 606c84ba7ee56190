//! Pools: are there enough numbers? What changes them is in `pool_forms`.

use std::fmt::Write as _;

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use jiff::tz::TimeZone;
use ringfence_model::{Account, PoolId, TrackingNumber};
use ringfence_platform::now;
use ringfence_platform::pool_reports::{BLOCKING, PoolHour, PoolReport, PoolState};

use super::App;
use super::chart::{HEIGHT, STEP, approximate, nice, round, zone_words};
use super::page::{Problem, Shell, render, unprocessable, zone};
use super::pool_forms::{Fields, Sent};
use super::session::Reader;
use super::words::{State as StateWords, count, counted, length, phone};
use serde::Deserialize;

/// How wide the drawing of a curve is, in its own units.
const CURVE_WIDTH: f64 = 400.0;

/// Points of a curve, at most.
const CURVE_POINTS: u64 = 40;

struct Figure {
    name: &'static str,
    value: String,
    note: String,
}

struct BarView {
    x: usize,
    at: String,
    say: String,
    leased: (f64, f64),
    overflow: (f64, f64),
    label: String,
    row: Option<[String; 3]>,
}

struct Point {
    numbers: String,
    share: String,
    here: &'static str,
}

struct Curve {
    line: String,
    /// Where the pool stands, and where enough is.
    here: f64,
    enough: f64,
    last: String,
    summary: String,
    points: Vec<Point>,
}

struct PoolView {
    id: String,
    about: String,
    name: String,
    state: StateWords,
    advice: String,
    figures: Vec<Figure>,
    top: String,
    middle: String,
    width: usize,
    /// Where the line of the pool's size is drawn.
    size_line: f64,
    summary: String,
    bars: Vec<BarView>,
    curve: Option<Curve>,
}

#[derive(Template)]
#[template(path = "pools.html")]
struct PoolsPage {
    shell: Shell,
    lead: String,
    zone_words: String,
    notice: Option<&'static str>,
    wrong: Option<String>,
    pools: Vec<PoolView>,
    form: Fields,
}

#[derive(Default, Deserialize)]
pub(super) struct Asked {
    done: Option<String>,
    edit: Option<String>,
}

pub(super) async fn show(
    State(app): State<App>,
    Query(asked): Query<Asked>,
    reader: Reader,
) -> Result<Response, Problem> {
    let notice = match asked.done.as_deref() {
        Some("saved") => Some("The pool was saved. Pages know it within ten seconds."),
        Some("removed") => Some("The pool was removed."),
        _ => None,
    };
    let account = &reader.viewer.account;
    let sent = match asked.edit {
        None => Sent::default(),
        Some(edit) => {
            let id: PoolId = edit.parse().map_err(|_| Problem::NotFound)?;
            let pools = app.platform.pools(account.id).await?;
            let numbers = app.platform.own_numbers(account.id).await?;
            let pool = pools.iter().find(|pool| pool.id == id);
            let pool = pool.ok_or(Problem::NotFound)?;
            let overflow = numbers
                .iter()
                .find(|number| Some(number.id) == pool.overflow);
            Sent::of(pool, overflow.map(|number| number.e164.as_str()))
        }
    };
    let form = Fields::of(&app, account, sent, Vec::new()).await?;
    page(&app, &reader, notice, None, form).await
}

/// The page with a form that failed.
pub(super) async fn refused(
    app: &App,
    reader: &Reader,
    wrong: Option<String>,
    form: Fields,
) -> Result<Response, Problem> {
    Ok(unprocessable(page(app, reader, None, wrong, form).await?))
}

async fn page(
    app: &App,
    reader: &Reader,
    notice: Option<&'static str>,
    wrong: Option<String>,
    form: Fields,
) -> Result<Response, Problem> {
    let account = &reader.viewer.account;
    let reports = app.platform.pool_reports(account.id, now()).await?;
    let numbers = app.platform.own_numbers(account.id).await?;
    let zone = zone(reader);
    let shell = Shell::of_list(app, reader, "pools", "/pools");
    render(&PoolsPage {
        shell,
        lead: lead(&reports),
        zone_words: zone_words(&zone),
        notice,
        wrong,
        pools: reports
            .iter()
            .map(|report| view(report, about(report, &numbers, account), &zone))
            .collect(),
        form,
    })
}

/// How a pool was set.
fn about(report: &PoolReport, numbers: &[TrackingNumber], account: &Account) -> String {
    let pool = &report.pool;
    let days = pool.quarantine.as_secs() / 86_400;
    let mut about = vec![
        format!(
            "A visit keeps its number {} past its last sign",
            length(pool.hold)
        ),
        match days {
            0 => "numbers that leave it do not rest".to_owned(),
            days => format!("those that leave it rest {}", counted(days, "day", "days")),
        },
    ];
    let overflow = numbers
        .iter()
        .find(|number| Some(number.id) == pool.overflow);
    about.push(match overflow {
        Some(number) => format!("{} is shown when it is full", phone(&number.e164, account)),
        None => "when it is full, pages keep their own number".to_owned(),
    });
    about.join("; ")
}

fn lead(reports: &[PoolReport]) -> String {
    let of = |state: PoolState| {
        let names = reports.iter().filter(|report| report.state() == state);
        names
            .map(|report| report.pool.name.as_str())
            .collect::<Vec<_>>()
    };
    let (exhausted, near) = (of(PoolState::Exhausted), of(PoolState::Near));
    if reports.is_empty() {
        "There are no pools yet.".into()
    } else if !exhausted.is_empty() {
        format!(
            "Not enough numbers: visits of the last day found none of their own in {}.",
            exhausted.join(", ")
        )
    } else if !near.is_empty() {
        format!("Enough numbers, but soon too few: {}.", near.join(", "))
    } else {
        "There are enough numbers.".into()
    }
}

const fn state_of(state: PoolState) -> StateWords {
    let (class, icon, word) = match state {
        PoolState::Shared => ("quiet", "same", "One number for all"),
        PoolState::Enough => ("answered", "check", "Enough"),
        PoolState::Near => ("missed", "up", "Soon too few"),
        PoolState::Exhausted => ("failed", "cross", "Too few"),
    };
    StateWords { class, icon, word }
}

fn view(report: &PoolReport, about: String, zone: &TimeZone) -> PoolView {
    let most = report.hours.iter().map(PoolHour::shown).max().unwrap_or(0);
    let top = nice(most.max(report.size));
    let (visits, overflow) = report.visits();
    PoolView {
        id: report.pool.id.to_string(),
        about,
        name: report.pool.name.clone(),
        state: state_of(report.state()),
        advice: advice(report, zone),
        figures: figures(report),
        top: count(top),
        middle: count(top / 2),
        width: report.hours.len() * STEP,
        size_line: height(report.size, top).0,
        summary: format!(
            "{} numbers; {} in seven days, {} without a number of their own; at most {} in use at once",
            count(report.size),
            counted(visits, "visit", "visits"),
            count(overflow),
            count(report.peak()),
        ),
        bars: report
            .hours
            .iter()
            .enumerate()
            .map(|(nth, hour)| bar(nth, hour, top, zone, report.hours.len()))
            .collect(),
        curve: curve(report),
    }
}

/// Where a bar of this value begins, and how tall it is.
fn height(value: u64, top: u64) -> (f64, f64) {
    let tall = round(approximate(value) * (HEIGHT - 2.0) / approximate(top));
    (round(HEIGHT - 1.0 - tall), tall)
}

fn bar(nth: usize, hour: &PoolHour, top: u64, zone: &TimeZone, hours: usize) -> BarView {
    let local = hour.start.to_jiff().to_zoned(zone.clone());
    let leased = height(hour.peak, top);
    let overflow = height(hour.overflow, top);
    let mut say = format!(
        "{} in use at once, {}",
        count(hour.peak),
        counted(hour.visits, "visit", "visits")
    );
    if hour.overflow > 0 {
        // A string takes all that is written to it.
        let _ = write!(
            say,
            ", {} without a number of their own",
            count(hour.overflow)
        );
    }
    let at = local.strftime("%a %-d %b, %H:%M").to_string();
    let begins_a_day = local.hour() == 0 && nth + hours / 16 < hours;
    BarView {
        x: nth * STEP,
        label: if begins_a_day {
            local.strftime("%a").to_string()
        } else {
            String::new()
        },
        row: (hour.visits > 0 || hour.peak > 0)
            .then(|| [count(hour.peak), count(hour.visits), count(hour.overflow)]),
        say,
        at,
        overflow: (round(leased.0 - overflow.1).max(0.0), overflow.1),
        leased,
    }
}

fn advice(report: &PoolReport, zone: &TimeZone) -> String {
    let state = report.state();
    let Some(needed) = report.needed.filter(|_| report.size > 0) else {
        if state == PoolState::Shared {
            return "Every visit is shown the same number, so calls are told by their source alone."
                .into();
        }
        let Some(from) = report.measured_from else {
            return "No visit came in the last seven days: nothing can be measured yet.".into();
        };
        let from = from
            .to_jiff()
            .to_zoned(zone.clone())
            .strftime("%H:%M")
            .to_string();
        return match state {
            PoolState::Exhausted => format!(
                "Visits found no number of their own. How many more it takes is known when a whole hour was measured, at {from}."
            ),
            PoolState::Near => format!(
                "Nearly all are in use. How many it takes is known when a whole hour was measured, at {from}."
            ),
            _ => format!("How many it takes is known when a whole hour was measured, at {from}."),
        };
    };
    let busiest = counted(report.busiest(), "visit", "visits");
    let kept = report.kept.map(length).unwrap_or_default();
    let measured =
        format!("The busiest whole hour had {busiest}, each of which kept its number for {kept}");
    match needed.checked_sub(report.size) {
        Some(more @ 1..) => format!(
            "{measured}: {} more would leave at most 1 % of them without a number of their own.",
            counted(more, "number", "numbers")
        ),
        _ if state == PoolState::Exhausted => format!(
            "{measured}: {} would do if they came evenly. They came together, and some found none of their own: add numbers until nobody does.",
            counted(needed, "number", "numbers")
        ),
        _ => format!(
            "{measured}: {} are enough for that.",
            counted(needed, "number", "numbers")
        ),
    }
}

fn figures(report: &PoolReport) -> Vec<Figure> {
    let (visits, overflow) = report.visits();
    let part = |value: u64, of: u64| {
        value
            .checked_mul(100)
            .and_then(|value| value.checked_div(of))
            .map(|share| format!("{share} %"))
    };
    let figure = |name, value: String, note: String| Figure { name, value, note };
    vec![
        figure(
            "Numbers",
            count(report.size),
            match report.resting {
                0 => String::new(),
                resting => format!("{} in quarantine", count(resting)),
            },
        ),
        figure(
            "In use now",
            count(report.in_use),
            part(report.in_use, report.size).unwrap_or_default(),
        ),
        figure(
            "Most at once",
            count(report.peak()),
            part(report.peak(), report.size).unwrap_or_default(),
        ),
        figure(
            "Without their own",
            if visits == 0 {
                "–".into()
            } else {
                percent(approximate(overflow) / approximate(visits))
            },
            format!(
                "{} of {}",
                count(overflow),
                counted(visits, "visit", "visits")
            ),
        ),
        figure(
            "Needed",
            report
                .needed
                .filter(|_| report.size > 0)
                .map_or("–".into(), count),
            if report.measured_from.is_some() {
                "not measured yet".into()
            } else {
                "at the busiest".into()
            },
        ),
    ]
}

fn curve(report: &PoolReport) -> Option<Curve> {
    let needed = report.needed.filter(|_| report.size > 0)?;
    let last = (needed.max(report.size) * 5 / 4).max(4);
    let step = last.div_ceil(CURVE_POINTS).max(1);
    let mut places: Vec<u64> = (0..=last).step_by(usize::try_from(step).ok()?).collect();
    places.extend([needed, report.size, last]);
    places.sort_unstable();
    places.dedup();
    let x = |numbers: u64| round(approximate(numbers) * CURVE_WIDTH / approximate(last));
    let mut line = String::new();
    let mut points = Vec::new();
    for &numbers in &places {
        let share = report.share_without(numbers)?;
        let y = round(1.0 + (1.0 - share) * (HEIGHT - 2.0));
        let _ = write!(line, "{},{y} ", x(numbers));
        points.push(Point {
            numbers: count(numbers),
            share: percent(share),
            here: match (numbers == report.size, numbers == needed) {
                (true, true) => "you are here, and it is enough",
                (true, false) => "you are here",
                (false, true) => "enough",
                (false, false) => "",
            },
        });
    }
    let share = report.share_without(report.size)?;
    Some(Curve {
        line,
        here: x(report.size),
        enough: x(needed),
        last: count(last),
        summary: format!(
            "With the {} that there are, {} of the visits of the busiest hour find no number of their own; {} numbers leave at most {}",
            counted(report.size, "number", "numbers"),
            percent(share),
            count(needed),
            percent(BLOCKING),
        ),
        points,
    })
}

/// `12 %`, `0.8 %`, `less than 0.1 %`
fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent >= 9.95 || percent == 0.0 {
        format!("{percent:.0} %")
    } else if percent >= 0.1 {
        format!("{percent:.1} %")
    } else {
        "less than 0.1 %".into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_written_with_as_many_digits_as_they_deserve() {
        for (share, text) in [
            (0.0, "0 %"),
            (0.000_4, "less than 0.1 %"),
            (0.0084, "0.8 %"),
            (0.01, "1.0 %"),
            (0.914, "91 %"),
            (1.0, "100 %"),
        ] {
            assert_eq!(percent(share), text);
        }
    }

    #[test]
    fn a_bar_stands_on_the_base_and_the_line_of_the_size_is_where_a_full_bar_ends() {
        let (y, tall) = height(10, 20);
        assert!((y + tall - (HEIGHT - 1.0)).abs() < 0.02, "{y} {tall}");
        assert!((height(20, 20).0 - 1.0).abs() < 0.02);
    }
}
