//! The second factor: turned on with its first code, turned off, taken away, required of a whole account.
//!
//! Whether a code is right says [`totp`]; how one is asked for at sign-in, [`second_step`](super::second_step).

use ringfence_model::{Account, AccountId, SecondFactor, Timestamp, User, UserId};
use ringfence_store::StoreError;
use serde_json::json;

use super::people::PeopleError;
use super::recovery_codes::{self, CODES};
use super::second_step::guesses_of;
use super::totp::{self, Verdict};
use super::{AccountError, Viewer, refused};
use crate::Platform;
use crate::audit::{self, Change};
use crate::secrets::{Place, SealedError};

/// Why a second factor was not turned on or off, or opened nothing.
#[derive(Debug, thiserror::Error)]
pub enum FactorError {
    /// The code is of another moment, was used, or is none.
    #[error(
        "expected the code that your app shows now, or a recovery code that was not used yet; wait for the next one and try again"
    )]
    WrongCode,
    /// Neither a code nor the password.
    #[error("expected the code that your app shows now, or your password; check it and try again")]
    WrongProof,
    /// The sign-in is over, had its tries, or is none of ours.
    #[error("expected a sign-in that waits for a code, got one that does not; begin again")]
    NotWaiting,
    /// There is one already, or none any more, or another page drew another secret.
    #[error(
        "expected the second factor as this page showed it, but it has changed since; look again"
    )]
    Changed,
    /// The secret does not open.
    #[error(transparent)]
    Sealed(#[from] SealedError),
    /// Too many guesses before, or a password that could not be looked at.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// The rows could not be read or written.
    #[error("the database did not answer as it should; nothing was changed")]
    Store(#[from] StoreError),
}

/// How a user's second factor stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FactorStanding {
    /// There is none.
    Off,
    /// A secret was drawn and waits for its first code.
    Waiting {
        /// The secret for typing, base32.
        secret: String,
        /// The same with what it is for, for a QR code: `otpauth://totp/…`.
        uri: String,
    },
    /// It is asked for at every sign-in.
    On {
        /// Since when.
        since: Timestamp,
        /// Recovery codes that were not used.
        recovery_codes: u64,
        /// Codes that were refused since one was right.
        refused: i64,
        /// When the last of them was.
        refused_at: Option<Timestamp>,
    },
}

impl Platform {
    /// How the viewer's second factor stands.
    ///
    /// # Errors
    /// [`FactorError::Store`]; [`FactorError::Sealed`] when a drawn secret does not open.
    pub async fn own_second_factor(&self, viewer: &Viewer) -> Result<FactorStanding, FactorError> {
        let (account, user) = (viewer.account.id, viewer.user.id);
        let Some(factor) = self.db.second_factor(account, user).await? else {
            return Ok(FactorStanding::Off);
        };
        if let Some(since) = factor.confirmed_at {
            return Ok(FactorStanding::On {
                since,
                recovery_codes: self.db.recovery_codes_left(account, user).await?,
                refused: factor.refused,
                refused_at: factor.refused_at,
            });
        }
        let secret = totp::base32(&self.open_secret(&factor)?);
        let uri = self.app_uri(&viewer.user, &secret);
        Ok(FactorStanding::Waiting { secret, uri })
    }

    /// Draws a secret for the viewer; it counts once its first code was right. One that waits is replaced.
    ///
    /// # Errors
    /// [`FactorError::Changed`] when the viewer has one that counts; [`FactorError::Store`].
    pub async fn draw_second_factor(
        &self,
        viewer: &Viewer,
        now: Timestamp,
    ) -> Result<(), FactorError> {
        let (account, user) = (viewer.account.id, viewer.user.id);
        let drawn: [u8; totp::SECRET_OCTETS] = rand::random();
        let sealed = self
            .keys
            .secrets
            .seal(place(account, user), &drawn, rand::random());
        if self
            .db
            .draw_second_factor(account, user, &sealed, now)
            .await?
        {
            Ok(())
        } else {
            Err(FactorError::Changed)
        }
    }

