//! The second step of a sign-in: a code, after the password or a link was right.
//!
//! A sign-in that waits for a code is no session: it is a row of ten minutes and a few tries, and opens this step alone.

use std::net::IpAddr;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ringfence_model::{PendingSignIn, SecondFactor, Timestamp, User, UserId};
use ringfence_store::StoreError;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::recovery_codes;
use super::second_factor::{FactorError, digits, is_one_time};
use super::totp::{self, Verdict};
use super::{AccountError, CodeNext, FirstFactor, SignedIn, network, refused, token_hash};
use crate::audit::{self, Change, user_actor};
use crate::{Platform, secret};

/// How long a sign-in waits for its code.
pub const PENDING_LIFE: Duration = Duration::from_mins(10);

/// Codes that a sign-in may try; then it begins again with the password.
const MOST_TRIES: i64 = 5;

/// Which kind of code was right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    OneTime,
    Recovery,
}

impl Platform {
    /// Signs in whoever knew the password before with a code or a recovery code. `token` is that of the first step.
    ///
    /// # Errors
    /// [`FactorError::WrongCode`], [`FactorError::NotWaiting`] also when it was the last try, [`FactorError::Account`]
    /// when there were too many before, [`FactorError::Sealed`], [`FactorError::Store`].
    pub async fn sign_in_with_code(
        &self,
        token: &str,
        code: &str,
        address: IpAddr,
        browser: &str,
        now: Timestamp,
    ) -> Result<SignedIn, FactorError> {
        let (pending, user) = self.waiting(token, now).await?.ok_or_else(not_waiting)?;
        let (account, hash) = (pending.account, pending.token_hash);
        let keys = [guesses_of(user.id), format!("from {}", network(address))];
        self.claim_try(&keys, now)?;
        if !self.db.try_code(&hash, MOST_TRIES, now).await? {
            return Err(not_waiting());
        }
        let factor = self.db.second_factor(account, user.id).await?;
        let factor = factor.filter(|factor| factor.confirmed_at.is_some());
        let factor = factor.ok_or_else(not_waiting)?;
        let Some(kind) = self.take_code(&user, &factor, code, now).await? else {
            if pending.tries + 1 >= MOST_TRIES {
                self.db.end_pending_sign_in(&hash).await?;
                return Err(FactorError::NotWaiting);
            }
            return Err(FactorError::WrongCode);
        };
        if !self.db.end_pending_sign_in(&hash).await? {
            return Err(not_waiting());
        }
        self.sign_ins.succeeded(&keys);
        if kind == Taken::Recovery {
            tracing::warn!(user = %user.id, "signed in with a recovery code");
        }
        Ok(self.begin_session(account, user.id, browser, now).await?)
    }

    /// Whether a token is that of a sign-in that waits for a code.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn is_code_next(&self, token: &str, now: Timestamp) -> Result<bool, StoreError> {
        Ok(self.waiting(token, now).await?.is_some())
    }

    /// Lets somebody in, or keeps a sign-in that waits for a code.
    pub(super) async fn after_first_factor(
        &self,
        user: &User,
        browser: &str,
        now: Timestamp,
    ) -> Result<FirstFactor, AccountError> {
        if !self.db.has_second_factor(user.account, user.id).await? {
            let signed_in = self.begin_session(user.account, user.id, browser, now);
            return Ok(FirstFactor::SignedIn(signed_in.await?));
        }
        let token = secret();
        let pending = PendingSignIn {
            account: user.account,
            user: user.id,
            token_hash: Sha256::digest(token).to_vec(),
            tries: 0,
            created_at: now,
            expires_at: now + PENDING_LIFE,
        };
        self.db.add_pending_sign_in(&pending).await?;
        Ok(FirstFactor::CodeNext(CodeNext {
            token: URL_SAFE_NO_PAD.encode(token),
        }))
    }

    async fn waiting(
        &self,
        token: &str,
        now: Timestamp,
    ) -> Result<Option<(PendingSignIn, User)>, StoreError> {
        let Some(hash) = token_hash(token) else {
            return Ok(None);
        };
        let Some(pending) = self.db.pending_sign_in(&hash, now).await? else {
            return Ok(None);
        };
        let users = self.db.users(pending.account).await?;
        let user = users
            .into_iter()
            .find(|user| user.id == pending.user && user.disabled_at.is_none());
        Ok(user.map(|user| (pending, user)))
    }

    /// Takes a code once; `None` when it is none, which is counted and written down.
    pub(super) async fn take_code(
        &self,
        user: &User,
        factor: &SecondFactor,
        code: &str,
        now: Timestamp,
    ) -> Result<Option<Taken>, FactorError> {
        let (account, id) = (user.account, user.id);
        let typed = digits(code);
        let reason = if is_one_time(&typed) {
            let secret = self.open_secret(factor)?;
            match totp::judge(&secret, &typed, now, factor.last_step) {
                Verdict::Right { step } if self.db.spend_step(account, id, step).await? => {
                    return Ok(Some(Taken::OneTime));
                }
                // Somebody else was faster with it.
                Verdict::Right { .. } | Verdict::Used => "used_code",
                Verdict::Wrong => "wrong_code",
            }
        } else {
            let hash = recovery_codes::hash_of(&self.keys.recovery_codes, id, code);
            let change = Change::new(account, "user.recovery_code", audit::of_user(user));
            let spending = self.recorded_by(user_actor(user), change);
            match hash {
                Some(hash) if spending.spend_recovery_code(account, id, &hash).await? => {
                    return Ok(Some(Taken::Recovery));
                }
                _ => "wrong_recovery_code",
            }
        };
        refused(reason);
        let change = Change::new(account, "user.code_refused", audit::of_user(user))
            .after(json!({"reason": reason}));
        self.recorded_by(user_actor(user), change)
            .refuse_code(account, id, now)
            .await?;
        Ok(None)
    }

    pub(super) fn claim_try(&self, keys: &[String], now: Timestamp) -> Result<(), AccountError> {
        self.sign_ins.claim(keys, now).map_err(|wait| {
            refused("locked_out");
            AccountError::LockedOut { wait }
        })
    }
}

/// What guesses at a user's codes are counted under.
pub(super) fn guesses_of(user: UserId) -> String {
    format!("code of {user}")
}

fn not_waiting() -> FactorError {
    refused("no_pending_sign_in");
    FactorError::NotWaiting
}
