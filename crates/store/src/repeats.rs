//! Requests of programs under a key of their own choice, and what they were answered.

use ringfence_model::{AccountId, ApiKeyId, Timestamp};

use crate::commit::Statement;
use crate::row::Reader;
use crate::value::args;
use crate::{Db, StoreError};

const FORGET: &str = "DELETE FROM repeated_requests WHERE account = $1 AND begun_at < $2";
/// Adds none where there is one of this key, nor beyond `$6` of them.
const BEGIN: &str = "INSERT INTO repeated_requests (account, api_key, repeat_key, request_hash, begun_at) \
    SELECT $1, $2, $3, $4, $5 WHERE (SELECT COUNT(*) FROM repeated_requests WHERE account = $1) < $6 \
    ON CONFLICT (account, api_key, repeat_key) DO NOTHING";
const REQUEST: &str = "SELECT request_hash, status, answer FROM repeated_requests \
    WHERE account = $1 AND api_key = $2 AND repeat_key = $3";
const ANSWER: &str = "UPDATE repeated_requests SET status = $4, answer = $5 \
    WHERE account = $1 AND api_key = $2 AND repeat_key = $3";
const TAKE_BACK: &str = "DELETE FROM repeated_requests \
    WHERE account = $1 AND api_key = $2 AND repeat_key = $3 AND status IS NULL";

/// A request that was begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepeatedRequest {
    /// What it asked for (SHA-256).
    pub request_hash: Vec<u8>,
    /// The HTTP status and the sealed answer; `None` while it is carried out.
    pub answer: Option<(u16, Vec<u8>)>,
}

impl Db {
    /// Begins a request, after forgetting those from before `oldest`. `false` when there is one of this key, or `most` others.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be written.
    pub async fn begin_request(
        &self,
        (account, api_key, repeat_key): (AccountId, ApiKeyId, &str),
        request_hash: &[u8],
        now: Timestamp,
        oldest: Timestamp,
        most: u32,
    ) -> Result<bool, StoreError> {
        let begin = args![account, api_key, repeat_key, request_hash, now, most];
        let statements = vec![
            Statement::new(FORGET, args![account, oldest]),
            Statement::new(BEGIN, begin),
        ];
        let changed = self.run(statements).await?;
        Ok(changed.last().is_some_and(|rows| *rows > 0))
    }

    /// A request that was begun under this key.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn repeated_request(
        &self,
        (account, api_key, repeat_key): (AccountId, ApiKeyId, &str),
    ) -> Result<Option<RepeatedRequest>, StoreError> {
        let args = args![account, api_key, repeat_key];
        self.row(REQUEST, args, read_request).await
    }

    /// Keeps what a request was answered.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be written.
    pub async fn answer_request(
        &self,
        (account, api_key, repeat_key): (AccountId, ApiKeyId, &str),
        status: u16,
        answer: &[u8],
    ) -> Result<(), StoreError> {
        let args = args![account, api_key, repeat_key, status, answer];
        self.run_one(ANSWER, args).await.map(drop)
    }

    /// Forgets a request that came to nothing.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be written.
    pub async fn take_request_back(
        &self,
        (account, api_key, repeat_key): (AccountId, ApiKeyId, &str),
    ) -> Result<(), StoreError> {
        let args = args![account, api_key, repeat_key];
        self.run_one(TAKE_BACK, args).await.map(drop)
    }
}

fn read_request(row: &mut Reader<'_>) -> Result<RepeatedRequest, StoreError> {
    let request_hash = row.bytes()?;
    let status: Option<u64> = row.optional_number()?;
    let answer = row.optional_bytes()?;
    let status = status.and_then(|status| u16::try_from(status).ok());
    Ok(RepeatedRequest {
        request_hash,
        answer: status.zip(answer),
    })
}
