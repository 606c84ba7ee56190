//! The figures of `docs/detector.md`: by language and kind, with a confusion table, and what is missed by name.

use crate::corpus::Record;
use crate::fit::{Example, fitted};
use crate::{Specimen, held_out, lock_pages, ordinary_pages, second_look, third_look};
use ringfence_fence::look::Verdict;
use ringfence_fence::look::model::Weights;
use ringfence_fence::look::structure::{self, Structure, Trait};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// Verdicts: clean, suspicious, scam.
type Row = [usize; 3];

/// Everything, as Markdown.
pub fn written(records: &[Record]) -> String {
    let mut text = String::new();
    text.push_str("### Pages made for the detector\n\nThe weights were fitted to these too: this shows that known behaviours and disguises are caught, not how unknown ones fare.\n\n");
    let known: Vec<Specimen> = lock_pages::specimens()
        .into_iter()
        .chain(ordinary_pages::specimens())
        .collect();
    judged(&known, &mut text);
    text.push_str("### Pages written before the rules were looked at\n\nNothing was fitted to these, but the rules were mended after the first look at them: see above what that first look found.\n\n");
    judged(&held_out::specimens(), &mut text);
    looked(
        "The second set",
        "Two thirds of the sorts: the rules were mended after the first look at them.",
        second_look::specimens(),
        &mut text,
    );
    looked(
        "The third set",
        "Two thirds of the sorts: the rules were mended after the first look at them.",
        third_look::specimens(),
        &mut text,
    );
    text.push_str("### In languages that the lexicon does not have\n\nThe lock pages of both sets above in Polish, Turkish and Finnish: what is found is found by locks and sound.\n\n");
    let unknown: Vec<Specimen> = lock_pages::unknown_languages()
        .into_iter()
        .chain(held_out::unknown_languages())
        .collect();
    judged(&unknown, &mut text);
    corpus(records, &mut text);
    built(records, &mut text);
    text
}

/// A set of which a third is held back: that part is only counted.
fn looked(title: &str, said: &str, specimens: Vec<Specimen>, text: &mut String) {
    let (back, open): (Vec<Specimen>, Vec<Specimen>) =
        specimens.into_iter().partition(second_look::held_back);
    let _ = write!(text, "### {title}\n\n{said}\n\n");
    judged(&open, text);
    text.push_str("The third of the sorts that is held back, for which nothing was mended, and all of them as they are found when nothing beside the page was saved:\n\n");
    let mut rows = BTreeMap::new();
    for (name, pages) in [("held back", &back), ("open", &open)] {
        for page in pages {
            let class = if page.scam { "lock page" } else { "ordinary" };
            if name == "held back" {
                let row = rows.entry(format!("{class}, {name}")).or_default();
                add(row, page.look().verdict);
            }
            let row = rows.entry(format!("{class}, {name}, alone")).or_default();
            add(row, page.alone().look().verdict);
        }
    }
    table(text, "class", &rows);
}

fn add(row: &mut Row, verdict: Verdict) {
    row[match verdict {
        Verdict::Clean => 0,
        Verdict::Suspicious => 1,
        Verdict::Scam => 2,
    }] += 1;
}

fn table(text: &mut String, heading: &str, rows: &BTreeMap<String, Row>) {
    let _ = writeln!(
        text,
        "| {heading} | pages | clean | suspicious | scam |\n| --- | --- | --- | --- | --- |"
    );
    for (name, row) in rows {
        let _ = writeln!(
            text,
            "| {name} | {} | {} | {} | {} |",
            row.iter().sum::<usize>(),
            row[0],
            row[1],
            row[2]
        );
    }
    text.push('\n');
}

