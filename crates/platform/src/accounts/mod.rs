//! Who may come in: users, sign-in, sessions, form tokens, one-time sign-in links and second factors.
//!
//! A session's token is 32 random octets that only the browser keeps; rows hold its SHA-256. Guessing is slowed
//! down per address and per mail address, and a mail address nobody has costs as long as a wrong password.

pub mod people;
pub mod recovery_codes;
pub mod second_factor;
pub mod second_step;
mod sign_ins;
pub mod totp;

use std::net::IpAddr;
use std::sync::LazyLock;
use std::time::Duration;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use ringfence_model::{
    Account, AccountId, Right, Role, Session, SessionId, Timestamp, User, UserId,
};
use ringfence_store::StoreError;
use serde_json::json;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use uuid::Uuid;

use crate::audit::{self, Change};
use crate::{Platform, random, secret};

pub use sign_ins::SignIns;

/// How long a sign-in lasts.
pub const SESSION_LIFE: Duration = Duration::from_hours(14 * 24);

/// How many characters a password has at least.
pub const SHORTEST_PASSWORD: usize = 10;

/// Longer ones are refused before they are hashed, in octets.
const LONGEST_PASSWORD: usize = 256;

/// What is kept of the name that a browser gives itself, in characters.
const LONGEST_BROWSER: usize = 200;

/// Why somebody could not come in, or be added.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// Mail address or password are wrong; which of them is not said.
    #[error(
        "expected the mail address and password of a user, got a pair that does not fit; check both and try again"
    )]
    WrongPassword,
    /// Too many failures before.
    #[error("too many failed sign-ins; try again in {} seconds", .wait.as_secs().max(1))]
    LockedOut {
        /// How long it lasts.
        wait: Duration,
    },
    /// The link was used, is over, or is none of ours.
    #[error(
        "expected a sign-in link that is fresh and unused, got one that is not; ask for a new one"
    )]
    BadLink,
    /// The mail address cannot be one.
    #[error("expected a mail address such as ann@example.com, got {0:?}")]
    BadEmail(String),
    /// The password is too short or too long.
    #[error(
        "expected a password of {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters, got {0}; choose a longer or shorter one"
    )]
    BadPassword(usize),
    /// The mail address belongs to a user already.
    #[error("expected a mail address that no user has yet, got {0:?}; sign in with it instead")]
    EmailTaken(String),
    /// The user may not sign in any more.
    #[error(
        "expected a user who may sign in, got one who is disabled; ask an owner of the account"
    )]
    Disabled,
    /// The password could not be hashed.
    #[error("the password could not be hashed: {0}")]
    Hash(String),
    /// The rows could not be read or written.
    #[error("the database did not answer as it should; nothing was changed")]
    Store(#[from] StoreError),
}

/// A fresh sign-in.
#[derive(Clone)]
pub struct SignedIn {
    /// What the browser's cookie carries, base64url; known to nobody else.
    pub token: String,
    /// When it ends by itself.
    pub expires_at: Timestamp,
}

/// What the first factor opened: a password, or a link.
#[derive(Clone)]
pub enum FirstFactor {
    /// A session, for the user has no second factor.
    SignedIn(SignedIn),
    /// Nothing yet: a code is asked for.
    CodeNext(CodeNext),
}

impl FirstFactor {
    /// The session, where there is one.
    pub fn signed_in(self) -> Option<SignedIn> {
        match self {
            Self::SignedIn(signed_in) => Some(signed_in),
            Self::CodeNext(_) => None,
        }
    }
}

/// A sign-in that waits for a code. It opens nothing but the next step.
#[derive(Clone)]
pub struct CodeNext {
    /// What the browser's cookie carries until then, base64url; known to nobody else.
    pub token: String,
}

/// Somebody who is signed in.
#[derive(Debug, Clone)]
pub struct Viewer {
    /// The user.
    pub user: User,
    /// The user's account: what every query is bound to.
    pub account: Account,
    /// The session.
    pub session: SessionId,
    /// What every form of this session carries.
    pub form_token: String,
    /// The user runs the platform, and sees the cases of every account.
    pub operator: bool,
    /// An operator has frozen the account: nobody of it changes anything.
    pub frozen: bool,
    /// The account requires a second factor and the user has none: nothing else is open until there is one.
    pub owes_second_factor: bool,
}

