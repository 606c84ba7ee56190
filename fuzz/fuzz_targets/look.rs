//! Looks at whatever comes: `cargo +nightly fuzz run look`. The first octet says how the rest is divided.

#![no_main]

use libfuzzer_sys::fuzz_target;
use ringfence_fence::look::{Linked, LinkedKind, Page, Verdict, look, references};

fuzz_target!(|octets: &[u8]| {
    let Some((&first, rest)) = octets.split_first() else {
        return;
    };
    let (html, other) = rest.split_at(rest.len() * usize::from(first) / 255);
    let kind = match first % 4 {
        0 => LinkedKind::Script,
        1 => LinkedKind::Frame,
        2 => LinkedKind::Style,
        _ => LinkedKind::Media,
    };
    let linked = [Linked {
        url: "linked",
        kind,
        octets: other,
        content_type: None,
    }];
    let page = Page {
        octets: html,
        url: None,
        content_type: None,
        linked: &linked,
        linked_known: first & 1 == 0,
    };
    let found = look(&page);
    assert!((0.0..=1.0).contains(&found.score));
    assert_eq!(found.verdict, Verdict::of(found.score));
    let _ = references(&page);
});
