//! String literals: their escapes, and what they hide when they are written in another encoding.

use base64::Engine;
use base64::alphabet::Alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use std::borrow::Cow;
use std::sync::LazyLock;

/// Escapes of JavaScript's strings (ECMA-262, 12.9.4) taken off.
pub(in crate::look) fn unescaped(literal: &str) -> Cow<'_, str> {
    if !literal.contains('\\') {
        return Cow::Borrowed(literal);
    }
    let mut plain = String::with_capacity(literal.len());
    let mut rest = literal;
    while let Some(at) = rest.find('\\') {
        plain.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let Some(first) = rest.chars().next() else {
            break;
        };
        let (character, length) = match first {
            'x' => hex(rest.get(1..3)).map_or((Some('x'), 1), |c| (Some(c), 3)),
            'u' if rest[1..].starts_with('{') => {
                let end = rest.find('}').unwrap_or(1);
                hex(rest.get(2..end)).map_or((Some('u'), 1), |c| (Some(c), end + 1))
            }
            'u' => hex(rest.get(1..5)).map_or((Some('u'), 1), |c| (Some(c), 5)),
            'n' | 'r' | 't' | 'v' | 'f' | 'b' => (Some(' '), 1),
            '\n' | '\r' => (None, 1),
            '0'..='7' => octal(rest),
            other => (Some(other), other.len_utf8()),
        };
        plain.extend(character);
        rest = &rest[length.min(rest.len())..];
    }
    plain.push_str(rest);
    Cow::Owned(plain)
}

fn hex(digits: Option<&str>) -> Option<char> {
    let digits = digits.filter(|digits| digits.bytes().all(|octet| octet.is_ascii_hexdigit()))?;
    char::from_u32(u32::from_str_radix(digits, 16).ok()?)
}

fn octal(rest: &str) -> (Option<char>, usize) {
    let length = rest
        .bytes()
        .take(3)
        .take_while(|octet| (b'0'..=b'7').contains(octet))
        .count();
    let value = u32::from_str_radix(&rest[..length], 8).ok();
    (value.and_then(char::from_u32), length)
}

/// How a text was hidden, and what it says; only when it then reads as markup or code.
pub(in crate::look) fn revealed(text: &str) -> Option<(&'static str, String)> {
    let text = text.trim();
    if text.len() < 24 {
        return None;
    }
    let first = &text.as_bytes()[..text.len().min(256)];
    if percent_written(first) {
        return Some(("percent escapes", percent_decoded(text))).filter(|(_, plain)| reads(plain));
    }
    if first.iter().all(u8::is_ascii_hexdigit) {
        return Some(("hexadecimal", hex_decoded(text)?)).filter(|(_, plain)| reads(plain));
    }
    if first
        .iter()
        .all(|&octet| octet.is_ascii_alphanumeric() || b"+/=-_ \n\r\t".contains(&octet))
    {
        return base64_revealed(text);
    }
    if text.ends_with('<') && text.contains("/<") {
        let plain: String = text.chars().rev().collect();
        return Some(("reversed text", plain)).filter(|(_, plain)| reads(plain));
    }
    None
}

/// Base64, or base64 turned around, or base64 of octets that were moved by a number.
fn base64_revealed(text: &str) -> Option<(&'static str, String)> {
    let plain = base64_decoded(text).filter(|plain| reads(plain));
    if text.len() < 200 || plain.as_deref().is_some_and(is_code) {
        return plain.map(|plain| ("base64", plain));
    }
    let turned: String = text.chars().rev().collect();
    if let Some(plain) = base64_decoded(&turned).filter(|plain| reads(plain) && is_code(plain)) {
        return Some(("base64 turned around", plain));
    }
    let octets = base64_octets(text).unwrap_or_default();
    let codes: Vec<u32> = octets.into_iter().map(u32::from).collect();
    unmoved(&codes)
        .map(|moved| ("moved base64", moved))
        .or(plain.map(|plain| ("base64", plain)))
}

