//! The fit: weights that tell lock pages from ordinary ones, near a prior that people chose, none below zero.
//!
//! The corpus has four families of lock pages, 65 of 73 pages from one, so each family counts the same; the prior holds
//! what no fit on so few can know. Same input, same weights: nothing is drawn by lot.

use crate::corpus::Record;
use crate::{Specimen, lock_pages, ordinary_pages};
use ringfence_fence::look::model::{self, Weights};
use ringfence_fence::look::structure;
use std::collections::BTreeMap;
use std::fmt::Write;

/// A page as the model sees it.
#[derive(Debug, Clone)]
pub struct Example {
    /// The model's features.
    pub features: Vec<f64>,
    /// A lock page.
    pub scam: bool,
    /// What it must not be parted from: a family, a site, a template.
    pub group: String,
    /// It is of the corpus.
    pub real: bool,
}

impl Example {
    /// A page of the corpus.
    pub fn of_record(record: &Record) -> Self {
        let strengths = record.strengths();
        Self {
            features: model::features(|kind| strengths.get(&kind).copied().unwrap_or(0.0)),
            scam: record.scam(),
            group: record.cluster.clone(),
            real: true,
        }
    }

    /// A page that was made.
    pub fn of_specimen(specimen: &Specimen) -> Self {
        let signals = specimen.look().signals;
        Self {
            features: model::features(|kind| {
                signals
                    .iter()
                    .find(|signal| signal.kind == kind)
                    .map_or(0.0, |signal| signal.strength)
            }),
            scam: specimen.scam,
            group: format!("{} {}", specimen.kind, specimen.name),
            real: false,
        }
    }
}

/// All that is learned from.
pub fn examples(records: &[Record]) -> Vec<Example> {
    let made = lock_pages::specimens();
    let ordinary = ordinary_pages::specimens();
    records
        .iter()
        .map(Example::of_record)
        .chain(made.iter().chain(&ordinary).map(Example::of_specimen))
        .collect()
}

/// What the structure model learns from: the corpus, and the ordinary pages that were made. Lock pages that were made
/// teach it nothing: what is built like them the rules know.
pub fn structure_examples(records: &[Record]) -> Vec<Example> {
    let real = records.iter().map(|record| Example {
        features: record.structure().features(),
        scam: record.scam(),
        group: record.cluster.clone(),
        real: true,
    });
    let ordinary = ordinary_pages::specimens();
    let made = ordinary.iter().map(|page| Example {
        features: page.look().structure.features(),
        scam: false,
        group: format!("{} {}", page.kind, page.name),
        real: false,
    });
    real.chain(made).collect()
}

/// The prior that people chose.
pub fn prior() -> Weights {
    Weights::read(include_str!("../prior.tsv"))
}

/// How strongly weights are held at the prior.
const HOLD: f64 = 0.02;
/// Steps of the descent; the loss no longer moves long before.
const STEPS: u32 = 4000;
const RATE: f64 = 0.5;
/// The same where many features go together: shorter steps lest it swings.
const RATE_OF_MANY: f64 = 0.1;

/// The weights that fit these examples.
pub fn fitted<'a>(examples: impl Iterator<Item = &'a Example>) -> Weights {
    descended(&prior(), RATE, examples)
}

/// The weights of the structure model that fit these examples: each is held at nothing.
pub fn fitted_structure<'a>(examples: impl Iterator<Item = &'a Example>) -> Weights {
    let prior = Weights {
        bias: STRUCTURE_BIAS,
        weights: vec![0.0; structure::names().count()],
    };
    descended(&prior, RATE_OF_MANY, examples)
}

/// The logit of a page without any trait.
const STRUCTURE_BIAS: f64 = -6.0;

fn descended<'a>(
    prior: &Weights,
    rate: f64,
    examples: impl Iterator<Item = &'a Example>,
) -> Weights {
    let examples: Vec<&Example> = examples.collect();
    let shares = shares(&examples);
    let mut weights = prior.clone();
    for _ in 0..STEPS {
        let mut slope = vec![0.0; weights.weights.len()];
        let mut bias_slope = 0.0;
        for (example, share) in examples.iter().zip(&shares) {
            let wrong =
                share * (weights.score(&example.features) - f64::from(u8::from(example.scam)));
            bias_slope += wrong;
            for (slope, feature) in slope.iter_mut().zip(&example.features) {
                *slope += wrong * feature;
            }
        }
        weights.bias -= rate * (bias_slope + HOLD * (weights.bias - prior.bias));
        for ((weight, slope), prior) in weights.weights.iter_mut().zip(&slope).zip(&prior.weights) {
            *weight = (*weight - rate * (slope + HOLD * (*weight - prior))).max(0.0);
        }
    }
    weights
}

/// Each group counts the same within its class, both classes the same, made pages as much as real ones.
fn shares(examples: &[&Example]) -> Vec<f64> {
    let mut sizes: BTreeMap<(bool, bool, &str), f64> = BTreeMap::new();
    for example in examples {
        *sizes
            .entry((example.scam, example.real, example.group.as_str()))
            .or_default() += 1.0;
    }
    let mut groups: BTreeMap<(bool, bool), f64> = BTreeMap::new();
    for (scam, real, _) in sizes.keys() {
        *groups.entry((*scam, *real)).or_default() += 1.0;
    }
    examples
        .iter()
        .map(|example| {
            let size = sizes[&(example.scam, example.real, example.group.as_str())];
            1.0 / (4.0 * size * groups[&(example.scam, example.real)])
        })
        .collect()
}

/// The file of the weights, with where they come from.
pub fn written(weights: &Weights, examples: &[Example]) -> String {
    let [locks, ordinary, made_locks, made_ordinary] = counted(examples);
    let head = format!(
        "# Weights of the model (src/look/model.rs), written by `cargo run --release -p ringfence-training -- fit`.\n\
         # Fitted to {locks} lock pages and {ordinary} ordinary pages of the corpus (derived features of real pages) and to {made_locks} and {made_ordinary} pages\n\
         # made for it, each family, site and template counting the same, near the prior in crates/training/prior.tsv.\n"
    );
    lines(head, weights, model::names())
}

/// The same for the structure model.
pub fn structure_written(weights: &Weights, examples: &[Example]) -> String {
    let [locks, ordinary, _, made_ordinary] = counted(examples);
    let head = format!(
        "# Weights of the structure model (src/look/structure.rs), written by `cargo run --release -p ringfence-training -- fit`.\n\
         # Fitted to {locks} lock pages and {ordinary} ordinary pages of the corpus (derived features of real pages) and to {made_ordinary} ordinary\n\
         # pages made for the detector, each family, site and template counting the same; none is below 0.\n"
    );
    lines(head, weights, structure::names())
}

/// Lock pages and ordinary pages of the corpus, and those that were made.
fn counted(examples: &[Example]) -> [usize; 4] {
    [(true, true), (false, true), (true, false), (false, false)].map(|(scam, real)| {
        examples
            .iter()
            .filter(|example| example.scam == scam && example.real == real)
            .count()
    })
}

fn lines(head: String, weights: &Weights, names: impl Iterator<Item = &'static str>) -> String {
    let mut text = head;
    let _ = writeln!(text, "# name, weight\nbias\t{:.4}", weights.bias);
    for (name, weight) in names.zip(&weights.weights) {
        let _ = writeln!(text, "{name}\t{weight:.4}");
    }
    text
}