impl Viewer {
    /// Whether the user's role has a right, and the account is not frozen where it would change something.
    pub const fn may(&self, right: Right) -> bool {
        self.user.role.may(right) && !(self.frozen && right.is_frozen())
    }

    /// Whether the user may change anything.
    pub const fn may_change(&self) -> bool {
        self.may(Right::Change)
    }

    /// Whether a form carries this session's token; takes as long for a wrong one.
    pub fn owns_form(&self, form_token: &str) -> bool {
        self.form_token
            .as_bytes()
            .ct_eq(form_token.as_bytes())
            .into()
    }
}

impl Platform {
    /// Adds a user to an account.
    ///
    /// # Errors
    /// [`AccountError`] when the mail address is no such thing or taken, the password too short, or rows cannot be written.
    pub async fn add_user(
        &self,
        account: AccountId,
        email: &str,
        name: &str,
        role: Role,
        password: &str,
        now: Timestamp,
    ) -> Result<User, AccountError> {
        let email = normal_email(email)?;
        let password_hash = self.hash_of_new(password).await?;
        let user = User {
            id: UserId::new(now, random()),
            account,
            email,
            name: name.trim().into(),
            role,
            password_hash,
            created_at: now,
            disabled_at: None,
            last_sign_in_at: None,
        };
        let change = Change::new(account, "user.add", audit::of_user(&user))
            .after(json!({"name": user.name, "role": user.role.as_str()}));
        match self.recorded(change).add_user(&user).await {
            Ok(()) => Ok(user),
            Err(StoreError::Taken(_)) => Err(AccountError::EmailTaken(user.email)),
            Err(error) => Err(error.into()),
        }
    }

    /// Gives a user another password and ends the user's sessions.
    ///
    /// # Errors
    /// [`AccountError::BadPassword`] or [`AccountError::Store`].
    pub async fn set_password(&self, user: &User, password: &str) -> Result<(), AccountError> {
        let hash = self.hash_of_new(password).await?;
        let change = Change::new(user.account, "user.password", audit::of_user(user));
        self.recorded(change)
            .set_password(user.account, user.id, &hash)
            .await?;
        Ok(())
    }

    /// Signs a user in with a password, or asks who has a second factor for a code. `address` is the browser's, for
    /// slowing down guesses; `browser` is what it calls itself.
    ///
    /// # Errors
    /// [`AccountError::WrongPassword`], [`AccountError::LockedOut`], [`AccountError::Disabled`], or
    /// [`AccountError::Store`].
    pub async fn sign_in(
        &self,
        email: &str,
        password: &str,
        address: IpAddr,
        browser: &str,
        now: Timestamp,
    ) -> Result<FirstFactor, AccountError> {
        let email: String = email.trim().to_lowercase().chars().take(254).collect();
        let keys = [
            format!("mail {email}"),
            format!("from {}", network(address)),
        ];
        if let Some(wait) = self.sign_ins.wait(&keys, now) {
            refused("locked_out");
            return Err(AccountError::LockedOut { wait });
        }
        if password.len() > LONGEST_PASSWORD {
            self.sign_ins.failed(&keys, now);
            refused("wrong_password");
            return Err(AccountError::WrongPassword);
        }
        let user = self.db.user_by_email(&email).await?;
        let hash = user
            .as_ref()
            .map_or_else(nobodys_hash, |user| user.password_hash.clone());
        let fits = self.verify(password.to_owned(), hash).await?;
        match user {
            Some(user) if fits => {
                // What an address failed at is forgiven when a code was right as well, where one is asked for.
                self.sign_ins.succeeded(&keys[..1]);
                if user.disabled_at.is_some() {
                    refused("disabled");
                    return Err(AccountError::Disabled);
                }
                let opened = self.after_first_factor(&user, browser, now).await?;
                if matches!(opened, FirstFactor::SignedIn(_)) {
                    self.sign_ins.succeeded(&keys);
                }
                Ok(opened)
            }
            _ => {
                self.sign_ins.failed(&keys, now);
                refused("wrong_password");
                Err(AccountError::WrongPassword)
            }
        }
    }