/// Codes that were all moved by one number (added, or by exclusive or), put back: a page or a script begins with few
/// characters, so its first code tells the number.
pub(in crate::look) fn unmoved(codes: &[u32]) -> Option<String> {
    const TRIED: usize = 400;
    const AT_ONCE: usize = 32;
    let first = *codes.first()?;
    for begin in "<\n \tdvf(!ewc".chars().map(u32::from) {
        let added = first.wrapping_sub(begin);
        let mixed = first ^ begin;
        let added = |code: u32| code.wrapping_sub(added);
        let mixed = |code: u32| code ^ mixed;
        for back in [&added as &dyn Fn(u32) -> u32, &mixed] {
            // Nearly every wrong number shows at once.
            let readable = |&code: &u32| {
                let code = back(code);
                code >= 0x20 && code != 0x7f || matches!(code, 9 | 10 | 13)
            };
            if !codes.iter().take(AT_ONCE).all(readable) {
                continue;
            }
            let text = |codes: &[u32]| -> Option<String> {
                let codes: Vec<u32> = codes.iter().map(|&code| back(code)).collect();
                let octets: Result<Vec<u8>, _> =
                    codes.iter().map(|&code| u8::try_from(code)).collect();
                if let Some(text) = octets
                    .ok()
                    .and_then(|octets| String::from_utf8(octets).ok())
                {
                    return Some(text);
                }
                codes.into_iter().map(char::from_u32).collect()
            };
            let begins = text(&codes[..codes.len().min(TRIED)]);
            if begins.is_some_and(|begins| reads(&begins) && is_code(&begins)) {
                return text(codes);
            }
        }
    }
    None
}

/// Words that nearly every page and script of such a kind holds.
fn is_code(plain: &str) -> bool {
    ["</", "<script", "document", "function", "<html", "<title"]
        .iter()
        .any(|word| plain.contains(word))
}

/// What a `data:` address holds.
pub(in crate::look) fn data_page(address: &str) -> Option<String> {
    let (head, body) = address.split_once(',')?;
    if head.to_ascii_lowercase().contains("base64") {
        base64_decoded(&percent_decoded(body))
    } else {
        Some(percent_decoded(body))
    }
}

/// A text looks like data that only a program can read.
pub(in crate::look) fn opaque(text: &str) -> bool {
    let sample = &text.as_bytes()[..text.len().min(4096)];
    sample.len() >= 800
        && sample
            .iter()
            .filter(|octet| octet.is_ascii_whitespace())
            .count()
            * 50
            < sample.len()
        && !sample.contains(&b'<')
        && sample.iter().any(u8::is_ascii_digit)
}

/// Decoded text must be letters and signs for the most part, and hold a tag or a call.
fn reads(plain: &str) -> bool {
    let broken = plain
        .chars()
        .take(4096)
        .filter(|&c| (c.is_control() && !c.is_whitespace()) || c == '\u{fffd}')
        .count();
    broken * 50 <= plain.len().min(4096)
        && (plain.contains('<') && plain.contains('>')
            || plain.contains('(') && plain.contains(')'))
}

fn percent_written(sample: &[u8]) -> bool {
    sample.split(|&octet| octet == b'%').count() * 8 > sample.len()
}

/// Percent escapes taken off, `%uXXXX` too, as `unescape` does.
pub(in crate::look) fn percent_decoded(text: &str) -> String {
    let mut octets: Vec<u8> = Vec::with_capacity(text.len());
    let source = text.as_bytes();
    let mut at = 0;
    while at < source.len() {
        let digits = |from: usize, length: usize| {
            source
                .get(from..from + length)
                .and_then(|digits| std::str::from_utf8(digits).ok())
                .filter(|digits| digits.bytes().all(|octet| octet.is_ascii_hexdigit()))
                .and_then(|digits| u32::from_str_radix(digits, 16).ok())
        };
        if source[at] == b'%' {
            if let Some(value) = digits(at + 1, 2) {
                octets.push(u8::try_from(value).unwrap_or(b'?'));
                at += 3;
                continue;
            }
            if source.get(at + 1) == Some(&b'u')
                && let Some(character) = digits(at + 2, 4).and_then(char::from_u32)
            {
                octets.extend(character.encode_utf8(&mut [0; 4]).as_bytes());
                at += 6;
                continue;
            }
        }
        octets.push(source[at]);
        at += 1;
    }
    match String::from_utf8(octets) {
        Ok(text) => text,
        // `unescape` makes a Latin-1 character of each octet.
        Err(error) => error
            .as_bytes()
            .iter()
            .map(|&octet| char::from(octet))
            .collect(),
    }
}

