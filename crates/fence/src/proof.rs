//! Host proofs: what was published by the owner, against the challenge.

use crate::look::markup::{self, Markup};

/// TXT records are looked up at this label below the host: `_ringfence.www.example.com`.
pub const TXT_LABEL: &str = "_ringfence";
/// Where the proving file is.
pub const PROOF_FILE_PATH: &str = "/.well-known/ringfence.txt";
/// The `name` of the proving meta tag.
pub const META_NAME: &str = "ringfence";

/// Octets of a page that are looked at: a head is at its beginning.
const HTML_MAX: usize = 512 * 1024;
/// What may stand in a head, with text in it or in what it holds.
const WITH_TEXT: [&str; 5] = ["title", "style", "script", "noscript", "template"];
/// What may stand in a head, or around it.
const WITHOUT_TEXT: [&str; 8] = [
    "html", "head", "base", "basefont", "bgsound", "link", "noframes", "meta",
];
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
/// after. The body begins with its tag, or with whatever cannot stand in a head (HTML, section 13.2.6.4.4).
pub fn meta_proves(html: &[u8], challenge: &str) -> bool {
    if challenge.is_empty() {
        return false;
    }
    let mut head = Head {
        challenge,
        within: None,
        ended: false,
        proves: false,
    };
    let html = String::from_utf8_lossy(&html[..html.len().min(HTML_MAX)]);
    markup::read(&html, &mut head);
    head.proves
}

/// A page's head as it goes by.
struct Head<'a> {
    challenge: &'a str,
    /// The element whose text is none of the page's.
    within: Option<&'static str>,
    ended: bool,
    proves: bool,
}

impl markup::Sink for Head<'_> {
    fn markup(&mut self, part: Markup<'_>) {
        if self.ended {
            return;
        }
        match part {
            Markup::Start(element) if element.name == "meta" => {
                let says = |name: &str| element.attribute(name).unwrap_or_default().trim();
                self.proves |= self.within.is_none()
                    && says("name").eq_ignore_ascii_case(META_NAME)
                    && says("content") == self.challenge;
            }
            Markup::Start(element) => {
                let known = WITH_TEXT.iter().find(|name| **name == element.name);
                self.within = self.within.or(known.copied());
                self.ended = known.is_none() && !WITHOUT_TEXT.contains(&element.name);
            }
            Markup::End(name) => {
                self.ended = name == "head";
                self.within = self.within.filter(|within| *within != name);
            }
            Markup::Text(text, _) => {
                let said = !text
                    .trim_matches(['\u{feff}', ' ', '\t', '\r', '\n', '\u{c}'])
                    .is_empty();
                self.ended = self.within.is_none() && said;
            }
        }
    }
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
            format!(
                "\u{feff}<html>\n<head><title>a <b> c</title><style>p {{}}</style>\
                 <noscript><link href=x></noscript><script>'</head>'</script>\
                 <meta name=ringfence content=' {CHALLENGE} '>"
            ),
        ] {
            assert!(meta_proves(html.as_bytes(), CHALLENGE), "{html}");
        }
    }

    #[test]
    fn a_meta_tag_elsewhere_or_with_another_text_does_not() {
        for html in [
            format!("<head></head><body><meta name=ringfence content={CHALLENGE}>"),
            format!("<title>x</title>A guest: <meta name=ringfence content={CHALLENGE}>"),
            format!("<title>x</title><p><meta name=ringfence content={CHALLENGE}>"),
            format!("<head></head><meta name=ringfence content={CHALLENGE}>"),
            format!("<template><meta name=ringfence content={CHALLENGE}></template>"),
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
