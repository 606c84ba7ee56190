//! Ordinary pages that look dangerous: games, consoles, kiosks, exams, warnings, real help lines and their like.
//!
//! `pages/ordinary.txt` holds them by kind and name; each is made four times, with other names, languages and surroundings.

use crate::Specimen;
use ringfence_fence::look::LinkedKind;

const NAMES: [&str; 4] = ["Nordwind", "Blue Harbor", "Castelli", "Example Works"];
const TOPICS: [&str; 4] = [
    "Leeds and Bradford",
    "Wartung von Heizungen",
    "la vie des abeilles",
    "security for small offices",
];
const PHONES: [&str; 4] = [
    "+44 20 7946 0018",
    "(212) 555-0147",
    "+44 1632 960123",
    "1-800-555-0199",
];
const PROSE: [&str; 4] = [
    "We have served the region for thirty years. Our team visits you at home, explains what has to be done and what it costs, and keeps its word. Opening hours are from eight to six.",
    "Seit dreißig Jahren arbeiten wir in der Region. Unser Team kommt zu Ihnen, erklärt die Kosten und hält Wort. Die Warnung vor Betrug am Telefon bleibt wichtig: Rufen Sie nur bekannte Nummern an.",
    "Depuis trente ans, notre équipe se déplace chez vous. Les abeilles butinent de mars à octobre, et chaque ruche donne son miel. Contactez-nous pour une visite.",
    "Passwords are stolen by malware and by fake alerts. Update your system, use two factors, and report suspicious activity to your support team. Never call a number from a warning.",
];

/// All of them.
pub fn specimens() -> Vec<Specimen> {
    include_str!("../pages/ordinary.txt")
        .split("=== ")
        .filter_map(|section| section.split_once('\n'))
        .filter_map(|(head, html)| Some((head.split_once(" | ")?, html)))
        .flat_map(|((kind, name), html)| (0..4).map(move |turn| made(kind, name, html, turn)))
        .collect()
}

fn made(kind: &str, name: &str, html: &str, turn: usize) -> Specimen {
    let lang = ["en", "de", "fr", "en"][turn];
    let mut page = html
        .replace("{{name}}", NAMES[turn])
        .replace("{{slug}}", &NAMES[turn].to_lowercase().replace(' ', "-"))
        .replace("{{topic}}", TOPICS[turn])
        .replace("{{phone}}", PHONES[turn])
        .replace("{{prose}}", PROSE[turn])
        .replace("{{bundle}}", &bundle())
        .replace("{{blob}}", &blob());
    if !page.starts_with("<!") && !page.starts_with("<html") && !page.starts_with("<?") {
        page = format!("<!DOCTYPE html><html lang={lang}><meta charset=utf-8>{page}");
    }
    match turn {
        // With what sites carry beside their own: a tag manager, fonts, a footer.
        1 => page.push_str("<script>(function(w,d,s,l,i){w[l]=w[l]||[];var f=d.getElementsByTagName(s)[0],j=d.createElement(s);j.async=true;j.src='https://www.example.com/gtm.js?id='+i;f.parentNode.insertBefore(j,f)})(window,document,'script','dataLayer','X')</script><footer><a href=/imprint>Impressum</a> <a href=/privacy>Datenschutz</a></footer>"),
        // With much text around it.
        2 => page.push_str(&["<main>", &["<p>", PROSE[2], "</p>"].concat().repeat(30), "</main>"].concat()),
        _ => {}
    }
    let mut specimen = Specimen::ordinary(kind, name, lang, page.into());
    if html.contains("assets/index.js") || turn == 3 {
        specimen.link("assets/index.js", LinkedKind::Script, &bundle());
        specimen.link(
            "assets/style.css",
            LinkedKind::Style,
            ".player.idle,.game{cursor:none}.modal{position:fixed;inset:0}body{user-select:none}",
        );
    }
    specimen
}

/// An application as bundlers write it: everything that libraries can do, in one long line.
pub fn bundle() -> String {
    const PART: &str = "function a1(e){var t=document.documentElement;return t.requestFullscreen?t.requestFullscreen():t.webkitRequestFullscreen&&t.webkitRequestFullscreen()}function b2(){document.exitFullscreen()}var c3=[\"fullscreenEnabled\",\"requestFullscreen\",\"exitFullscreen\",\"fullscreenElement\"];window.addEventListener(\"beforeunload\",(function(e){n.dirty&&(e.preventDefault(),e.returnValue=\"\")}));function d4(e){switch(e.keyCode||e.which){case 27:return\"Escape\";case 122:return\"F11\";case 123:return\"F12\";case 17:return\"Control\"}}r.addEventListener(\"contextmenu\",(function(e){e.preventDefault()}));var e5=new Audio;e5.loop=!0;e5.play();e5.addEventListener(\"ended\",(function(){e5.play()}));g.style.cursor=\"none\";h.requestPointerLock();history.pushState(null,\"\",i);window.addEventListener(\"popstate\",j);for(var k=0;k<9;k++)l(k);navigator.keyboard&&navigator.keyboard.lock();document.addEventListener(\"click\",(function(e){m(e)}),!0);var o={error:\"Your session has expired.\",blocked:\"This account has been blocked. Contact support.\"};";
    PART.repeat(64 * 1024 / PART.len() + 2)
}

/// Data that only a password opens.
fn blob() -> String {
    (0_u32..4000)
        .map(|at| {
            let code = at.wrapping_mul(2_654_435_761) >> 26;
            char::from(
                b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
                    [code as usize % 64],
            )
        })
        .collect()
}
