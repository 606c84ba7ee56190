//! The tag's endpoint over real HTTP and real rows of each engine: who is shown a number, and who is not.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on may stop at once"
)]

#[path = "../place/mod.rs"]
mod place;

mod held;
mod moved;
mod numbers;
mod pools;
mod silent;
mod strangers;
mod tokens;
mod told;
mod withdrawn;