    /// Turns the viewer's drawn factor on with its first code. Answers the recovery codes, which nobody is told again.
    ///
    /// # Errors
    /// [`FactorError`].
    pub async fn confirm_second_factor(
        &self,
        viewer: &Viewer,
        code: &str,
        now: Timestamp,
    ) -> Result<Vec<String>, FactorError> {
        let (account, user) = (viewer.account.id, viewer.user.id);
        let drawn = self.db.second_factor(account, user).await?;
        let drawn = drawn.filter(|factor| factor.confirmed_at.is_none());
        let drawn = drawn.ok_or(FactorError::Changed)?;
        let keys = [guesses_of(user)];
        self.claim_try(&keys, now)?;
        let secret = self.open_secret(&drawn)?;
        let Verdict::Right { step } = totp::judge(&secret, &digits(code), now, 0) else {
            refused("wrong_code");
            return Err(FactorError::WrongCode);
        };
        self.sign_ins.succeeded(&keys);
        let (codes, hashes) = self.draw_recovery_codes(user);
        let change = Change::new(account, "user.factor_on", audit::of_user(&viewer.user));
        let confirmed = self
            .recorded(change)
            .confirm_second_factor(&drawn, step, &hashes, now)
            .await?;
        if !confirmed {
            return Err(FactorError::Changed);
        }
        tracing::info!(%user, "a user turned a second factor on");
        Ok(codes)
    }

    /// Replaces the viewer's recovery codes, and answers them. `proof` is a code or the password.
    ///
    /// # Errors
    /// [`FactorError`].
    pub async fn renew_recovery_codes(
        &self,
        viewer: &Viewer,
        proof: &str,
        now: Timestamp,
    ) -> Result<Vec<String>, FactorError> {
        self.prove_oneself(viewer, proof, now).await?;
        let (account, user) = (viewer.account.id, viewer.user.id);
        let (codes, hashes) = self.draw_recovery_codes(user);
        let change = Change::new(account, "user.factor_codes", audit::of_user(&viewer.user));
        let replacing = self.recorded(change);
        if replacing
            .replace_recovery_codes(account, user, &hashes)
            .await?
        {
            Ok(codes)
        } else {
            Err(FactorError::Changed)
        }
    }

    /// Turns the viewer's second factor off. `proof` is a code or the password.
    ///
    /// # Errors
    /// [`FactorError`].
    pub async fn turn_off_second_factor(
        &self,
        viewer: &Viewer,
        proof: &str,
        now: Timestamp,
    ) -> Result<(), FactorError> {
        self.prove_oneself(viewer, proof, now).await?;
        let (account, user) = (viewer.account.id, viewer.user.id);
        let change = Change::new(account, "user.factor_off", audit::of_user(&viewer.user));
        let removing = self.recorded(change);
        if removing.remove_second_factor(account, user, false).await? {
            tracing::info!(%user, "a user turned the second factor off");
            Ok(())
        } else {
            Err(FactorError::Changed)
        }
    }

    /// Takes the second factor away from somebody whom the viewer may manage, and ends that user's sessions.
    ///
    /// # Errors
    /// [`PeopleError::OwnFactor`], [`PeopleError::OwnersOnly`], [`PeopleError::NoFactor`], [`PeopleError::NotFound`],
    /// [`PeopleError::Store`].
    pub async fn take_second_factor(
        &self,
        viewer: &Viewer,
        user: UserId,
    ) -> Result<(), PeopleError> {
        if user == viewer.user.id {
            return Err(PeopleError::OwnFactor);
        }
        let known = self.managed(viewer, user).await?;
        if self.reset_second_factor(&known).await? {
            Ok(())
        } else {
            Err(PeopleError::NoFactor)
        }
    }

    /// Takes a user's second factor away and ends the user's sessions; `false` when there was none.
    ///
    /// # Errors
    /// When the rows cannot be written.
    pub async fn reset_second_factor(&self, user: &User) -> Result<bool, StoreError> {
        let change = Change::new(user.account, "user.factor_reset", audit::of_user(user));
        let removed = self
            .recorded(change)
            .remove_second_factor(user.account, user.id, true)
            .await?;
        if removed {
            tracing::info!(user = %user.id, "a second factor was taken away");
        }
        Ok(removed)
    }

