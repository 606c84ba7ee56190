//! Calls that come round (RFC 3261 §16.3) and requests that come twice by two ways (§8.2.2.2).
//!
//! A B2BUA's calls cannot be known again by their Via or Call-ID when another one stands between: each INVITE of
//! ours carries a word for the number that led to it, and a number that comes back under its own word goes in a loop.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use parking_lot::Mutex;
use rsipstack::sip::prelude::HeadersExt;
use rsipstack::sip::{Header, Request};

use crate::message;

const HEADER: &str = "X-Ringfence-Path";
/// A call may come by here this often under different numbers: one that is forwarded to another of ours.
const MAX_ROUNDS: usize = 3;
/// Words of others that are passed on.
const MAX_WORDS: usize = 16;

/// What a call has come by so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Path(Vec<String>);

/// Knows our own words. They say nothing to others: they begin with chance, and the rest is keyed by it.
pub(crate) struct Loops {
    name: String,
    key: RandomState,
    under_way: Merges,
}

type Merges = Arc<Mutex<HashSet<(String, String, u32)>>>;

/// One INVITE under way; another one that is the same but for its Via has come by a second way.
pub(crate) struct OnlyOne {
    key: (String, String, u32),
    under_way: Merges,
}

impl Drop for OnlyOne {
    fn drop(&mut self) {
        self.under_way.lock().remove(&self.key);
    }
}

impl Loops {
    pub(crate) fn new() -> Self {
        Self {
            name: message::new_tag(),
            key: RandomState::new(),
            under_way: Merges::default(),
        }
    }

    /// The way of a call that comes in for a number; `None` when it goes in a loop.
    pub(crate) fn path(&self, request: &Request, dialled: &str) -> Option<Path> {
        let value = message::header(&request.headers, HEADER, None).unwrap_or_default();
        let mut words: Vec<String> = value
            .split(',')
            .map(str::trim)
            .filter(|word| !word.is_empty() && word.len() <= 64)
            .filter(|word| {
                word.bytes()
                    .all(|octet| octet.is_ascii_alphanumeric() || octet == b'-')
            })
            .map(ToOwned::to_owned)
            .take(MAX_WORDS)
            .collect();
        let own = self.word(dialled);
        let rounds = words
            .iter()
            .filter(|word| word.starts_with(&self.name))
            .count();
        if words.contains(&own) || rounds >= MAX_ROUNDS {
            return None;
        }
        words.insert(0, own);
        Some(Path(words))
    }

    /// Takes note of an INVITE until the guard is dropped; `None` when the same one is under way.
    pub(crate) fn enter(&self, request: &Request) -> Option<OnlyOne> {
        let key = (
            message::call_id(request)?.to_owned(),
            message::from_tag(request)?.to_owned(),
            request.cseq_header().ok()?.seq().ok()?,
        );
        self.under_way.lock().insert(key.clone()).then(|| OnlyOne {
            key,
            under_way: Arc::clone(&self.under_way),
        })
    }

    fn word(&self, dialled: &str) -> String {
        format!("{}-{:016x}", self.name, self.key.hash_one(dialled))
    }
}

impl Path {
    /// What our INVITEs of this call say.
    pub(crate) fn header(&self) -> Header {
        Header::Other(HEADER.to_owned(), self.0.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rsipstack::sip::SipMessage;

    fn request(path: Option<&Path>) -> Request {
        let path = path.map_or_else(String::new, |path| format!("{}\r\n", path.header()));
        let text = format!(
            "INVITE sip:a@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKx\r\n\
             From: <sip:b@example.com>;tag=abc\r\nTo: <sip:a@192.0.2.1>\r\nCall-ID: c1\r\n\
             CSeq: 1 INVITE\r\n{path}Content-Length: 0\r\n\r\n"
        );
        match SipMessage::try_from(text.as_bytes()).expect("it is sound") {
            SipMessage::Request(request) => request,
            SipMessage::Response(_) => panic!("it is a request"),
        }
    }

    #[test]
    fn a_number_that_comes_back_goes_in_a_loop_and_another_number_may() {
        let loops = Loops::new();
        let first = loops.path(&request(None), "1").expect("it is new");
        assert_eq!(loops.path(&request(Some(&first)), "1"), None);
        let second = loops
            .path(&request(Some(&first)), "2")
            .expect("another number");
        assert_eq!(loops.path(&request(Some(&second)), "1"), None);
        let third = loops
            .path(&request(Some(&second)), "3")
            .expect("another number");
        assert_eq!(
            loops.path(&request(Some(&third)), "4"),
            None,
            "so many rounds are a loop"
        );
        assert!(
            Loops::new().path(&request(Some(&third)), "1").is_some(),
            "another server"
        );
    }

    #[test]
    fn the_same_invite_by_two_ways_is_one() {
        let loops = Loops::new();
        let first = loops.enter(&request(None)).expect("it is new");
        assert!(loops.enter(&request(None)).is_none());
        drop(first);
        assert!(loops.enter(&request(None)).is_some());
    }
}
