//! Tracking numbers from a CSV file: all of them or, when a line is wrong, none and every wrong line by its number.

use std::io::Read;

use csv::ByteRecord;
use ringfence_model::{Account, Timestamp};
use ringfence_store::{Db, StoreError};

use crate::number_lines::{BadLine, Gathered, Known, MOST_NUMBERS, Written};

/// Octets of one file.
const LARGEST_FILE: u64 = 32 << 20;

/// Wrong lines that are listed; more are only counted.
const MOST_LISTED: usize = 1_000;

const COLUMNS: &[&str] = &["e164", "label", "pool", "plan", "country"];

/// Why nothing was imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The first line does not name the columns.
    #[error("line 1: {0}; nothing was imported")]
    Header(String),
    /// Wrong lines, in their order.
    #[error("{}", listed(.0))]
    Lines(Vec<BadLine>),
    /// The file has no numbers at all.
    #[error("expected a line for each number below the line that names the columns, got none")]
    Empty,
    /// The file cannot be read.
    #[error("the file could not be read: {0}; nothing was imported")]
    Unreadable(#[source] std::io::Error),
    /// The file has more lines, or more octets, than are read at once.
    #[error(
        "expected at most {MOST_NUMBERS} numbers in one file, got more; split it; nothing was imported"
    )]
    TooMany,
    /// The rows could not be read or written.
    #[error("the numbers could not be written; none was imported")]
    Store(#[from] StoreError),
}

fn listed(lines: &[BadLine]) -> String {
    let mut text: Vec<String> = lines
        .iter()
        .take(MOST_LISTED)
        .map(ToString::to_string)
        .collect();
    if lines.len() > MOST_LISTED {
        text.push(format!("and {} more", lines.len() - MOST_LISTED));
    }
    let plural = if lines.len() == 1 {
        "line is"
    } else {
        "lines are"
    };
    text.push(format!(
        "{} {plural} wrong; nothing was imported",
        lines.len()
    ));
    text.join("\n")
}

/// Adds the numbers of a CSV file (RFC 4180) to an account and answers how many. Its first line names the columns:
/// `e164`, and perhaps `label`, `pool`, `plan` (by their names) and `country` (how `e164` is written when it lacks a
/// country code; without it, the account's country).
///
/// # Errors
/// [`ImportError`]; nothing was added then.
pub async fn import_numbers(
    db: &Db,
    account: &Account,
    file: impl Read,
    now: Timestamp,
) -> Result<usize, ImportError> {
    let known = Known::of_account(db, account).await?;
    let mut gathered = read(file, &known)?;
    gathered.look_for_owners(db, account).await?;
    let numbers = gathered.numbers(account, now).map_err(ImportError::Lines)?;
    if numbers.is_empty() {
        return Err(ImportError::Empty);
    }
    let count = numbers.len();
    db.add_numbers(numbers).await?;
    Ok(count)
}

fn read(file: impl Read, known: &Known) -> Result<Gathered, ImportError> {
    let mut octets = Vec::new();
    file.take(LARGEST_FILE + 1)
        .read_to_end(&mut octets)
        .map_err(ImportError::Unreadable)?;
    if octets.len() as u64 > LARGEST_FILE {
        return Err(ImportError::TooMany);
    }
    let mut reader = csv::ReaderBuilder::new()
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(octets.as_slice());
    let header = reader
        .byte_headers()
        .map_err(|error| ImportError::Header(error.to_string()))?;
    let columns = columns(header)?;
    let mut gathered = Gathered::default();
    let mut lines = Lines {
        octets: &octets,
        at: 0,
        line: 1,
    };
    for record in reader.byte_records() {
        let record = record.map_err(|error| ImportError::Header(error.to_string()))?;
        let line = lines.of(record.position().map_or(0, csv::Position::byte));
        if record.iter().all(<[u8]>::is_empty) {
            continue;
        }
        if gathered.len() >= MOST_NUMBERS {
            return Err(ImportError::TooMany);
        }
        gathered.take(written(line, &record, &columns), known);
    }
    Ok(gathered)
}

/// Tells lines as an editor counts them: the reader's own count is late after CRLF and after empty lines.
struct Lines<'a> {
    octets: &'a [u8],
    at: usize,
    line: u64,
}

impl Lines<'_> {
    /// The line of the first character of a record that the reader began to look for at `start`.
    fn of(&mut self, start: u64) -> u64 {
        let start = usize::try_from(start).unwrap_or(usize::MAX);
        while self.at < self.octets.len()
            && (self.at < start || matches!(self.octets[self.at], b'\r' | b'\n'))
        {
            self.line += u64::from(self.octets[self.at] == b'\n');
            self.at += 1;
        }
        self.line
    }
}

