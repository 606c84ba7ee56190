//! Pages that are served: inert imitations and ordinary ones, as they are made for the detector, each looked at once.

use std::cell::OnceCell;

use ringfence_fence::look::Verdict;
use ringfence_training::{Specimen, lock_pages, ordinary_pages};

/// A page by its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PageAt(usize);

/// Every page of this run.
pub(super) struct Pages {
    all: Vec<(Specimen, OnceCell<Verdict>)>,
    locks: usize,
}

impl Pages {
    pub(super) fn made() -> Self {
        let locks = lock_pages::specimens();
        let count = locks.len();
        let all = locks
            .into_iter()
            .chain(ordinary_pages::specimens())
            .map(|page| (page, OnceCell::new()))
            .collect();
        Self { all, locks: count }
    }

    /// Every imitation of a lock page.
    pub(super) fn locks(&self) -> Vec<PageAt> {
        (0..self.locks).map(PageAt).collect()
    }

    /// Ordinary pages of a kind.
    pub(super) fn ordinary(&self, kind: &str) -> Vec<PageAt> {
        (self.locks..self.all.len())
            .filter(|&at| self.all[at].0.kind == kind)
            .map(PageAt)
            .collect()
    }

    /// What the detector says of a page.
    pub(super) fn verdict(&self, PageAt(at): PageAt) -> Verdict {
        let (page, verdict) = &self.all[at];
        *verdict.get_or_init(|| page.look().verdict)
    }
}
