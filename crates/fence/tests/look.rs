//! The detector whatever comes: no page breaks it, and a further lock never lowers a score.

use proptest::prelude::*;
use ringfence_fence::look::{
    Linked, LinkedKind, Look, Page, READ_MAX, SignalKind, Verdict, look, model, references,
    structure,
};

fn looked(html: &[u8], linked: &[Linked<'_>]) -> Look {
    look(&Page {
        octets: html,
        url: None,
        content_type: None,
        linked,
        linked_known: true,
    })
}

/// Pieces that pages are made of, whole and torn.
const PIECES: &[&str] = &[
    "<html>",
    "<body onbeforeunload='return x()'>",
    "<script>",
    "</script>",
    "<style>",
    "</style>",
    "<title>",
    "</title>",
    "<iframe srcdoc=\"",
    "\">",
    "<iframe src='data:text/html,%3Cp%3E' width=100% height=100%>",
    "<template>",
    "<textarea>",
    "<!--",
    "-->",
    "<![CDATA[",
    "<svg><script>",
    "<plaintext>",
    "<?php echo $_GET['phone'] ?>",
    "&#x41;&notanentity",
    "document.write(unescape('%3Cscript%3E'))",
    "document.documentElement.requestFullscreen()",
    "atob('PHA+PC9wPg==')",
    "['re'+'quest'+'Fullscreen']",
    "eval(function(p,a,c,k,e,d){}('0 1',62,2,'a|b'.split('|'),0,{}))",
    "String.fromCharCode(60,104,49,62,60,104,49,62,60,104,49,62,60,104,49,62,60,104,49,62,60,104,49,62)",
    "[60,62,40,41]",
    "navigator.keyboard.lock()",
    "if(e.keyCode==123)return false;",
    "`${`${",
    "}`}`",
    "/[/]",
    "'",
    "\"",
    "\\",
    "\\u{",
    "\\x6",
    "Your computer is infected. Call now +1 (888) 555-0123",
    "ウイルスに感染",
    "Wind0ws supp0rt",
    "\u{200b}",
    "\u{0}",
    "cursor:none}",
    "html{cursor:none}",
    "<meta http-equiv=refresh content='0;url=data:text/html;base64,PHA+'>",
    "<audio autoplay>",
    "while(1)alert(1);",
    "<a href=javascript:%00alert(1)//aaaaaaaaaaaaaaaaaaaaaaa>",
    "<img width=100%>",
];

fn pieces() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(PIECES), 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn no_octets_break_it(octets in prop::collection::vec(any::<u8>(), 0..6000), script in prop::collection::vec(any::<u8>(), 0..3000)) {
        let linked = [LinkedKind::Script, LinkedKind::Frame, LinkedKind::Style, LinkedKind::Media].map(|kind| Linked {
            url: "x",
            kind,
            octets: &script,
            content_type: Some("text/html; charset=utf-16"),
        });
        let found = looked(&octets, &linked);
        prop_assert!((0.0..=1.0).contains(&found.score));
        prop_assert_eq!(found.verdict, Verdict::of(found.score));
        prop_assert_eq!(found.fingerprints.len(), 5);
    }

    #[test]
    fn no_mixture_of_pieces_breaks_it(html in pieces(), script in pieces()) {
        let linked = [Linked { url: "x.js", kind: LinkedKind::Script, octets: script.as_bytes(), content_type: None }];
        let found = looked(html.as_bytes(), &linked);
        prop_assert!((0.0..=1.0).contains(&found.score));
        for signal in &found.signals {
            prop_assert!((0.0..=1.0).contains(&signal.strength), "{:?}", signal);
            prop_assert!(signal.weight >= 0.0 && signal.count > 0, "{:?}", signal);
            prop_assert!(signal.found.excerpt.chars().count() <= 120, "{:?}", signal);
        }
        let page = Page { octets: html.as_bytes(), url: None, content_type: None, linked: &[], linked_known: false };
        let needs = references(&page);
        prop_assert!(needs.scripts.len() <= 64);
    }

    #[test]
    fn a_further_lock_never_lowers_a_score(html in pieces(), lock in prop::sample::select(&[
        "document.documentElement.requestFullscreen();",
        "navigator.keyboard.lock();",
        "document.body.requestPointerLock();",
        "document.body.style.cursor='none';",
        "window.onbeforeunload=function(){return 'x'};",
        "document.onkeydown=function(e){if(e.keyCode==123||e.keyCode==27)return false};",
        "document.oncontextmenu=function(){return false};",
        "while(true){alert('x')}",
        "for(;;){history.pushState({},'','#')}",
        "var a=new Audio('a.mp3');a.loop=true;a.play();",
    ][..])) {
        let before = looked(html.as_bytes(), &[]);
        let linked = [Linked { url: "own.js", kind: LinkedKind::Script, octets: lock.as_bytes(), content_type: None }];
        let after = looked(html.as_bytes(), &linked);
        prop_assert!(after.score >= before.score, "{} < {}", after.score, before.score);
    }

    #[test]
    fn the_model_grows_with_every_signal(
        strengths in prop::collection::vec(0.0..=1.0_f64, SignalKind::ALL.len()),
        which in 0..SignalKind::ALL.len(),
        more in 0.0..=1.0_f64,
    ) {
        let weights = model::Weights::committed();
        let score = |strengths: &[f64]| weights.score(&model::features(|kind| strengths[kind as usize]));
        let mut stronger = strengths.clone();
        stronger[which] = stronger[which].max(more);
        prop_assert!(score(&stronger) >= score(&strengths) - 1e-12);
    }
}

