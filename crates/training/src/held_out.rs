//! Pages that were written before the rules were looked at: how the detector fares on structure it was not made for.
//!
//! `pages/held_out.txt` holds them, `pages/held_texts.tsv` what the lock pages say, in words of their own. Nothing is
//! fitted to them. Like the other specimens they are inert: scripts stand in functions that nobody calls, a policy in
//! the page forbids every script besides, and the numbers are fictitious.

use crate::Specimen;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use ringfence_fence::look::LinkedKind;

const PHONE: &str = "+1 888-555-0123";
const POLICY: &str = "<meta http-equiv=Content-Security-Policy content=\"script-src 'none'\">";

/// All of them; lock pages each in three of nine languages, in turn.
pub fn specimens() -> Vec<Specimen> {
    specimens_of(include_str!("../pages/held_texts.tsv"))
}

/// The lock pages in languages that the lexicon does not have.
pub fn unknown_languages() -> Vec<Specimen> {
    let mut all = specimens_of(crate::lock_pages::UNKNOWN);
    all.retain(|specimen| specimen.scam);
    all
}

/// What a page says in one language.
pub(crate) struct Words<'a> {
    pub(crate) lang: &'a str,
    /// Title, threat, call, hold, scan.
    said: Vec<&'a str>,
    phone: &'a str,
}

impl<'a> Words<'a> {
    /// Read from a line: the language, what is said, and the number where it is another one.
    pub(crate) fn read(line: &'a str) -> Self {
        let mut fields = line.split('\t');
        let lang = fields.next().unwrap_or_default();
        let said = fields.by_ref().take(5).collect();
        let phone = fields.next().filter(|phone| !phone.is_empty());
        Self {
            lang,
            said,
            phone: phone.unwrap_or(PHONE),
        }
    }
}

fn specimens_of(texts: &str) -> Vec<Specimen> {
    let texts: Vec<Words<'_>> = texts.lines().map(Words::read).collect();
    let mut all = Vec::new();
    let sections = include_str!("../pages/held_out.txt")
        .split("=== ")
        .filter_map(|section| section.split_once('\n'));
    for (at, (head, body)) in sections.enumerate() {
        let mut fields = head.splitn(3, " | ");
        let (Some(class), Some(kind), Some(name)) = (fields.next(), fields.next(), fields.next())
        else {
            continue;
        };
        if class == "lock" {
            for turn in 0..3 {
                let texts = &texts[(at + turn * (texts.len() / 3)) % texts.len()];
                all.push(made(true, kind, name, texts, body));
            }
        } else {
            all.push(made(false, kind, name, &texts[0], body));
        }
    }
    all
}

/// A page of this body, with what belongs to it.
pub(crate) fn made(scam: bool, kind: &str, name: &str, words: &Words<'_>, body: &str) -> Specimen {
    let mut parts = body.split("\n--- ");
    let html = filled(parts.next().unwrap_or_default(), words);
    let mut specimen = Specimen::new(
        scam,
        kind,
        name,
        words.lang,
        format!("{POLICY}{html}").into_bytes(),
    );
    for (head, text) in parts.filter_map(|part| part.split_once('\n')) {
        let (sort, file) = head.split_once(' ').unwrap_or((head, "linked"));
        let kind = match sort {
            "frame" => LinkedKind::Frame,
            _ => LinkedKind::Script,
        };
        specimen.link(file, kind, &filled(text, words));
    }
    specimen
}

/// The text with its words in place, and its marked stretches encoded.
fn filled(template: &str, words: &Words<'_>) -> String {
    let mut text = template.to_owned();
    for (word, said) in ["title", "threat", "call", "hold", "scan"]
        .iter()
        .zip(&words.said)
    {
        text = text.replace(&format!("{{{{{word}}}}}"), said);
    }
    text = text.replace("{{phone}}", words.phone);
    let noise: Vec<u8> = (0..900_u32)
        .map(|at| u8::try_from(at.wrapping_mul(2_654_435_761) >> 24).unwrap_or_default())
        .collect();
    text = text.replace("{{noise}}", &BASE64.encode(noise));
    for (name, encode) in ENCODINGS {
        let mark = format!("{{{{{name}}}}}");
        while let Some((before, rest)) = text.split_once(&mark) {
            let (inner, after) = rest.split_once("{{end}}").unwrap_or((rest, ""));
            text = format!("{before}{}{after}", encode(inner));
        }
    }
    text
}

type Encode = fn(&str) -> String;

const ENCODINGS: [(&str, Encode); 7] = [
    ("base64", |text| BASE64.encode(text)),
    ("percent", |text| {
        text.encode_utf16()
            .map(|unit| match u8::try_from(unit) {
                Ok(octet) => format!("%{octet:02X}"),
                Err(_) => format!("%u{unit:04X}"),
            })
            .collect()
    }),
    ("unicode", |text| {
        let escapes: Vec<String> = text
            .encode_utf16()
            .map(|unit| format!("\\u{unit:04x}"))
            .collect();
        escapes.concat()
    }),
    ("shifted", |text| {
        let codes: Vec<String> = text
            .encode_utf16()
            .map(|unit| (u32::from(unit) + 7).to_string())
            .collect();
        codes.join(",")
    }),
    ("xor", |text| {
        let octets: Vec<u8> = text.bytes().map(|octet| octet ^ 0x17).collect();
        BASE64.encode(octets)
    }),
    ("reversed", |text| {
        BASE64.encode(text).chars().rev().collect()
    }),
    ("apart", |text| {
        let letters: Vec<String> = text
            .chars()
            .map(|letter| format!("<span>{letter}\u{200b}</span>"))
            .collect();
        letters.concat()
    }),
];
