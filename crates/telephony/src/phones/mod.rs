//! Phones that register with us (RFC 3261 §10): who may ([`door`]), what a request asks for ([`contact`]), what comes of
//! it ([`bindings`]), where each is reached ([`directory`]), and the answer ([`register`]).
//!
//! Calls go to where a phone's REGISTER came from, whatever its Contact says (in the spirit of RFC 3581 and RFC 5626).

mod bindings;
mod contact;
mod directory;
mod door;
mod flow;
mod register;

pub(crate) use contact::{Asked, asked};
pub use directory::{Phone, PhoneDirectory, Reached, RegistrationsChanged};
pub(crate) use door::{Admission, Door};
pub(crate) use flow::{Flow, hide_nat};
pub(crate) use register::{MAX_REGISTERING, answer};
