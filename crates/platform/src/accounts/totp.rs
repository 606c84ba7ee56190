//! Time-based one-time passwords (RFC 6238, over RFC 4226): whether a code is right at a time. Neither clock nor rows are
//! asked here; both come in.
//!
//! SHA-1, 6 digits and 30 s, since many authenticator apps know nothing else, whatever the QR code says. What is known of
//! SHA-1 finds collisions, which are worth nothing against an HMAC.

use ring::hmac;
use ringfence_model::Timestamp;
use subtle::{Choice, ConditionallySelectable as _, ConstantTimeEq as _};

/// Octets of a secret: as many as SHA-1 puts out (RFC 4226, section 4, R6).
pub const SECRET_OCTETS: usize = 20;

/// Digits of a code.
pub const DIGITS: usize = 6;

/// One more than the highest code.
const CODES: u32 = 1_000_000;

/// Seconds for which a code stands (RFC 6238, section 5.2).
pub const STEP_SECONDS: i64 = 30;

/// Steps before and after the present one whose codes are taken too, for clocks that are off (RFC 6238, section 5.2).
const DRIFT: i64 = 1;

/// What a code is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is right, and `step` is what is spent by taking it.
    Right {
        /// Its time step, 30 s each since 1970.
        step: i64,
    },
    /// It was right, but a code of its step or of a later one was taken before.
    Used,
    /// It is not.
    Wrong,
}

/// Judges a code of six digits at `now`. `last_step` is that of the last code that was taken, 0 when there was none. It takes
/// as long whatever the code is.
pub fn judge(secret: &[u8], code: &str, now: Timestamp, last_step: i64) -> Verdict {
    let present = step_at(now);
    let (mut right, mut used) = (Choice::from(0), Choice::from(0));
    let mut right_step = 0;
    for step in present - DRIFT..=present + DRIFT {
        let same = code_of(secret, step).as_bytes().ct_eq(code.as_bytes());
        let spent = Choice::from(u8::from(step <= last_step));
        right_step = i64::conditional_select(&right_step, &step, same & !spent);
        right |= same & !spent;
        used |= same & spent;
    }
    if right.into() {
        Verdict::Right { step: right_step }
    } else if used.into() {
        Verdict::Used
    } else {
        Verdict::Wrong
    }
}

/// The code of a time step.
pub fn code_of(secret: &[u8], step: i64) -> String {
    format!("{:0DIGITS$}", truncated(secret, step) % CODES)
}

/// The time step that `now` lies in (RFC 6238, section 4.2, with T0 = 0).
pub fn step_at(now: Timestamp) -> i64 {
    now.as_micros().div_euclid(STEP_SECONDS * 1_000_000)
}

/// A secret as apps take it: base32 without padding (RFC 4648, section 6).
pub fn base32(octets: &[u8]) -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut text = String::with_capacity(octets.len() * 8 / 5 + 1);
    for group in octets.chunks(5) {
        let mut bits = [0; 8];
        bits[3..3 + group.len()].copy_from_slice(group);
        let bits = u64::from_be_bytes(bits);
        for nth in 0..(group.len() * 8).div_ceil(5) {
            let at = (bits >> (35 - 5 * nth)) & 31;
            text.push(char::from(ALPHABET[usize::try_from(at).unwrap_or(0)]));
        }
    }
    text
}