    /// The token of a link that signs `user` in once, until `now + life`: `/sign-in/link?token=…`.
    pub fn sign_in_link(&self, user: &User, life: Duration, now: Timestamp) -> String {
        let mut body = Vec::with_capacity(88);
        body.extend_from_slice(user.account.0.as_bytes());
        body.extend_from_slice(user.id.0.as_bytes());
        body.extend_from_slice(&(now + life).as_micros().to_be_bytes());
        body.extend_from_slice(&random().to_be_bytes());
        let signature = self.link_signature(&body).finalize().into_bytes();
        body.extend_from_slice(&signature);
        URL_SAFE_NO_PAD.encode(body)
    }

    /// Signs in with a link's token and spends it, or asks who has a second factor for a code.
    ///
    /// # Errors
    /// [`AccountError::BadLink`] when it was used, is over or is none of ours; [`AccountError::Store`].
    pub async fn sign_in_with_link(
        &self,
        link: &str,
        browser: &str,
        now: Timestamp,
    ) -> Result<FirstFactor, AccountError> {
        let Some((account, user, expires_at, nonce)) = self.read_link(link) else {
            refused("bad_link");
            return Err(AccountError::BadLink);
        };
        if expires_at <= now || !self.sign_ins.spend_link(nonce, expires_at, now) {
            refused("bad_link");
            return Err(AccountError::BadLink);
        }
        let user = self
            .db
            .users(account)
            .await?
            .into_iter()
            .find(|known| known.id == user && known.disabled_at.is_none())
            .ok_or(AccountError::BadLink)?;
        self.after_first_factor(&user, browser, now).await
    }

    /// Who a browser's session token belongs to; `None` when it is none of ours or over.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn viewer(&self, token: &str, now: Timestamp) -> Result<Option<Viewer>, StoreError> {
        let Some(hash) = token_hash(token) else {
            return Ok(None);
        };
        let Some((session, user)) = self.db.session_by_token_hash(&hash, now).await? else {
            return Ok(None);
        };
        let Some(account) = self.db.account(user.account).await? else {
            return Ok(None);
        };
        let form_token = self.form_token(&hash);
        let operator = self.db.is_operator(user.account, user.id).await?;
        let frozen = self.db.is_frozen(user.account).await?;
        let owes_second_factor = self.db.owes_second_factor(user.account, user.id).await?;
        Ok(Some(Viewer {
            user,
            account,
            session: session.id,
            form_token,
            operator,
            frozen,
            owes_second_factor,
        }))
    }

    /// Ends a session; its token is worth nothing from now on.
    ///
    /// # Errors
    /// When the row cannot be removed.
    pub async fn sign_out(&self, session: SessionId) -> Result<(), StoreError> {
        self.db.end_session(session).await.map(|_| ())
    }

    async fn begin_session(
        &self,
        account: AccountId,
        user: UserId,
        browser: &str,
        now: Timestamp,
    ) -> Result<SignedIn, AccountError> {
        let token = secret();
        let expires_at = now + SESSION_LIFE;
        let session = Session {
            id: SessionId::new(now, random()),
            user,
            token_hash: Sha256::digest(token).to_vec(),
            created_at: now,
            expires_at,
            browser: browser.chars().take(LONGEST_BROWSER).collect(),
        };
        self.db.purge_sessions(now).await?;
        self.db.add_session(&session).await?;
        metrics::counter!("ringfence_sign_ins_total").increment(1);
        tracing::info!(%user, %account, "signed in");
        Ok(SignedIn {
            token: URL_SAFE_NO_PAD.encode(token),
            expires_at,
        })
    }

    fn form_token(&self, token_hash: &[u8]) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.keys.forms)
            .expect("HMAC takes a key of any length");
        mac.update(token_hash);
        URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
    }

    fn link_signature(&self, body: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.keys.links)
            .expect("HMAC takes a key of any length");
        mac.update(body);
        mac
    }

    fn read_link(&self, link: &str) -> Option<(AccountId, UserId, Timestamp, [u8; 16])> {
        if link.len() > 128 {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(link).ok()?;
        let (body, signature) = bytes.split_at_checked(56)?;
        self.link_signature(body).verify_slice(signature).ok()?;
        let account = AccountId(Uuid::from_slice(&body[..16]).ok()?);
        let user = UserId(Uuid::from_slice(&body[16..32]).ok()?);
        let expires_at = Timestamp::from_micros(i64::from_be_bytes(body[32..40].try_into().ok()?));
        Some((account, user, expires_at, body[40..56].try_into().ok()?))
    }

    /// The hash of a password that somebody has chosen, if it is long enough.
    async fn hash_of_new(&self, password: &str) -> Result<String, AccountError> {
        let length = password.chars().count();
        if length < SHORTEST_PASSWORD || password.len() > LONGEST_PASSWORD {
            return Err(AccountError::BadPassword(length));
        }
        self.hash(password.to_owned()).await
    }

    async fn hash(&self, password: String) -> Result<String, AccountError> {
        let _turn = self.hashing_turn().await;
        tokio::task::spawn_blocking(move || hash_password(&password))
            .await
            .map_err(|error| AccountError::Hash(error.to_string()))?
            .map_err(AccountError::Hash)
    }

    async fn verify(&self, password: String, hash: String) -> Result<bool, AccountError> {
        let _turn = self.hashing_turn().await;
        tokio::task::spawn_blocking(move || {
            PasswordHash::new(&hash).is_ok_and(|hash| {
                Argon2::default()
                    .verify_password(password.as_bytes(), &hash)
                    .is_ok()
            })
        })
        .await
        .map_err(|error| AccountError::Hash(error.to_string()))
    }

    async fn hashing_turn(&self) -> tokio::sync::SemaphorePermit<'_> {
        self.sign_ins
            .hashing
            .acquire()
            .await
            .expect("the semaphore is never closed")
    }
}

