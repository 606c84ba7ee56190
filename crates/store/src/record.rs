//! Writes as octets: what the journal holds, and what is carried out from it.
//!
//! A record is its kind, its length and its values in the order of its statement's parameters. What a kind means never
//! changes, for a journal may be read by a later version than wrote it: a statement with other columns is a new kind.

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Connection};

use crate::bulk;
use crate::value::Value;
use crate::{StoreError, Write};

/// The kinds of records, and their statements.
const KINDS: usize = 14;

/// Kind (1) and length (4).
const HEAD: usize = 5;

const NULL: u8 = 0;
const INT: u8 = 1;
const TEXT: u8 = 2;
const BLOB: u8 = 3;
const ID: u8 = 4;

/// The records of a batch: new rows first, then changes, so that they can be carried out one after the other.
pub(crate) fn encode(writes: &[Write]) -> Result<Vec<u8>, StoreError> {
    let mut octets = Vec::with_capacity(writes.len() * 400);
    let (rows, changes): (Vec<&Write>, Vec<&Write>) =
        writes.iter().partition(|write| !is_change(kind(write)));
    for write in rows.into_iter().chain(changes) {
        let begin = octets.len();
        octets.extend_from_slice(&[kind(write), 0, 0, 0, 0]);
        for value in bulk::values(write)? {
            put(&mut octets, &value)?;
        }
        let length = length_of(octets.len() - begin - HEAD)?;
        octets[begin + 1..begin + HEAD].copy_from_slice(&length);
    }
    Ok(octets)
}

fn put(to: &mut Vec<u8>, value: &Value) -> Result<(), StoreError> {
    match value {
        Value::Uuid(Some(id)) => {
            to.push(ID);
            to.extend_from_slice(id.as_bytes());
        }
        Value::Text(Some(text)) => put_octets(to, TEXT, text.as_bytes())?,
        Value::Bytes(Some(octets)) => put_octets(to, BLOB, octets)?,
        Value::Int(Some(number)) => put_int(to, *number),
        Value::Flag(flag) => put_int(to, i64::from(*flag)),
        Value::Uuid(None) | Value::Text(None) | Value::Bytes(None) | Value::Int(None) => {
            to.push(NULL);
        }
    }
    Ok(())
}

fn put_int(to: &mut Vec<u8>, number: i64) {
    to.push(INT);
    to.extend_from_slice(&number.to_le_bytes());
}

fn put_octets(to: &mut Vec<u8>, tag: u8, octets: &[u8]) -> Result<(), StoreError> {
    to.push(tag);
    to.extend_from_slice(&length_of(octets.len())?);
    to.extend_from_slice(octets);
    Ok(())
}

fn length_of(length: usize) -> Result<[u8; 4], StoreError> {
    u32::try_from(length)
        .map(u32::to_le_bytes)
        .map_err(|_| StoreError::Refused(format!("{length} octets are too many for one row")))
}

const fn is_change(kind: u8) -> bool {
    kind > 6 && kind != 14
}

/// From 1, so that zeros are no record.
const fn kind(write: &Write) -> u8 {
    match write {
        Write::Visit(_) => 1,
        Write::Lease(_) => 2,
        // 3 was one without a server.
        Write::CallBegun(_) => 14,
        Write::LegBegun(_) => 4,
        Write::RecordingOpened(_) => 5,
        Write::CallEvent(_) => 6,
        Write::LeaseExtended { .. } => 7,
        Write::LeaseEnded { .. } => 8,
        Write::LegEnded { .. } => 9,
        // 10 was one without a group.
        Write::CallAnswered { .. } => 13,
        Write::CallEnded { .. } => 11,
        Write::RecordingClosed { .. } => 12,
    }
}

/// One record.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Record<'r> {
    kind: u8,
    values: &'r [u8],
}

impl Record<'_> {
    /// Changes a row instead of adding one.
    pub fn is_change(&self) -> bool {
        is_change(self.kind)
    }
}

/// The records of a frame, or what is wrong with it.
pub(crate) fn records(mut octets: &[u8]) -> impl Iterator<Item = Result<Record<'_>, StoreError>> {
    std::iter::from_fn(move || {
        if octets.is_empty() {
            return None;
        }
        let Some((record, rest)) = first(octets) else {
            octets = &[];
            return Some(Err(unreadable("a record of a known kind and length")));
        };
        octets = rest;
        Some(Ok(record))
    })
}

fn first(octets: &[u8]) -> Option<(Record<'_>, &[u8])> {
    let (kind, rest) = octets.split_first()?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    let (values, rest) = rest.split_at_checked(length)?;
    let record = Record {
        kind: *kind,
        values,
    };
    (1..=KINDS)
        .contains(&usize::from(*kind))
        .then_some((record, rest))
}

