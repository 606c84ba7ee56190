//! Trains and examines the detector of `ringfence-fence`. For development only.

use anyhow::Context;
use clap::{Parser, Subcommand};
use ringfence_fence::look::structure::{self, Structure};
use ringfence_fence::look::{Linked, LinkedKind, Page, Verdict, look, model, references};
use ringfence_training::{
    corpus, figures, fit, held_out, lock_pages, ordinary_pages, second_look, third_look,
};
use std::path::{Path, PathBuf};

#[derive(Parser)]
#[command(
    name = "ringfence-training",
    about = "Trains and examines the detector"
)]
struct Arguments {
    /// The corpus of derived features
    #[arg(long, default_value = "../shared/corpus/train.jsonl", global = true)]
    corpus: PathBuf,
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Score each page of the corpus: by the model, then by the rules too (R), with no word understood (S), and both
    /// without its own script files (r, s)
    Corpus,
    /// Fit the weights and write them
    Fit {
        #[arg(long, default_value = "crates/fence/src/look/model.tsv")]
        to: PathBuf,
        /// Where the weights of the structure model go
        #[arg(long, default_value = "crates/fence/src/look/structure.tsv")]
        structure_to: PathBuf,
    },
    /// Score how each page is built, of the corpus and of the pages that may be looked at: by the committed weights, and
    /// for the corpus by a fit without its family or site
    Built,
    /// Write the figures below the mark in the document
    Examine {
        #[arg(long, default_value = "docs/detector.md")]
        document: PathBuf,
    },
    /// Write the pages that were made for the detector into a folder
    Pages { folder: PathBuf },
    /// Judge the pages that were made, and print those that are judged wrongly
    Made,
    /// The same for lock pages in languages that the lexicon does not have
    Unknown,
    /// Count the second look's pages, with what belongs to them and alone; misses are listed but for those held back
    Second,
    /// The same for the third look
    Third,
    /// Look at pages in files, each with the scripts, frames and styles that it names and that are there
    Look {
        pages: Vec<PathBuf>,
        /// Files that belong to every page
        #[arg(long)]
        linked: Vec<PathBuf>,
        /// Print only what is not clean
        #[arg(long)]
        quiet: bool,
        #[arg(long)]
        url: Option<url::Url>,
    },
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    match arguments.task {
        Task::Corpus => {
            for record in corpus::Record::read(&arguments.corpus)? {
                let strengths = record.strengths();
                let strength = |kind| strengths.get(&kind).copied().unwrap_or(0.0);
                let score = model::Weights::committed().score(&model::features(strength));
                let alone = record.alone();
                println!(
                    "{score:.4} R{:.3} S{:.3} r{:.3} s{:.3} L{:.1} A{:.1} {} {} {} {} {} {strengths:.2?}",
                    record.score(true),
                    record.score(false),
                    alone.score(true),
                    alone.score(false),
                    model::locks(&strength),
                    model::alarm(&strength),
                    if record.scam() { "scam" } else { "ordinary" },
                    record.lang,
                    record.kind,
                    record.cluster,
                    record.id
                );
            }
        }
        Task::Fit { to, structure_to } => {
            let records = corpus::Record::read(&arguments.corpus)?;
            let examples = fit::examples(&records);
            let weights = fit::fitted(examples.iter());
            std::fs::write(&to, fit::written(&weights, &examples))?;
            let examples = fit::structure_examples(&records);
            let weights = fit::fitted_structure(examples.iter());
            std::fs::write(&structure_to, fit::structure_written(&weights, &examples))?;
            println!("written to {} and {}", to.display(), structure_to.display());
        }
        Task::Built => built(&corpus::Record::read(&arguments.corpus)?),
        Task::Examine { document } => {
            let figures = figures::written(&corpus::Record::read(&arguments.corpus)?);
            let text = std::fs::read_to_string(&document)?;
            let (above, _) = text
                .split_once(MARK)
                .with_context(|| format!("{} has no line `{MARK}`", document.display()))?;
            std::fs::write(&document, format!("{above}{MARK}\n\n{figures}"))?;
        }
        Task::Pages { folder } => pages(&folder)?,
        Task::Made => judged(
            lock_pages::specimens()
                .into_iter()
                .chain(ordinary_pages::specimens())
                .chain(held_out::specimens()),
        ),
        Task::Unknown => judged(
            lock_pages::unknown_languages()
                .into_iter()
                .chain(held_out::unknown_languages()),
        ),
        Task::Second => counted(second_look::specimens()),
        Task::Third => {
            counted(third_look::specimens());
            println!("in languages that the lexicon does not have:");
            counted(third_look::unknown_languages());
        }
        Task::Look {
            pages,
            linked,
            quiet,
            url,
        } => {
            for page in pages {
                looked(&page, &linked, quiet, url.as_ref())?;
            }
        }
    }
    Ok(())
}

/// A line for each page: its score, what it is, and its traits.
fn built(records: &[corpus::Record]) {
    let line = |score: f64, what: &str, structure: Structure| {
        let traits: Vec<&str> = structure.traits().map(structure::Trait::as_str).collect();
        println!("{score:.4} {what}: {}", traits.join(" "));
    };
    for (record, built) in records.iter().zip(figures::built_left_out(records)) {
        let class = if record.scam() { "scam" } else { "ordinary" };
        let structure = record.structure();
        let what = format!(
            "{class} {} {} {:.4}",
            record.cluster, record.id, built.whole
        );
        line(structure.score(), &what, structure);
    }
    let looked_at = second_look::specimens()
        .into_iter()
        .chain(third_look::specimens())
        .filter(|page| !second_look::held_back(page));
    let made = lock_pages::specimens()
        .into_iter()
        .chain(ordinary_pages::specimens())
        .chain(held_out::specimens())
        .chain(looked_at);
    for page in made {
        let class = if page.scam { "scam" } else { "ordinary" };
        let look = page.look();
        let what = format!("{class} made {} {} {}", look.verdict, page.kind, page.name);
        line(look.structure.score(), &what, look.structure);
    }
}

