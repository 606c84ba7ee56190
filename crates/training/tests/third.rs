//! The third look's pages: whole documents, of which a third is only counted.

use ringfence_fence::look::{SignalKind, Verdict};
use ringfence_training::{Specimen, second_look, third_look};

fn count(pages: &[Specimen], verdict: Verdict) -> usize {
    pages
        .iter()
        .filter(|page| page.look().verdict == verdict)
        .count()
}

fn parted(scam: bool) -> (Vec<Specimen>, Vec<Specimen>) {
    third_look::specimens()
        .into_iter()
        .filter(|page| page.scam == scam)
        .partition(second_look::held_back)
}

/// At least 19 of 20 pages that the rules were mended for, and 17 of 20 of those that they were not.
#[test]
fn lock_pages_are_found_as_the_document_says() {
    let (back, open) = parted(true);
    assert_eq!((open.len(), back.len()), (123, 57));
    assert!(count(&open, Verdict::Scam) * 20 >= open.len() * 19);
    assert!(count(&back, Verdict::Scam) * 20 >= back.len() * 17);
}

#[test]
fn no_ordinary_page_that_may_be_looked_at_is_a_scam() {
    let (_, open) = parted(false);
    let held: Vec<String> = open
        .iter()
        .filter(|page| page.look().verdict == Verdict::Scam)
        .map(|page| format!("{}: {}", page.kind, page.name))
        .collect();
    assert_eq!(held, Vec::<String>::new());
    assert!(count(&open, Verdict::Clean) + 1 >= open.len());
}

fn strength(html: &str, kind: SignalKind) -> f64 {
    Specimen::ordinary("test", "one", "en", html.as_bytes().to_vec())
        .look()
        .signals
        .iter()
        .find(|signal| signal.kind == kind)
        .map_or(0.0, |signal| signal.strength)
}

/// Locks side by side in a bundle are the page's own, a library's are far apart.
#[test]
fn locks_that_lie_together_in_a_bundle_count() {
    let filler =
        "function f(a,b){var c=a.length;for(var i=0;i<c;i++){b.push(a[i])}return b}".repeat(500);
    let full = "document.documentElement.requestFullscreen();";
    let rest = "addEventListener('beforeunload',function(e){e.returnValue='x'});addEventListener('keydown',function(e){e.preventDefault()});";
    let page =
        |script: String| format!("<title>x</title><script>function never(){{{script}}}</script>");
    let together = page(format!("{filler}{full}{rest}{filler}"));
    let apart = page(format!("{full}{filler}{rest}{filler}"));
    assert!(strength(&together, SignalKind::FullScreen) >= 0.9);
    assert!(strength(&together, SignalKind::LeaveBlocked) >= 0.9);
    assert!(strength(&apart, SignalKind::FullScreen) <= 0.2);
}

/// A question on leaving in the short forms of compressed scripts, and a sound whose controls nobody sees.
#[test]
fn short_forms_and_unseen_controls_are_read() {
    for asks in [
        "$(window).on('beforeunload',function(){return !0})",
        "$(window).bind('beforeunload',function(){return 1})",
    ] {
        let html = format!("<title>x</title><script>{asks}</script>");
        assert!(strength(&html, SignalKind::LeaveBlocked) >= 1.0, "{asks}");
    }
    let sound = |style: &str| {
        strength(
            &format!("<title>x</title><audio autoplay loop controls {style} src=a.mp3></audio>"),
            SignalKind::AudioAutoplay,
        )
    };
    assert!(sound("style='display: none'") >= 1.0);
    assert!(sound("") <= 0.5);
}

/// A pointer that many boxes hide is hidden; a sound that a script makes plays where it starts by
/// itself.
#[test]
fn pointers_and_sounds_of_kits_are_read() {
    let boxes = |count: usize| "<div style='cursor: none'></div>".repeat(count);
    let hidden = |count| {
        strength(
            &format!("<title>x</title>{}", boxes(count)),
            SignalKind::CursorHidden,
        )
    };
    assert!(hidden(1) <= 0.5 && hidden(3) >= 1.0);
    let made = "<title>x</title><script>var s=document.createElement('audio');s.src='a.mp3';s.loop=true;s.autoplay=true</script>";
    assert!(strength(made, SignalKind::AudioFromScript) >= 0.9);
}

/// A field to write into is no way out where a page threatens, asks on leaving in full screen, and keys are dead.
#[test]
fn a_writing_area_does_not_save_a_page_that_locks_everything() {
    let (_, open) = parted(true);
    let mut tried = 0;
    for page in open {
        let look = page.look();
        let at_least = |kind, floor: f64| {
            let seen = look.signals.iter().find(|signal| signal.kind == kind);
            seen.is_some_and(|signal| signal.strength >= floor)
        };
        let locked = [
            (SignalKind::FullScreen, 0.9),
            (SignalKind::LeaveBlocked, 0.9),
            (SignalKind::KeysBlocked, 0.7),
            (SignalKind::AudioAutoplay, 1.0),
            (SignalKind::ThreatWords, 0.3),
            (SignalKind::GestureTrap, 0.9),
        ];
        if !locked.iter().all(|&(kind, floor)| at_least(kind, floor)) {
            continue;
        }
        tried += 1;
        let mut more = page.clone();
        more.html.extend_from_slice(b"<textarea></textarea>");
        assert_eq!(
            more.look().verdict,
            Verdict::Scam,
            "{}: {} ({})",
            page.kind,
            page.name,
            page.lang
        );
    }
    assert!(tried >= 15, "{tried}");
}
