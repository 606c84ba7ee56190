//! What comes out of a statement, the same for both engines.

use std::net::SocketAddr;
use std::time::Duration;

use ringfence_model::{E164, Timestamp};
use serde::de::DeserializeOwned;
use sqlx::postgres::PgRow;
use sqlx::{Column as _, Row as _};
use uuid::Uuid;

use crate::StoreError;

/// A row of either engine, by the position of its columns; what is wrong with a value is said in words.
pub(crate) trait Columns {
    fn name(&self, column: usize) -> String;
    fn uuid(&self, column: usize) -> Result<Option<Uuid>, String>;
    fn text(&self, column: usize) -> Result<Option<String>, String>;
    fn int(&self, column: usize) -> Result<Option<i64>, String>;
    fn flag(&self, column: usize) -> Result<Option<bool>, String>;
    fn bytes(&self, column: usize) -> Result<Option<Vec<u8>>, String>;
}

impl Columns for PgRow {
    fn name(&self, column: usize) -> String {
        self.columns()
            .get(column)
            .map_or_else(|| format!("#{column}"), |c| c.name().to_owned())
    }

    fn uuid(&self, column: usize) -> Result<Option<Uuid>, String> {
        got(self.try_get(column))
    }

    fn text(&self, column: usize) -> Result<Option<String>, String> {
        got(self.try_get(column))
    }

    fn int(&self, column: usize) -> Result<Option<i64>, String> {
        got(self.try_get(column))
    }

    fn flag(&self, column: usize) -> Result<Option<bool>, String> {
        got(self.try_get(column))
    }

    fn bytes(&self, column: usize) -> Result<Option<Vec<u8>>, String> {
        got(self.try_get(column))
    }
}

fn got<T>(value: Result<T, sqlx::Error>) -> Result<T, String> {
    value.map_err(|error| error.to_string())
}

/// Reads a row's columns one after the other, in the order in which the statement names them.
pub(crate) struct Reader<'r> {
    row: &'r dyn Columns,
    next: usize,
}

/// How a type is read from the columns that its statement names.
pub(crate) type Read<T> = fn(&mut Reader<'_>) -> Result<T, StoreError>;

/// A row of one count.
pub(crate) fn read_count(row: &mut Reader<'_>) -> Result<u64, StoreError> {
    row.number()
}

impl<'r> Reader<'r> {
    pub fn new(row: &'r dyn Columns) -> Self {
        Self { row, next: 0 }
    }

    pub fn uuid(&mut self) -> Result<Uuid, StoreError> {
        self.required("an identifier", Self::optional_uuid)
    }

    pub fn optional_uuid(&mut self) -> Result<Option<Uuid>, StoreError> {
        self.take(<dyn Columns>::uuid, "an identifier")
    }

    pub fn text(&mut self) -> Result<String, StoreError> {
        self.required("text", Self::optional_text)
    }

    pub fn optional_text(&mut self) -> Result<Option<String>, StoreError> {
        self.take(<dyn Columns>::text, "text")
    }

    pub fn int(&mut self) -> Result<i64, StoreError> {
        self.required("a number", Self::optional_int)
    }

    pub fn optional_int(&mut self) -> Result<Option<i64>, StoreError> {
        self.take(<dyn Columns>::int, "a number")
    }

    pub fn bytes(&mut self) -> Result<Vec<u8>, StoreError> {
        self.required("octets", Self::optional_bytes)
    }

    pub fn optional_bytes(&mut self) -> Result<Option<Vec<u8>>, StoreError> {
        self.take(<dyn Columns>::bytes, "octets")
    }

    pub fn flag(&mut self) -> Result<bool, StoreError> {
        self.required("true or false", |reader| {
            reader.take(<dyn Columns>::flag, "true or false")
        })
    }

    /// A number that fits, such as a count, a port or a length in milliseconds.
    pub fn number<T: TryFrom<i64>>(&mut self) -> Result<T, StoreError> {
        let number = self.int()?;
        T::try_from(number).map_err(|_| self.bad("a number in range", &number.to_string()))
    }

    pub fn optional_number<T: TryFrom<i64>>(&mut self) -> Result<Option<T>, StoreError> {
        match self.optional_int()? {
            None => Ok(None),
            Some(number) => T::try_from(number)
                .map(Some)
                .map_err(|_| self.bad("a number in range", &number.to_string())),
        }
    }

    pub fn time(&mut self) -> Result<Timestamp, StoreError> {
        Ok(Timestamp::from_micros(self.int()?))
    }

    pub fn optional_time(&mut self) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.optional_int()?.map(Timestamp::from_micros))
    }

    pub fn duration(&mut self) -> Result<Duration, StoreError> {
        self.number().map(Duration::from_micros)
    }

    /// One of an enum's words.
    pub fn word<T>(&mut self, from_word: fn(&str) -> Option<T>) -> Result<T, StoreError> {
        let word = self.text()?;
        from_word(&word).ok_or_else(|| self.bad("a known word", &word))
    }

    pub fn optional_word<T>(
        &mut self,
        from_word: fn(&str) -> Option<T>,
    ) -> Result<Option<T>, StoreError> {
        match self.optional_text()? {
            None => Ok(None),
            Some(word) => from_word(&word)
                .map(Some)
                .ok_or_else(|| self.bad("a known word", &word)),
        }
    }

    /// An IP address with a port.
    pub fn address(&mut self) -> Result<SocketAddr, StoreError> {
        self.parsed("an address and a port", |text| text.parse().ok())
    }

    /// What is written as text and read back from it.
    pub fn parsed<T>(
        &mut self,
        expected: &'static str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<T, StoreError> {
        let text = self.text()?;
        parse(&text).ok_or_else(|| self.bad(expected, &text))
    }

    pub fn e164(&mut self) -> Result<E164, StoreError> {
        let text = self.text()?;
        E164::try_from(text).map_err(|_| self.bad("a phone number", "something else"))
    }

    pub fn optional_e164(&mut self) -> Result<Option<E164>, StoreError> {
        match self.optional_text()? {
            None => Ok(None),
            Some(text) => E164::try_from(text)
                .map(Some)
                .map_err(|_| self.bad("a phone number", "something else")),
        }
    }

    pub fn json<T: DeserializeOwned>(&mut self) -> Result<T, StoreError> {
        let text = self.text()?;
        serde_json::from_str(&text)
            .map_err(|error| self.bad("a document that this version knows", &error.to_string()))
    }

    fn required<T>(
        &mut self,
        expected: &'static str,
        read: impl Fn(&mut Self) -> Result<Option<T>, StoreError>,
    ) -> Result<T, StoreError> {
        match read(self)? {
            Some(value) => Ok(value),
            None => Err(self.bad(expected, "nothing")),
        }
    }

    fn take<T>(
        &mut self,
        read: fn(&'r dyn Columns, usize) -> Result<Option<T>, String>,
        expected: &'static str,
    ) -> Result<Option<T>, StoreError> {
        let value = read(self.row, self.next);
        self.next += 1;
        value.map_err(|error| self.bad(expected, &error))
    }

    /// The error for the column that was read last.
    fn bad(&self, expected: &'static str, found: &str) -> StoreError {
        StoreError::BadRow {
            column: self.row.name(self.next.saturating_sub(1)),
            expected,
            found: found.chars().take(64).collect(),
        }
    }
}
