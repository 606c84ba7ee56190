//! A second set of pages that were written before the rules were read, and a third of it that nothing is mended for.
//!
//! `pages/second_locks.txt` and `pages/second_ordinary.txt` hold them, `pages/second_texts.tsv` three ways of saying it
//! in each of nine languages. They are written and made inert like those of `held_out`. A third of the sorts, chosen by
//! a hash of their names before the first look, is held back: it is counted and never listed, so that no rule is made
//! for it.

use crate::Specimen;
use crate::held_out::{Words, made};
use std::fmt::Write;

pub(crate) const LANGUAGES: usize = 9;

/// All of them; lock pages each in three of nine languages, each time in other words.
pub fn specimens() -> Vec<Specimen> {
    let texts: Vec<Words<'_>> = include_str!("../pages/second_texts.tsv")
        .lines()
        .map(Words::read)
        .collect();
    let ways = texts.len() / LANGUAGES;
    let mut all = Vec::new();
    for (at, section) in sections(include_str!("../pages/second_locks.txt")).enumerate() {
        for turn in 0..3 {
            let language = (at + turn * LANGUAGES / 3) % LANGUAGES;
            let way = (at / LANGUAGES + turn) % ways;
            all.extend(specimen(section, &texts[way * LANGUAGES + language]));
        }
    }
    for section in sections(include_str!("../pages/second_ordinary.txt")) {
        let lang = section
            .split_once("<html lang=\"")
            .map_or("en", |(_, rest)| &rest[..2]);
        let words = texts.iter().find(|words| words.lang == lang);
        all.extend(specimen(section, words.unwrap_or(&texts[0])));
    }
    all
}

/// Whether this sort is held back: it may be counted, and never looked at one by one.
pub fn held_back(specimen: &Specimen) -> bool {
    sort_held_back(&specimen.kind, &specimen.name)
}

pub(crate) fn sort_held_back(kind: &str, name: &str) -> bool {
    let name = format!("{kind} | {name}");
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, octet| {
        (hash ^ u64::from(octet)).wrapping_mul(0x0100_0000_01b3)
    });
    hash.is_multiple_of(3)
}

pub(crate) fn sections(text: &str) -> impl Iterator<Item = &str> {
    text.trim_start_matches("=== ").split("\n=== ")
}

/// Class, kind, name and body of a section.
pub(crate) fn parted(section: &str) -> Option<([&str; 3], &str)> {
    let (head, body) = section.split_once('\n')?;
    let mut fields = head.splitn(3, " | ");
    Some(([fields.next()?, fields.next()?, fields.next()?], body))
}

fn specimen(section: &str, words: &Words<'_>) -> Option<Specimen> {
    let ([class, kind, name], body) = parted(section)?;
    let body = body
        .replace("{{library}}", &library())
        .replace("{{helpers}}", &functions(60))
        .replace("{{boxes}}", &boxes())
        .replace("{{styles}}", &styles())
        .replace("{{shop}}", SHOP);
    Some(made(class == "lock", kind, name, words, &body))
}

/// What a page carries besides its own code: a library under its licence, with a full screen of its own.
fn library() -> String {
    format!(
        "/*! domkit v3.6.0 | (c) domkit authors | MIT licence */{}function $(s){{return document.querySelectorAll(s)}}\
         $.fn={{toggleFullScreen:function(on){{var e=this[0].documentElement,f=e.requestFullscreen||e.webkitRequestFullscreen;\
         return on?f.call(e):document.exitFullscreen()}}}};function V(o){{this.o=o}}",
        functions(420)
    )
}

pub(crate) fn functions(count: usize) -> String {
    (0..count).fold(String::new(), |mut text, at| {
        let _ = write!(
            text,
            "function f{at}(b,c){{var d=b.length,e=[];for(var g=0;g<d;g++){{if(c(b[g],g)!==null)e.push(b[g].value||{at})}}return e.join('-{at}')}}"
        );
        text
    })
}

pub(crate) fn boxes() -> String {
    (0..90).fold(String::new(), |mut text, at| {
        let _ = write!(
            text,
            "<div id=\"comp-{at}\" class=\"wrap c{}\"><div class=\"inner\"><span></span><img src=\"m/{at}.png\" alt=\"\"></div></div>",
            at % 7
        );
        text
    })
}

pub(crate) fn styles() -> String {
    (0..160).fold(String::new(), |mut text, at| {
        let _ = write!(
            text,
            ".x{at}{{margin:{at}px;padding:2px 4px;display:flex;color:#{at:03}}}"
        );
        text
    })
}

pub(crate) const SHOP: &str = "<header><a href=/>Garden &amp; Home</a> <a href=/tools>Tools</a> <a href=/seeds>Seeds</a> <a href=/cart>Cart (0)</a></header>\
<section><h2>New this spring</h2><p>Trowels, forks and watering cans for small gardens. Free delivery from 40.</p>\
<ul><li>Ash trowel, 14.90<li>Seed box, 22.00<li>Rain gauge, 9.50</ul></section>\
<section><h2>From our kitchen</h2><p>Plum cake: beat four eggs with sugar, fold in flour, lay halved plums on top and bake for fifty minutes.</p></section>\
<footer>About us, returns, privacy</footer>";