fn hex_decoded(text: &str) -> Option<String> {
    let octets: Option<Vec<u8>> = text
        .as_bytes()
        .chunks_exact(2)
        .map(|two| {
            let two = std::str::from_utf8(two).ok()?;
            u8::from_str_radix(two, 16).ok()
        })
        .collect();
    octets.map(|octets| String::from_utf8_lossy(&octets).into_owned())
}

/// Base64 in either alphabet, with blanks and without padding.
pub(in crate::look) fn base64_decoded(text: &str) -> Option<String> {
    Some(match String::from_utf8(base64_octets(text)?) {
        Ok(text) => text,
        Err(error) => utf16(error.as_bytes()).unwrap_or_else(|| {
            error
                .as_bytes()
                .iter()
                .map(|&octet| char::from(octet))
                .collect()
        }),
    })
}

fn base64_octets(text: &str) -> Option<Vec<u8>> {
    const CONFIG: GeneralPurposeConfig = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    const ENGINE: GeneralPurpose = GeneralPurpose::new(&base64::alphabet::STANDARD, CONFIG);
    let compact: Vec<u8> = text
        .bytes()
        .filter(|octet| !octet.is_ascii_whitespace())
        .map(|octet| match octet {
            b'-' => b'+',
            b'_' => b'/',
            other => other,
        })
        .collect();
    ENGINE.decode(&compact).ok()
}

fn utf16(octets: &[u8]) -> Option<String> {
    let zeros = octets
        .iter()
        .skip(1)
        .step_by(2)
        .filter(|&&octet| octet == 0)
        .count();
    (zeros * 4 > octets.len()).then(|| {
        char::decode_utf16(
            octets
                .chunks_exact(2)
                .map(|two| u16::from_le_bytes([two[0], two[1]])),
        )
        .map(|character| character.unwrap_or('\u{fffd}'))
        .collect()
    })
}

/// The alphabet in which a well-known obfuscator writes its strings: small letters first.
static SMALL_FIRST: LazyLock<Option<GeneralPurpose>> = LazyLock::new(|| {
    let alphabet =
        Alphabet::new("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/").ok()?;
    Some(GeneralPurpose::new(
        &alphabet,
        GeneralPurposeConfig::new()
            .with_decode_padding_mode(DecodePaddingMode::Indifferent)
            .with_decode_allow_trailing_bits(true),
    ))
});

/// What a short text of an obfuscated script may stand for.
pub(in crate::look) fn short_decoded(text: &str) -> Option<String> {
    if !(8..=120).contains(&text.len())
        || !text
            .bytes()
            .all(|octet| octet.is_ascii_alphanumeric() || b"+/=".contains(&octet))
    {
        return None;
    }
    let engine = SMALL_FIRST.as_ref()?;
    let octets = engine.decode(text.trim_end_matches('=')).ok()?;
    String::from_utf8(octets)
        .ok()
        .filter(|plain| plain.bytes().all(|octet| (b' '..=b'~').contains(&octet)))
}

