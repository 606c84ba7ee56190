//! `ringfence pool size`: says how many numbers a pool needs and draws what fewer or more would do. Reads no rows.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use jiff::SignedDuration;
use ringfence_tracking::{OfferedLoad, SizingError};
use serde::Serialize;

use crate::cli::PoolSize;

/// Rows of the curve, before those that are marked come in between.
const ROWS: u32 = 12;
/// The length of a bar that stands for every visit, in characters.
const BAR: f64 = 40.0;
/// What the popular formula divides the visits of an hour by.
const POPULAR_DIVISOR: f64 = 20.0;

/// Prints the answer.
///
/// # Errors
/// [`SizingError`] when the demand cannot be reckoned with.
pub fn run(asked: &PoolSize) -> Result<(), SizingError> {
    let answer = Answer::to(asked)?;
    if asked.json {
        println!("{}", serde_json::json!(answer));
    } else {
        print!("{}", answer.text(asked));
    }
    Ok(())
}

#[derive(Serialize)]
struct Answer {
    offered_load_erlangs: f64,
    blocking: f64,
    numbers: u32,
    share_without_own_number: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    here: Option<Point>,
    popular_formulas: Popular,
    curve: Vec<Point>,
}

/// What is often used instead; both leave out that a number stays the visit's after the visit.
#[derive(Serialize)]
struct Popular {
    visits_per_hour_by_20: Point,
    visitors_at_once: Point,
}

#[derive(Serialize, Clone, Copy)]
struct Point {
    numbers: u32,
    share_without_own_number: f64,
    visits_per_hour_without: f64,
}

impl Answer {
    fn to(asked: &PoolSize) -> Result<Self, SizingError> {
        let visits = asked.visits_per_hour;
        let load = OfferedLoad::of_visits(visits, asked.visit, asked.hold)?;
        let numbers = load.numbers_for(asked.blocking)?;
        let point = |numbers| {
            let share = load.share_without(numbers);
            Point {
                numbers,
                share_without_own_number: share,
                visits_per_hour_without: share * visits,
            }
        };
        let by_20 = point(rounded_up(visits / POPULAR_DIVISOR));
        let at_once = point(rounded_up(visits * asked.visit.as_secs_f64() / 3600.0));
        let here = asked.numbers.map(point);
        let last = here.map_or(numbers, |here| here.numbers.min(numbers * 2).max(numbers));
        let step = (last / ROWS).max(1);
        let mut marked: Vec<u32> = vec![numbers, by_20.numbers, at_once.numbers];
        marked.extend(here.map(|here| here.numbers));
        // One row beyond the last, so that what more numbers would bring is seen too.
        let steps = (0..=ROWS + 1).map(|row| row * step).filter(|even| {
            marked
                .iter()
                .all(|marked| marked.abs_diff(*even) >= (step / 2).max(1))
        });
        let mut all: Vec<u32> = steps.chain(marked.iter().copied()).collect();
        all.sort_unstable();
        all.dedup();
        Ok(Self {
            offered_load_erlangs: load.erlangs(),
            blocking: asked.blocking,
            numbers,
            share_without_own_number: load.share_without(numbers),
            here,
            popular_formulas: Popular {
                visits_per_hour_by_20: by_20,
                visitors_at_once: at_once,
            },
            curve: all.into_iter().map(point).collect(),
        })
    }

    fn text(&self, asked: &PoolSize) -> String {
        let mut text = String::new();
        // A string takes all that is written to it.
        let _ = self.write(asked, &mut text);
        text
    }

