//! What was said of calls: what came of them and what they were worth.

use std::collections::HashMap;

use ringfence_model::{AccountId, CallId, Lead, SourceKind, Timestamp, Worth};

use crate::call_sums::Span;
use crate::overview_sums::WORTH_BY_SOURCE;
use crate::row::{Reader, read_count};
use crate::value::args;
use crate::{Db, StoreError};

macro_rules! worth_columns {
    () => {
        "account, call, started_at, lead, value, tags, note, changed_at"
    };
}

const SET: &str = concat!(
    "INSERT INTO call_worths (",
    worth_columns!(),
    ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (account, call) DO UPDATE SET \
     lead = excluded.lead, value = excluded.value, tags = excluded.tags, note = excluded.note, \
     changed_at = excluded.changed_at"
);
const ONE: &str = concat!(
    "SELECT ",
    worth_columns!(),
    " FROM call_worths WHERE account = $1 AND call = $2"
);
/// Calls are handed in as one text, a JSON array.
const OF_CALLS_IN_SQLITE: &str = concat!(
    "SELECT ",
    worth_columns!(),
    " FROM call_worths WHERE account = $1 AND call IN (SELECT unhex(value) FROM json_each($2))"
);
const OF_CALLS_IN_POSTGRES: &str = concat!(
    "SELECT ",
    worth_columns!(),
    " FROM call_worths WHERE account = $1 \
     AND call IN (SELECT value::uuid FROM json_array_elements_text($2::json))"
);
/// What calls are tagged with, the most used first.
const TAGS: &str = "SELECT tags FROM call_worths WHERE account = $1 AND tags <> '' \
    ORDER BY started_at DESC LIMIT 1000";

const ANY_VALUE: &str = "SELECT count(*) FROM \
    (SELECT 1 FROM call_worths WHERE account = $1 AND value IS NOT NULL LIMIT 1) AS one";

/// What the calls of a source were worth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceWorth {
    /// Its class and name; `None` for calls without a source.
    pub source: Option<(SourceKind, String)>,
    /// Calls of somebody who may buy, or bought.
    pub qualified: u64,
    /// Calls of somebody who bought.
    pub converted: u64,
    /// The sum of their values, in the smallest unit of the account's currency.
    pub value: i64,
}

impl Db {
    /// Says what a call was worth, in place of what was said before.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be written.
    pub async fn set_worth(&self, worth: &Worth) -> Result<(), StoreError> {
        let args = args![
            worth.account,
            worth.call,
            worth.started_at,
            worth.lead.map(Lead::as_str),
            worth.value,
            joined(&worth.tags).as_str(),
            worth.note.as_str(),
            worth.changed_at,
        ];
        self.run_one(SET, args).await.map(drop)
    }

    /// What was said of a call; `None` when nothing was.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn worth(
        &self,
        account: AccountId,
        call: CallId,
    ) -> Result<Option<Worth>, StoreError> {
        self.row(ONE, args![account, call], read_worth).await
    }

    /// Whether any call of an account has a value.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn has_values(&self, account: AccountId) -> Result<bool, StoreError> {
        let found = self.row(ANY_VALUE, args![account], read_count).await?;
        Ok(found.unwrap_or(0) > 0)
    }

    /// What was said of each of these calls; those of which nothing was said are left out.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn worths(
        &self,
        account: AccountId,
        calls: &[CallId],
    ) -> Result<HashMap<CallId, Worth>, StoreError> {
        let sql = match self {
            Self::Sqlite(_) => OF_CALLS_IN_SQLITE,
            Self::Postgres(_) => OF_CALLS_IN_POSTGRES,
        };
        let hex: Vec<String> = calls
            .iter()
            .map(|call| format!("\"{}\"", call.0.simple()))
            .collect();
        let hex = format!("[{}]", hex.join(","));
        let found = self.rows(sql, args![account, hex.as_str()], read_worth);
        let found = found.await?.into_iter();
        Ok(found.map(|worth| (worth.call, worth)).collect())
    }

    /// What the calls of each source that began in `[from, to)` were worth, the most first.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn worth_by_source(
        &self,
        account: AccountId,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<SourceWorth>, StoreError> {
        let span = Span::of(from, to).args(account);
        self.written_rows(WORTH_BY_SOURCE, span, read_source_worth)
            .await
    }

    /// Tags of the last thousand calls that have any: the most used first, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn used_tags(
        &self,
        account: AccountId,
        limit: usize,
    ) -> Result<Vec<String>, StoreError> {
        let rows = self.rows(TAGS, args![account], read_tags).await?;
        let mut counts: HashMap<String, usize> = HashMap::new();
        for tag in rows.iter().flat_map(|tags| split(tags)) {
            *counts.entry(tag).or_default() += 1;
        }
        let mut tags: Vec<(String, usize)> = counts.into_iter().collect();
        tags.sort_unstable_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
        tags.truncate(limit);
        Ok(tags.into_iter().map(|(tag, _)| tag).collect())
    }
}

/// `,quote,vip,`: each between commas, so that one is found without its neighbours.
fn joined(tags: &[String]) -> String {
    if tags.is_empty() {
        String::new()
    } else {
        format!(",{},", tags.join(","))
    }
}

/// How a tag stands among others.
pub(crate) fn as_kept(tag: &str) -> String {
    format!(",{},", tag.trim().to_lowercase())
}

fn split(tags: &str) -> Vec<String> {
    let tags = tags.split(',').filter(|tag| !tag.is_empty());
    tags.map(str::to_owned).collect()
}

pub(crate) fn read_source_worth(row: &mut Reader<'_>) -> Result<SourceWorth, StoreError> {
    let kind = row.optional_word(SourceKind::from_word)?;
    let name = row.optional_text()?;
    Ok(SourceWorth {
        source: kind.zip(name),
        qualified: row.number()?,
        converted: row.number()?,
        value: row.int()?,
    })
}

fn read_tags(row: &mut Reader<'_>) -> Result<String, StoreError> {
    row.text()
}

fn read_worth(row: &mut Reader<'_>) -> Result<Worth, StoreError> {
    Ok(Worth {
        account: AccountId(row.uuid()?),
        call: CallId(row.uuid()?),
        started_at: row.time()?,
        lead: row.optional_word(Lead::from_word)?,
        value: row.optional_int()?,
        tags: split(&row.text()?),
        note: row.text()?,
        changed_at: row.time()?,
    })
}