/// Which column each place of a line is.
fn columns(header: &ByteRecord) -> Result<Vec<&'static str>, ImportError> {
    let refuse = |message: String| Err(ImportError::Header(message));
    let known = COLUMNS.join(", ");
    let mut found = Vec::new();
    for name in header {
        let text = String::from_utf8_lossy(name);
        let word = text.trim_start_matches('\u{feff}').trim().to_lowercase();
        let Some(column) = COLUMNS.iter().find(|column| **column == word) else {
            let shown: String = word.chars().take(40).collect();
            let hint = if word.contains([';', '\t']) {
                "; columns are parted by commas"
            } else {
                ""
            };
            return refuse(format!("expected the columns {known}, got {shown:?}{hint}"));
        };
        if found.contains(column) {
            return refuse(format!("the column {column} stands there twice"));
        }
        found.push(*column);
    }
    if !found.contains(&"e164") {
        return refuse(format!(
            "expected the column e164 among the columns {known}"
        ));
    }
    Ok(found)
}

fn written(line: u64, record: &ByteRecord, columns: &[&str]) -> Written {
    let mut written = Written {
        line,
        ..Written::default()
    };
    if record.len() != columns.len() {
        written.broken = Some(format!(
            "expected {} columns, got {}",
            columns.len(),
            record.len()
        ));
        return written;
    }
    for (field, name) in record.iter().zip(columns) {
        let text = match std::str::from_utf8(field) {
            Ok("") => continue,
            Ok(text) => text.to_owned(),
            Err(_) => {
                let wrong = format!("expected UTF-8 in the column {name}");
                written.wrong.push(wrong);
                continue;
            }
        };
        let place = match *name {
            "e164" => &mut written.number,
            "label" => &mut written.label,
            "pool" => &mut written.pool,
            "plan" => &mut written.plan,
            _ => &mut written.country,
        };
        *place = Some(text);
    }
    written
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use ringfence_model::{PlanId, PoolId};

    use super::*;
    use crate::number_lines::Entry;

    fn known() -> Known {
        Known {
            country: "GB".into(),
            pools: HashMap::from([("web".to_owned(), PoolId::new(Timestamp::from_micros(0), 1))]),
            plans: HashMap::from([(
                "sales".to_owned(),
                PlanId::new(Timestamp::from_micros(0), 2),
            )]),
        }
    }

    fn gathered(text: &[u8]) -> (Vec<Entry>, Vec<BadLine>) {
        let Gathered { entries, bad, .. } = read(text, &known()).unwrap();
        (entries, bad)
    }

    fn lines(text: &str) -> Vec<String> {
        let (_, bad) = gathered(text.as_bytes());
        bad.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn good_lines_are_read_in_every_way_of_writing() {
        let text = "\u{feff}E164,label,pool,plan,country\r\n\
                    +442079460101,Front desk,web,sales,\r\n\
                    020 7946 0102,\"Smith, Jones\",,,\r\n\
                    \r\n\
                    (212) 555-0103,,,,us\r\n";
        let (entries, bad) = gathered(text.as_bytes());
        assert_eq!(bad, []);
        let numbers: Vec<&str> = entries.iter().map(|entry| entry.e164.as_str()).collect();
        assert_eq!(numbers, ["+442079460101", "+442079460102", "+12125550103"]);
        assert_eq!(entries[1].label.as_deref(), Some("Smith, Jones"));
        assert!(
            entries[0].pool.is_some() && entries[0].plan.is_some() && entries[1].pool.is_none()
        );
        assert_eq!(entries[2].line, 5);
    }

    #[test]
    fn every_wrong_line_is_listed_with_its_number_and_all_that_is_wrong() {
        let text = "e164,label,pool,plan\n\
                    hello,,,\n\
                    +442079460101,,,\n\
                    +442079460102,,mail,door\n\
                    ,,,\n\
                    ,nobody,,\n\
                    +44 20 7946 0101,again,,\n\
                    +442079460103,too,many,fields,here\n";
        assert_eq!(
            lines(text),
            [
                "line 2: expected a phone number such as +442079460123, got \"hello\"",
                "line 4: expected one of the account's pools (web), got \"mail\"",
                "line 4: expected one of the account's plans (sales), got \"door\"",
                "line 6: expected a phone number, got nothing",
                "line 7: +442079460101 stands in line 3 already",
                "line 8: expected 4 columns, got 5",
            ]
        );
    }

    #[test]
    fn octets_that_are_no_text_are_a_wrong_line_like_any_other() {
        let (entries, bad) = gathered(&b"e164,label\n+442079460101,\xff\n+442079460102,b\n"[..]);
        assert_eq!(entries.len(), 1);
        assert_eq!(
            bad[0].to_string(),
            "line 2: expected UTF-8 in the column label"
        );
    }

    #[test]
    fn a_first_line_that_names_no_columns_is_refused_with_the_known_ones() {
        for (text, part) in [
            (
                "+442079460101,Front desk\n",
                "expected the columns e164, label, pool, plan, country, got",
            ),
            ("e164;label\n", "columns are parted by commas"),
            ("label,pool\n", "expected the column e164"),
            ("e164,e164\n", "twice"),
            ("", "expected the column"),
        ] {
            let error = read(text.as_bytes(), &known())
                .expect_err("no header")
                .to_string();
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn a_country_that_is_none_is_refused() {
        assert_eq!(
            lines("e164,country\n020 7946 0101,Britain\n"),
            ["line 2: expected a country of two letters (ISO 3166-1) such as GB, got \"Britain\""]
        );
        assert_eq!(lines("e164,country\n020 7946 0101,zz\n").len(), 1);
    }
}
