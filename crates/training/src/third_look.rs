//! A third set of pages that were written before the rules were read: whole documents, as kits and sites have them.
//!
//! `pages/third_locks.txt` and `pages/third_ordinary.txt` hold them, `pages/third_texts.tsv` three ways of saying it in
//! each of nine languages. They are inert like the others. A third of the sorts is held back as in the second set, and
//! these speak in words of their own: the third way is theirs alone, so that neither a rule nor a phrase is made for them.

use crate::Specimen;
use crate::held_out::{Words, made};
use crate::second_look::{
    LANGUAGES, SHOP, boxes, functions, parted, sections, sort_held_back, styles,
};
use std::fmt::Write;

/// All of them; lock pages each in three of nine languages.
pub fn specimens() -> Vec<Specimen> {
    let texts: Vec<Words<'_>> = include_str!("../pages/third_texts.tsv")
        .lines()
        .map(Words::read)
        .collect();
    let mut all = Vec::new();
    for (at, section) in sections(include_str!("../pages/third_locks.txt")).enumerate() {
        for turn in 0..3 {
            let language = (at + turn * LANGUAGES / 3) % LANGUAGES;
            all.extend(specimen(section, |back| {
                let way = if back { 2 } else { (at / LANGUAGES + turn) % 2 };
                &texts[way * LANGUAGES + language]
            }));
        }
    }
    for section in sections(include_str!("../pages/third_ordinary.txt")) {
        let lang = section
            .split_once("<html lang=\"")
            .map_or("en", |(_, rest)| &rest[..2]);
        let words = texts.iter().find(|words| words.lang == lang);
        all.extend(specimen(section, |_| words.unwrap_or(&texts[0])));
    }
    all
}

/// The lock pages in languages that the lexicon does not have.
pub fn unknown_languages() -> Vec<Specimen> {
    let texts: Vec<Words<'_>> = crate::lock_pages::UNKNOWN
        .lines()
        .map(Words::read)
        .collect();
    sections(include_str!("../pages/third_locks.txt"))
        .enumerate()
        .filter_map(|(at, section)| specimen(section, |_| &texts[at % texts.len()]))
        .collect()
}

/// `words` chooses what is said, by whether the sort is held back.
fn specimen<'a>(section: &str, words: impl FnOnce(bool) -> &'a Words<'a>) -> Option<Specimen> {
    let ([class, kind, name], body) = parted(section)?;
    let words = words(sort_held_back(kind, name));
    let body = body
        .replace("{{kithead}}", KIT_HEAD)
        .replace("{{sitehead}}", SITE_HEAD)
        .replace("{{styleblock}}", &format!("<style>{}</style>", styles()))
        .replace("{{desktop}}", &desktop())
        .replace("{{chatbox}}", CHAT_BOX)
        .replace("{{chatwidget}}", CHAT_WIDGET)
        .replace("{{helpers}}", &functions(60))
        .replace("{{boxes}}", &boxes())
        .replace("{{shop}}", SHOP);
    Some(made(class == "lock", kind, name, words, &body))
}

/// A picture of a desktop in layers, as kits put it behind their windows.
fn desktop() -> String {
    let mut text = String::from(
        "<div class=\"bg\"><img src=\"images/bg1.jpg\" class=\"img-fluid\" alt=\"\"></div><div class=\"icons\">",
    );
    for at in 0..18 {
        let _ = write!(
            text,
            "<div class=\"icon\" id=\"ic{at}\"><img src=\"images/i{at}.png\" width=\"48\" height=\"48\"><span></span></div>"
        );
    }
    text.push_str("</div><div class=\"taskbar\"><ul>");
    for at in 0..9 {
        let _ = write!(
            text,
            "<li><a href=\"#\"><img src=\"images/t{at}.svg\"></a></li>"
        );
    }
    text + "</ul><span class=\"tray\">12:04</span></div>"
}

const KIT_HEAD: &str = "<meta charset=\"utf-8\"><meta http-equiv=\"X-UA-Compatible\" content=\"IE=edge\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
<meta name=\"robots\" content=\"noindex, nofollow\"><link rel=\"icon\" href=\"images/f.ico\"><link rel=\"stylesheet\" href=\"https://cdn.example.com/bootstrap/4.5.2/css/bootstrap.min.css\">\
<link href=\"https://fonts.example.com/css?family=Roboto:400,700\" rel=\"stylesheet\"><link rel=\"stylesheet\" href=\"css/style.css\"><script src=\"https://cdn.example.com/jquery/3.4.1/jquery.min.js\"></script>\
<style>body{font-family:'Segoe UI',Tahoma,sans-serif;overflow:hidden}.bg{position:fixed;inset:0;z-index:-1}.icons{position:absolute;top:9px;left:9px}.taskbar{position:fixed;bottom:0;width:100%;height:40px}</style>";

const SITE_HEAD: &str = "<meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><meta name=\"description\" content=\"Home, news and contact\">\
<link rel=\"canonical\" href=\"https://site.test/\"><link rel=\"icon\" href=\"/favicon.ico\"><link rel=\"stylesheet\" href=\"/assets/site.css\"><meta property=\"og:type\" content=\"website\">\
<script async src=\"https://stats.example.com/s.js\"></script><script src=\"/assets/vendor.js\" defer></script>";

const CHAT_BOX: &str = "<div class=\"chatbox\" id=\"chat\"><div class=\"chat-head\"><img src=\"images/agent.png\"><b>Agent</b><i>online</i></div><ul><li>Hello!</li><li>...</li></ul></div>";

const CHAT_WIDGET: &str = "<script>function never(){window.chatSettings={id:'77'};var s=document.createElement('script');s.async=true;s.src='https://chat.example.com/widget.js';document.head.appendChild(s)}</script>";
