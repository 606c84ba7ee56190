//! Trains and examines the detector of `ringfence-fence`. For development only.

mod corpus;

use anyhow::Context;
use clap::{Parser, Subcommand};
use ringfence_fence::look::{Linked, LinkedKind, Page, Verdict, look, model};
use std::path::PathBuf;

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
    /// Score each page of the corpus
    Corpus,
    /// Look at files: a page, then what belongs to it
    Look {
        page: PathBuf,
        linked: Vec<PathBuf>,
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
                println!(
                    "{score:.4} L{:.1} A{:.1} {} {} {} {} {} {strengths:.2?}",
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
        Task::Look {
            page,
            linked,
            quiet,
            url,
        } => {
            let octets = std::fs::read(&page).with_context(|| page.display().to_string())?;
            let files: Vec<(String, Vec<u8>)> = linked
                .iter()
                .filter_map(|path| Some((path.display().to_string(), std::fs::read(path).ok()?)))
                .collect();
            let linked: Vec<Linked<'_>> = files
                .iter()
                .map(|(name, octets)| Linked {
                    url: name,
                    kind: match name.rsplit('.').next() {
                        Some("js" | "mjs" | "cjs") => LinkedKind::Script,
                        Some("css") => LinkedKind::Style,
                        Some("html" | "htm" | "php") => LinkedKind::Frame,
                        _ => LinkedKind::Media,
                    },
                    octets,
                    content_type: None,
                })
                .collect();
            let found = look(&Page {
                octets: &octets,
                url: url.as_ref(),
                content_type: None,
                linked: &linked,
                linked_known: true,
            });
            println!("{} {:.3} {}", found.verdict, found.score, page.display());
            if !quiet || found.verdict != Verdict::Clean {
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
            }
        }
    }
    Ok(())
}
