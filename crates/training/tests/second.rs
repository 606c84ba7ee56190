//! The second look's pages: how many are found, and no ordinary one among those that may be looked at.

use ringfence_fence::look::Verdict;
use ringfence_training::{Specimen, second_look};

fn count(pages: &[Specimen], verdict: Verdict) -> usize {
    pages
        .iter()
        .filter(|page| page.look().verdict == verdict)
        .count()
}

fn parted(scam: bool) -> (Vec<Specimen>, Vec<Specimen>) {
    second_look::specimens()
        .into_iter()
        .filter(|page| page.scam == scam)
        .partition(second_look::held_back)
}

/// At least nine of ten sorts that the rules were mended for, and seven of ten of those that they were not.
#[test]
fn lock_pages_are_found_as_the_document_says() {
    let (back, open) = parted(true);
    assert_eq!((open.len(), back.len()), (153, 57));
    assert!(count(&open, Verdict::Scam) * 10 >= open.len() * 9);
    assert!(count(&back, Verdict::Scam) * 10 >= back.len() * 7);
}

#[test]
fn no_ordinary_page_that_may_be_looked_at_is_held() {
    let (_, open) = parted(false);
    let held: Vec<String> = open
        .iter()
        .filter(|page| page.look().verdict != Verdict::Clean)
        .map(|page| format!("{}: {}", page.kind, page.name))
        .collect();
    assert_eq!(held, Vec::<String>::new());
}

/// What a clock or the function itself calls again is a loop; what only has the name of a dialog is none.
#[test]
fn dialogs_and_windows_of_repeated_functions_are_floods() {
    let floods = |script: &str| {
        let html = format!("<title>x</title><script>{script}</script>");
        Specimen::ordinary("test", "flood", "en", html.into_bytes())
            .look()
            .signals
            .iter()
            .map(|signal| signal.kind.as_str())
            .filter(|kind| kind.ends_with("_loop") || kind.ends_with("_flood"))
            .collect::<Vec<_>>()
    };
    for (script, kind) in [
        (
            "function ask(){if(confirm('a')){ask()}else{ask()}}",
            "dialog_loop",
        ),
        (
            "function warn(){alert('a')}setInterval(warn,10)",
            "dialog_loop",
        ),
        (
            "const warn=()=>{alert('a');setTimeout(warn,10)}",
            "dialog_loop",
        ),
        ("setInterval('alert(1)',10)", "dialog_loop"),
        (
            "function more(){window.open('a')}setInterval(more,10)",
            "window_flood",
        ),
        (
            "window.onafterprint=function(){window.print()}",
            "window_flood",
        ),
    ] {
        assert_eq!(floods(script), [kind], "{script}");
    }
    for script in [
        "function warn(){alert('a')}warn()",
        "var box={open:function open(i){return init(i)},close(){open(1)}}",
        "function warn(){alert('a')}function tick(){}setInterval(tick,10)",
        "for(const box of boxes){bootbox.alert('a')}",
    ] {
        assert_eq!(floods(script), Vec::<&str>::new(), "{script}");
    }
}