fn judged(specimens: &[Specimen], text: &mut String) {
    let mut all: BTreeMap<String, Row> = BTreeMap::new();
    let mut kinds: BTreeMap<String, Row> = BTreeMap::new();
    let mut languages: BTreeMap<String, Row> = BTreeMap::new();
    let mut wrong: BTreeMap<String, usize> = BTreeMap::new();
    for specimen in specimens {
        let found = specimen.look();
        let class = if specimen.scam {
            "lock page"
        } else {
            "ordinary"
        };
        add(all.entry(class.into()).or_default(), found.verdict);
        add(
            kinds
                .entry(format!("{class}: {}", specimen.kind))
                .or_default(),
            found.verdict,
        );
        add(
            languages
                .entry(format!("{class}: {}", specimen.lang))
                .or_default(),
            found.verdict,
        );
        let right = if specimen.scam {
            Verdict::Scam
        } else {
            Verdict::Clean
        };
        if found.verdict != right {
            *wrong
                .entry(format!(
                    "{class}: {}: {} is {}",
                    specimen.kind, specimen.name, found.verdict
                ))
                .or_default() += 1;
        }
    }
    table(text, "class", &all);
    table(text, "kind", &kinds);
    table(text, "language", &languages);
    text.push_str("Not as it should be:\n\n");
    if wrong.is_empty() {
        text.push_str("- none\n");
    }
    for (name, count) in wrong {
        let _ = writeln!(text, "- {name} ({count})");
    }
    text.push('\n');
}

/// Scores of how a page of the corpus is built, by a fit without its family or the tenth of the sites that it is of.
#[derive(Debug, Clone, Copy, Default)]
pub struct Built {
    /// As it is.
    pub whole: f64,
    /// Without its own script files.
    pub alone: f64,
    /// Without what is known by the names in code that is copied from page to page.
    pub unnamed: f64,
}

/// What is known by a name that an author may choose.
const NAMED: &[Trait] = &[
    Trait::FullScreenCopied,
    Trait::FullScreenNamed,
    Trait::QuestionCopied,
    Trait::AudioCopied,
    Trait::ExitCopied,
    Trait::AddressCopied,
];

/// How each page of the corpus is built, in its order.
pub fn built_left_out(records: &[Record]) -> Vec<Built> {
    let examples = crate::fit::structure_examples(records);
    let groups: BTreeSet<(bool, &str)> = records
        .iter()
        .map(|record| (!record.scam(), record.cluster.as_str()))
        .collect();
    let families = groups.iter().filter(|(ordinary, _)| !ordinary).count();
    // Families first, each a part of its own; sites in ten parts.
    let part: BTreeMap<(bool, &str), usize> = groups
        .into_iter()
        .enumerate()
        .map(|(at, group)| {
            let part = if at < families {
                at
            } else {
                families + at % 10
            };
            (group, part)
        })
        .collect();
    let parts: Vec<usize> = records
        .iter()
        .map(|record| part[&(!record.scam(), record.cluster.as_str())])
        .collect();
    let mut scores = vec![Built::default(); records.len()];
    for left_out in 0..families + 10 {
        let weights = crate::fit::fitted_structure(
            examples
                .iter()
                .enumerate()
                .filter(|(at, _)| parts.get(*at) != Some(&left_out))
                .map(|(_, example)| example),
        );
        let score = |structure: Structure| weights.score(&structure.features());
        for (at, record) in records.iter().enumerate() {
            if parts[at] == left_out {
                let whole = record.structure();
                let unnamed = whole.traits().filter(|one| !NAMED.contains(one));
                scores[at] = Built {
                    whole: score(whole),
                    alone: score(record.alone().structure()),
                    unnamed: score(unnamed.collect()),
                };
            }
        }
    }
    scores
}

