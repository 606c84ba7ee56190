//! Host proofs: what was published by the owner, against the challenge.

use lol_html::{HtmlRewriter, MemorySettings, Settings, element};
use std::cell::Cell;

/// TXT records are looked up at this label below the host: `_ringfence.www.example.com`.
pub const TXT_LABEL: &str = "_ringfence";
/// Where the proving file is.
pub const PROOF_FILE_PATH: &str = "/.well-known/ringfence.txt";
/// The `name` of the proving meta tag.
pub const META_NAME: &str = "ringfence";

/// Octets of a page that are looked at: a head is at its beginning.
const HTML_MAX: usize = 512 * 1024;
/// Lines of a file that are looked at.
const LINES_MAX: usize = 100;

/// A line of the file is the challenge, and nothing else.
pub fn file_proves(body: &[u8], challenge: &str) -> bool {
    !challenge.is_empty()
        && body
            .strip_prefix(b"\xef\xbb\xbf")
            .unwrap_or(body)
            .split(|&octet| octet == b'\n')
            .take(LINES_MAX)
            .any(|line| line.trim_ascii() == challenge.as_bytes())
}

/// A TXT record is the challenge, and nothing else.
pub fn txt_proves<S: AsRef<str>>(records: &[S], challenge: &str) -> bool {
    !challenge.is_empty()
        && records
            .iter()
            .any(|record| record.as_ref().trim() == challenge)
}

/// The page has `<meta name="ringfence" content="CHALLENGE">` before its body: what visitors write into a page comes
/// after.
pub fn meta_proves(html: &[u8], challenge: &str) -> bool {
    if challenge.is_empty() {
        return false;
    }
    let proved = Cell::new(false);
    let in_head = Cell::new(true);
    let settings = Settings {
        element_content_handlers: vec![
            element!("meta[name][content]", |meta| {
                let says = |name: &str| meta.get_attribute(name).unwrap_or_default();
                if in_head.get()
                    && says("name").trim().eq_ignore_ascii_case(META_NAME)
                    && says("content").trim() == challenge
                {
                    proved.set(true);
                }
                Ok(())
            }),
            element!("body", |_| {
                in_head.set(false);
                Ok(())
            }),
        ],
        memory_settings: MemorySettings {
            preallocated_parsing_buffer_size: 1024,
            max_allowed_memory_usage: 2 * HTML_MAX,
        },
        ..Settings::new()
    };
    let mut rewriter = HtmlRewriter::new(settings, |_: &[u8]| {});
    for part in html[..html.len().min(HTML_MAX)].chunks(4096) {
        if proved.get() || !in_head.get() || rewriter.write(part).is_err() {
            break;
        }
    }
    proved.get()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const CHALLENGE: &str = "ringfence-0123456789abcdef";

    #[test]
    fn a_line_of_the_file_proves() {
        for body in [
            CHALLENGE.to_string(),
            format!("\u{feff}{CHALLENGE}\r\n"),
            format!("another\n  {CHALLENGE}  \n"),
        ] {
            assert!(file_proves(body.as_bytes(), CHALLENGE), "{body:?}");
        }
    }

    #[test]
    fn a_page_that_only_mentions_the_challenge_does_not_prove_as_a_file() {
        for body in [
            String::new(),
            format!("<html>{CHALLENGE}</html>"),
            format!("not {CHALLENGE}"),
            format!("{CHALLENGE}x"),
        ] {
            assert!(!file_proves(body.as_bytes(), CHALLENGE), "{body:?}");
        }
        assert!(
            !file_proves(b"\n\n", ""),
            "an empty challenge proves nothing"
        );
    }

    #[test]
    fn a_txt_record_proves_when_it_is_the_challenge() {
        assert!(txt_proves(&["v=spf1 -all", CHALLENGE], CHALLENGE));
        assert!(!txt_proves(&["v=spf1 -all", "x"], CHALLENGE));
        assert!(!txt_proves::<&str>(&[], CHALLENGE));
    }

    #[test]
    fn a_meta_tag_in_the_head_proves() {
        for html in [
            format!("<!doctype html><html><head><meta name=ringfence content={CHALLENGE}></head>"),
            format!("<META CONTENT='{CHALLENGE}' NAME='Ringfence'><title>x</title><body>"),
        ] {
            assert!(meta_proves(html.as_bytes(), CHALLENGE), "{html}");
        }
    }

    #[test]
    fn a_meta_tag_elsewhere_or_with_another_text_does_not() {
        for html in [
            format!("<head></head><body><meta name=ringfence content={CHALLENGE}>"),
            format!("<head><!-- <meta name=ringfence content={CHALLENGE}> --></head>"),
            format!("<head><title><meta name=ringfence content={CHALLENGE}></title>"),
            format!("<head><script>'<meta name=ringfence content={CHALLENGE}>'</script>"),
            "<head><meta name=ringfence content=other>".into(),
            format!("<head><meta name=generator content={CHALLENGE}>"),
        ] {
            assert!(!meta_proves(html.as_bytes(), CHALLENGE), "{html}");
        }
    }

    proptest! {
        #[test]
        fn no_page_breaks_it(html in proptest::collection::vec(any::<u8>(), 0..4000)) {
            prop_assert!(!meta_proves(&html, CHALLENGE));
        }
    }
}
