//! A second factor of a user: what is kept of it, and of a sign-in that waits for its code.

use crate::{AccountId, Timestamp, UserId};

/// A user's time-based one-time passwords (RFC 6238).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecondFactor {
    /// The user's account.
    pub account: AccountId,
    /// Whose it is.
    pub user: UserId,
    /// The shared secret, sealed; only the platform's keys open it.
    pub secret: Vec<u8>,
    /// When the secret was drawn.
    pub created_at: Timestamp,
    /// When the first code was right; before that nothing is asked for.
    pub confirmed_at: Option<Timestamp>,
    /// The time step of the last code that was taken, 30 s each since 1970: no code of it or before it is taken again.
    pub last_step: i64,
    /// Codes that were refused since one was right.
    pub refused: i64,
    /// When the last of them was.
    pub refused_at: Option<Timestamp>,
}

/// Somebody who has shown the first factor and not the second. It is no session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingSignIn {
    /// The user's account.
    pub account: AccountId,
    /// Who signs in.
    pub user: UserId,
    /// SHA-256 of the token in the cookie, 32 octets.
    pub token_hash: Vec<u8>,
    /// Codes that were tried.
    pub tries: i64,
    /// When it began.
    pub created_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Timestamp,
}
