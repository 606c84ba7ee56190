//! Recovery codes: what is typed when the phone with the app is lost. Each works once.
//!
//! A code has 60 random bits in Crockford's base32, which leaves out letters that look like digits. Rows hold its
//! HMAC-SHA256 with a key that is not in the database, so that nobody tries codes against a stolen copy.

use hmac::{Hmac, Mac as _};
use ringfence_model::UserId;
use sha2::Sha256;

/// How many are made at a time.
pub const CODES: usize = 10;

/// Letters and digits of a code, without its hyphens.
const LENGTH: usize = 12;

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// A code as it is shown, from random bits: `k3m9-x0tq-7wpd`.
pub(super) fn code_from(bits: u64) -> String {
    let mut text = String::with_capacity(LENGTH + 2);
    for nth in 0..LENGTH {
        if nth > 0 && nth % 4 == 0 {
            text.push('-');
        }
        let at = usize::try_from((bits >> (5 * nth)) & 31).unwrap_or(0);
        text.push(char::from(ALPHABET[at]));
    }
    text
}

/// What rows hold of a code of `user`, however it is typed; `None` for what is no code.
pub(super) fn hash_of(key: &[u8; 32], user: UserId, typed: &str) -> Option<[u8; 32]> {
    let code = read(typed)?;
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(user.0.as_bytes());
    mac.update(code.as_bytes());
    Some(mac.finalize().into_bytes().into())
}

/// A code without hyphens and spaces, with what looks like a digit as that digit.
fn read(typed: &str) -> Option<String> {
    if typed.len() > 64 {
        return None;
    }
    let code: String = typed
        .chars()
        .filter(|letter| *letter != '-' && !letter.is_whitespace())
        .map(|letter| match letter.to_ascii_lowercase() {
            'o' => '0',
            'i' | 'l' => '1',
            other => other,
        })
        .collect();
    let known = code.bytes().all(|octet| ALPHABET.contains(&octet));
    (known && code.len() == LENGTH).then_some(code)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_code_is_read_as_people_type_it() {
        let user = UserId(Uuid::from_u128(1));
        let code = code_from(0x0123_4567_89ab_cdef);
        let hash = hash_of(&[7; 32], user, &code);
        assert!(hash.is_some(), "{code}");
        for typed in [
            code.to_uppercase(),
            code.replace('-', ""),
            code.replace('-', " "),
            code.replace('0', "O").replace('1', "l"),
        ] {
            assert_eq!(hash_of(&[7; 32], user, &typed), hash, "{typed}");
        }
        let other = UserId(Uuid::from_u128(2));
        assert_ne!(hash_of(&[7; 32], other, &code), hash);
        assert_ne!(hash_of(&[8; 32], user, &code), hash);
    }

    #[test]
    fn what_is_no_code_has_no_hash() {
        let user = UserId(Uuid::from_u128(1));
        for typed in [
            "",
            "123456",
            "k3m9-x0tq-7wp",
            "k3m9-x0tq-7wpdd",
            "k3m9-x0tq-7wpu",
        ] {
            assert_eq!(hash_of(&[7; 32], user, typed), None, "{typed}");
        }
        assert_eq!(hash_of(&[7; 32], user, &"k3m9 ".repeat(100)), None);
    }

    #[test]
    fn every_bit_of_a_code_counts() {
        let codes: std::collections::BTreeSet<_> = (0..60).map(|bit| code_from(1 << bit)).collect();
        assert_eq!(codes.len(), 60);
        assert_eq!(code_from(u64::MAX), "zzzz-zzzz-zzzz");
    }
}
