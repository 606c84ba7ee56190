//! Spent nonces, remembered until their token has expired anyway.

/// Why a nonce could not be spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SpendError {
    /// It was spent before.
    #[error("expected a token that was not used before, got one that was; ask for a new one")]
    Spent,
    /// As many are remembered as may be; forgetting one would let its token be used twice.
    #[error("too many tokens were used in the last minutes; try again shortly")]
    Full,
}