fn next_value(octets: &[u8]) -> Option<(ValueRef<'_>, &[u8])> {
    let (tag, rest) = octets.split_first()?;
    match *tag {
        NULL => Some((ValueRef::Null, rest)),
        INT => {
            let (number, rest) = rest.split_first_chunk::<8>()?;
            Some((ValueRef::Integer(i64::from_le_bytes(*number)), rest))
        }
        ID => {
            let (id, rest) = rest.split_first_chunk::<16>()?;
            Some((ValueRef::Blob(id), rest))
        }
        TEXT | BLOB => {
            let (length, rest) = rest.split_first_chunk::<4>()?;
            let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
            let (octets, rest) = rest.split_at_checked(length)?;
            let value = match *tag {
                TEXT => ValueRef::Text(octets),
                _ => ValueRef::Blob(octets),
            };
            Some((value, rest))
        }
        _ => None,
    }
}

fn unreadable(expected: &str) -> StoreError {
    StoreError::Journal(format!(
        "it has something else where {expected} should be; was it written by a newer version?"
    ))
}

/// The statements of a connection, each prepared once.
pub(crate) struct Statements<'c> {
    connection: &'c Connection,
    prepared: [Option<Prepared<'c>>; KINDS],
}

struct Prepared<'c> {
    statement: CachedStatement<'c>,
    /// Where each value goes: to SQLite `$3` is a name, numbered by where it stands first.
    parameters: Vec<usize>,
}

impl<'c> Statements<'c> {
    pub fn of(connection: &'c Connection) -> Self {
        Self {
            connection,
            prepared: [const { None }; KINDS],
        }
    }

    /// Carries out a record; answers how many rows it changed.
    pub fn carry_out(&mut self, record: &Record<'_>) -> Result<usize, StoreError> {
        let slot = &mut self.prepared[usize::from(record.kind) - 1];
        let prepared = match slot {
            Some(prepared) => prepared,
            None => slot.insert(Prepared::of(self.connection, record.kind)?),
        };
        let mut values = record.values;
        for parameter in &prepared.parameters {
            let Some((value, rest)) = next_value(values) else {
                return Err(unreadable("a value of a row"));
            };
            prepared
                .statement
                .raw_bind_parameter(*parameter, ToSqlOutput::Borrowed(value))?;
            values = rest;
        }
        if !values.is_empty() {
            return Err(unreadable("the end of a row"));
        }
        Ok(prepared.statement.raw_execute()?)
    }
}

impl<'c> Prepared<'c> {
    fn of(connection: &'c Connection, kind: u8) -> Result<Self, StoreError> {
        let statement = connection.prepare_cached(bulk::statement_of(kind))?;
        let mut parameters = Vec::new();
        for number in 1..=statement.parameter_count() {
            let name = format!("${number}");
            let parameter = statement.parameter_index(&name)?;
            parameters.push(parameter.ok_or(rusqlite::Error::InvalidParameterName(name))?);
        }
        Ok(Self {
            statement,
            parameters,
        })
    }
}

/// A text for logs: the kind of a record and the identifiers in it.
pub(crate) fn described(record: &Record<'_>) -> String {
    let mut text = format!("kind {}", record.kind);
    let mut values = record.values;
    while let Some((value, rest)) = next_value(values) {
        if let ValueRef::Blob(id) = value
            && let Ok(id) = uuid::Uuid::from_slice(id)
        {
            text.push(' ');
            text.push_str(&id.to_string());
        }
        values = rest;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn value() -> impl Strategy<Value = Value> {
        prop_oneof![
            any::<Option<u128>>().prop_map(|id| Value::Uuid(id.map(uuid::Uuid::from_u128))),
            any::<Option<String>>().prop_map(Value::Text),
            any::<Option<i64>>().prop_map(Value::Int),
            any::<bool>().prop_map(Value::Flag),
            any::<Option<Vec<u8>>>().prop_map(Value::Bytes),
        ]
    }

    fn shown(value: ValueRef<'_>) -> String {
        match value {
            ValueRef::Text(octets) => format!("{:?}", std::str::from_utf8(octets)),
            other => format!("{other:?}"),
        }
    }

    proptest! {
        #[test]
        fn values_come_back_as_they_were(values in proptest::collection::vec(value(), 0..20)) {
            let mut octets = Vec::new();
            for value in &values {
                put(&mut octets, value).unwrap();
            }
            let mut rest = octets.as_slice();
            for value in &values {
                let (found, after) = next_value(rest).unwrap();
                let ToSqlOutput::Borrowed(expected) = rusqlite::ToSql::to_sql(value).unwrap() else {
                    panic!("a value is borrowed");
                };
                prop_assert_eq!(shown(found), shown(expected));
                rest = after;
            }
            prop_assert!(rest.is_empty());
        }

        #[test]
        fn octets_that_are_no_records_are_told_and_end(octets in any::<Vec<u8>>()) {
            let read: Vec<_> = records(&octets).collect();
            for record in read.iter().rev().skip(1) {
                prop_assert!(record.is_ok(), "only the last can be wrong");
            }
            for record in read.iter().flatten() {
                described(record);
            }
        }
    }
}
