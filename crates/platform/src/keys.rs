//! The keys that sign what browsers carry, each derived from one master key that lives outside the database.

use std::fmt::Write as _;

use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::secrets::Secrets;

/// Signing keys, one a purpose, so that a signature for one thing is worth nothing for another.
#[derive(Clone)]
pub struct Keys {
    /// Signs the tag's tokens and visit credentials.
    pub tag: [u8; 32],
    /// Signs the dashboard's form tokens.
    pub forms: [u8; 32],
    /// Signs one-time sign-in links.
    pub links: [u8; 32],
    /// Hides recovery codes in rows.
    pub recovery_codes: [u8; 32],
    /// Names callers in the audit log after they were erased.
    pub erasures: [u8; 32],
    /// Tells this master key from another, and gives nothing of it away: 16 hexadecimal digits.
    pub mark: String,
    /// Seals what rows must not show.
    pub secrets: Secrets,
}

impl Keys {
    /// Derives every key from the 32 octets of the master key with HMAC-SHA256 (RFC 2104) over its purpose.
    pub fn from_master(master: &[u8; 32]) -> Self {
        let derive = |purpose: &str| -> [u8; 32] {
            let mut mac =
                Hmac::<Sha256>::new_from_slice(master).expect("HMAC takes a key of any length");
            mac.update(purpose.as_bytes());
            mac.finalize().into_bytes().into()
        };
        Self {
            tag: derive("ringfence/tag/1"),
            forms: derive("ringfence/forms/1"),
            links: derive("ringfence/links/1"),
            recovery_codes: derive("ringfence/recovery-codes/1"),
            erasures: derive("ringfence/erasures/1"),
            mark: derive("ringfence/mark/1").iter().take(8).fold(
                String::new(),
                |mut mark, octet| {
                    // Nothing keeps a text from growing.
                    let _ = write!(mark, "{octet:02x}");
                    mark
                },
            ),
            secrets: Secrets::new(derive("ringfence/secrets/1")),
        }
    }
}

/// Says nothing, so that a key never reaches a log.
impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_purpose_has_a_key_of_its_own() {
        let keys = Keys::from_master(&[7; 32]);
        assert_ne!(keys.tag, keys.forms);
        assert_ne!(keys.forms, keys.links);
        assert_eq!(keys.tag, Keys::from_master(&[7; 32]).tag);
    }
}
