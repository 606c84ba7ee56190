//! Keys of programs that use the API: made, listed, ended, and recognised.
//!
//! A key is 32 random octets behind a prefix that secret scanners can look for; only its SHA-256 is kept, so that
//! it is shown once and never again.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ringfence_model::{Account, AccountId, ApiKey, ApiKeyId, KeyScope, Timestamp};
use ringfence_store::StoreError;
use sha2::{Digest as _, Sha256};

use crate::audit::{self, Change};
use crate::{Platform, random, secret};

/// What every key begins with.
pub const KEY_PREFIX: &str = "rfk_";

/// Longer texts are no keys of ours, in octets.
const LONGEST_KEY: usize = 64;

/// Characters of a key's name at most.
const LONGEST_NAME: usize = 80;

/// Keys of an account that live at the same time, at most.
const MOST_KEYS: usize = 100;

/// Why a key was not made or ended.
#[derive(Debug, thiserror::Error)]
pub enum ApiKeyError {
    /// The name is empty or too long.
    #[error(
        "expected a name of 1 to {LONGEST_NAME} characters, got {0}; say which program the key is for"
    )]
    Name(usize),
    /// It would be over at once.
    #[error(
        "expected a key to last for some time, got none; leave the time out for a key without an end"
    )]
    NoLife,
    /// There are enough.
    #[error("expected at most {MOST_KEYS} keys that live; revoke one that is not used any more")]
    TooMany,
    /// The account has no such key.
    #[error("expected a key of this account that lives; `ringfence key list` shows them")]
    NotFound,
    /// The rows could not be read or written.
    #[error("the database did not answer as it should; nothing was changed")]
    Store(#[from] StoreError),
}

/// A program that has shown its key.
#[derive(Debug, Clone)]
pub struct Program {
    /// Its key.
    pub key: ApiKey,
    /// The key's account: what every query is bound to.
    pub account: Account,
    /// An operator has frozen the account: no program changes anything of it.
    pub frozen: bool,
}

impl Platform {
    /// Makes a key; the text is told to nobody else and never again.
    ///
    /// # Errors
    /// [`ApiKeyError`].
    pub async fn add_api_key(
        &self,
        account: AccountId,
        name: &str,
        scope: KeyScope,
        life: Option<Duration>,
        now: Timestamp,
    ) -> Result<(ApiKey, String), ApiKeyError> {
        let name = name.trim();
        let length = name.chars().count();
        if !(1..=LONGEST_NAME).contains(&length) {
            return Err(ApiKeyError::Name(length));
        }
        if life.is_some_and(|life| life.is_zero()) {
            return Err(ApiKeyError::NoLife);
        }
        let living = |key: &ApiKey| {
            key.revoked_at.is_none() && key.expires_at.is_none_or(|expires_at| expires_at > now)
        };
        let keys = self.db.api_keys(account).await?;
        if keys.iter().filter(|key| living(key)).count() >= MOST_KEYS {
            return Err(ApiKeyError::TooMany);
        }
        let text = format!("{KEY_PREFIX}{}", URL_SAFE_NO_PAD.encode(secret()));
        let key = ApiKey {
            id: ApiKeyId::new(now, random()),
            account,
            name: name.into(),
            scope,
            key_hash: hash(&text),
            created_at: now,
            expires_at: life.map(|life| now + life),
            revoked_at: None,
        };
        let change =
            Change::new(account, "api_key.add", audit::of_key(&key)).after(audit::key(&key));
        self.recorded(change).add_api_key(&key).await?;
        tracing::info!(key = %key.id, scope = scope.as_str(), "an API key was made");
        Ok((key, text))
    }

    /// An account's keys, the oldest first; also those that are over.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn api_keys(&self, account: AccountId) -> Result<Vec<ApiKey>, StoreError> {
        self.db.api_keys(account).await
    }

    /// Ends a key at once.
    ///
    /// # Errors
    /// [`ApiKeyError::NotFound`], [`ApiKeyError::Store`].
    pub async fn revoke_api_key(
        &self,
        account: AccountId,
        key: ApiKeyId,
        now: Timestamp,
    ) -> Result<(), ApiKeyError> {
        let keys = self.db.api_keys(account).await?;
        let known = keys.iter().find(|known| known.id == key);
        let known = known.ok_or(ApiKeyError::NotFound)?;
        let change = Change::new(account, "api_key.revoke", audit::of_key(known));
        if !self
            .recorded(change)
            .revoke_api_key(account, key, now)
            .await?
        {
            return Err(ApiKeyError::NotFound);
        }
        tracing::info!(%key, "an API key was revoked");
        Ok(())
    }

    /// Who shows this key; `None` when it opens nothing.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn program(&self, key: &str, now: Timestamp) -> Result<Option<Program>, StoreError> {
        if !key.starts_with(KEY_PREFIX) || key.len() > LONGEST_KEY {
            return Ok(None);
        }
        let Some((key, account)) = self.db.living_api_key(&hash(key), now).await? else {
            return Ok(None);
        };
        Ok(Some(Program {
            frozen: self.db.is_frozen(account.id).await?,
            key,
            account,
        }))
    }
}

fn hash(key: &str) -> Vec<u8> {
    Sha256::digest(key.as_bytes()).to_vec()
}
