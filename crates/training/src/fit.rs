//! The fit: weights that tell lock pages from ordinary ones, near a prior that people chose, none below zero.
//!
//! The corpus has four families of lock pages, 65 of 73 pages from one, so each family counts the same; the prior holds
//! what no fit on so few can know. Same input, same weights: nothing is drawn by lot.

use crate::corpus::Record;
use crate::{Specimen, lock_pages, ordinary_pages};
use ringfence_fence::look::model::{self, Weights};
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

/// The prior that people chose.
pub fn prior() -> Weights {
    Weights::read(include_str!("../prior.tsv"))
}

/// How strongly weights are held at the prior.
const HOLD: f64 = 0.02;
/// Steps of the descent; the loss no longer moves long before.
const STEPS: u32 = 4000;
const RATE: f64 = 0.5;

/// The weights that fit these examples.
pub fn fitted<'a>(examples: impl Iterator<Item = &'a Example>) -> Weights {
    let prior = prior();
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
        weights.bias -= RATE * (bias_slope + HOLD * (weights.bias - prior.bias));
        for ((weight, slope), prior) in weights.weights.iter_mut().zip(&slope).zip(&prior.weights) {
            *weight = (*weight - RATE * (slope + HOLD * (*weight - prior))).max(0.0);
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
    let count = |scam: bool, real: bool| {
        examples
            .iter()
            .filter(|example| example.scam == scam && example.real == real)
            .count()
    };
    let mut text = format!(
        "# Weights of the model (src/look/model.rs), written by `cargo run --release -p ringfence-training -- fit`.\n\
         # Fitted to {} lock pages and {} ordinary pages of the corpus (derived features of real pages) and to {} and {} pages\n\
         # made for it, each family, site and template counting the same, near the prior in crates/training/prior.tsv.\n\
         # name, weight\nbias\t{:.4}\n",
        count(true, true),
        count(false, true),
        count(true, false),
        count(false, false),
        weights.bias
    );
    for (name, weight) in model::names().zip(&weights.weights) {
        let _ = writeln!(text, "{name}\t{weight:.4}");
    }
    text
}