/// The payload of Dean Edwards's packer, unpacked: `'…',62,3,'a|b|c'.split('|')`.
pub(in crate::look) fn unpacked(payload: &str, base: u32, words: &str) -> Option<String> {
    if !(2..=62).contains(&base) {
        return None;
    }
    let words: Vec<&str> = words.split('|').collect();
    let mut plain = String::with_capacity(payload.len() * 2);
    let mut token = String::new();
    let flush = |token: &mut String, plain: &mut String| {
        if !token.is_empty() {
            let word = number(token, base).and_then(|at| words.get(at)).copied();
            plain.push_str(word.filter(|word| !word.is_empty()).unwrap_or(token));
            token.clear();
        }
    };
    for character in payload.chars() {
        if character.is_ascii_alphanumeric() || character == '_' {
            token.push(character);
        } else {
            flush(&mut token, &mut plain);
            plain.push(character);
        }
        if plain.len() > super::super::READ_MAX {
            return None;
        }
    }
    flush(&mut token, &mut plain);
    Some(plain)
}

fn number(token: &str, base: u32) -> Option<usize> {
    let mut value: usize = 0;
    for octet in token.bytes() {
        let digit = match octet {
            b'0'..=b'9' => octet - b'0',
            b'a'..=b'z' => octet - b'a' + 10,
            b'A'..=b'Z' => octet - b'A' + 36,
            _ => return None,
        };
        if u32::from(digit) >= base {
            return None;
        }
        value = value
            .checked_mul(base as usize)?
            .checked_add(usize::from(digit))?;
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_taken_off() {
        assert_eq!(
            unescaped(r"\x61\u0062\u{63}\'d\101"),
            "ab c'dA".replace(' ', "")
        );
        assert_eq!(unescaped(r"\x6"), "x6");
        assert_eq!(unescaped("a\\"), "a");
    }

    #[test]
    fn hidden_pages_are_revealed() {
        use base64::engine::general_purpose::STANDARD;
        let page = "<p>Ihr Gerät ist gesperrt</p><script>x()</script>";
        let plain = |text: &str| revealed(text).map(|(_, plain)| plain);
        assert_eq!(plain(&STANDARD.encode(page)).as_deref(), Some(page));
        let hex: String = page
            .bytes()
            .map(|octet| format!("{octet:02x}"))
            .collect::<Vec<_>>()
            .concat();
        assert_eq!(plain(&hex).as_deref(), Some(page));
        let percent: String = page
            .bytes()
            .map(|octet| format!("%{octet:02x}"))
            .collect::<Vec<_>>()
            .concat();
        assert_eq!(plain(&percent).as_deref(), Some(page));
        let reversed: String = page.chars().rev().collect();
        assert_eq!(plain(&reversed).as_deref(), Some(page));
        assert_eq!(plain("an ordinary sentence of some length"), None);
        assert_eq!(plain(&STANDARD.encode([7_u8; 200])), None);
    }

    #[test]
    fn moved_and_turned_pages_are_put_back() {
        use base64::engine::general_purpose::STANDARD;
        let page = "<p>Ihr Gerät ist gesperrt</p><script>document.title=x()</script>".repeat(4);
        let plain = |text: &str| revealed(text);
        let turned: String = STANDARD.encode(&page).chars().rev().collect();
        assert_eq!(plain(&turned), Some(("base64 turned around", page.clone())));
        for number in [1_u8, 23, 90, 127] {
            let mixed: Vec<u8> = page.bytes().map(|octet| octet ^ number).collect();
            assert_eq!(
                plain(&STANDARD.encode(mixed)),
                Some(("moved base64", page.clone())),
                "{number}"
            );
            let added: Vec<u32> = page
                .chars()
                .map(|c| u32::from(c) + u32::from(number))
                .collect();
            assert_eq!(unmoved(&added), Some(page.clone()), "{number}");
        }
        let noise: Vec<u32> = (0..5000_u32)
            .map(|at| (at.wrapping_mul(2_654_435_761) >> 11) & 0xff)
            .collect();
        assert_eq!(unmoved(&noise), None);
        assert_eq!(unmoved(&[]), None);
    }

    #[test]
    fn packed_scripts_are_unpacked() {
        assert_eq!(
            unpacked("0.1(2)", 62, "document|write|'x'").as_deref(),
            Some("document.write('x')")
        );
        assert_eq!(
            short_decoded("CMvXDwvZDezxBa"),
            short_decoded("CMvXDwvZDezxBa")
        );
    }
}
