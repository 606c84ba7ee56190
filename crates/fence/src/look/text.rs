//! Words as people read them: case, look-alike letters, digits for letters and hidden characters folded away.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::LazyLock;
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfkc_quick};

/// Words that are written with look-alikes so that filters pass them by.
const DISGUISED: &[&str] = &[
    "windows",
    "microsoft",
    "apple",
    "defender",
    "security",
    "support",
    "helpline",
    "hotline",
    "virus",
    "trojan",
    "spyware",
    "malware",
    "infected",
    "error",
    "alert",
    "warning",
    "blocked",
    "locked",
    "firewall",
    "computer",
    "system",
    "call",
    "toll",
    "free",
    "hacked",
    "hacker",
    "threat",
    "detected",
    "norton",
    "mcafee",
    "technician",
    "technicians",
    "amazon",
    "paypal",
    "google",
    "chrome",
    "virus",
    "pornographic",
    "suspicious",
    "helpdesk",
    "sicherheit",
    "gesperrt",
    "warnung",
    "virenschutz",
    "seguridad",
    "bloqueado",
    "soporte",
    "securite",
    "assistance",
    "bloque",
    "sicurezza",
    "bloccato",
    "seguranca",
    "suporte",
    "beveiliging",
    "geblokkeerd",
    "supporto",
    "microsft",
    "macos",
    "contact",
    "service",
];

static DISGUISED_WORDS: LazyLock<HashSet<&str>> =
    LazyLock::new(|| DISGUISED.iter().copied().collect());

/// A text folded to small letters and single blanks.
#[derive(Debug, Default)]
pub(super) struct Folded {
    /// Words between blanks, a blank at both ends.
    pub text: String,
    /// Words that were disguised, in plain.
    pub disguised: Vec<String>,
}

/// Folds a text: NFKC, small letters, look-alikes, digits for letters; signs become blanks.
pub(super) fn folded(text: &str) -> Folded {
    let mut folded = Folded {
        text: String::with_capacity(text.len() + 2),
        disguised: Vec::new(),
    };
    folded.text.push(' ');
    for word in text.split(|c: char| {
        c.is_whitespace() || (c.is_ascii_punctuation() && !is_leet(c)) || is_sign(c)
    }) {
        word_folded(word, &mut folded);
    }
    folded
}

fn word_folded(word: &str, folded: &mut Folded) {
    if word.is_empty() {
        return;
    }
    // Nearly every word is in the normal form already.
    let word: Cow<'_, str> = match is_nfkc_quick(word.chars()) {
        IsNormalized::Yes => Cow::Borrowed(word),
        IsNormalized::No | IsNormalized::Maybe => Cow::Owned(word.nfkc().collect()),
    };
    let start = folded.text.len();
    let mut letters = false;
    let mut others = false;
    let mut foreign = false;
    for character in word.chars() {
        match character {
            'a'..='z' => {
                letters = true;
                folded.text.push(character);
            }
            'A'..='Z' => {
                letters = true;
                folded.text.push(character.to_ascii_lowercase());
            }
            _ if character.is_ascii() => {
                others = true;
                folded.text.push(character);
            }
            _ => {
                foreign = true;
                folded.text.extend(character.to_lowercase());
            }
        }
    }
    if (letters && others) || foreign {
        let plain = undisguised(&folded.text[start..]);
        if let Some(plain) = plain {
            folded.text.truncate(start);
            folded.text.push_str(&plain);
            if folded.disguised.len() < 16 {
                folded.disguised.push(plain);
            }
        }
    }
    if others {
        // Signs that are no disguise part words.
        let parted: String = folded.text[start..]
            .chars()
            .map(|c| if is_leet(c) { ' ' } else { c })
            .collect();
        folded.text.truncate(start);
        folded.text.push_str(parted.trim());
    }
    if folded.text.len() > start {
        folded.text.push(' ');
    }
}

