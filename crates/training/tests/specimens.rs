//! Every page that was made for the detector is judged as it should be: each known behaviour and disguise in nine
//! languages, and ordinary pages that look dangerous.

use std::collections::BTreeSet;

use ringfence_fence::look::{SignalKind, Verdict};
use ringfence_training::{Specimen, held_out, lock_pages, ordinary_pages};

fn wrong(specimens: &[Specimen], right: Verdict) -> Vec<String> {
    specimens
        .iter()
        .filter_map(|specimen| {
            let found = specimen.look();
            (found.verdict != right).then(|| {
                let Specimen {
                    kind, name, lang, ..
                } = specimen;
                format!(
                    "{kind}: {name} ({lang}) is {} ({:.3})",
                    found.verdict, found.score
                )
            })
        })
        .collect()
}

#[test]
fn every_lock_page_is_a_scam() {
    assert_eq!(
        wrong(&lock_pages::specimens(), Verdict::Scam),
        Vec::<String>::new()
    );
}

#[test]
fn every_ordinary_page_is_clean() {
    assert_eq!(
        wrong(&ordinary_pages::specimens(), Verdict::Clean),
        Vec::<String>::new()
    );
}

/// Pages that nothing was fitted to: at least 95 of 100 are found, each kind in most of its pages, and no ordinary one.
#[test]
fn held_out_pages_are_judged_as_well_as_the_document_says() {
    let (locks, ordinary): (Vec<Specimen>, Vec<Specimen>) = held_out::specimens()
        .into_iter()
        .partition(|specimen| specimen.scam);
    assert_eq!(wrong(&ordinary, Verdict::Clean), Vec::<String>::new());
    let missed = wrong(&locks, Verdict::Scam);
    assert!(locks.len() >= 180, "{}", locks.len());
    assert!(missed.len() * 20 <= locks.len(), "{missed:#?}");
}

/// The policy that keeps a specimen from running says nothing to the detector.
#[test]
fn held_out_pages_are_judged_the_same_without_their_policy() {
    for specimen in held_out::specimens() {
        let mut bare = specimen.clone();
        let html = String::from_utf8(bare.html).unwrap();
        let (_, rest) = html.split_once('>').unwrap();
        bare.html = rest.as_bytes().to_vec();
        let (with, without) = (specimen.look(), bare.look());
        assert_eq!(with.verdict, without.verdict, "{}", specimen.name);
    }
}

#[test]
fn there_are_enough_of_them_to_say_something() {
    let locks = lock_pages::specimens();
    let languages: BTreeSet<&str> = locks.iter().map(|page| page.lang.as_str()).collect();
    let variants: BTreeSet<(&str, &str)> = locks
        .iter()
        .map(|page| (page.kind.as_str(), page.name.as_str()))
        .collect();
    assert_eq!(languages.len(), 9);
    assert!(variants.len() >= 40, "{}", variants.len());
    assert!(ordinary_pages::specimens().len() >= 200);
}

/// Without the part that carries the locks, the words alone are no scam: what is caught is the lock.
#[test]
fn a_lock_page_without_its_locks_is_no_scam() {
    for specimen in lock_pages::specimens()
        .iter()
        .filter(|specimen| specimen.kind == "split" && specimen.name == "locks in own files")
    {
        let mut bare = specimen.clone();
        bare.linked.clear();
        assert_ne!(bare.look().verdict, Verdict::Scam, "{}", specimen.lang);
        assert_eq!(specimen.look().verdict, Verdict::Scam, "{}", specimen.lang);
    }
}

/// Each disguise is not only survived but named, so that an operator sees it.
#[test]
fn disguises_are_named() {
    for (kind, name, signal) in [
        ("hidden", "base64", SignalKind::DecodedLayer),
        ("hidden", "character codes", SignalKind::DecodedLayer),
        (
            "hidden",
            "data address of a refresh",
            SignalKind::DecodedLayer,
        ),
        (
            "shell",
            "frame and full screen, frame not at hand",
            SignalKind::FrameShell,
        ),
        ("images", "text in pictures", SignalKind::TextInImages),
        ("disguise", "digits for letters", SignalKind::FoldedWords),
        ("disguise", "look-alike letters", SignalKind::FoldedWords),
        ("disguise", "decoy title", SignalKind::DecoyTitle),
        (
            "behaviour",
            "number from the address",
            SignalKind::PhoneFromQuery,
        ),
        (
            "behaviour",
            "number from a server",
            SignalKind::PhoneFromServer,
        ),
        (
            "behaviour",
            "address of the visitor shown",
            SignalKind::AddressLookup,
        ),
        (
            "behaviour",
            "other browsers sent away",
            SignalKind::AgentRedirect,
        ),
        ("behaviour", "chat and noindex", SignalKind::ChatWidget),
        ("behaviour", "shared host", SignalKind::SharedHost),
    ] {
        let specimen = lock_pages::specimens()
            .into_iter()
            .find(|page| page.kind == kind && page.name == name && page.lang == "en")
            .unwrap_or_else(|| panic!("there is no {kind}: {name}"));
        let signals = specimen.look().signals;
        assert!(
            signals.iter().any(|found| found.kind == signal),
            "{kind}: {name}: {signals:?}"
        );
    }
}

/// Locks and sound are enough, whatever the page says: seven of ten lock pages are found in languages that the lexicon
/// does not have, and every one with full screen, a question, dead keys and a sound that nothing stops.
#[test]
fn lock_pages_in_unknown_languages_are_known_by_their_locks() {
    let locks: Vec<Specimen> = lock_pages::unknown_languages()
        .into_iter()
        .chain(held_out::unknown_languages())
        .collect();
    let missed = wrong(&locks, Verdict::Scam);
    assert!(missed.len() * 10 <= locks.len() * 3, "{missed:#?}");
    let usual: Vec<Specimen> = locks
        .into_iter()
        .filter(|specimen| {
            ["usual locks", "base64", "locks in own files"].contains(&specimen.name.as_str())
        })
        .collect();
    assert!(usual.len() >= 9, "{}", usual.len());
    assert_eq!(wrong(&usual, Verdict::Scam), Vec::<String>::new());
}