/// The 31 bits that a counter's HMAC is cut to (RFC 4226, section 5.3).
fn truncated(secret: &[u8], counter: i64) -> u32 {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret);
    let tag = hmac::sign(&key, &counter.to_be_bytes());
    let octets = tag.as_ref();
    let at = usize::from(octets[octets.len() - 1] & 15);
    let cut = [octets[at], octets[at + 1], octets[at + 2], octets[at + 3]];
    u32::from_be_bytes(cut) & 0x7fff_ffff
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The secret of both documents' tables.
    const SECRET: &[u8; 20] = b"12345678901234567890";

    fn second(at: i64) -> Timestamp {
        Timestamp::from_micros(at * 1_000_000)
    }

    #[test]
    fn codes_are_those_of_rfc_4226_appendix_d() {
        let table = [
            (1_284_755_224, "755224"),
            (1_094_287_082, "287082"),
            (137_359_152, "359152"),
            (1_726_969_429, "969429"),
            (1_640_338_314, "338314"),
            (868_254_676, "254676"),
            (1_918_287_922, "287922"),
            (82_162_583, "162583"),
            (673_399_871, "399871"),
            (645_520_489, "520489"),
        ];
        for (counter, (cut, code)) in (0..).zip(table) {
            assert_eq!(truncated(SECRET, counter), cut, "{counter}");
            assert_eq!(code_of(SECRET, counter), code, "{counter}");
        }
    }

    #[test]
    fn times_are_those_of_rfc_6238_appendix_b() {
        for (at, step, eight_digits) in [
            (59, 1, 94_287_082),
            (1_111_111_109, 0x0235_23ec, 7_081_804),
            (1_111_111_111, 0x0235_23ed, 14_050_471),
            (1_234_567_890, 0x0273_ef07, 89_005_924),
            (2_000_000_000, 0x03f9_40aa, 69_279_037),
            (20_000_000_000, 0x27bc_86aa, 65_353_130),
        ] {
            assert_eq!(step_at(second(at)), step, "{at}");
            assert_eq!(truncated(SECRET, step) % 100_000_000, eight_digits, "{at}");
            let six = format!("{:06}", eight_digits % 1_000_000);
            assert_eq!(
                judge(SECRET, &six, second(at), 0),
                Verdict::Right { step },
                "{at}"
            );
        }
    }

    #[test]
    fn a_code_is_taken_a_step_early_and_a_step_late_and_no_more() {
        let code = code_of(SECRET, 100);
        for (at, verdict) in [
            (2_969, Verdict::Wrong),
            (2_970, Verdict::Right { step: 100 }),
            (3_000, Verdict::Right { step: 100 }),
            (3_059, Verdict::Right { step: 100 }),
            (3_060, Verdict::Wrong),
        ] {
            assert_eq!(judge(SECRET, &code, second(at), 0), verdict, "{at}");
        }
    }

    #[test]
    fn a_code_is_good_once_and_none_before_it_is_good_after_it() {
        let now = second(3_000);
        for (of, last, verdict) in [
            (100, 99, Verdict::Right { step: 100 }),
            (100, 100, Verdict::Used),
            (99, 100, Verdict::Used),
            (101, 100, Verdict::Right { step: 101 }),
            (101, 101, Verdict::Used),
        ] {
            let code = code_of(SECRET, of);
            assert_eq!(
                judge(SECRET, &code, now, last),
                verdict,
                "{of} after {last}"
            );
        }
    }

    #[test]
    fn what_is_no_code_is_wrong() {
        for text in ["", "1", "00000", "0000000", "٠٠٠٠٠٠", "755224 "] {
            assert_eq!(
                judge(SECRET, text, second(0), 0),
                Verdict::Wrong,
                "{text:?}"
            );
        }
        let other = code_of(b"another secret, 20 o", 0);
        assert_eq!(judge(SECRET, &other, second(0), -5), Verdict::Wrong);
    }

    #[test]
    fn base32_is_that_of_rfc_4648_section_10() {
        for (octets, text) in [
            ("", ""),
            ("f", "MY"),
            ("fo", "MZXQ"),
            ("foo", "MZXW6"),
            ("foob", "MZXW6YQ"),
            ("fooba", "MZXW6YTB"),
            ("foobar", "MZXW6YTBOI"),
        ] {
            assert_eq!(base32(octets.as_bytes()), text);
        }
        assert_eq!(base32(SECRET), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
    }
}
