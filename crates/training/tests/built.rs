//! How pages are built: the corpus and the detector tell the same of the same page, and no ordinary page that may be
//! looked at is built like a lock page.

use ringfence_fence::look::structure::{SURE_FROM, Structure, Trait};
use ringfence_fence::look::{LinkedKind, SignalKind, Verdict};
use ringfence_training::corpus::Record;
use ringfence_training::{Specimen, held_out, ordinary_pages, second_look, third_look};

/// A page with a script of its own beside it; inert, for the address of its sound does not exist.
const PAGE: &str = r#"<html><head><title>x</title><meta name="robots" content="noindex">
<style>html{cursor:none}.a{cursor:none}.b{cursor: none}</style></head>
<body onbeforeunload="return leaving()" onmouseover="look(event)">
<p style="cursor:none">text</p><marquee>text</marquee><audio autoplay loop src="a.mp3"></audio>
<script>
var confirmationMessage = 'x';
document.onkeydown = function (e) { if (e.keyCode == 122 || e.keyCode == 17) { return false; } };
window.addEventListener('beforeunload', function (e) { e.returnValue = confirmationMessage; });
</script><script src="own.js"></script></body></html>"#;

const SCRIPT: &str = r"
function openFullscreen() {
  var el = document.documentElement, rfs = el.requestFullScreen || el.webkitRequestFullScreen;
  rfs.call(el);
  navigator.keyboard.lock();
}
var audioElement = document.createElement('audio');
audioElement.addEventListener('ended', function () { this.play(); });
$(document).on('keyup contextmenu', function (e) { if (e.key === 'Escape') openFullscreen(); });
history.pushState(null, '', '#');
$(window).mousedown(function () { document.body.style.cursor = 'none'; });
";

/// The same page as the corpus's README would have it counted.
const LINE: &str = r#"{"id":"made","label":"tss","kind":"kit","lang":"und","cluster":"made","text_chars":9,
"tags":{"html":1,"marquee":1,"audio":1},"links":{},"forms":{},
"attrs":{"onbeforeunload":1,"onmouseover":1,"autoplay":1,"loop":1},
"events":{"beforeunload":2,"mouseover":1,"keydown":1},
"script_identifiers":{"confirmationMessage":2,"document.onkeydown":1,"e.keyCode":2,"window.addEventListener":1,"e.returnValue":1,"leaving":1},
"script_strings_words":{},"script_api":{"return_false":1},"keys_checked":{"code:122":1,"code:17":1},"query_params_read":[],
"text_words":{},"title_words":{},"phone_like_in_text":0,"host_classes":{},"brands_in_text":{},
"audio":{"elements":1,"autoplay":1,"loop":1},"iframes":{},"images":{},"meta":{"noindex":1,"generator":""},"css":{"cursor_hidden":4},
"linked_scripts":{"events":{"ended":1,"keyup":1,"contextmenu":1,"mousedown":1},
"script_identifiers":{"openFullscreen":2,"el.requestFullScreen":1,"el.webkitRequestFullScreen":1,"rfs":1,"rfs.call":1,"navigator.keyboard.lock":1,"audioElement":1,"this.play":1,"history.pushState":1},
"script_strings_words":{},"script_api":{"request_fullscreen":1,"keyboard_lock":1,"new_audio":1,"play":1,"history_push":1,"cursor_hidden":1},
"keys_checked":{"escape":1},"query_params_read":[]}}"#;

fn page(linked: bool) -> Specimen {
    let mut page = Specimen::ordinary("test", "built", "en", PAGE.into());
    if linked {
        page.linked.push((
            "own.js".into(),
            LinkedKind::Script,
            SCRIPT.as_bytes().to_vec(),
        ));
    }
    page
}

#[test]
fn a_page_is_built_as_the_corpus_counts_it() {
    let record: Record = serde_json::from_str(LINE).unwrap();
    let traits = |structure: Structure| structure.traits().collect::<Vec<_>>();
    let with = page(true).look().structure;
    assert_eq!(traits(with), traits(record.structure()));
    let alone = page(false).look().structure;
    assert_eq!(traits(alone), traits(record.alone().structure()));
    assert!(with.has(Trait::FullScreen) && !alone.has(Trait::FullScreen));
    assert!(with.traits().count() > 20);
}

/// An operator is told that it is so, and by what.
#[test]
fn a_page_that_is_built_like_a_lock_page_says_by_what() {
    let found = page(true).look();
    assert_eq!(found.verdict, Verdict::Scam);
    let signal = found
        .signals
        .iter()
        .find(|signal| signal.kind == SignalKind::KnownBuild)
        .unwrap();
    assert!(signal.weight > 0.0 && signal.strength >= SURE_FROM);
    for one in found.structure.strongest(3) {
        assert!(signal.why.contains(one.shown()), "{}", signal.why);
    }
}

#[test]
fn no_ordinary_page_that_may_be_looked_at_is_built_like_a_lock_page() {
    let looked_at = second_look::specimens()
        .into_iter()
        .chain(third_look::specimens())
        .filter(|page| !second_look::held_back(page));
    let pages = ordinary_pages::specimens()
        .into_iter()
        .chain(held_out::specimens())
        .chain(looked_at)
        .filter(|page| !page.scam);
    let held: Vec<String> = pages
        .filter(|page| {
            let signals = page.look().signals;
            signals
                .iter()
                .any(|signal| signal.kind == SignalKind::KnownBuild)
        })
        .map(|page| format!("{}: {}", page.kind, page.name))
        .collect();
    assert_eq!(held, Vec::<String>::new());
}
