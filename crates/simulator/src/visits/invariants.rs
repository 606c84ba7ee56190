//! What must hold of numbers, leases and attribution, each by a name.

use std::fmt;

use super::VISITS_OF_A_WORLD;

/// Something that must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VisitInvariant {
    /// No number is given to a visit while the lease of another has not ended.
    NoNumberWithTwoLiveLeases,
    /// A number that left its pool is shown to nobody new until its rest is over, and who sees it does not get it longer.
    QuarantineIsKept,
    /// A visit is given a number of the pool that it draws from.
    NumbersComeFromTheirPool,
    /// A visit whose lease is live is shown the same number again.
    AVisitKeepsItsNumber,
    /// A visit that comes back is not given what was another's in between.
    NobodyKeepsWhatWasAnothers,
    /// The overflow number is shown only when every number of the pool is leased.
    OverflowOnlyWhenAllAreLeased,
    /// A lease ends the pool's hold after the last sign of its visit, and never earlier than was said.
    LeasesEndAsTheyShould,
    /// A visit has the source that it was made with.
    VisitsHaveTheirSource,
    /// A visit draws from the pool that its campaign or language names.
    VisitsDrawFromTheirPool,
    /// A call within a lease is attributed to its visit with its source, a late one to the last visit, others to nobody.
    CallsBelongToTheirVisit,
    /// The same seed gives the same log.
    SameSeedSameLog,
}

/// An invariant that did not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct VisitViolation {
    /// What should have held.
    pub invariant: VisitInvariant,
    /// The world's seed.
    pub seed: u64,
    /// Visits that had come by then: a world of so many comes to the same point.
    pub visits: u64,
    /// What was found.
    pub detail: String,
}

impl fmt::Display for VisitViolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            invariant,
            seed,
            visits,
            detail,
        } = self;
        let visits = (*visits).clamp(1, VISITS_OF_A_WORLD);
        write!(
            f,
            "{invariant:?} does not hold in the world of seed {seed}: {detail}; see how it comes to that with \
             `ringfence-simulator visits --seed {seed} --visits {visits} --log`"
        )
    }
}
