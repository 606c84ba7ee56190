//! Nonces that cost nothing to make (RFC 7616 §3.3): the instant, some chance so that no two are the same, and a seal over
//! both and over what it is for. None has to be remembered, and none serves anybody else.

use std::net::IpAddr;

use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::digest::hex;

/// Makes nonces and knows them again.
pub(crate) struct Nonces {
    secret: [u8; 32],
}

impl Nonces {
    pub(crate) fn new() -> Self {
        Self {
            secret: rand::random(),
        }
    }

    /// A nonce for requests of an address under a Call-ID. `now` is in seconds of whatever clock.
    pub(crate) fn make(&self, source: IpAddr, call_id: &str, now: u64) -> String {
        self.sealed(source, call_id, now, rand::random())
    }

    /// How old a nonce of ours is, in seconds; `None` when it is none, or another's.
    pub(crate) fn age(&self, nonce: &str, source: IpAddr, call_id: &str, now: u64) -> Option<u64> {
        let mut parts = nonce.splitn(3, '.');
        let made = u64::from_str_radix(parts.next()?, 16).ok()?;
        let chance = u32::from_str_radix(parts.next()?, 16).ok()?;
        let ours = self.sealed(source, call_id, made, chance);
        let same = subtle::ConstantTimeEq::ct_eq(ours.as_bytes(), nonce.as_bytes());
        bool::from(same).then(|| now.saturating_sub(made))
    }

    fn sealed(&self, source: IpAddr, call_id: &str, made: u64, chance: u32) -> String {
        let seal = Hmac::<Sha256>::new_from_slice(&self.secret)
            .expect("HMAC takes keys of any length")
            .chain_update(made.to_be_bytes())
            .chain_update(chance.to_be_bytes())
            .chain_update(source.to_canonical().to_string())
            .chain_update([0])
            .chain_update(call_id)
            .finalize()
            .into_bytes();
        format!("{made:x}.{chance:08x}.{}", hex(&seal[..16]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_nonce_is_of_one_address_and_one_call_id() {
        let nonces = Nonces::new();
        let (here, there) = ([192, 0, 2, 9].into(), [192, 0, 2, 10].into());
        let nonce = nonces.make(here, "c", 100);
        assert_eq!(nonces.age(&nonce, here, "c", 130), Some(30));
        // A phone that is challenged anew counts anew: a second nonce of the same instant would seem to be a replay.
        assert_ne!(nonces.make(here, "c", 100), nonce);
        assert_eq!(nonces.age(&nonce, there, "c", 130), None);
        assert_eq!(nonces.age(&nonce, here, "d", 130), None);
        assert_eq!(Nonces::new().age(&nonce, here, "c", 130), None);
    }

    proptest! {
        #[test]
        fn no_text_whatever_is_a_nonce_of_ours(text in ".{0,80}", now: u64) {
            prop_assert_eq!(Nonces::new().age(&text, [192, 0, 2, 9].into(), "c", now), None);
        }
    }
}