/// A page that has everything that may be had on an ordinary one is like no lock page less for it.
#[test]
fn nothing_that_is_added_makes_a_page_less_like_a_lock_page() {
    let lock = "<body onbeforeunload='return q()'><audio autoplay src=a.mp3></audio><script>var el=document.documentElement,\
                rfs=el.requestFullScreen||el.webkitRequestFullScreen;rfs.call(el);document.onkeydown=function(e){return false}</script>";
    let padding = [
        "<a href=/one>one</a>".repeat(300),
        "<form><input name=a><input name=b></form>".repeat(20),
        format!(
            "<script>{}</script>",
            "function other(a,b){return a+b}".repeat(400)
        ),
        "<img src=a.png>".repeat(50),
        "<!-- a comment -->".repeat(5000),
    ];
    let before = looked(lock.as_bytes(), &[]).structure.score();
    for more in padding {
        for page in [format!("{lock}{more}"), format!("{more}{lock}")] {
            let after = looked(page.as_bytes(), &[]).structure.score();
            assert!(after >= before, "{after} < {before}: {}", &more[..20]);
        }
    }
    for &one in structure::Trait::ALL {
        for &other in structure::Trait::ALL {
            let mut built = structure::Structure::default();
            built.add(one);
            let before = built.score();
            built.add(other);
            assert!(built.score() >= before, "{one:?} and {other:?}");
        }
    }
}

/// What stands in a library, and what a page only speaks of, is no trait of the page.
#[test]
fn a_library_and_a_text_have_no_traits() {
    let library = format!(
        "/*! somekit v1 | MIT */{}document.documentElement.requestFullscreen();",
        "function f(a){return a}".repeat(400)
    );
    let linked = [Linked {
        url: "somekit.js",
        kind: LinkedKind::Script,
        octets: library.as_bytes(),
        content_type: None,
    }];
    let text = "<p>Call <code>document.documentElement.requestFullscreen()</code> on keydown, and audio.play() on beforeunload.";
    assert_eq!(
        looked(text.as_bytes(), &linked).structure,
        structure::Structure::default()
    );
}

#[test]
fn no_weight_of_the_structure_model_is_negative() {
    let weights = structure::committed();
    assert_eq!(weights.weights.len(), structure::names().count());
    assert!(weights.weights.iter().all(|weight| *weight >= 0.0));
    assert!(weights.weights.iter().any(|weight| *weight > 0.0));
    assert!(weights.bias < 0.0);
    const { assert!(structure::LIKELY_FROM < structure::SURE_FROM) };
    assert!(structure::Structure::default().score() < structure::LIKELY_FROM / 10.0);
}

#[test]
fn no_weight_is_negative() {
    let weights = model::Weights::committed();
    assert_eq!(weights.weights.len(), model::names().count());
    assert!(weights.weights.iter().all(|weight| *weight >= 0.0));
    assert!(weights.bias < 0.0);
}

#[test]
fn what_is_longer_than_is_read_is_said_to_be_incomplete() {
    let found = looked(&vec![b'a'; READ_MAX + 1], &[]);
    assert!(found.incomplete);
    assert_eq!(found.verdict, Verdict::Clean);
}

#[test]
fn a_page_that_needs_scripts_is_incomplete_until_they_are_given() {
    let page = Page {
        octets: b"<script src=a.js></script>",
        url: None,
        content_type: None,
        linked: &[],
        linked_known: false,
    };
    assert!(look(&page).incomplete);
    assert!(
        !look(&Page {
            linked_known: true,
            ..page
        })
        .incomplete
    );
}

#[test]
fn deep_nesting_and_many_attributes_end() {
    let attributes: String = (0..60_000)
        .map(|n| format!(" a{n:x}"))
        .collect::<Vec<_>>()
        .concat();
    for html in [
        "<div>".repeat(200_000),
        format!("<div{attributes}"),
        "<iframe srcdoc='&lt;iframe srcdoc=x&gt;'>".repeat(2_000),
        format!("<script>{}", "[(`${".repeat(50_000)),
        format!("<script>{}", "requestFullscreen ".repeat(20_000)),
    ] {
        assert_eq!(looked(html.as_bytes(), &[]).verdict, Verdict::Clean);
    }
}

#[test]
fn a_signal_says_where_it_was_seen() {
    let html = b"<html>\n<body>\n<script>\nvar x = 1;\ndocument.documentElement.requestFullscreen();\n</script>";
    let found = looked(html, &[]);
    let signal = found
        .signals
        .iter()
        .find(|signal| signal.kind == SignalKind::FullScreen)
        .unwrap();
    assert_eq!(signal.found.to_string(), "inline script 1, line 5");
    assert!(signal.found.excerpt.contains("requestFullscreen"));
}
