//! Secrets of accounts in rows: sealed, so that a copy of the database alone shows none.
//!
//! A sealed text is `1`, a nonce of 24 octets and the ciphertext with its tag: XChaCha20-Poly1305
//! (draft-irtf-cfrg-xchacha-03, after RFC 8439). The key is derived for the account from one that lies outside the
//! database (HMAC-SHA256), and what the secret is for and the row's own identity are bound to it as associated data: moved
//! into another row, column or account it does not open.

use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac};
use ringfence_model::AccountId;
use sha2::Sha256;
use uuid::Uuid;

const VERSION: u8 = 1;
const NONCE: usize = 24;

/// What a secret belongs to.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// The account, whose key is used.
    pub account: AccountId,
    /// The table and column, such as `webhooks.secret`.
    pub column: &'static str,
    /// The row.
    pub row: Uuid,
}

/// A sealed text that does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected a secret that this server's key file opens; was the key file replaced, or the row changed? \
     Put back the key file that belongs to this database"
)]
pub struct SealedError;

/// Seals and opens.
#[derive(Clone)]
pub struct Secrets {
    key: [u8; 32],
}

impl Secrets {
    /// With the key that every account's key is derived from.
    pub const fn new(key: [u8; 32]) -> Self {
        Self { key }
    }

    /// Seals a secret for its place; `nonce` has to be random.
    pub fn seal(&self, place: Place, secret: &[u8], nonce: [u8; NONCE]) -> Vec<u8> {
        let payload = Payload {
            msg: secret,
            aad: &associated(place),
        };
        let sealed = self
            .cipher(place)
            .encrypt(XNonce::from_slice(&nonce), payload)
            .expect("a secret is far shorter than 256 GiB");
        [&[VERSION], nonce.as_slice(), &sealed].concat()
    }

    /// Opens what was sealed for this place.
    ///
    /// # Errors
    /// [`SealedError`] for anything else.
    pub fn open(&self, place: Place, sealed: &[u8]) -> Result<Vec<u8>, SealedError> {
        let (version, rest) = sealed.split_first().ok_or(SealedError)?;
        let (nonce, msg) = rest.split_at_checked(NONCE).ok_or(SealedError)?;
        if *version != VERSION {
            return Err(SealedError);
        }
        let payload = Payload {
            msg,
            aad: &associated(place),
        };
        self.cipher(place)
            .decrypt(XNonce::from_slice(nonce), payload)
            .map_err(|_| SealedError)
    }

    fn cipher(&self, place: Place) -> XChaCha20Poly1305 {
        let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(&self.key)
            .expect("HMAC takes a key of any length");
        mac.update(place.account.0.as_bytes());
        XChaCha20Poly1305::new(&mac.finalize().into_bytes())
    }
}

fn associated(place: Place) -> Vec<u8> {
    [place.row.as_bytes().as_slice(), place.column.as_bytes()].concat()
}

/// Says nothing, so that a key never reaches a log.
impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secrets(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_opens_in_its_own_place_alone() {
        let secrets = Secrets::new([1; 32]);
        let place = Place {
            account: AccountId(Uuid::from_u128(1)),
            column: "webhooks.secret",
            row: Uuid::from_u128(2),
        };
        let sealed = secrets.seal(place, b"open sesame", [9; NONCE]);
        assert!(!sealed.windows(4).any(|part| part == b"open"));
        assert_eq!(secrets.open(place, &sealed).unwrap(), b"open sesame");
        let others = [
            Place {
                account: AccountId(Uuid::from_u128(3)),
                ..place
            },
            Place {
                column: "trunks.password",
                ..place
            },
            Place {
                row: Uuid::from_u128(4),
                ..place
            },
        ];
        for other in others {
            assert_eq!(secrets.open(other, &sealed), Err(SealedError), "{other:?}");
        }
        assert_eq!(Secrets::new([2; 32]).open(place, &sealed), Err(SealedError));
        for at in 0..sealed.len() {
            let mut garbled = sealed.clone();
            garbled[at] ^= 1;
            assert_eq!(secrets.open(place, &garbled), Err(SealedError), "{at}");
            assert_eq!(secrets.open(place, &sealed[..at]), Err(SealedError), "{at}");
        }
    }
}
