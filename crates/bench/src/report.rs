//! Numbers that sum up many: percentiles, and a table to read.

/// Times in microseconds, kept whole so that percentiles are exact.
#[derive(Debug, Default, Clone)]
pub struct Times(Vec<u32>);

impl Times {
    /// Adds one, in microseconds.
    pub fn add(&mut self, micros: u32) {
        self.0.push(micros);
    }

    /// Adds all of another.
    pub fn append(&mut self, other: &mut Self) {
        self.0.append(&mut other.0);
    }

    /// The time in milliseconds that `share` (0 to 1) of all stay at or below; `None` of none.
    pub fn percentile(&mut self, share: f64) -> Option<f64> {
        if self.0.is_empty() {
            return None;
        }
        self.0.sort_unstable();
        let last = self.0.len() - 1;
        let at = rank(last, share);
        Some(f64::from(self.0[at.min(last)]) / 1000.0)
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a rank among at most some millions, between 0 and `last`"
)]
fn rank(last: usize, share: f64) -> usize {
    (last as f64 * share).round() as usize
}

/// A count as a number to divide by; exact below 2^53.
#[expect(
    clippy::cast_precision_loss,
    reason = "counts of one run are far below 2^53"
)]
pub fn float(count: u64) -> f64 {
    count as f64
}

/// Three digits after the point, for JSON that people read too.
pub fn rounded(number: f64) -> f64 {
    (number * 1000.0).round() / 1000.0
}

/// Prints rows below their heading, each column as wide as it needs.
pub fn table(heading: &[&str], rows: &[Vec<String>]) {
    let width = |column: usize| {
        rows.iter()
            .map(|row| row[column].chars().count())
            .chain([heading[column].chars().count()])
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..heading.len()).map(width).collect();
    let line = |cells: Vec<&str>| {
        let cells: Vec<String> = cells
            .iter()
            .zip(&widths)
            .enumerate()
            .map(|(column, (cell, width))| {
                if column == 0 {
                    format!("{cell:<width$}")
                } else {
                    format!("{cell:>width$}")
                }
            })
            .collect();
        println!("{}", cells.join("  "));
    };
    line(heading.to_vec());
    for row in rows {
        line(row.iter().map(String::as_str).collect());
    }
}

/// A number with `digits` after the point, or a dash.
pub fn shown(number: Option<f64>, digits: usize) -> String {
    number.map_or_else(|| "-".into(), |number| format!("{number:.digits$}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_exact() {
        let mut times = Times::default();
        assert_eq!(times.percentile(0.5), None);
        for micros in (1..=101).rev() {
            times.add(micros * 1000);
        }
        assert_eq!(times.percentile(0.5), Some(51.0));
        assert_eq!(times.percentile(0.99), Some(100.0));
        assert_eq!(times.percentile(1.0), Some(101.0));
    }
}
