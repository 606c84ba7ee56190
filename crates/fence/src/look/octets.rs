//! Octets to characters, as browsers decide it: byte order mark, header, `meta`, then a guess.

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};
use std::borrow::Cow;

use super::READ_MAX;

/// Octets at the beginning in which a `meta` may name the charset (HTML, 13.2.3.2).
const META_WITHIN: usize = 1024;

/// The text of a body, at most [`READ_MAX`] octets of it.
pub(super) fn decoded<'a>(octets: &'a [u8], content_type: Option<&str>) -> Cow<'a, str> {
    let octets = &octets[..octets.len().min(READ_MAX)];
    if let Some((encoding, _)) = Encoding::for_bom(octets) {
        return encoding.decode_with_bom_removal(octets).0;
    }
    let named = content_type
        .and_then(charset_of)
        .or_else(|| named_in_meta(octets));
    match named {
        Some(encoding) => encoding.decode_without_bom_handling(octets).0,
        None => guessed(octets),
    }
}

fn charset_of(content_type: &str) -> Option<&'static Encoding> {
    let lower = content_type.to_ascii_lowercase();
    let label = lower.split_once("charset=")?.1;
    Encoding::for_label(label_in(label).as_bytes())
}

fn label_in(text: &str) -> &str {
    let text = text.trim_start_matches(['"', '\'', ' ']);
    let end = text
        .find(|c: char| !(c.is_ascii_alphanumeric() || "-_:.".contains(c)))
        .unwrap_or(text.len());
    &text[..end]
}

fn named_in_meta(octets: &[u8]) -> Option<&'static Encoding> {
    let head: String = octets[..octets.len().min(META_WITHIN)]
        .iter()
        .map(|&octet| char::from(octet.to_ascii_lowercase()))
        .collect();
    let mut rest = head.as_str();
    while let Some(at) = rest.find("<meta") {
        let tag = &rest[at..];
        let tag = &tag[..tag.find('>').unwrap_or(tag.len())];
        let label = tag
            .split_once("charset")
            .and_then(|(_, after)| after.trim_start().strip_prefix('='))
            .map(|after| label_in(after.trim_start()));
        if let Some(encoding) = label.and_then(|label| Encoding::for_label(label.as_bytes())) {
            // A page whose meta can be read as ASCII is not UTF-16, whatever it says.
            return Some(if encoding == UTF_16LE || encoding == UTF_16BE {
                UTF_8
            } else {
                encoding
            });
        }
        rest = &rest[at + 5..];
    }
    None
}

/// Without any name: UTF-16 by its zeros, UTF-8 where it holds, else what the web's oldest pages are.
fn guessed(octets: &[u8]) -> Cow<'_, str> {
    let sample = &octets[..octets.len().min(512)];
    let zeros = |odd: usize| {
        sample
            .iter()
            .skip(odd)
            .step_by(2)
            .filter(|&&octet| octet == 0)
            .count()
    };
    let many = sample.len() / 4;
    if many > 4 && zeros(1) > many {
        return UTF_16LE.decode_without_bom_handling(octets).0;
    }
    if many > 4 && zeros(0) > many {
        return UTF_16BE.decode_without_bom_handling(octets).0;
    }
    match std::str::from_utf8(octets) {
        Ok(text) => Cow::Borrowed(text),
        // Cut in the middle of a character by the bound, or a few broken characters in an UTF-8 text.
        Err(error) if error.valid_up_to() > octets.len() / 2 => String::from_utf8_lossy(octets),
        Err(_) => WINDOWS_1252.decode_without_bom_handling(octets).0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_charset_is_found_where_browsers_find_it() {
        let shift_jis = encoding_rs::SHIFT_JIS.encode("警告").0.into_owned();
        assert_eq!(
            decoded(&shift_jis, Some("text/html; charset=Shift_JIS")),
            "警告"
        );
        let mut page =
            b"<meta http-equiv=content-type content='text/html; charset=euc-jp'>".to_vec();
        page.extend_from_slice(&encoding_rs::EUC_JP.encode("警告").0);
        assert!(decoded(&page, None).ends_with("警告"));
        let utf16: Vec<u8> = "\u{feff}Warnung für Sie"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        assert_eq!(decoded(&utf16, None), "Warnung für Sie");
        assert_eq!(decoded(&utf16[2..], None), "Warnung für Sie");
        assert_eq!(
            decoded(b"gel\xf6scht, ganz und gar", None),
            "gelöscht, ganz und gar"
        );
        assert_eq!(
            decoded("gelöscht".as_bytes(), Some("text/html")),
            "gelöscht"
        );
    }
}