    /// Requires a second factor from everybody of an account, or no longer. Who has none is led to set one up.
    ///
    /// # Errors
    /// When the rows cannot be written.
    pub async fn require_second_factor(
        &self,
        account: &Account,
        required: bool,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let object = audit::object("account", account.id.0, &account.name);
        let change = Change::new(account.id, "account.second_factor", object)
            .before(json!({"required": !required}))
            .after(json!({"required": required}));
        self.recorded(change)
            .require_second_factor(account.id, required, now)
            .await?;
        Ok(())
    }

    /// Since when an account requires a second factor from everybody.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn second_factor_required_since(
        &self,
        account: AccountId,
    ) -> Result<Option<Timestamp>, StoreError> {
        self.db.second_factor_required_since(account).await
    }

    /// Who of an account has a second factor.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn people_with_second_factor(
        &self,
        account: AccountId,
    ) -> Result<Vec<UserId>, StoreError> {
        self.db.users_with_second_factor(account).await
    }

    /// Whoever sits down at somebody's browser has neither the phone nor the password.
    async fn prove_oneself(
        &self,
        viewer: &Viewer,
        proof: &str,
        now: Timestamp,
    ) -> Result<(), FactorError> {
        let (account, user) = (viewer.account.id, viewer.user.id);
        if !is_one_time(&digits(proof)) {
            // No password is as short as a code.
            let known = self.knows_password(viewer, proof, now).await?;
            return if known {
                Ok(())
            } else {
                Err(FactorError::WrongProof)
            };
        }
        let factor = self.db.second_factor(account, user).await?;
        let factor = factor.filter(|factor| factor.confirmed_at.is_some());
        let factor = factor.ok_or(FactorError::Changed)?;
        let keys = [guesses_of(user)];
        self.claim_try(&keys, now)?;
        let taken = self.take_code(&viewer.user, &factor, proof, now).await?;
        taken.ok_or(FactorError::WrongProof)?;
        self.sign_ins.succeeded(&keys);
        Ok(())
    }

    pub(super) fn open_secret(&self, factor: &SecondFactor) -> Result<Vec<u8>, SealedError> {
        let place = place(factor.account, factor.user);
        self.keys.secrets.open(place, &factor.secret)
    }

    fn draw_recovery_codes(&self, user: UserId) -> (Vec<String>, Vec<[u8; 32]>) {
        let key = &self.keys.recovery_codes;
        let codes: Vec<String> = (0..CODES)
            .map(|_| recovery_codes::code_from(rand::random()))
            .collect();
        let hashes = codes
            .iter()
            .filter_map(|code| recovery_codes::hash_of(key, user, code))
            .collect();
        (codes, hashes)
    }

    /// What a QR code tells an app
    /// (<https://github.com/google/google-authenticator/wiki/Key-Uri-Format>).
    fn app_uri(&self, user: &User, secret: &str) -> String {
        let host = url::Url::parse(&self.settings.public_url).ok();
        let host = host.as_ref().and_then(url::Url::host_str).unwrap_or("");
        let escape = |text: &str| -> String {
            url::form_urlencoded::byte_serialize(text.as_bytes())
                .collect::<String>()
                .replace('+', "%20")
        };
        let issuer = escape(&format!("Ringfence {host}"));
        let label = escape(&user.email);
        format!(
            "otpauth://totp/{issuer}:{label}?secret={secret}&issuer={issuer}&algorithm=SHA1&digits={}&period={}",
            totp::DIGITS,
            totp::STEP_SECONDS
        )
    }
}

fn place(account: AccountId, user: UserId) -> Place {
    Place {
        account,
        column: "second_factors.secret",
        row: user.0,
    }
}

/// What apps show in groups is typed in groups.
pub(super) fn digits(typed: &str) -> String {
    let shown = typed.chars().filter(|letter| !letter.is_whitespace());
    shown.take(64).collect()
}

pub(super) fn is_one_time(typed: &str) -> bool {
    typed.len() == totp::DIGITS && typed.bytes().all(|octet| octet.is_ascii_digit())
}
