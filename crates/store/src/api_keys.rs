//! Keys of programs that use the API. Only hashes of keys are here.

use ringfence_model::{Account, AccountId, ApiKey, ApiKeyId, KeyScope, Timestamp};

use crate::accounts::{account_columns, read_account};
use crate::row::Reader;
use crate::value::args;
use crate::{Db, StoreError};

macro_rules! key_columns {
    () => {
        "id, account, name, scope, key_hash, created_at, expires_at, revoked_at"
    };
}

const ADD_KEY: &str = concat!(
    "INSERT INTO api_keys (",
    key_columns!(),
    ") VALUES ($1, $2, $3, $4, $5, $6, $7, NULL)"
);
const KEYS: &str = concat!(
    "SELECT ",
    key_columns!(),
    " FROM api_keys WHERE account = $1 ORDER BY created_at, id"
);
const LIVING_KEY: &str = concat!(
    "SELECT k.*, a.* FROM (SELECT ",
    key_columns!(),
    " FROM api_keys WHERE key_hash = $1 AND revoked_at IS NULL \
     AND (expires_at IS NULL OR expires_at > $2)) AS k JOIN (SELECT ",
    account_columns!(),
    " FROM accounts) AS a ON a.id = k.account"
);
const REVOKE_KEY: &str =
    "UPDATE api_keys SET revoked_at = $3 WHERE account = $1 AND id = $2 AND revoked_at IS NULL";

impl Db {
    /// Adds a key, which is not revoked.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when its identifier or hash is in use, [`StoreError::MissingParent`] without the account.
    pub async fn add_api_key(&self, key: &ApiKey) -> Result<(), StoreError> {
        let args = args![
            key.id,
            key.account,
            key.name.as_str(),
            key.scope.as_str(),
            key.key_hash.as_slice(),
            key.created_at,
            key.expires_at,
        ];
        self.run_one(ADD_KEY, args).await.map(drop)
    }

    /// An account's keys, the oldest first; also those that are over.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn api_keys(&self, account: AccountId) -> Result<Vec<ApiKey>, StoreError> {
        self.rows(KEYS, args![account], read_key).await
    }

    /// The key with this SHA-256, unless it is over at `now` or revoked, and its account.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn living_api_key(
        &self,
        key_hash: &[u8],
        now: Timestamp,
    ) -> Result<Option<(ApiKey, Account)>, StoreError> {
        self.row(LIVING_KEY, args![key_hash, now], |row| {
            Ok((read_key(row)?, read_account(row)?))
        })
        .await
    }

    /// Ends a key; `false` when the account has no such key that lives.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be written.
    pub async fn revoke_api_key(
        &self,
        account: AccountId,
        key: ApiKeyId,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        Ok(self.run_one(REVOKE_KEY, args![account, key, at]).await? > 0)
    }
}

fn read_key(row: &mut Reader<'_>) -> Result<ApiKey, StoreError> {
    Ok(ApiKey {
        id: ApiKeyId(row.uuid()?),
        account: AccountId(row.uuid()?),
        name: row.text()?,
        scope: row.word(KeyScope::from_word)?,
        key_hash: row.bytes()?,
        created_at: row.time()?,
        expires_at: row.optional_time()?,
        revoked_at: row.optional_time()?,
    })
}
