//! Tracking numbers from a CSV file: all of them or, when a line is wrong, none and every wrong line by its number.

use std::collections::HashMap;
use std::fmt;
use std::io::Read;

use csv::ByteRecord;
use ringfence_model::{
    Account, E164, NumberId, NumberState, PlanId, PoolId, Timestamp, TrackingNumber,
};
use ringfence_store::{Db, StoreError};

use crate::random;

/// Octets of one file.
const LARGEST_FILE: u64 = 32 << 20;

/// Lines of one file; an inventory beyond that is imported in parts.
pub const MOST_NUMBERS: usize = 100_000;

/// Characters of a label.
const LONGEST_LABEL: usize = 100;

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

/// A line that cannot be imported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadLine {
    /// 1 for the file's first line.
    pub line: u64,
    /// What was expected and what came.
    pub message: String,
}

impl fmt::Display for BadLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.message)
    }
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
    let known = Known {
        country: account.country.clone(),
        pools: db
            .pools(account.id)
            .await?
            .into_iter()
            .map(|pool| (pool.name, pool.id))
            .collect(),
        plans: db
            .plans(account.id)
            .await?
            .into_iter()
            .map(|plan| (plan.name, plan.id))
            .collect(),
    };
    let (entries, mut bad) = read(file, &known)?;
    for entry in &entries {
        if let Some(owned) = db.number_by_e164(&entry.e164).await? {
            let owner = if owned.account == account.id {
                "this account"
            } else {
                "another account"
            };
            bad.push(BadLine {
                line: entry.line,
                message: format!("{} belongs to {owner} already", entry.e164.as_str()),
            });
        }
    }
    if !bad.is_empty() {
        bad.sort_by_key(|bad| bad.line);
        return Err(ImportError::Lines(bad));
    }
    if entries.is_empty() {
        return Err(ImportError::Empty);
    }
    let count = entries.len();
    let numbers = entries
        .into_iter()
        .map(|entry| TrackingNumber {
            id: NumberId::new(now, random()),
            account: account.id,
            label: entry.label.unwrap_or_else(|| entry.e164.international()),
            e164: entry.e164,
            state: if entry.pool.is_some() {
                NumberState::Assigned
            } else {
                NumberState::Available
            },
            pool: entry.pool,
            plan: entry.plan,
            created_at: now,
        })
        .collect();
    db.add_numbers(numbers).await?;
    Ok(count)
}

/// What lines may refer to.
struct Known {
    country: String,
    pools: HashMap<String, PoolId>,
    plans: HashMap<String, PlanId>,
}

/// A line that is good by itself.
#[derive(Debug)]
struct Entry {
    line: u64,
    e164: E164,
    label: Option<String>,
    pool: Option<PoolId>,
    plan: Option<PlanId>,
}

fn read(file: impl Read, known: &Known) -> Result<(Vec<Entry>, Vec<BadLine>), ImportError> {
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
    let mut seen: HashMap<E164, u64> = HashMap::new();
    let (mut entries, mut bad) = (Vec::new(), Vec::new());
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
        if entries.len() + bad.len() >= MOST_NUMBERS {
            return Err(ImportError::TooMany);
        }
        match entry(line, &record, &columns, known) {
            Err(messages) => bad.extend(
                messages
                    .into_iter()
                    .map(|message| BadLine { line, message }),
            ),
            Ok(entry) => {
                if let Some(first) = seen.get(&entry.e164) {
                    let message = format!("{} stands in line {first} already", entry.e164.as_str());
                    bad.push(BadLine { line, message });
                } else {
                    seen.insert(entry.e164.clone(), line);
                    entries.push(entry);
                }
            }
        }
    }
    Ok((entries, bad))
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

fn entry(
    line: u64,
    record: &ByteRecord,
    columns: &[&str],
    known: &Known,
) -> Result<Entry, Vec<String>> {
    if record.len() != columns.len() {
        return Err(vec![format!(
            "expected {} columns, got {}",
            columns.len(),
            record.len()
        )]);
    }
    let mut wrong = Vec::new();
    let mut field = |name: &str| -> Option<String> {
        let at = columns.iter().position(|column| *column == name)?;
        match std::str::from_utf8(&record[at]) {
            Ok("") => None,
            Ok(text) => Some(text.to_owned()),
            Err(_) => {
                wrong.push(format!("expected UTF-8 in the column {name}"));
                None
            }
        }
    };
    let (number, label, pool, plan, country) = (
        field("e164"),
        field("label"),
        field("pool"),
        field("plan"),
        field("country"),
    );
    let country = match country.as_deref() {
        Some(code)
            if code.len() != 2 || !code.bytes().all(|letter| letter.is_ascii_alphabetic()) =>
        {
            wrong.push(format!(
                "expected a country of two letters (ISO 3166-1) such as GB, got {code:?}"
            ));
            &known.country
        }
        other => other.unwrap_or(&known.country),
    };
    let e164 = match number {
        None => Err("expected a phone number in the column e164, got nothing".to_owned()),
        Some(text) => {
            E164::parse(&text, Some(&country.to_uppercase())).map_err(|error| error.to_string())
        }
    };
    if let Some(label) = &label
        && label.chars().count() > LONGEST_LABEL
    {
        wrong.push(format!(
            "expected a label of at most {LONGEST_LABEL} characters, got {}",
            label.chars().count()
        ));
    }
    let pool = named("pool", pool, &known.pools).unwrap_or_else(|message| {
        wrong.push(message);
        None
    });
    let plan = named("plan", plan, &known.plans).unwrap_or_else(|message| {
        wrong.push(message);
        None
    });
    match e164 {
        Ok(e164) if wrong.is_empty() => Ok(Entry {
            line,
            e164,
            label,
            pool,
            plan,
        }),
        Ok(_) => Err(wrong),
        Err(message) => {
            wrong.insert(0, message);
            Err(wrong)
        }
    }
}

fn named<T: Copy>(
    what: &str,
    name: Option<String>,
    known: &HashMap<String, T>,
) -> Result<Option<T>, String> {
    let Some(name) = name else {
        return Ok(None);
    };
    if let Some(id) = known.get(&name) {
        return Ok(Some(*id));
    }
    let mut names: Vec<&str> = known.keys().map(String::as_str).collect();
    names.sort_unstable();
    names.truncate(10);
    let shown: String = name.chars().take(40).collect();
    Err(if names.is_empty() {
        format!("expected no {what}, for the account has none, got {shown:?}")
    } else {
        format!(
            "expected one of the account's {what}s ({}), got {shown:?}",
            names.join(", ")
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

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

    fn lines(text: &str) -> Vec<String> {
        let (_, bad) = read(text.as_bytes(), &known()).unwrap();
        bad.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn good_lines_are_read_in_every_way_of_writing() {
        let text = "\u{feff}E164,label,pool,plan,country\r\n\
                    +442079460101,Front desk,web,sales,\r\n\
                    020 7946 0102,\"Smith, Jones\",,,\r\n\
                    \r\n\
                    (212) 555-0103,,,,us\r\n";
        let (entries, bad) = read(text.as_bytes(), &known()).unwrap();
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
                "line 6: expected a phone number in the column e164, got nothing",
                "line 7: +442079460101 stands in line 3 already",
                "line 8: expected 4 columns, got 5",
            ]
        );
    }

    #[test]
    fn octets_that_are_no_text_are_a_wrong_line_like_any_other() {
        let (entries, bad) = read(
            &b"e164,label\n+442079460101,\xff\n+442079460102,b\n"[..],
            &known(),
        )
        .unwrap();
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
    }
}
