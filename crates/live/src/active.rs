//! Active calls, counted per key.

/// Counts one call as active until it is dropped.
#[derive(Debug)]
pub struct ActiveGuard {}