    fn write(&self, asked: &PoolSize, out: &mut String) -> std::fmt::Result {
        let visits = asked.visits_per_hour;
        writeln!(
            out,
            "{} visits an hour, each of which holds its number for {} (visit {} + hold {}), offer {} erlangs.",
            rounded(visits),
            in_words(asked.visit + asked.hold),
            in_words(asked.visit),
            in_words(asked.hold),
            rounded(self.offered_load_erlangs),
        )?;
        writeln!(
            out,
            "{} numbers are enough: {} of the visits find no number of their own (at most {} was asked for).\n",
            self.numbers,
            percent(self.share_without_own_number),
            percent(self.blocking),
        )?;
        writeln!(out, "numbers  visits without a number of their own")?;
        let marks = self.marks();
        for point in &self.curve {
            let mark = marks
                .get(&point.numbers)
                .map(|words| format!("  <- {}", words.join(", ")))
                .unwrap_or_default();
            let line = format!(
                "{:>7}  {:>8}  {}{mark}",
                point.numbers,
                percent(point.share_without_own_number),
                bar(point.share_without_own_number),
            );
            writeln!(out, "{}", line.trim_end())?;
        }
        let by_20 = &self.popular_formulas.visits_per_hour_by_20;
        let at_once = &self.popular_formulas.visitors_at_once;
        writeln!(
            out,
            "\nThe popular formula, visits an hour / 20, says {}: {} of the visits would go without.\n\
             Counting visitors at once, visits an hour x visit, says {}: {}. Both leave the hold out.",
            by_20.numbers,
            percent(by_20.share_without_own_number),
            at_once.numbers,
            percent(at_once.share_without_own_number),
        )?;
        let Some(here) = &self.here else {
            return Ok(());
        };
        let verdict = match here.numbers.cmp(&self.numbers) {
            Ordering::Less => format!("{} more are needed", self.numbers - here.numbers),
            Ordering::Equal => "just enough".into(),
            Ordering::Greater => format!("{} more than needed", here.numbers - self.numbers),
        };
        writeln!(
            out,
            "With {} numbers, {} of {} visits an hour are shown the overflow number; {verdict}.",
            here.numbers,
            rounded(here.visits_per_hour_without),
            rounded(visits),
        )
    }

    fn marks(&self) -> BTreeMap<u32, Vec<&'static str>> {
        let mut marks: BTreeMap<u32, Vec<&'static str>> = BTreeMap::new();
        let mut mark = |numbers, word| marks.entry(numbers).or_default().push(word);
        mark(self.numbers, "enough");
        if let Some(here) = &self.here {
            mark(here.numbers, "you are here");
        }
        let popular = &self.popular_formulas;
        mark(popular.visits_per_hour_by_20.numbers, "visits an hour / 20");
        mark(popular.visitors_at_once.numbers, "visitors at once");
        marks
    }
}

/// Up to the next whole number.
fn rounded_up(count: f64) -> u32 {
    // A product such as 200 x 180 s / 3,600 s must not become 11 by its last bit.
    let whole = (count - 1e-9).ceil().clamp(0.0, f64::from(u32::MAX));
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is whole and between 0 and the largest number"
    )]
    let whole = whole as u32;
    whole
}

/// With one digit behind the point where there is something to show.
fn rounded(number: f64) -> String {
    let text = format!("{number:.1}");
    text.strip_suffix(".0").unwrap_or(&text).to_owned()
}

fn in_words(time: Duration) -> String {
    // Longer than 292 thousand million years, it would be refused before.
    SignedDuration::try_from(time).map_or_else(|_| format!("{time:?}"), |time| format!("{time:#}"))
}

/// Two digits of what is small, one behind the point of what is large.
fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent >= 10.0 || percent == 0.0 {
        format!("{} %", rounded(percent))
    } else if percent >= 0.01 {
        let text = format!("{percent:.2}");
        let text = text.trim_end_matches('0').trim_end_matches('.');
        format!("{text} %")
    } else {
        "<0.01 %".into()
    }
}

/// A bar in eighths of a character.
fn bar(share: f64) -> String {
    let eighths = rounded_up((share * BAR * 8.0).floor());
    let mut bar = "█".repeat(eighths as usize / 8);
    bar.extend(
        ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"]
            .get(eighths as usize % 8)
            .copied(),
    );
    bar
}