fn looked(
    path: &Path,
    linked: &[PathBuf],
    quiet: bool,
    url: Option<&url::Url>,
) -> anyhow::Result<()> {
    let octets = std::fs::read(path).with_context(|| path.display().to_string())?;
    let mut page = Page {
        octets: &octets,
        url,
        content_type: None,
        linked: &[],
        linked_known: true,
    };
    let needs = references(&Page { url: None, ..page });
    let folder = path.parent().unwrap_or(Path::new("."));
    let beside = [
        (needs.scripts, LinkedKind::Script),
        (needs.frames, LinkedKind::Frame),
        (needs.styles, LinkedKind::Style),
    ]
    .into_iter()
    .flat_map(|(names, kind)| names.into_iter().map(move |name| (name, kind)))
    .map(|(name, kind)| {
        let file = name.split(['?', '#']).next().unwrap_or_default();
        (folder.join(file), kind)
    });
    let given = linked.iter().map(|path| (path.clone(), LinkedKind::Script));
    let files: Vec<(String, LinkedKind, Vec<u8>)> = given
        .chain(beside)
        .filter_map(|(path, kind)| {
            Some((path.display().to_string(), kind, std::fs::read(path).ok()?))
        })
        .collect();
    let linked: Vec<Linked<'_>> = files
        .iter()
        .map(|(name, kind, octets)| Linked {
            url: name,
            kind: *kind,
            octets,
            content_type: None,
        })
        .collect();
    page.linked = &linked;
    let found = look(&page);
    if quiet
        && found.verdict == Verdict::Clean
        && found.score < 0.02
        && found.structure.score() < 0.1
    {
        return Ok(());
    }
    println!(
        "{} {:.3} {:.4} {}",
        found.verdict,
        found.score,
        found.structure.score(),
        path.display()
    );
    for signal in found.signals {
        println!(
            "    {:.2} x{} w{:.2} {}: {}: {}",
            signal.strength,
            signal.count,
            signal.weight,
            signal.kind.as_str(),
            signal.found,
            signal.found.excerpt
        );
    }
    Ok(())
}

/// Below this line, a document's figures are written.
const MARK: &str = "<!-- figures -->";

fn pages(folder: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder)?;
    for (at, specimen) in lock_pages::specimens()
        .iter()
        .chain(&ordinary_pages::specimens())
        .chain(&held_out::specimens())
        .enumerate()
    {
        let class = if specimen.scam { "lock" } else { "ordinary" };
        let name = format!(
            "{class}-{at:04}-{}-{}-{}",
            specimen.lang, specimen.kind, specimen.name
        )
        .replace([' ', ',', '/'], "-");
        std::fs::write(folder.join(format!("{name}.html")), &specimen.html)?;
        for (file, _, octets) in &specimen.linked {
            std::fs::write(
                folder.join(format!("{name}.{}", file.replace('/', "-"))),
                octets,
            )?;
        }
    }
    Ok(())
}

/// Counts of a look: open and held back, with what belongs to a page and without.
fn counted(specimens: Vec<ringfence_training::Specimen>) {
    let (back, open): (Vec<_>, Vec<_>) = specimens.into_iter().partition(second_look::held_back);
    judged(open.iter().cloned());
    for (name, pages) in [("open", &open), ("held back", &back)] {
        for scam in [true, false] {
            for alone in [false, true] {
                let mut verdicts = [0_u32; 3];
                let mut sorts = std::collections::BTreeSet::new();
                for page in pages.iter().filter(|page| page.scam == scam) {
                    sorts.insert((&page.kind, &page.name));
                    let look = if alone {
                        page.alone().look()
                    } else {
                        page.look()
                    };
                    verdicts[match look.verdict {
                        Verdict::Clean => 0,
                        Verdict::Suspicious => 1,
                        Verdict::Scam => 2,
                    }] += 1;
                }
                let class = if scam { "lock pages" } else { "ordinary" };
                let with = if alone { "alone" } else { "as a whole" };
                let [clean, suspicious, scams] = verdicts;
                println!(
                    "{name}, {class} of {} sorts, {with}: {clean} clean, {suspicious} suspicious, {scams} scam",
                    sorts.len()
                );
            }
        }
    }
}

/// Prints what is not judged as it should be.
fn judged(specimens: impl Iterator<Item = ringfence_training::Specimen>) {
    let (mut looked, mut wrong) = (0_u32, 0_u32);
    for specimen in specimens {
        looked += 1;
        let found = specimen.look();
        let right = if specimen.scam {
            Verdict::Scam
        } else {
            Verdict::Clean
        };
        if found.verdict != right {
            wrong += 1;
            let signals: Vec<String> = found
                .signals
                .iter()
                .map(|signal| format!("{} {:.2}", signal.kind.as_str(), signal.strength))
                .collect();
            println!(
                "{} {:.3} {} {} {}: {}",
                found.verdict,
                found.score,
                specimen.kind,
                specimen.lang,
                specimen.name,
                signals.join(", ")
            );
        }
    }
    println!("{wrong} of {looked} pages are not judged as they should be");
}
