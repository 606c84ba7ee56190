//! Fingerprints of a page and of what belongs to it: one that holds for the very same octets, one that near copies
//! share. The graph of accounts is built from them.

use sha2::{Digest, Sha256};

use super::{LinkedKind, Page, READ_MAX};

/// What a resource looks like to somebody who compares many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fingerprint {
    /// The resource's address; `None` for the page itself.
    pub url: Option<String>,
    /// What it is; a page is a frame.
    pub kind: LinkedKind,
    /// SHA-256 of its octets as they came.
    pub sha256: [u8; 32],
    /// Octets.
    pub length: usize,
    /// Near copies differ in few bits ([`alike`](Fuzzy::alike)); `None` where there is too little to compare.
    pub fuzzy: Option<Fuzzy>,
}

/// A similarity hash of 64 bits (Charikar 2002) over triples of words, in which digits and case say nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fuzzy(pub u64);

impl Fuzzy {
    /// The share of bits that agree, 0 to 1; unrelated texts lie about 0.5, near copies above 0.9.
    pub fn alike(self, other: Self) -> f64 {
        1.0 - f64::from((self.0 ^ other.0).count_ones()) / 64.0
    }
}

/// Triples of words below which a text is too short to be compared.
const TRIPLES_MIN: usize = 16;
/// Words that are compared: the beginning of a text says enough.
const WORDS_MAX: usize = 3072;

pub(super) fn of_all(page: &Page<'_>) -> Vec<Fingerprint> {
    std::iter::once(of(None, LinkedKind::Frame, page.octets))
        .chain(
            page.linked
                .iter()
                .map(|linked| of(Some(linked.url), linked.kind, linked.octets)),
        )
        .collect()
}

fn of(url: Option<&str>, kind: LinkedKind, octets: &[u8]) -> Fingerprint {
    let read = &octets[..octets.len().min(READ_MAX)];
    Fingerprint {
        url: url.map(str::to_owned),
        kind,
        sha256: Sha256::digest(octets).into(),
        length: octets.len(),
        fuzzy: (kind != LinkedKind::Media).then(|| fuzzy(read)).flatten(),
    }
}

fn fuzzy(octets: &[u8]) -> Option<Fuzzy> {
    let mut votes = [0_i32; 64];
    let mut triples = 0;
    let (mut before, mut last) = (0_u64, 0_u64);
    let words = octets
        .split(|octet| !(octet.is_ascii_alphabetic() || *octet >= 0x80))
        .filter(|word| !word.is_empty());
    for word in words.take(WORDS_MAX) {
        let this = hash(word);
        let mut bits = mixed(before.rotate_left(21) ^ last.rotate_left(42) ^ this);
        (before, last) = (last, this);
        triples += 1;
        for vote in &mut votes {
            *vote += if bits & 1 == 1 { 1 } else { -1 };
            bits >>= 1;
        }
    }
    let bits = votes
        .iter()
        .rev()
        .fold(0_u64, |bits, &vote| (bits << 1) | u64::from(vote > 0));
    (triples >= TRIPLES_MIN).then_some(Fuzzy(bits))
}

fn hash(word: &[u8]) -> u64 {
    word.iter().fold(0xcbf2_9ce4_8422_2325, |hash, octet| {
        (hash ^ u64::from(octet.to_ascii_lowercase())).wrapping_mul(0x0100_0000_01b3)
    })
}

/// The finaliser of splitmix64: every bit of the sum depends on every bit of the words.
fn mixed(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_copies_are_alike_and_others_are_not() {
        let words: Vec<String> = (0..400_u32)
            .map(|n| {
                format!("w{}", char::from(b'a' + u8::try_from(n * n % 26).unwrap()))
                    .repeat(1 + n as usize % 5)
            })
            .collect();
        let page = words.join(" ");
        let copy = page.replacen("wa", "other", 2) + " 0207 946 0123";
        let mut turned = words.clone();
        turned.reverse();
        let print = |text: &str| of(None, LinkedKind::Frame, text.as_bytes()).fuzzy.unwrap();
        assert!(print(&page).alike(print(&copy)) > 0.9);
        assert!(print(&page).alike(print(&turned.join(" "))) < 0.8);
        assert_eq!(of(None, LinkedKind::Frame, b"too short").fuzzy, None);
    }
}