/// argon2id with the library's parameters (OWASP's: 19 MiB, two passes, one lane).
fn hash_password(password: &str) -> Result<String, String> {
    Argon2::default()
        .hash_password(password.as_bytes())
        .map(|hash| hash.to_string())
        .map_err(|error| error.to_string())
}

/// The hash of a password that nobody has, so that an unknown mail address costs as long as a wrong password.
fn nobodys_hash() -> String {
    static HASH: LazyLock<String> = LazyLock::new(|| {
        hash_password(&URL_SAFE_NO_PAD.encode(secret())).expect("a short text can be hashed")
    });
    HASH.clone()
}

fn token_hash(token: &str) -> Option<[u8; 32]> {
    if token.len() != 43 {
        return None;
    }
    let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
    Some(Sha256::digest(bytes).into())
}

pub(crate) fn normal_email(text: &str) -> Result<String, AccountError> {
    let email = text.trim().to_lowercase();
    let fits = email.len() <= 254
        && email.split_once('@').is_some_and(|(name, host)| {
            !name.is_empty() && !host.is_empty() && !host.contains('@')
        })
        && !email.chars().any(|c| c.is_whitespace() || c.is_control());
    if fits {
        Ok(email)
    } else {
        Err(AccountError::BadEmail(text.chars().take(64).collect()))
    }
}

/// An IPv4 address, or the /64 of an IPv6 one, since whoever has one address there has them all.
fn network(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}

fn refused(reason: &'static str) {
    metrics::counter!("ringfence_sign_ins_refused_total", "reason" => reason).increment(1);
    tracing::warn!(reason, "sign-in refused");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mail_addresses_are_read_as_people_type_them() {
        assert_eq!(
            normal_email(" Ann@Example.COM ").unwrap(),
            "ann@example.com"
        );
        for wrong in ["ann", "@example.com", "ann@", "a@b@c", "a b@example.com"] {
            assert!(normal_email(wrong).is_err(), "{wrong}");
        }
    }
}
