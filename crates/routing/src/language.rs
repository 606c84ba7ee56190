//! Languages: which tags a range takes, and which of two targets speaks better (RFC 4647).

/// Whether a tag (RFC 5646) falls into a range by basic filtering (RFC 4647 §3.3.1): `de` takes `de` and `de-AT`, `*` all.
pub(crate) fn in_range(range: &str, tag: &str) -> bool {
    range == "*"
        || tag
            .get(..range.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(range))
            && matches!(tag.as_bytes().get(range.len()), None | Some(b'-'))
}

/// Whether somebody with these languages speaks the wanted one: by lookup (RFC 4647 §3.4) `de-AT` is content with `de`,
/// and who wants `de` is content with `de-CH`. `de-AT` and `de-CH` alone do not meet: that is what fallbacks are for.
pub fn speaks(languages: &[String], wanted: &str) -> bool {
    lookup(wanted).any(|range| languages.iter().any(|tag| tag.eq_ignore_ascii_case(range)))
        || languages.iter().any(|tag| in_range(wanted, tag))
}

/// The range, then the range without its last subtag, and so on; a single letter goes with what follows it.
fn lookup(range: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(range), |range| {
        let mut cut = range.rfind('-')?;
        if cut >= 2 && range.as_bytes()[cut - 2] == b'-' {
            cut -= 2;
        }
        Some(&range[..cut])
    })
}

/// Whether a text has the form of a language range: letters and digits in parts of 1 to 8, or `*` (RFC 4647 §2.1).
pub fn is_range(text: &str) -> bool {
    text == "*"
        || text.len() <= 35
            && text.split('-').enumerate().all(|(index, part)| {
                (1..=8).contains(&part.len())
                    && part.bytes().all(|byte| {
                        byte.is_ascii_alphabetic() || index > 0 && byte.is_ascii_digit()
                    })
            })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_takes_its_own_dialects_and_nothing_that_only_begins_alike() {
        assert!(in_range("de", "de"));
        assert!(in_range("DE", "de-AT"));
        assert!(in_range("*", "fr"));
        assert!(!in_range("de", "den"));
        assert!(!in_range("de-AT", "de"));
        assert!(!in_range("de", "d"));
        assert!(
            !in_range("de", "日本"),
            "and a tag of other letters is no trouble"
        );
    }

    #[test]
    fn a_dialect_is_content_with_its_language_and_a_language_with_any_dialect() {
        let speaks = |tag: &str, wanted| super::speaks(&[tag.to_owned()], wanted);
        assert!(speaks("de", "de-AT"));
        assert!(speaks("de-CH", "de"));
        assert!(speaks("zh-Hant", "zh-Hant-x-private"));
        assert!(!speaks("de-CH", "de-AT"));
        assert!(!speaks("en", "de"));
    }

    #[test]
    fn ranges_are_told_from_other_text() {
        for range in ["*", "de", "de-AT", "zh-Hant-TW", "es-419"] {
            assert!(is_range(range), "{range}");
        }
        for text in ["", "de_AT", "de-", "deutschland", "4de", "日本"] {
            assert!(!is_range(text), "{text}");
        }
    }
}
