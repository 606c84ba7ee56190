//! Chance that comes in from outside.

/// A source of random bits: the program's generator, or a seeded one in tests and in the simulator.
pub struct Chance<'a>(&'a mut dyn FnMut() -> u64);

impl<'a> Chance<'a> {
    /// Chance from a function that gives 64 even random bits at each call.
    pub fn new(bits: &'a mut dyn FnMut() -> u64) -> Self {
        Self(bits)
    }

    /// A number from 0 to `bound` - 1; 0 when `bound` is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        share((self.0)(), bound)
    }
}

impl std::fmt::Debug for Chance<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Chance")
    }
}

/// Maps 64 even bits to 0 … `bound` - 1 by their high end (D. Lemire, "Fast random integer generation in an interval",
/// 2019, without its last correction: the error is below `bound` / 2^64).
pub(crate) fn share(bits: u64, bound: u64) -> u64 {
    u64::try_from((u128::from(bits) * u128::from(bound)) >> 64)
        .expect("the product of two 64-bit numbers, shifted by 64, has 64 bits")
}