/// The word behind look-alikes, if it is one of those that are disguised.
fn undisguised(word: &str) -> Option<String> {
    // Signs at the end are what a sentence ends with.
    let word = word.trim_end_matches(['!', '|', '+']);
    let latin = |c: char| c < '\u{250}' && !c.is_ascii_digit() && !is_leet(c) && c != '\u{ad}';
    if word.len() > 64
        || word.chars().all(latin)
        || word.chars().any(|c| ('\u{2e80}'..'\u{fe00}').contains(&c))
    {
        return None;
    }
    let plain: String = word
        .nfd()
        .filter(|&c| !invisible(c))
        .map(look_alike)
        .collect();
    let plain = plain.trim_matches(|c: char| !c.is_alphanumeric());
    let accents = |text: &str| -> String { text.nfd().filter(|c| !combining(*c)).collect() };
    // An accent alone is a language, not a disguise.
    (plain != word && plain != accents(word) && DISGUISED_WORDS.contains(plain))
        .then(|| plain.to_owned())
}

fn combining(c: char) -> bool {
    ('\u{300}'..='\u{36f}').contains(&c)
}

fn invisible(c: char) -> bool {
    combining(c)
        || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{2064}' | '\u{feff}' | '\u{180e}' | '\u{34f}')
}

/// Signs that stand for letters in disguised words.
fn is_leet(c: char) -> bool {
    matches!(c, '@' | '$' | '!' | '|' | '+')
}

fn is_sign(c: char) -> bool {
    matches!(c, '\u{2010}'..='\u{2027}' | '\u{2030}'..='\u{205e}' | '\u{3001}'..='\u{3003}' | '\u{3008}'..='\u{3011}' | '\u{3014}'..='\u{301f}' | '\u{ab}' | '\u{bb}' | '\u{b7}' | '\u{a1}' | '\u{bf}' | '\u{30fb}')
}

fn look_alike(c: char) -> char {
    match c {
        '0' | 'о' | 'ο' | 'օ' | 'ө' => 'o',
        '1' | '!' | '|' | 'і' | 'ι' | 'ı' | 'ɩ' | 'ӏ' => 'i',
        '3' | 'е' | 'ε' | 'є' => 'e',
        '4' | '@' | 'а' | 'α' | 'ɑ' => 'a',
        '5' | '$' | 'ѕ' => 's',
        '7' | '+' | 'т' | 'τ' => 't',
        'с' | 'ϲ' => 'c',
        'р' | 'ρ' => 'p',
        'х' | 'χ' => 'x',
        'у' | 'γ' => 'y',
        'ո' | 'п' | 'η' => 'n',
        'м' => 'm',
        'н' | 'һ' => 'h',
        'к' | 'κ' => 'k',
        'ԁ' => 'd',
        'ԝ' | 'ω' | 'ш' => 'w',
        'ν' => 'v',
        'г' | 'ꭇ' => 'r',
        'ɡ' => 'g',
        'ј' => 'j',
        'ⅼ' => 'l',
        other => other,
    }
}

/// Telephone numbers in a text, as they stand there, each once and at most 32.
pub(super) fn phones(text: &str) -> Vec<String> {
    let mut phones: Vec<String> = Vec::new();
    let octets = text.as_bytes();
    let mut at = 0;
    while at < octets.len() && phones.len() < 32 {
        let begins = octets[at] == b'+' || octets[at] == b'(' || octets[at].is_ascii_digit();
        let apart = at == 0
            || !(octets[at - 1].is_ascii_alphanumeric()
                || matches!(octets[at - 1], b'.' | b'/' | b'-' | b'_' | b'=' | b'#'));
        if !(begins && apart) {
            at += 1;
            continue;
        }
        let length = octets[at..]
            .iter()
            .take(32)
            .take_while(|octet| octet.is_ascii_digit() || b"+-.() /".contains(octet))
            .count();
        let run = text[at..at + length].trim_end_matches(|c: char| !c.is_ascii_digit());
        let run = without_hours(run);
        if let Some(phone) = phone(run)
            && !octets
                .get(at + run.len())
                .is_some_and(u8::is_ascii_alphabetic)
            && !phones.iter().any(|known| known == phone)
        {
            phones.push(phone.to_owned());
        }
        at += length.max(1);
    }
    phones
}

