//! One call as the simulation carries it.

use std::collections::VecDeque;

use ringfence_model::{TargetGroupId, TargetId};
use ringfence_routing::{CallFacts, Choice, Walk};

use crate::counts::Reserved;

/// A target that rings or talks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Leg {
    /// Its place among all legs.
    pub(crate) number: u64,
    pub(crate) reserved: Reserved<TargetId>,
    pub(crate) talks: bool,
    /// What will come of it.
    pub(crate) fate: Fate,
}

/// What comes of a ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Answers,
    Busy,
    RingsOut,
    /// Not a word, or an error.
    Fails,
}

/// A call under way.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) walk: Walk,
    pub(crate) facts: CallFacts,
    /// Counts up with each thing that makes what was to happen void.
    pub(crate) stage: u32,
    pub(crate) left: VecDeque<Choice>,
    pub(crate) legs: Vec<Leg>,
    pub(crate) group: Option<Reserved<TargetGroupId>>,
    /// The group whose queue it waits in, and the most who may.
    pub(crate) queue: Option<(TargetGroupId, u32)>,
}

impl Call {
    pub(crate) fn new(walk: Walk, facts: CallFacts) -> Self {
        Self {
            walk,
            facts,
            stage: 0,
            left: VecDeque::new(),
            legs: Vec::new(),
            group: None,
            queue: None,
        }
    }

    pub(crate) fn talks(&self) -> bool {
        self.legs.iter().any(|leg| leg.talks)
    }
}
