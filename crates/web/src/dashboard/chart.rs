//! Calls by minute, hour or day as stacked bars: zero-based, exact labels, a table behind.

use jiff::tz::TimeZone;
use ringfence_model::Timestamp;
use ringfence_platform::reports::{Bar, Period};

use super::words::{count, counted};

/// How tall the drawing is, in its own units.
pub(super) const HEIGHT: f64 = 152.0;

/// How wide a bar with its gaps is, in units of the drawing.
pub(super) const STEP: usize = 10;

/// A chart, ready to be drawn.
pub(super) struct Chart {
    pub(super) unit: &'static str,
    pub(super) unit_title: &'static str,
    pub(super) zone_words: String,
    pub(super) top: String,
    pub(super) middle: String,
    pub(super) width: usize,
    pub(super) summary: String,
    pub(super) bars: Vec<BarView>,
    /// What stands below each bar; mostly nothing.
    pub(super) labels: Vec<Label>,
    pub(super) rows: Vec<Row>,
}

/// A bar: its left edge, and from where to where each part stands (top and height).
pub(super) struct BarView {
    pub(super) x: usize,
    pub(super) at: String,
    pub(super) say: String,
    pub(super) answered: (f64, f64),
    pub(super) missed: (f64, f64),
    pub(super) other: (f64, f64),
}

/// What stands below a bar: a first word where there is room for it, and the rest.
#[derive(Default)]
pub(super) struct Label {
    pub(super) wide: String,
    pub(super) text: String,
}

/// A line of the table behind the chart.
pub(super) struct Row {
    pub(super) at: String,
    pub(super) answered: String,
    pub(super) missed: String,
    pub(super) other: String,
}

/// Draws the bars of a period.
pub(super) fn chart(bars: &[Bar], period: Period, zone: &TimeZone) -> Chart {
    let most = bars.iter().map(Bar::calls).max().unwrap_or(0);
    let top = nice(most);
    let all: u64 = bars.iter().map(Bar::calls).sum();
    let (unit, unit_title) = match period {
        Period::Hour => ("minute", "Minute"),
        Period::Day | Period::Week => ("hour", "Hour"),
        Period::Month => ("day", "Day"),
    };
    let busiest = bars
        .iter()
        .filter(|bar| bar.calls() > 0)
        .max_by_key(|bar| bar.calls());
    let summary = busiest.map_or_else(
        || format!("No calls in any {unit}"),
        |bar| {
            format!(
                "{} in {} {unit}s; the most, {}, at {}",
                counted(all, "call", "calls"),
                bars.len(),
                count(bar.calls()),
                title(bar.start, period, zone)
            )
        },
    );
    Chart {
        unit,
        unit_title,
        zone_words: zone_words(zone),
        top: count(top),
        middle: count(top / 2),
        width: (bars.len() * STEP).max(STEP),
        summary,
        bars: bars
            .iter()
            .enumerate()
            .map(|(nth, bar)| draw(nth, bar, top, period, zone))
            .collect(),
        labels: labels(bars, period, zone),
        rows: bars
            .iter()
            .filter(|bar| bar.calls() > 0)
            .map(|bar| Row {
                at: title(bar.start, period, zone),
                answered: count(bar.answered),
                missed: count(bar.missed),
                other: count(bar.other),
            })
            .collect(),
    }
}

fn draw(nth: usize, bar: &Bar, top: u64, period: Period, zone: &TimeZone) -> BarView {
    let scale = |value: u64| round(approximate(value) * (HEIGHT - 2.0) / approximate(top));
    let base = HEIGHT - 1.0;
    let answered = scale(bar.answered);
    let missed = scale(bar.missed);
    let other = scale(bar.other);
    let mut parts = vec![format!("{} answered", count(bar.answered))];
    if bar.missed > 0 {
        parts.push(format!("{} missed", count(bar.missed)));
    }
    if bar.other > 0 {
        parts.push(format!("{} other", count(bar.other)));
    }
    BarView {
        x: nth * STEP,
        at: title(bar.start, period, zone),
        say: if bar.calls() == 0 {
            "no calls".to_owned()
        } else {
            parts.join(", ")
        },
        answered: (round(base - answered), answered),
        missed: (round(base - answered - missed), missed),
        other: (round(base - answered - missed - other), other),
    }
}

fn title(start: Timestamp, period: Period, zone: &TimeZone) -> String {
    let pattern = match period {
        Period::Hour => "%H:%M",
        Period::Day | Period::Week => "%a %-d %b, %H:%M",
        Period::Month => "%a %-d %b",
    };
    start
        .to_jiff()
        .to_zoned(zone.clone())
        .strftime(pattern)
        .to_string()
}

fn labels(bars: &[Bar], period: Period, zone: &TimeZone) -> Vec<Label> {
    // A label that begins below the last bars would not fit.
    let last = bars.len().saturating_sub(bars.len() / 16 + 1);
    bars.iter()
        .enumerate()
        .map(|(nth, bar)| {
            let local = bar.start.to_jiff().to_zoned(zone.clone());
            let (wide, text) = match period {
                _ if nth > last => return Label::default(),
                Period::Hour if local.minute() % 10 == 0 => ("", "%H:%M"),
                Period::Day if local.hour() % 4 == 0 => ("", "%H:%M"),
                Period::Week if local.hour() == 0 => ("%a", "%-d"),
                Period::Month if nth % 5 == 0 => ("", "%-d %b"),
                _ => return Label::default(),
            };
            Label {
                wide: local.strftime(wide).to_string(),
                text: local.strftime(text).to_string(),
            }
        })
        .collect()
}

pub(super) fn zone_words(zone: &TimeZone) -> String {
    zone.iana_name()
        .map(|name| format!("Time of {}", name.replace('_', " ")))
        .unwrap_or_default()
}

/// The smallest number of a short list that is not below `most`; each is even, so that its half is whole.
pub(super) fn nice(most: u64) -> u64 {
    if let Some(top) = [2, 4, 6, 8, 10].into_iter().find(|top| *top >= most) {
        return top;
    }
    let mut scale = 1;
    loop {
        for step in [12, 16, 20, 24, 30, 40, 50, 60, 80, 100] {
            if step * scale >= most {
                return step * scale;
            }
        }
        scale *= 10;
    }
}

pub(super) fn round(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a bar's height needs no more than 52 bits"
)]
pub(super) const fn approximate(value: u64) -> f64 {
    value as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_axis_ends_at_an_even_number_that_holds_every_bar() {
        for (most, top) in [
            (0, 2),
            (1, 2),
            (3, 4),
            (10, 10),
            (11, 12),
            (22, 24),
            (61, 80),
            (1_201, 1_600),
        ] {
            assert_eq!(nice(most), top, "{most}");
        }
    }

    #[test]
    fn parts_of_a_bar_stand_on_each_other() {
        let bar = Bar {
            start: Timestamp::from_micros(0),
            answered: 1,
            missed: 1,
            other: 0,
        };
        let view = draw(3, &bar, 2, Period::Day, &TimeZone::UTC);
        assert_eq!(view.x, 30);
        assert!((view.answered.0 - (view.missed.0 + view.missed.1)).abs() < 0.02);
        assert_eq!(view.say, "1 answered, 1 missed");
    }
}