/// `020 7946 0123 (24`: what stands in brackets behind a whole number is no part of it.
fn without_hours(run: &str) -> &str {
    let mut digits = 0;
    for (at, octet) in run.bytes().enumerate() {
        if octet == b'(' && digits >= 9 {
            return run[..at].trim_end_matches(|c: char| !c.is_ascii_digit());
        }
        digits += usize::from(octet.is_ascii_digit());
    }
    run
}

/// A run of digits and signs that is written as telephone numbers are.
fn phone(run: &str) -> Option<&str> {
    let digits = run.bytes().filter(u8::is_ascii_digit).count();
    let groups = run
        .split(|c: char| !c.is_ascii_digit())
        .filter(|group| !group.is_empty())
        .count();
    let dots_only = run.contains('.') && !run.contains([' ', '-', '(', '+']);
    let first = run.as_bytes().first()?;
    let looks = match first {
        b'+' | b'(' => (8..=15).contains(&digits),
        b'0' => (9..=12).contains(&digits) && !run.contains("  "),
        b'1' | b'8' if groups >= 3 => (10..=11).contains(&digits),
        _ => digits == 10 && (3..=4).contains(&groups),
    };
    (looks && groups <= 7 && !(dots_only && groups == 4 && digits > 10)).then_some(run)
}

/// A number that costs the caller nothing, as lock pages show them.
pub(super) fn toll_free(phone: &str) -> bool {
    let digits: String = phone.chars().filter(char::is_ascii_digit).collect();
    let national = digits.strip_prefix('1').unwrap_or(&digits);
    ["800", "833", "844", "855", "866", "877", "888"]
        .iter()
        .any(|code| national.starts_with(code))
        || ["0800", "0808", "0120", "0805", "1800", "0900"]
            .iter()
            .any(|code| digits.starts_with(code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn disguised_words_are_read_plainly() {
        let read = folded(
            "Wind0ws-Helpline: V1rus! Mіcrоsoft s\u{ad}ecur\u{200b}ity Ｗｉｎｄｏｗｓ $upport",
        );
        assert_eq!(
            read.text,
            " windows helpline virus microsoft security windows support "
        );
        assert_eq!(
            read.disguised,
            ["windows", "virus", "microsoft", "security", "support"]
        );
    }

    #[test]
    fn the_end_of_a_sentence_is_no_disguise() {
        let read = folded("Warning! Your system! C++ | alert");
        assert!(read.disguised.is_empty(), "{:?}", read.disguised);
    }

    #[test]
    fn languages_are_no_disguise() {
        let read = folded(
            "L’assistance sécurité: Sicherheits-Center für Windows 11; Система 3D, C++ & win32",
        );
        assert!(read.disguised.is_empty(), "{:?}", read.disguised);
        assert_eq!(
            read.text,
            " l assistance sécurité sicherheits center für windows 11 система 3d c win32 "
        );
    }

    #[test]
    fn phones_are_told_from_other_numbers() {
        let text = "Call +1 (212) 555-0123 or 0800 946 0000, (020) 7946 0018; 1-800-555-0199. Not 2026-11-25, 10.0.0.1, \
                    1234567, 3.14159265358, v1.2.3.4, 12345678901234567890, 020 7946 0123 (24/7)";
        assert_eq!(
            phones(text),
            [
                "+1 (212) 555-0123",
                "0800 946 0000",
                "(020) 7946 0018",
                "1-800-555-0199",
                "020 7946 0123"
            ]
        );
        assert!(toll_free("1-800-555-0199"));
        assert!(!toll_free("+44 20 7946 0000"));
    }
}