/// The structure model alone, on what it was not fitted to.
fn built(records: &[Record], text: &mut String) {
    text.push_str("### How pages are built\n\nThe structure model alone, by its own bounds, fitted without the family or the tenth of the sites that it judges:\n\n");
    let mut rows: BTreeMap<String, Row> = BTreeMap::new();
    let scores = built_left_out(records);
    for (record, built) in records.iter().zip(&scores) {
        let what = if record.scam() {
            format!("lock page: family {} left out", record.cluster)
        } else {
            "ordinary".to_owned()
        };
        for (name, score) in [
            ("", built.whole),
            (", without its script files", built.alone),
            (", without copied names", built.unnamed),
        ] {
            add(
                rows.entry(format!("{what}{name}")).or_default(),
                structure::verdict(score),
            );
        }
    }
    table(text, "left out", &rows);
    let of = |scam: bool| {
        let scores = records
            .iter()
            .zip(&scores)
            .filter(move |(record, _)| record.scam() == scam);
        scores.map(|(_, built)| built.whole)
    };
    let _ = writeln!(
        text,
        "The least of the lock pages' scores is {:.3}, the highest of the ordinary ones' {:.3}.\n",
        of(true).fold(1.0, f64::min),
        of(false).fold(0.0, f64::max)
    );
}

/// What the model alone says of the corpus, fitted without the family or site in question.
fn corpus(records: &[Record], text: &mut String) {
    let examples = crate::fit::examples(records);
    let real: Vec<(&Record, &Example)> = records.iter().zip(&examples).collect();
    let mut rows: BTreeMap<String, Row> = BTreeMap::new();
    let mut languages: BTreeMap<String, Row> = BTreeMap::new();
    let families: BTreeSet<&str> = records
        .iter()
        .filter(|record| record.scam())
        .map(|record| record.cluster.as_str())
        .collect();
    for family in families {
        let weights = fitted(
            examples
                .iter()
                .filter(|example| !(example.real && example.group == family)),
        );
        for (record, example) in real.iter().filter(|(record, _)| record.cluster == family) {
            let verdict = verdict(&weights, example);
            add(
                rows.entry(format!("lock page: family {family} left out"))
                    .or_default(),
                verdict,
            );
            add(
                languages
                    .entry(format!("lock page: {}", record.lang))
                    .or_default(),
                verdict,
            );
        }
    }
    // Sites in ten parts by their order: a fit for each of 819 sites would say the same.
    let sites: BTreeSet<&str> = records
        .iter()
        .filter(|record| !record.scam())
        .map(|record| record.cluster.as_str())
        .collect();
    let part: BTreeMap<&str, usize> = sites
        .into_iter()
        .enumerate()
        .map(|(at, site)| (site, at % 10))
        .collect();
    for left_out in 0..10 {
        let out =
            |example: &Example| example.real && part.get(example.group.as_str()) == Some(&left_out);
        let weights = fitted(examples.iter().filter(|example| !out(example)));
        for (record, example) in real.iter().filter(|(_, example)| out(example)) {
            let verdict = verdict(&weights, example);
            add(
                rows.entry(format!(
                    "ordinary: {}",
                    record.kind.trim_start_matches("benign-")
                ))
                .or_default(),
                verdict,
            );
        }
    }
    text.push_str("### The corpus\n\nThe model alone (rules need the page itself), fitted without the family or the tenth of the sites that it judges. The corpus has four families of lock pages that were chosen by their locks, so this flatters.\n\n");
    table(text, "left out", &rows);
    table(text, "language", &languages);
    rules(records, text);
}

/// What model and rules together say of it, with words and by structure alone, with script files and without.
fn rules(records: &[Record], text: &mut String) {
    text.push_str("Model and rules together, with the committed weights (fitted to these pages too), read from the corpus's counts as far as they tell it; by structure alone no word of a page counts:\n\n");
    let mut rows: BTreeMap<String, Row> = BTreeMap::new();
    for record in records {
        let class = if record.scam() {
            "lock page"
        } else {
            "ordinary"
        };
        let bare = record.alone();
        for (name, score) in [
            ("all", record.score(true)),
            ("by structure alone", record.score(false)),
            ("without its script files", bare.score(true)),
            (
                "by structure alone, without its script files",
                bare.score(false),
            ),
        ] {
            let row = rows.entry(format!("{class}, {name}")).or_default();
            add(row, Verdict::of(score));
        }
    }
    table(text, "read", &rows);
}

fn verdict(weights: &Weights, example: &Example) -> Verdict {
    Verdict::of(weights.score(&example.features))
}
